/* SPDX-License-Identifier: Apache-2.0 */
/* test_empty_trials.c - what is remembered of trials of the empty passphrase. Enforcer, without its
 * loop. */
#include "agent/enforcer/empty_trials.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/state_text.h"
#include "agent/util/fs.h"
#include "platform/luks_known.h"
#include "tests/lib/check.h"
#include "tests/lib/signer.h"

static const uint8_t *digest_of(unsigned int n)
{
	static uint8_t digest[SHA256_BYTES];

	memset(digest, 0x11, sizeof(digest));
	digest[SHA256_BYTES - 1] = (uint8_t)n;
	return digest;
}

static void test_the_latest_are_kept(void)
{
	struct empty_trials_record record = {.n_rows = 0};

	for (unsigned int i = 0; i < LIMIT_EMPTY_TRIALS; i++)
		empty_trials_note(&record, digest_of(i), i % 2 != 0);
	CHECK_INT(record.n_rows, LIMIT_EMPTY_TRIALS);
	for (unsigned int i = 0; i < LIMIT_EMPTY_TRIALS; i++)
		CHECK_INT(empty_trials_find(&record, digest_of(i)), i % 2 != 0);
	CHECK_INT(empty_trials_find(&record, digest_of(200)), -ENOENT);
	/* Said again, it is the latest, and what is said now counts. */
	empty_trials_note(&record, digest_of(0), true);
	CHECK_INT(record.n_rows, LIMIT_EMPTY_TRIALS);
	CHECK_INT(empty_trials_find(&record, digest_of(0)), true);
	/* One more than there is room for: the first goes. */
	empty_trials_note(&record, digest_of(200), true);
	CHECK_INT(record.n_rows, LIMIT_EMPTY_TRIALS);
	CHECK_INT(empty_trials_find(&record, digest_of(1)), -ENOENT);
	CHECK_INT(empty_trials_find(&record, digest_of(2)), false);
	CHECK_INT(empty_trials_find(&record, digest_of(0)), true);
	CHECK_INT(empty_trials_find(&record, digest_of(200)), true);
}

static void test_text(void)
{
	struct empty_trials_record record = {.n_rows = 0}, again;
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (unsigned int i = 0; i < LIMIT_EMPTY_TRIALS; i++)
		empty_trials_note(&record, digest_of(i), i % 3 == 0);
	CHECK_INT(empty_trials_write(&record, &text), 0);
	CHECK_INT(empty_trials_parse(text.data, text.n_bytes, &again), 0);
	CHECK_INT(again.n_rows, record.n_rows);
	for (size_t i = 0; i < again.n_rows; i++)
		CHECK(memcmp(again.rows[i].slots_digest, record.rows[i].slots_digest,
			      SHA256_BYTES) == 0 &&
			again.rows[i].opens == record.rows[i].opens);
	/* Whichever bit is wrong. */
	for (size_t i = 0; i < text.n_bytes; i++) {
		text.data[i] ^= 1;
		CHECK_INT(empty_trials_parse(text.data, text.n_bytes, &again), -EBADMSG);
		text.data[i] ^= 1;
	}
	CHECK_INT(again.n_rows, record.n_rows);
}

#define DIGEST "1111111111111111111111111111111111111111111111111111111111111111"

static void test_lines(void)
{
	static const struct {
		const char *lines;
		int r;
		size_t n_rows;
	} rows[] = {
		{"", 0, 0},
		{"opens " DIGEST "\n", 0, 1},
		{"since 12\nrefused " DIGEST "\n", 0, 1}, /* of a newer agent */
		{"opens " DIGEST "\nrefused " DIGEST "\n", -EBADMSG, 0},
		{"opens " DIGEST "11\n", -EBADMSG, 0},
		{"opens 1111\n", -EBADMSG, 0},
		{"opens\n", -EBADMSG, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct empty_trials_record record = {.n_rows = 77};
		_cleanup_buf_ struct buf text = BUF_INIT;
		int r;

		buf_printf(&text, "mdm-agent-trials 1\n%s", rows[i].lines);
		CHECK_INT(state_text_close(&text), 0);
		r = empty_trials_parse(text.data, text.n_bytes, &record);
		if (r != rows[i].r || record.n_rows != (r ? 77 : rows[i].n_rows))
			check_fail(__FILE__, __LINE__, "row %zu: %d", i, r);
	}
}

/* One row more than can be remembered is not of this agent. */
static void test_too_many(void)
{
	struct empty_trials_record record;
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_puts(&text, "mdm-agent-trials 1\n");
	for (unsigned int i = 0; i <= LIMIT_EMPTY_TRIALS; i++)
		buf_printf(&text, "opens %.62s%02x\n", DIGEST, i);
	CHECK_INT(state_text_close(&text), 0);
	CHECK_INT(empty_trials_parse(text.data, text.n_bytes, &record), -EBADMSG);
}

static void start(struct enforcer *e, const char *path)
{
	memset(e, 0, sizeof(*e));
	signer_must(state_open(path, &e->state) == 0);
	e->state.facts.enrolled = true;
	e->options.state_dir = path;
	signer_must(empty_trials_new(e, &e->trials) == 0 && e->platform.luks);
}

static void stop(struct enforcer *e)
{
	empty_trials_free(e->trials);
	signer_must(!e->platform.luks);
	state_done(&e->state);
}

static int ask(struct enforcer *e, unsigned int n)
{
	return e->platform.luks->get(digest_of(n), e->platform.luks->userdata);
}

static void tell(struct enforcer *e, unsigned int n, bool opens)
{
	e->platform.luks->put(digest_of(n), opens, e->platform.luks->userdata);
}

static void test_life(void)
{
	struct enforcer e;
	char path[256];

	close(check_tmpdir(path));
	start(&e, path);
	CHECK_INT(ask(&e, 1), -ENOENT);
	CHECK(!check_exists(e.state.dir_fd, "trials"));
	tell(&e, 1, true);
	tell(&e, 2, false);
	CHECK_INT(ask(&e, 1), 1);
	stop(&e);
	start(&e, path);
	CHECK_INT(ask(&e, 1), 1);
	CHECK_INT(ask(&e, 2), 0);
	CHECK_INT(ask(&e, 3), -ENOENT);
	/* What cannot be written is known until the end of the process. */
	close(e.state.dir_fd);
	e.state.dir_fd = -1;
	tell(&e, 3, false);
	CHECK_INT(ask(&e, 3), 0);
	stop(&e);
	start(&e, path);
	CHECK_INT(ask(&e, 3), -ENOENT);
	/* The enrolment ends, and an answer comes late. */
	e.state.facts.enrolled = false;
	empty_trials_forget(&e);
	CHECK_INT(ask(&e, 1), -ENOENT);
	tell(&e, 1, true);
	CHECK(!check_exists(e.state.dir_fd, "trials"));
	stop(&e);
}

static void test_damaged(void)
{
	struct enforcer e;
	char path[256];

	close(check_tmpdir(path));
	start(&e, path);
	tell(&e, 1, true);
	CHECK_INT(state_write(&e.state, "trials", "mdm-agent-trials 1\nopens", 24), 0);
	stop(&e);
	start(&e, path);
	CHECK_INT(ask(&e, 1), -ENOENT);
	tell(&e, 1, true);
	stop(&e);
	start(&e, path);
	CHECK_INT(ask(&e, 1), 1);
	stop(&e);
}

static const struct check_test tests[] = {
	{"the_latest_are_kept", test_the_latest_are_kept},
	{"text", test_text},
	{"lines", test_lines},
	{"too_many", test_too_many},
	{"life", test_life},
	{"damaged", test_damaged},
};
CHECK_MAIN(tests)
