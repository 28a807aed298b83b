/* SPDX-License-Identifier: Apache-2.0 */
/* auth_accounts.c - whose passwords count; see auth_accounts.h. Enforcer, root. */
#include "agent/enforcer/auth_accounts.h"

#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"

static const char *const accounts_files[] = {"etc/shadow", "etc/passwd"};

_Static_assert(ARRAY_SIZE(accounts_files) == ARRAY_SIZE(((struct auth_accounts *)NULL)->seen),
	"one state for each file");

void auth_accounts_init(struct auth_accounts *accounts, int root_fd)
{
	*accounts = (struct auth_accounts){.root_fd = root_fd};
}

void auth_accounts_done(struct auth_accounts *accounts)
{
	watch_free(accounts->watch);
	accounts_done(&accounts->accounts);
	accounts->watch = NULL;
}

int auth_accounts_watch(
	struct auth_accounts *accounts, sd_event *event, watch_changed_fn changed, void *userdata)
{
	return watch_new(event, accounts->root_fd, accounts_files, ARRAY_SIZE(accounts_files),
		changed, userdata, &accounts->watch);
}

static bool stat_is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

bool auth_accounts_look(struct auth_accounts *accounts)
{
	struct accounts now = {0};
	bool same = accounts->error == 0;
	struct stat st;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(accounts_files); i++) {
		/* These two are files of the root file system, or the phone is another one. */
		if (fstatat(accounts->root_fd, accounts_files[i], &st, 0) < 0)
			memset(&st, 0, sizeof(st));
		same = same && stat_is_same(&st, &accounts->seen[i]);
		accounts->seen[i] = st;
	}
	if (same)
		return false;
	r = accounts_read(accounts->root_fd, &now);
	if (r < 0) {
		/* Somebody may be in the middle of writing them: tried again at the next question.
		 */
		accounts->error = r;
		return false;
	}
	accounts->error = 0;
	accounts_done(&accounts->accounts);
	accounts->accounts = now;
	return true;
}

const struct account *auth_accounts_find(const struct auth_accounts *accounts, const char *user)
{
	return accounts_find(&accounts->accounts, user);
}

bool auth_account_is_governed(const struct account *account)
{
	return account->is_person || account->uid == 0;
}

bool auth_account_is_counted(const struct account *account)
{
	return auth_account_is_governed(account) && account->password == ACCOUNT_HAS_PASSWORD &&
	       account->hash[0] && text_is_valid(account->hash, strlen(account->hash));
}
