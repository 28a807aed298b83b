/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh_units.h - the services that let people in by SSH: how systemd and OpenRC call them, the files
 * that keep them from starting, and whether something listens on SSH's port. Enforcer only.
 */
#ifndef MDM_PLATFORM_SSH_UNITS_H
#define MDM_PLATFORM_SSH_UNITS_H

#include "platform/override.h"
#include "platform/platform.h"

enum ssh_init {
	SSH_NO_INIT,
	SSH_SYSTEMD,
	SSH_OPENRC,
	SSH_INIT_MAX,
};
enum ssh_init ssh_init_find(int root_fd);

#define SSH_UNITS_MAX 16
#define SSH_NAME_BYTES 32

struct ssh_units {
	char names[SSH_UNITS_MAX][SSH_NAME_BYTES]; /* "sshd.service"; "sshd" under OpenRC */
	size_t n;
};

/* Those that are installed; templates ("sshd@.service"), which cannot be stopped, among them. */
void ssh_units_find(int root_fd, enum ssh_init init, struct ssh_units *ret_units);
void ssh_units_add(struct ssh_units *units, const char *name);
bool ssh_units_has(const struct ssh_units *units, const char *name);
/* A list with those that OpenRC has started. */
void ssh_units_started(int root_fd, const struct ssh_units *units, struct ssh_units *ret_started);

/* One name a line, and back: names that are not ours are passed by. */
int ssh_units_write(const struct ssh_units *units, struct buf *out);
void ssh_units_read(const char *text, struct ssh_units *ret_units);

/* Puts the files in place that keep every unit from starting, or takes them away: all that there
 * can be, so that those of a package that went go, too. 0 or -errno. */
int ssh_files_set(const struct override_place *place, enum ssh_init init,
	const struct ssh_units *units, bool shut, bool *ret_changed);
/* Whether they are all in place. */
bool ssh_files_are_set(int root_fd, enum ssh_init init, const struct ssh_units *units);

/* Whether a table of the kernel's (/proc/net/tcp, tcp6) has somebody who listens on a port. */
bool tcp_table_listens(const char *text, unsigned int port);
bool ssh_port_is_open(int root_fd);

#endif
