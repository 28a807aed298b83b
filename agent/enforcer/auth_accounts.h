/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_accounts.h - the accounts as attempts need them: whose passwords count. Read again when the
 * files are others; told of that by inotify(7), and looked at before each question, so that a
 * changed password is known before it is typed. Enforcer only.
 */
#ifndef MDM_ENFORCER_AUTH_ACCOUNTS_H
#define MDM_ENFORCER_AUTH_ACCOUNTS_H

#include <stdbool.h>
#include <sys/stat.h>

#include "platform/accounts.h"
#include "platform/watch.h"

struct auth_accounts {
	int root_fd; /* borrowed */
	struct accounts accounts;
	struct stat seen[2]; /* of the files that they were read from */
	struct watch *watch; /* NULL: the kernel has no more watches */
	int error;	     /* of the last reading; 0: it went well */
};

void auth_accounts_init(struct auth_accounts *accounts, int root_fd);
void auth_accounts_done(struct auth_accounts *accounts);
/* changed is called from the loop. 0 or -errno. */
int auth_accounts_watch(
	struct auth_accounts *accounts, sd_event *event, watch_changed_fn changed, void *userdata);
/* True: they were read again, and may be others. What cannot be read leaves what was. */
bool auth_accounts_look(struct auth_accounts *accounts);

/* One whose attempts are counted: a person or root, with a password that can be compared. */
bool auth_account_is_counted(const struct account *account);
/* One whose new passwords are judged: a person or root. */
bool auth_account_is_governed(const struct account *account);
const struct account *auth_accounts_find(const struct auth_accounts *accounts, const char *user);

#endif
