/* SPDX-License-Identifier: Apache-2.0 */
/* udev.h - having udevd read its rules anew, by udevadm. Enforcer only. */
#ifndef MDM_PLATFORM_UDEV_H
#define MDM_PLATFORM_UDEV_H

#include "agent/util/child.h"
#include "platform/platform.h"

#define UDEV_CONTROL "run/udev/control"
#define UDEV_RECORD_BYTES (64 * 1024) /* one device in udev's database */

/* "/usr/bin/udevadm", as the system below the root has it; NULL: there is none. */
const char *udev_find_admin(int root_fd);

/* Whether udevd is there to follow rules; if not, why, as a fact of a backend. */
bool udev_probe(int root_fd, struct backend_fact *ret_fact);

/* Starts udevadm with these words. 0, then done is called; -ENOENT: there is none; -errno. */
int udev_start(struct platform *platform, const char *const *argv, child_done_fn done,
	void *userdata, struct child **ret_child);
/* "udevadm control --reload". */
int udev_reload(
	struct platform *platform, child_done_fn done, void *userdata, struct child **ret_child);

/* Why it failed; "" if it did not. */
void udev_explain(const struct child_result *result, char ret_why[LIMIT_TEXT_BYTES + 1]);

/*
 * A property that the rules gave a device, by the name of its record in udev's database: "c81:0".
 * False: none, or it is too long.
 */
bool udev_property(
	int root_fd, const char *record, const char *name, char *ret_text, size_t size_bytes);

#endif
