/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_decide.c - what pam_mdm.so is told, and what the role verify found; see auth.h. Enforcer,
 * root. An attempt is counted durably before anybody hears that it may go on.
 */
#include <errno.h>
#include <string.h>

#include "agent/enforcer/auth_private.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/unlock_code.h"
#include "agent/enforcer/wipe.h"
#include "agent/ipc/channel.h"
#include "agent/util/log.h"
#include "agent/util/mem.h"

/* So long somebody waits for the verification before; then it is "in a second". */
#define AUTH_PATIENCE_US (1500 * 1000)

static struct auth_slot *slot_find(struct auth *auth, const char *user)
{
	struct auth_slot *free_slot = NULL;

	for (size_t i = 0; i < LIMIT_ACCOUNTS; i++) {
		struct auth_slot *slot = &auth->slots[i];

		if (slot->verify && strcmp(slot->user, user) == 0)
			return slot;
		if (!slot->verify)
			free_slot = slot;
	}
	return free_slot;
}

static void auth_contact(const struct auth *auth, struct msg_auth_answer *answer)
{
	const struct keyset *keyset = auth->e->documents.keyset;

	if (keyset)
		snprintf(answer->contact, sizeof(answer->contact), "%s", keyset->org_name);
}

static struct msg_auth_answer auth_answer(
	const struct auth *auth, enum auth_verdict verdict, uint32_t wait_s)
{
	struct msg_auth_answer answer = {.verdict = verdict, .wait_s = wait_s};

	auth_contact(auth, &answer);
	return answer;
}

/* --- the end of a verification ----------------------------------------------------------- */

static void slot_answer(struct auth_slot *slot, const struct msg_auth_answer *answer)
{
	if (slot->answer_fd < 0)
		return;
	(void)channel_send(slot->answer_fd, ROLE_ENFORCER, MESSAGE_AUTH_ANSWER, answer, NULL, 0);
	closep(&slot->answer_fd);
	slot->answer_fd = -1;
}

static bool auth_is_locked_out(const struct auth *auth, const char *user)
{
	const struct account *account = auth_accounts_find(&auth->accounts, user);
	struct attempts_subject subject;
	uint32_t wait_s;

	if (!account || !auth->active)
		return false;
	subject = auth_subject(auth, account);
	return attempts_ask(&auth->attempts, &subject, clock_boottime_us(), &wait_s) ==
	       AUTH_LOCKED_OUT;
}

/*
 * What the policy wants then, which two administrators signed. Where it is refused or fails, being
 * locked out stays.
 */
static void auth_at_maximum(struct auth *auth)
{
	if (auth->limits.at_maximum == PASSWORD_AT_MAXIMUM_CRYPTO_LOCK)
		(void)crypto_lock_by_policy(auth->e);
	else if (auth->limits.at_maximum == PASSWORD_AT_MAXIMUM_WIPE)
		wipe_by_policy(auth->e);
}

static void auth_wrong(struct auth *auth, const char *user)
{
	const struct attempts_row *row = attempts_find(&auth->attempts, user);

	if (!row)
		return;
	if (auth_is_locked_out(auth, user)) {
		auth_journal_locked_out(auth, user, row->n_failed);
		auth_at_maximum(auth);
	} else if (password_delay_s(&auth->limits, row->n_failed) > 0)
		auth_journal_failed(auth, user, row->n_failed);
}

/* The password in use was seen: whether it is what the policy wants is known from now on. */
static void auth_judged(struct auth *auth, const struct auth_slot *slot, uint32_t broken)
{
	struct auth_password *row = auth_passwords_find(&auth->passwords, slot->user);

	if (!row || memcmp(row->field, slot->field, SHA256_BYTES) != 0)
		return;
	if (row->judged && memcmp(row->rules, auth->rules_digest, SHA256_BYTES) == 0)
		return;
	row->judged = true;
	row->broken = broken;
	memcpy(row->rules, auth->rules_digest, SHA256_BYTES);
	auth_store_passwords(auth);
}

static void auth_cannot(struct auth *auth, const char *user)
{
	enforcer_problem(auth->e, PROBLEM_PASSWORDS,
		"Set the password again with a method that this system's crypt(3) has, SHA-512 say.",
		"wrong attempts at the password of %s cannot be counted: nothing here can compare "
		"with its hash",
		user);
}

static enum attempts_end auth_attempt_end(struct auth *auth, const struct auth_slot *slot,
	enum auth_verify_end end, const struct msg_verify_answer *answer)
{
	switch (end) {
	case VERIFY_BROKEN:
		return ATTEMPT_NONE;
	case VERIFY_SILENT:
	case AUTH_VERIFY_END_MAX:
		return ATTEMPT_UNJUDGED;
	case VERIFY_ANSWERED:
		break;
	}
	switch ((enum verify_match)answer->match) {
	case VERIFY_SAME:
		auth_judged(auth, slot, answer->broken);
		return ATTEMPT_RIGHT;
	case VERIFY_SAME_SO_FAR:
		return ATTEMPT_RIGHT;
	case VERIFY_CANNOT:
		auth_cannot(auth, slot->user);
		return ATTEMPT_NONE;
	case VERIFY_EMPTY:
		return ATTEMPT_NONE;
	case VERIFY_DIFFERS:
	case VERIFY_MATCH_MAX:
		break;
	}
	return ATTEMPT_WRONG;
}

/* One attempt ended like this. */
static void auth_end(struct auth *auth, const char *user, enum attempts_end how)
{
	bool store = attempts_end(&auth->attempts, user, how);

	if (attempts_hold(&auth->attempts, &auth->limits) || store)
		(void)auth_store_counts(auth);
	if (how == ATTEMPT_WRONG || how == ATTEMPT_UNJUDGED)
		auth_wrong(auth, user);
}

static void auth_attempted(
	struct auth_slot *slot, enum auth_verify_end end, const struct msg_verify_answer *answer)
{
	struct auth *auth = slot->auth;
	enum attempts_end how = auth_attempt_end(auth, slot, end, answer);

	/*
	 * Whoever reaches an sshd that takes passwords could lock out every owner whose name he
	 * knows. He is delayed like everybody, but does not take the last attempt.
	 */
	if (how == ATTEMPT_WRONG && slot->is_remote)
		how = ATTEMPT_UNJUDGED;
	auth_end(auth, slot->user, how);
}

static void auth_code_tried(
	struct auth_slot *slot, enum auth_verify_end end, const struct msg_verify_answer *verified)
{
	struct auth *auth = slot->auth;
	struct msg_auth_answer answer;
	uint32_t wait_s;

	if (end == VERIFY_ANSWERED && verified->code >= 0 &&
		unlock_code_use(auth->e, (size_t)verified->code) == 0) {
		auth_unlocked(auth, "code");
		answer = auth_answer(auth, AUTH_UNLOCKED, 0);
		slot_answer(slot, &answer);
		return;
	}
	if (end == VERIFY_BROKEN || (end == VERIFY_ANSWERED && verified->match == VERIFY_EMPTY)) {
		attempts_code_none(&auth->attempts, slot->code_before_us);
		(void)auth_store_counts(auth);
	}
	wait_s = attempts_code_wait_s(&auth->attempts, clock_boottime_us());
	answer = auth_answer(auth, wait_s ? AUTH_WRONG_CODE : AUTH_LOCKED_OUT, wait_s);
	slot_answer(slot, &answer);
}

static void auth_change_judged(
	struct auth_slot *slot, enum auth_verify_end end, const struct msg_verify_answer *verified)
{
	struct auth *auth = slot->auth;
	struct msg_auth_answer answer = auth_answer(auth, AUTH_GO, 0);

	/* Where nobody can judge it is not refused: it is judged when it is first used. */
	if (end == VERIFY_ANSWERED && verified->broken) {
		answer.verdict = AUTH_REFUSED;
		answer.broken = verified->broken;
		memcpy(answer.rules, auth->rules.numbers, sizeof(answer.rules));
	}
	slot_answer(slot, &answer);
}

static void auth_verified(enum auth_verify_end end, const struct msg_verify_answer *answer,
	const char *why, void *userdata)
{
	struct auth_slot *slot = userdata;
	struct auth *auth = slot->auth;

	if (end != VERIFY_ANSWERED)
		log_warning("a password could not be verified: %s", why);
	if (end == VERIFY_BROKEN)
		enforcer_problem(auth->e, PROBLEM_PASSWORDS,
			"Reinstall the agent; until then wrong attempts are not counted.", "%s",
			why);
	else if (end == VERIFY_ANSWERED && answer->match != VERIFY_CANNOT)
		enforcer_problem(auth->e, PROBLEM_PASSWORDS, NULL, NULL);
	if (slot->type == MESSAGE_AUTH_CHANGE)
		auth_change_judged(slot, end, answer);
	else if (slot->is_code)
		auth_code_tried(slot, end, answer);
	else
		auth_attempted(slot, end, answer);
	auth_publish(auth);
	if (auth->socket)
		auth_socket_wake(auth->socket);
}

void auth_slots_stop(struct auth *auth)
{
	for (size_t i = 0; i < LIMIT_ACCOUNTS; i++) {
		struct auth_slot *slot = &auth->slots[i];

		if (!slot->verify)
			continue;
		auth_verify_free(slot->verify);
		closep(&slot->answer_fd);
		slot->answer_fd = -1;
		(void)attempts_end(&auth->attempts, slot->user, ATTEMPT_UNJUDGED);
	}
}

/* --- the beginning ----------------------------------------------------------------------- */

static int slot_start(struct auth_slot *slot, const struct account *account,
	struct msg_verify_order *order, int fd)
{
	struct auth *auth = slot->auth;
	const struct auth_verify_start start = {
		.event = auth->e->event,
		.program = auth->e->options.verify_program,
		.user = auth->e->options.net_user,
		.timeout_s = LIMIT_VERIFY_SECONDS,
		.done = auth_verified,
		.userdata = slot,
		.slot = &slot->verify,
	};
	int r;

	snprintf(slot->user, sizeof(slot->user), "%s", account->name);
	snprintf(order->user, sizeof(order->user), "%s", account->name);
	memcpy(order->rules, auth->rules.numbers, sizeof(order->rules));
	order->timeout_s = LIMIT_VERIFY_SECONDS;
	r = sha256(account->hash, strlen(account->hash), slot->field);
	if (r == 0)
		r = auth_verify_new(&start, order, fd);
	explicit_bzero(order, sizeof(*order));
	if (r < 0)
		log_warning("a password could not be verified: %s could not be started: %s",
			start.program, strerror(-r));
	return r;
}

static void order_history(struct auth *auth, const char *user, struct msg_verify_order *order)
{
	const struct auth_password *row = auth_passwords_find(&auth->passwords, user);
	uint32_t n = auth->rules.numbers[PASSWORD_HISTORY];

	for (size_t i = 0; row && i < row->n_history && i < n; i++)
		snprintf(order->history[order->n_history++], sizeof(order->history[0]), "%s",
			row->history[i]);
}

/* Whether it is known already what the rules say of the password in use. */
static bool auth_is_judged(struct auth *auth, const char *user)
{
	const struct auth_password *row = auth_passwords_find(&auth->passwords, user);

	return row && row->judged && memcmp(row->rules, auth->rules_digest, SHA256_BYTES) == 0;
}

static enum auth_next auth_attempt(struct auth *auth, const struct account *account,
	struct auth_slot *slot, bool is_remote, int fd)
{
	struct msg_verify_order order = {0};
	struct msg_auth_answer answer = auth_answer(auth, AUTH_GO, 0);

	*slot = (struct auth_slot){.auth = auth,
		.type = MESSAGE_AUTH_ATTEMPT,
		.is_remote = is_remote,
		.answer_fd = -1};
	if (auth->limits.present) {
		(void)attempts_begin(&auth->attempts, account->name, clock_boottime_us());
		(void)auth_store_counts(auth);
	}
	/* Whoever asked goes on with the hash while it is computed here. */
	(void)channel_send(fd, ROLE_ENFORCER, MESSAGE_AUTH_ANSWER, &answer, NULL, 0);
	snprintf(order.hash, sizeof(order.hash), "%s", account->hash);
	if (!auth_is_judged(auth, account->name))
		order_history(auth, account->name, &order);
	/* Nobody will say that it was right. */
	if (slot_start(slot, account, &order, fd) < 0)
		auth_end(auth, account->name, ATTEMPT_UNJUDGED);
	return AUTH_NEXT_END;
}

static enum auth_next auth_try_code(struct auth *auth, const struct account *account,
	struct auth_slot *slot, int fd, struct msg_auth_answer *ret_answer)
{
	struct msg_verify_order order = {0};
	uint32_t wait_s = attempts_code_wait_s(&auth->attempts, clock_boottime_us());
	int r;

	if (wait_s || unlock_code_valid(auth->e, order.codes) == 0) {
		*ret_answer = auth_answer(auth, wait_s ? AUTH_WAIT : AUTH_LOCKED_OUT, wait_s);
		explicit_bzero(&order, sizeof(order));
		return AUTH_NEXT_ANSWER;
	}
	*slot = (struct auth_slot){.auth = auth,
		.type = MESSAGE_AUTH_ATTEMPT,
		.is_code = true,
		.answer_fd = -1,
		.code_before_us = auth->attempts.code_at_us};
	attempts_code_begin(&auth->attempts, clock_boottime_us());
	r = auth_store_counts(auth);
	/* What is not on the disk could be tried again after each power cut. */
	if (r == 0)
		r = slot_start(slot, account, &order, fd);
	explicit_bzero(&order, sizeof(order));
	if (r < 0) {
		*ret_answer = auth_answer(auth, AUTH_LOCKED_OUT,
			attempts_code_wait_s(&auth->attempts, clock_boottime_us()));
		return AUTH_NEXT_ANSWER;
	}
	slot->answer_fd = fd;
	return AUTH_NEXT_TAKEN;
}

static enum auth_next auth_change(struct auth *auth, const struct account *account,
	struct auth_slot *slot, int fd, struct msg_auth_answer *ret_answer)
{
	static const struct password_rules none;
	struct msg_verify_order order = {0};

	*ret_answer = auth_answer(auth, AUTH_GO, 0);
	if (password_rules_equal(&auth->rules, &none))
		return AUTH_NEXT_ANSWER;
	*slot = (struct auth_slot){.auth = auth, .type = MESSAGE_AUTH_CHANGE, .answer_fd = -1};
	if (auth->rules.numbers[PASSWORD_HISTORY]) {
		snprintf(order.hash, sizeof(order.hash), "%s", account->hash);
		order_history(auth, account->name, &order);
	}
	if (slot_start(slot, account, &order, fd) < 0)
		return AUTH_NEXT_ANSWER;
	slot->answer_fd = fd;
	return AUTH_NEXT_TAKEN;
}

/* Whose account it is, if the asker may speak of it and there is something to say. */
static const struct account *auth_account(struct auth *auth, const struct auth_question *question)
{
	const struct account *account;

	if (!auth->active)
		return NULL;
	auth_look(auth);
	account = auth_accounts_find(&auth->accounts, question->request->user);
	if (!account || (!question->is_root && account->uid != question->uid))
		return NULL;
	/*
	 * Only root changes passwords, passwd(1) as well. To others an answer about earlier hashes
	 * would be a guess for free, and any answer keeps the one place for a verification busy.
	 */
	if (question->type == MESSAGE_AUTH_CHANGE && !question->is_root)
		return NULL;
	if (question->type == MESSAGE_AUTH_CHANGE ? !auth_account_is_governed(account)
						  : !auth_account_is_counted(account))
		return NULL;
	return account;
}

static enum auth_next auth_next(struct auth *auth, const struct auth_question *question, int fd,
	struct msg_auth_answer *ret_answer)
{
	const struct account *account = auth_account(auth, question);
	struct attempts_subject subject;
	struct auth_slot *slot;
	enum auth_verdict verdict;
	uint32_t wait_s;

	if (!account) {
		*ret_answer = (struct msg_auth_answer){.verdict = AUTH_UNCOUNTED};
		return AUTH_NEXT_ANSWER;
	}
	if (wipe_is_underway(auth->e)) {
		*ret_answer = auth_answer(auth, AUTH_LOCKED_OUT, 0);
		return AUTH_NEXT_ANSWER;
	}
	slot = slot_find(auth, account->name);
	if (!slot || slot->verify) {
		*ret_answer = auth_answer(auth, AUTH_WAIT, 0);
		return clock_boottime_us() - question->since_us < AUTH_PATIENCE_US
			       ? AUTH_NEXT_WAIT
			       : AUTH_NEXT_ANSWER;
	}
	if (question->type == MESSAGE_AUTH_CHANGE)
		return auth_change(auth, account, slot, fd, ret_answer);
	subject = auth_subject(auth, account);
	verdict = attempts_ask(&auth->attempts, &subject, clock_boottime_us(), &wait_s);
	if (question->type == MESSAGE_AUTH_ATTEMPT && verdict == AUTH_GO)
		return auth_attempt(
			auth, account, slot, question->is_root && question->request->is_remote, fd);
	if (question->type == MESSAGE_AUTH_ATTEMPT && verdict == AUTH_LOCKED_OUT)
		return auth_try_code(auth, account, slot, fd, ret_answer);
	*ret_answer = auth_answer(auth, verdict, wait_s);
	return AUTH_NEXT_ANSWER;
}

enum auth_next auth_decide(const struct auth_question *question, int fd,
	struct msg_auth_answer *ret_answer, void *userdata)
{
	struct auth *auth = userdata;
	enum auth_next next = auth_next(auth, question, fd, ret_answer);

	/* One that waits is asked about again. */
	if (next == AUTH_NEXT_WAIT)
		return next;
	if (question->request->n_missed)
		auth_note_missed(auth, question->request->n_missed, question->is_root);
	/* What passed while this agent hung is told as soon as it answers again. */
	auth_read_missed(auth);
	return next;
}
