/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dconf_files.h - a policy as dconf keys: the keyfile, the list of locks, and whether a compiled
 * database says exactly that. Pure.
 */
#ifndef MDM_PLATFORM_DCONF_FILES_H
#define MDM_PLATFORM_DCONF_FILES_H

#include "agent/util/buf.h"
#include "platform/gvdb.h"
#include "policies/effective.h"

#define DCONF_KEY_IDLE_DELAY "/org/gnome/desktop/session/idle-delay"
#define DCONF_KEY_LOCK_ENABLED "/org/gnome/desktop/screensaver/lock-enabled"
#define DCONF_KEY_LOCK_DELAY "/org/gnome/desktop/screensaver/lock-delay"
#define DCONF_KEY_LOCK_DISABLED "/org/gnome/desktop/lockdown/disable-lock-screen"
#define DCONF_KEY_REQUIRE_UNLOCK "/sm/puri/phosh/lockscreen/require-unlock"

/* How our keyfile and list of locks begin. */
#define DCONF_FILE_MARK "# Written by mdm-agent from the policy; changes are undone.\n"

struct dconf_want {
	const char *key;
	enum gvdb_type type;
	int64_t number;
};

#define DCONF_WANTS_MAX 5

/* What the policy wants of dconf; settings that demand nothing are left to the user. */
size_t dconf_wants(const struct effective *desired, struct dconf_want ret_wants[DCONF_WANTS_MAX]);

void dconf_write_keyfile(const struct dconf_want *wants, size_t n_wants, struct buf *out);
void dconf_write_locks(const struct dconf_want *wants, size_t n_wants, struct buf *out);

/* Whether a compiled database holds and locks these keys and nothing else. */
bool dconf_database_says(
	const void *data, size_t n_bytes, const struct dconf_want *wants, size_t n_wants);

#endif
