/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_guard_news.c - what is told of programs that were not started, how often, in which words,
 * and whose names stay on the phone; with a session that notes what it is told.
 */
#include "agent/enforcer/guard_news.h"

#include <string.h>
#include <unistd.h>

#include "agent/enforcer/enforcer.h"
#include "agent/guard/table.h"
#include "agent/util/clock.h"
#include "agent/util/jsonw.h"
#include "tests/lib/check.h"
#include "tests/lib/signer.h"

static struct {
	unsigned int n_notes;
	char title[LIMIT_TEXT_BYTES + 1], text[2 * LIMIT_TEXT_BYTES + 1];
} said;

static int notify_at_once(const struct session_start *start, const struct session_note *note)
{
	const struct session_answer answer = {.result = SESSION_DONE};

	said.n_notes++;
	snprintf(said.title, sizeof(said.title), "%s", note->title);
	snprintf(said.text, sizeof(said.text), "%s", note->text);
	start->done(&answer, start->userdata);
	return 0;
}
static const struct session_ops ops = {.notify = notify_at_once};

static struct msg_guard_denied denial(const char *owner, const char *path, uint32_t uid)
{
	struct msg_guard_denied d = {
		.reason = GUARD_R_BLOCKED, .count = 1, .uid = uid, .realtime_s = 1000};

	snprintf(d.owner, sizeof(d.owner), "%s", owner);
	snprintf(d.path, sizeof(d.path), "%s", path);
	return d;
}

static void test_rates(void)
{
	static struct guard_rates rates;
	struct msg_guard_denied d = denial("firefox", "/usr/bin/firefox", 10000);
	int64_t now_us = 5 * USEC_PER_SEC;
	struct guard_telling t;

	guard_rates_take(&rates, &d, now_us, &t);
	CHECK(t.record && t.notify && t.count == 1);
	/* Another file of the same package is the same program; the storm is one record. */
	d = denial("firefox", "/usr/lib/firefox/firefox", 10000);
	for (int i = 0; i < 1000; i++) {
		guard_rates_take(&rates, &d, now_us + i * 1000, &t);
		CHECK(!t.record && !t.notify);
	}
	guard_rates_take(&rates, &d, now_us + GUARD_NEWS_NOTE_S * USEC_PER_SEC - 1, &t);
	CHECK(!t.notify);
	guard_rates_take(&rates, &d, now_us + GUARD_NEWS_NOTE_S * USEC_PER_SEC, &t);
	CHECK(t.notify && !t.record);
	guard_rates_take(&rates, &d, now_us + GUARD_NEWS_JOURNAL_S * USEC_PER_SEC, &t);
	CHECK(t.record);
	/* Nothing is lost on the way. */
	CHECK_INT(t.count, 1003);
}

static void test_hourly(void)
{
	static struct guard_rates rates;
	unsigned int n_records = 0, n_notes = 0;

	/* More programs than are told apart, each only once: somebody copies one about. */
	for (int i = 0; i < 1000; i++) {
		char path[64];
		struct msg_guard_denied d;
		struct guard_telling t;

		snprintf(path, sizeof(path), "/home/ada/x%d", i);
		d = denial("", path, 10000);
		guard_rates_take(&rates, &d, (i + 1) * USEC_PER_SEC, &t);
		n_records += t.record;
		n_notes += t.notify;
	}
	CHECK_INT(n_records, GUARD_NEWS_JOURNAL_HOURLY);
	CHECK_INT(n_notes, GUARD_NEWS_NOTE_HOURLY);
}

static void test_nobody_is_told_of_services_and_audits(void)
{
	static struct guard_rates rates;
	struct msg_guard_denied d = denial("x", "/usr/bin/x", 0);
	struct guard_telling t;

	guard_rates_take(&rates, &d, USEC_PER_SEC, &t);
	CHECK(t.record && !t.notify);
	d = denial("y", "/usr/bin/y", 65534);
	guard_rates_take(&rates, &d, USEC_PER_SEC, &t);
	CHECK(t.record && !t.notify);
	d = denial("z", "/usr/bin/z", 10000);
	d.audit = 1;
	guard_rates_take(&rates, &d, USEC_PER_SEC, &t);
	CHECK(t.record && !t.notify);
	/* What was only watched does not keep quiet about what is then refused. */
	d.audit = 0;
	guard_rates_take(&rates, &d, USEC_PER_SEC, &t);
	CHECK(t.record && t.notify);
}

static void test_names_stay(void)
{
	static const struct {
		const char *path, *told;
	} rows[] = {
		{"/usr/bin/x", "/usr/bin/x"},
		{"/home/ada/Games/x", "~/.../x"},
		{"/home/ada", "~"},
		{"/home/", "~"},
		{"/var/home/ada/x", "~/x"},
		{"/run/media/ada/stick/x", "/run/media/~/.../x"},
		{"/media/ada/stick/x", "/media/~/.../x"},
		{"/run/user/1000/x", "/run/user/~/x"},
		{"/homes/ada/x", "/homes/ada/x"},
		{"", ""},
	};
	char text[LIMIT_TEXT_BYTES + 1];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		guard_path_public(rows[i].path, text);
		CHECK_STR(text, rows[i].told);
	}
}

static void test_told(void)
{
	static struct enforcer e;
	struct journal_recovery recovery;
	struct guard_news *news;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct jsonw w = JSONW_INIT(&out);
	struct msg_guard_denied d;
	char path[256];

	close(check_tmpdir(path));
	CHECK_INT(state_open(path, &e.state), 0);
	CHECK_INT(journal_open(e.state.dir_fd, 0, &e.journal, &recovery), 0);
	e.effects.ops = &ops;
	CHECK_INT(guard_news_new(&e, &news), 0);
	d = denial("firefox-esr", "/usr/bin/firefox", 10000);
	guard_news_take(news, &d, "Firefox");
	CHECK_INT(said.n_notes, 1);
	CHECK_STR(said.title, "Firefox was blocked by mdm-agent");
	CHECK(strstr(said.text, "ask those who manage this phone"));
	d = denial("", "/home/ada/Down\"loads\x01\xff/game.AppImage", 10000);
	d.reason = GUARD_R_USER_PROGRAM;
	guard_news_take(news, &d, "");
	CHECK_INT(said.n_notes, 2);
	CHECK_STR(said.title, "game.AppImage was blocked by mdm-agent");
	CHECK(strstr(said.text, "users can write"));
	CHECK_INT(journal_last_seq(e.journal), 2);
	jsonw_object(&w, NULL);
	guard_news_write(news, &w);
	jsonw_object_end(&w);
	CHECK(strstr(out.data, "\"denied\":2"));
	CHECK(strstr(out.data, "Firefox") && !strstr(out.data, "ada") &&
		!strstr(out.data, "loads"));
	guard_news_free(news);
	journal_free(e.journal);
	state_done(&e.state);
}

static const struct check_test tests[] = {
	{"rates", test_rates},
	{"hourly", test_hourly},
	{"nobody is told of services and audits", test_nobody_is_told_of_services_and_audits},
	{"names_stay", test_names_stay},
	{"told", test_told},
};
CHECK_MAIN(tests)
