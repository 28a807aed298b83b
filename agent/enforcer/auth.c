/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.c - the life of what guards passwords; see auth.h. Enforcer, root: reads who has an account,
 * what the policy wants and what was counted, and tells compliance. Never sees a password.
 */
#include "agent/enforcer/auth.h"

#include <errno.h>
#include <string.h>

#include "agent/enforcer/auth_private.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"
#include "agent/util/log.h"

struct attempts_subject auth_subject(const struct auth *auth, const struct account *account)
{
	return (struct attempts_subject){
		.user = account->name,
		.is_root = account->uid == 0,
		.limits = &auth->limits,
	};
}

/* --- storing ----------------------------------------------------------------------------- */

static void auth_note_storing(struct auth *auth, const char *file, int error)
{
	if (error == 0)
		enforcer_problem(auth->e, PROBLEM_ATTEMPTS, NULL, NULL);
	else
		enforcer_problem(auth->e, PROBLEM_ATTEMPTS,
			"Free space or make it writable; until then wrong attempts are forgotten "
			"when the phone restarts.",
			"%s in %s cannot be written: %s", file, auth->e->options.state_dir,
			strerror(-error));
}

int auth_store_counts(struct auth *auth)
{
	int r = auth_store_write(&auth->store, &auth->attempts);

	if (r == -EBADF) {
		struct attempts stored;

		/* It could not be opened at the start; perhaps now. */
		r = auth_store_open(auth->e->state.dir_fd, true, &auth->store, &stored);
		if (r == 0 || r == -EBADMSG)
			r = auth_store_write(&auth->store, &auth->attempts);
	}
	auth_note_storing(auth, AUTH_STORE_FILE, r);
	return r;
}

void auth_store_passwords(struct auth *auth)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = auth_passwords_write(&auth->passwords, &text);

	if (r == 0)
		r = state_write(&auth->e->state, AUTH_PASSWORDS_FILE, text.data, text.n_bytes);
	auth_note_storing(auth, AUTH_PASSWORDS_FILE, r);
	if (text.data)
		explicit_bzero(text.data, text.n_bytes);
}

static void auth_damaged(struct auth *auth, const char *file)
{
	auth_journal_damaged(auth, file);
	log_warning("%s in %s was damaged and begins anew", file, auth->e->options.state_dir);
}

static void auth_load(struct auth *auth)
{
	_cleanup_free_ char *text = NULL;
	uint8_t boot_id[BOOT_ID_BYTES] = {0};
	size_t n = 0;
	int r = auth_store_open(auth->e->state.dir_fd, false, &auth->store, &auth->attempts);

	if (r == -EBADMSG)
		auth_damaged(auth, AUTH_STORE_FILE);
	else if (r < 0 && r != -ENOENT)
		auth_note_storing(auth, AUTH_STORE_FILE, r);
	/* Without a boot id every start is another boot, which only makes waits longer. */
	if (clock_boot_id(boot_id) < 0)
		(void)random_bytes(boot_id, sizeof(boot_id));
	attempts_boot(&auth->attempts, boot_id, clock_boottime_us());
	r = fs_read(auth->e->state.dir_fd, AUTH_PASSWORDS_FILE, LIMIT_STATE_BYTES, &text, &n);
	if (r == 0)
		r = auth_passwords_parse(text, n, &auth->passwords);
	if (r == -EBADMSG || r == -EFBIG) {
		state_keep_broken(
			&auth->e->state, AUTH_PASSWORDS_FILE, AUTH_PASSWORDS_FILE ".broken");
		auth_damaged(auth, AUTH_PASSWORDS_FILE);
	}
	if (text)
		explicit_bzero(text, n);
}

/* --- what is known ----------------------------------------------------------------------- */

static bool auth_know(
	struct auth *auth, const struct account *account, struct password_known *known)
{
	const struct auth_password *row = auth_passwords_find(&auth->passwords, account->name);
	const struct attempts_row *attempts = attempts_find(&auth->attempts, account->name);
	struct attempts_subject subject = auth_subject(auth, account);
	uint32_t wait_s;

	if (!auth_account_is_counted(account) || !row)
		return false;
	*known = (struct password_known){
		.judged = row->judged && memcmp(row->rules, auth->rules_digest, SHA256_BYTES) == 0,
		.temporary = row->temporary,
		.locked_out = attempts_ask(&auth->attempts, &subject, clock_boottime_us(),
				      &wait_s) == AUTH_LOCKED_OUT,
	};
	/* An attempt that is under way is nobody's failure yet. */
	if (attempts)
		known->n_failed = attempts->pending ? attempts->before_n : attempts->n_failed;
	if (attempts && attempts->pending)
		known->locked_out = false;
	if (known->judged)
		known->broken = row->broken;
	memcpy(known->hash_sha256, row->field, SHA256_BYTES);
	snprintf(known->user, sizeof(known->user), "%s", account->name);
	return true;
}

/* Brings what compliance sees up to date. True: it means something else than before. */
static bool auth_know_all(struct auth *auth)
{
	struct passwords_known *known = &auth->known, before = *known;
	bool same;

	known->n_known = 0;
	known->serving = auth->socket != NULL;
	known->maximum_gap = auth_maximum_gap(auth);
	known->at_maximum =
		known->maximum_gap ? PASSWORD_AT_MAXIMUM_LOCK_OUT : auth->limits.at_maximum;
	for (size_t i = 0; auth->active && i < auth->accounts.accounts.n_accounts; i++)
		if (known->n_known < LIMIT_ACCOUNTS &&
			auth_know(auth, &auth->accounts.accounts.accounts[i],
				&known->known[known->n_known]))
			known->n_known++;
	same = before.n_known == known->n_known && before.serving == known->serving &&
	       before.maximum_gap == known->maximum_gap && before.at_maximum == known->at_maximum;
	for (size_t i = 0; same && i < known->n_known; i++) {
		const struct password_known *a = &before.known[i], *b = &known->known[i];

		same = strcmp(a->user, b->user) == 0 && a->judged == b->judged &&
		       a->broken == b->broken && a->temporary == b->temporary &&
		       a->locked_out == b->locked_out &&
		       memcmp(a->hash_sha256, b->hash_sha256, SHA256_BYTES) == 0;
	}
	return !same;
}

void auth_publish(struct auth *auth)
{
	if (auth_know_all(auth) && auth->e->state.facts.enrolled)
		reconcile_request(&auth->e->reconcile, false);
}

const struct passwords_known *auth_known(const struct auth *auth)
{
	return auth ? &auth->known : NULL;
}

/* --- what it depends on ------------------------------------------------------------------ */

/* The policies of now. Out of memory: what was wanted before is still wanted. */
static void auth_read_policy(struct auth *auth)
{
	struct policy *policies[LIMIT_ASSIGNMENT_GROUPS];
	size_t n = documents_policies(&auth->e->documents, policies);
	struct effective effective;
	struct when_facts facts;

	reconcile_facts(&auth->e->reconcile, &facts);
	if (effective_compute(policies, n, &facts, &effective) < 0)
		return;
	password_rules_from(&effective, &auth->rules);
	password_limits_from(&effective, &auth->limits);
	auth->active = false;
	for (size_t i = 0; i < SETTING_MAX; i++)
		auth->active |= setting_row((enum setting_id)i)->area == AREA_PASSWORD &&
				effective.settings[i].present;
	effective_done(&effective);
	if (password_rules_digest(&auth->rules, auth->rules_digest) < 0)
		memset(auth->rules_digest, 0, sizeof(auth->rules_digest));
}

static bool auth_keeps_attempts(const char *user, void *userdata)
{
	return auth_accounts_find(userdata, user) != NULL;
}

static bool auth_keeps_password(const char *user, void *userdata)
{
	const struct account *account = auth_accounts_find(userdata, user);

	return account && auth_account_is_governed(account);
}

/* Which passwords are in use; an earlier one that was replaced goes into the history. */
static void auth_see_passwords(struct auth *auth)
{
	const struct accounts *accounts = &auth->accounts.accounts;
	bool store = false;

	for (size_t i = 0; i < accounts->n_accounts; i++) {
		const struct account *account = &accounts->accounts[i];
		int r;

		if (!auth_account_is_counted(account))
			continue;
		r = auth_passwords_see(&auth->passwords, account->name, account->hash,
			auth->rules.numbers[PASSWORD_HISTORY]);
		store |= r > 0;
		if (r == AUTH_PASSWORD_CHANGED)
			auth_journal_changed(auth, account->name);
	}
	/* Where they could not be read, or not all, nobody is gone. */
	if (auth->accounts.error == 0 && !accounts->more && accounts->n_accounts) {
		store |=
			auth_passwords_keep(&auth->passwords, auth_keeps_password, &auth->accounts);
		if (attempts_keep(&auth->attempts, auth_keeps_attempts, &auth->accounts))
			(void)auth_store_counts(auth);
	}
	if (store)
		auth_store_passwords(auth);
}

static void auth_update(struct auth *auth)
{
	auth_read_policy(auth);
	(void)auth_accounts_look(&auth->accounts);
	auth_read_missed(auth);
	if (auth->active)
		auth_see_passwords(auth);
	/* The file is made now, where there may be room, and not when somebody guesses. */
	if (attempts_hold(&auth->attempts, &auth->limits) ||
		(auth->active && auth->limits.present && auth->store.fd < 0))
		(void)auth_store_counts(auth);
	(void)auth_know_all(auth);
}

void auth_refresh(struct enforcer *e)
{
	if (e->auth)
		auth_update(e->auth);
}

void auth_look(struct auth *auth)
{
	if (auth_accounts_look(&auth->accounts) && auth->active) {
		auth_see_passwords(auth);
		auth_publish(auth);
	}
}

static void auth_on_files(void *userdata)
{
	auth_look(userdata);
}

/* --- acts -------------------------------------------------------------------------------- */

void auth_unlocked(struct auth *auth, const char *cause)
{
	attempts_reset(&auth->attempts);
	(void)auth_store_counts(auth);
	auth_journal_unlocked(auth, cause);
	auth_publish(auth);
	if (auth->socket)
		auth_socket_wake(auth->socket);
}

int auth_reset(struct enforcer *e, const char *cause)
{
	struct auth *auth = e->auth;
	int r;

	if (!auth)
		return -ENOSYS;
	attempts_reset(&auth->attempts);
	r = auth_store_counts(auth);
	auth_journal_unlocked(auth, cause);
	auth_publish(auth);
	if (auth->socket)
		auth_socket_wake(auth->socket);
	return r;
}

int auth_set_temporary(struct enforcer *e, const char *user, const char *hash)
{
	struct auth *auth = e->auth;
	struct auth_password *row;
	int r;

	if (!auth)
		return -ENOSYS;
	(void)auth_accounts_look(&auth->accounts);
	r = auth_passwords_see(&auth->passwords, user, hash, auth->rules.numbers[PASSWORD_HISTORY]);
	if (r < 0)
		return r;
	row = auth_passwords_find(&auth->passwords, user);
	row->temporary = true;
	auth_store_passwords(auth);
	auth_publish(auth);
	return auth->e->problems[PROBLEM_ATTEMPTS].what[0] ? -EIO : 0;
}

void auth_forget(struct enforcer *e)
{
	struct auth *auth = e->auth;

	if (!auth)
		return;
	auth_slots_stop(auth);
	attempts_reset(&auth->attempts);
	auth_store_done(&auth->store);
	auth_passwords_done(&auth->passwords);
	(void)fs_remove(e->state.dir_fd, AUTH_STORE_FILE);
	(void)fs_remove(e->state.dir_fd, AUTH_PASSWORDS_FILE);
	auth->active = false;
	auth->limits = (struct password_limits){0};
	auth->rules = (struct password_rules){0};
	(void)auth_know_all(auth);
	if (auth->socket)
		auth_socket_wake(auth->socket);
}

/* --- life -------------------------------------------------------------------------------- */

void auth_free(struct auth *auth)
{
	if (!auth)
		return;
	auth_slots_stop(auth);
	auth_socket_free(auth->socket);
	auth_accounts_done(&auth->accounts);
	auth_store_done(&auth->store);
	auth_passwords_done(&auth->passwords);
	auth->e->auth = NULL;
	auth->e->platform.passwords = NULL;
	free(auth);
}

static void auth_set_missed_path(struct auth *auth, const char *socket_path)
{
	const char *slash = strrchr(socket_path, '/');

	if (slash)
		(void)snprintf(auth->missed_path, sizeof(auth->missed_path), "%.*s/auth-missed",
			(int)(slash - socket_path), socket_path);
}

int auth_new(struct enforcer *e, const char *socket_path, struct auth **ret_auth)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	int r;

	if (!auth)
		return -ENOMEM;
	auth->e = e;
	auth->store.fd = -1;
	auth_accounts_init(&auth->accounts, e->sysroot_fd);
	auth_set_missed_path(auth, socket_path);
	*ret_auth = auth;
	auth_load(auth);
	auth_update(auth);
	r = auth_accounts_watch(&auth->accounts, e->event, auth_on_files, auth);
	if (r < 0)
		log_warning("changes of passwords are noticed late: %s", strerror(-r));
	r = auth_socket_new(e->event, socket_path, auth_decide, auth, &auth->socket);
	if (r < 0)
		log_error("%s cannot be listened on: %s; wrong passwords are not counted",
			socket_path, strerror(-r));
	(void)auth_know_all(auth);
	e->platform.passwords = &auth->known;
	return r;
}
