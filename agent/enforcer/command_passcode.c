/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_passcode.c - the commands "unlock-attempts" and "set-passcode". The phone never learns
 * the passcode, only its hash, which chpasswd(8) puts into shadow(5); done is what shadow says
 * afterwards. Enforcer.
 */
#include <errno.h>
#include <string.h>

#include "agent/enforcer/auth.h"
#include "agent/enforcer/command_verbs.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/enforcer.h"
#include "agent/util/child.h"
#include "platform/accounts.h"

#define PASSCODE_PROGRAM_S 20

/* --- unlock-attempts --------------------------------------------------------------------- */

void command_unlock_attempts(struct enforcer *e, const struct command *command)
{
	int r = auth_reset(e, "command");

	(void)command;
	effects_stop(e);
	if (r == -ENOSYS)
		effects_finish(
			e, COMMAND_REFUSED, "no_counter", "this phone does not count attempts");
	else if (r < 0)
		effects_finish(e, COMMAND_FAILED, "trouble",
			"attempts count from zero again, but that could not be recorded; after a "
			"restart they may not");
	else
		effects_finish(e, COMMAND_DONE, "", "attempts count from zero again");
}

/* --- set-passcode ------------------------------------------------------------------------ */

/* Whose it is to be. NULL with the reason why that cannot be told. */
static const struct account *passcode_account(const struct accounts *accounts, const char *user,
	const char **ret_reason, const char **ret_detail)
{
	const struct account *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < accounts->n_accounts; i++) {
		const struct account *account = &accounts->accounts[i];

		if (!account->is_person || account->password == ACCOUNT_UNKNOWN)
			continue;
		/* Nobody is locked by chance: such an account is meant by its name alone. */
		if (user ? strcmp(account->name, user) != 0 : account->password == ACCOUNT_LOCKED)
			continue;
		found = account;
		n++;
	}
	if (n == 1)
		return found;
	*ret_reason = n ? "ambiguous_user" : "no_user";
	*ret_detail = n	     ? "several people have accounts on this phone; name one with user"
		      : user ? "no person on this phone has an account of that name"
			     : "no person has an account with a passcode on this phone";
	return NULL;
}

/* Whether shadow says what was ordered. */
static bool passcode_is_set(struct enforcer *e, const char *user, const char *hash)
{
	_cleanup_(accounts_done) struct accounts accounts = {0};
	const struct account *account;

	if (accounts_read(e->sysroot_fd, &accounts) < 0)
		return false;
	account = accounts_find(&accounts, user);
	return account && account->password == ACCOUNT_HAS_PASSWORD &&
	       strcmp(account->hash, hash) == 0;
}

/* It is there: its user has to change it, and may try it at once. */
static const char *passcode_settle(struct enforcer *e, const char *user, const char *hash)
{
	int r = auth_set_temporary(e, user, hash);

	if (r == 0)
		r = auth_reset(e, "set-passcode");
	reconcile_request(&e->reconcile, false);
	return r == 0 ? "the passcode is set; its user has to change it"
		      : "the passcode is set, but the phone cannot follow whether its user changes it";
}

static void passcode_on_end(const struct child_result *result, void *userdata)
{
	struct enforcer *e = userdata;
	char user[LIMIT_USER_BYTES + 1], hash[LIMIT_HASH_BYTES + 1], detail[LIMIT_TEXT_BYTES + 1];

	memcpy(user, e->effects.passcode_user, sizeof(user));
	memcpy(hash, e->effects.passcode_hash, sizeof(hash));
	explicit_bzero(e->effects.passcode_hash, sizeof(e->effects.passcode_hash));
	if (passcode_is_set(e, user, hash)) {
		effects_finish(e, COMMAND_DONE, "", passcode_settle(e, user, hash));
	} else {
		snprintf(detail, sizeof(detail),
			"shadow does not have it after chpasswd %s %d; the passcode of before counts",
			result->end == CHILD_EXITED ? "ended with status" : "was ended by signal",
			result->code);
		effects_finish(e, COMMAND_FAILED, "not_set", detail);
	}
	explicit_bzero(hash, sizeof(hash));
}

static int passcode_start(struct enforcer *e)
{
	static const char *const programs[] = {"/usr/sbin/chpasswd", "/usr/bin/chpasswd"};
	const char *argv[] = {NULL, "-e", "-R", e->options.sysroot, NULL};
	char input[LIMIT_USER_BYTES + LIMIT_HASH_BYTES + 3];
	struct child_spec spec = {
		.argv = argv,
		.root_fd = -1,
		.deadline_s = PASSCODE_PROGRAM_S,
		.merge_stderr = true,
		.input = input,
	};
	int r = -ENOENT;

	if (e->platform.sysroot_is_root)
		argv[2] = NULL;
	spec.n_input = (size_t)snprintf(input, sizeof(input), "%s:%s\n", e->effects.passcode_user,
		e->effects.passcode_hash);
	for (size_t i = 0; i < ARRAY_SIZE(programs) && r == -ENOENT; i++) {
		argv[0] = programs[i];
		r = child_start(e->event, &spec, passcode_on_end, e, &e->effects.chpasswd);
	}
	explicit_bzero(input, sizeof(input));
	return r;
}

void command_set_passcode(struct enforcer *e, const struct command *command)
{
	const struct command_value *user = command_argument(command, "user");
	const struct command_value *hash = command_argument(command, "hash");
	_cleanup_(accounts_done) struct accounts accounts = {0};
	const char *reason = "", *detail = "";
	const struct account *account;
	int r;

	effects_stop(e);
	if (!hash || !hash->has || !verb_hash_is_valid(hash->text)) {
		effects_finish(e, COMMAND_REFUSED, "no_hash", "there is no hash in the command");
		return;
	}
	r = accounts_read(e->sysroot_fd, &accounts);
	if (r < 0) {
		effects_failed(e, r);
		return;
	}
	account = passcode_account(
		&accounts, user && user->has ? user->text : NULL, &reason, &detail);
	if (!account) {
		effects_finish(e, COMMAND_REFUSED, reason, detail);
		return;
	}
	memcpy(e->effects.passcode_user, account->name, sizeof(account->name));
	/* One that is valid is half as long. */
	memcpy(e->effects.passcode_hash, hash->text, strlen(hash->text) + 1);
	r = passcode_start(e);
	if (r == -ENOENT)
		effects_finish(
			e, COMMAND_REFUSED, "no_program", "there is no chpasswd on this phone");
	else if (r < 0)
		effects_failed(e, r);
}

void command_passcode_resume(struct enforcer *e, const struct command *command, bool same_boot,
	struct command_result *ret_result)
{
	const struct command_value *user = command_argument(command, "user");
	const struct command_value *hash = command_argument(command, "hash");
	_cleanup_(accounts_done) struct accounts accounts = {0};
	const char *reason, *detail;
	const struct account *account = NULL;

	(void)same_boot;
	if (accounts_read(e->sysroot_fd, &accounts) == 0)
		account = passcode_account(
			&accounts, user && user->has ? user->text : NULL, &reason, &detail);
	if (account && hash && passcode_is_set(e, account->name, hash->text))
		*ret_result = (struct command_result){
			COMMAND_DONE, "", passcode_settle(e, account->name, hash->text)};
	else
		*ret_result = (struct command_result){COMMAND_INTERRUPTED, "restarted",
			"the agent was started again before the passcode was set"};
}
