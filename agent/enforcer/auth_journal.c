/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_journal.c - what the journal, the log and the organisation hear of attempts; see auth.h.
 * Enforcer. Names of accounts and numbers only: whatever somebody typed has no place there, which
 * is why an account that does not exist has none either. Nobody can fill the journal with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/enforcer/auth_private.h"
#include "agent/enforcer/checkin.h"
#include "agent/util/jsonw.h"
#include "agent/util/log.h"

#define FAILED_EVERY_US (60 * USEC_PER_SEC)
/* What processes of users say about themselves is a hint, and no reason to hurry. */
#define USERS_EVERY_US (3600 * USEC_PER_SEC)

/* The organisation hears of it soon, as of other things that changed. */
static void auth_tell_soon(struct auth *auth)
{
	struct enforcer *e = auth->e;
	uint64_t random = 0;

	if (!e->state.facts.enrolled || checkin_is_leaving(e))
		return;
	(void)random_bytes(&random, sizeof(random));
	pacing_request(&e->pacing, clock_boottime_us(), random, false);
	checkin_schedule(e);
}

static void auth_journal_count(
	struct auth *auth, enum journal_type type, const char *user, uint32_t n_failed)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "user", user);
	jsonw_int(&w, "failed", n_failed);
	jsonw_object_end(&w);
	enforcer_journal(auth->e, type, &payload);
}

void auth_journal_failed(struct auth *auth, const char *user, uint32_t n_failed)
{
	int64_t now_us = clock_boottime_us();

	if (auth->failed_told_us && now_us - auth->failed_told_us < FAILED_EVERY_US)
		return;
	auth->failed_told_us = now_us;
	auth_journal_count(auth, JOURNAL_AUTH_FAILED, user, n_failed);
}

void auth_journal_locked_out(struct auth *auth, const char *user, uint32_t n_failed)
{
	log_warning("%s is locked out after %u wrong passwords", user, n_failed);
	auth_journal_count(auth, JOURNAL_AUTH_LOCKED_OUT, user, n_failed);
	auth_tell_soon(auth);
}

static void auth_journal_word(
	struct auth *auth, enum journal_type type, const char *key, const char *word)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	jsonw_object(&w, NULL);
	jsonw_string(&w, key, word);
	jsonw_object_end(&w);
	enforcer_journal(auth->e, type, &payload);
}

void auth_journal_unlocked(struct auth *auth, const char *cause)
{
	auth_journal_word(auth, JOURNAL_AUTH_UNLOCKED, "cause", cause);
	auth_tell_soon(auth);
}

void auth_journal_changed(struct auth *auth, const char *user)
{
	auth_journal_word(auth, JOURNAL_PASSWORD_CHANGED, "user", user);
}

void auth_journal_damaged(struct auth *auth, const char *file)
{
	auth_journal_word(auth, JOURNAL_RECOVERED, "what", file);
}

static void auth_journal_missed(struct auth *auth, const char *by, uint64_t *count)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	if (!*count)
		return;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "by", by);
	jsonw_int(&w, "count", *count > INT32_MAX ? INT32_MAX : (int64_t)*count);
	jsonw_object_end(&w);
	enforcer_journal(auth->e, JOURNAL_AUTH_MISSED, &payload);
	*count = 0;
}

void auth_note_missed(struct auth *auth, uint32_t n_missed, bool is_root)
{
	int64_t now_us = clock_boottime_us();

	if (is_root) {
		auth->n_missed_root += n_missed;
		auth_journal_missed(auth, "root", &auth->n_missed_root);
		return;
	}
	auth->n_missed_users += n_missed;
	if (auth->missed_users_us && now_us - auth->missed_users_us < USERS_EVERY_US)
		return;
	auth->missed_users_us = now_us;
	auth_journal_missed(auth, "users", &auth->n_missed_users);
}

/* A byte for each authentication that root's processes let pass while nobody answered. */
void auth_read_missed(struct auth *auth)
{
	struct stat st;

	if (!auth->missed_path[0] || lstat(auth->missed_path, &st) < 0 || !S_ISREG(st.st_mode) ||
		st.st_uid != geteuid())
		return;
	(void)unlink(auth->missed_path);
	auth->n_missed_root += (uint64_t)st.st_size;
	auth_journal_missed(auth, "root", &auth->n_missed_root);
}
