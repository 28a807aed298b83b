/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_report_lean.c - reports on links that cost money: what is left out, that nothing is lost by
 * it, and that it ends after a day. Enforcer, on a device that is told what it sees.
 */
#include "agent/enforcer/report_lean.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "agent/json/json_read.h"
#include "tests/unit/enforcer/device_rig.h"

#define LEAN_FILE "reports/lean"

static void make_expensive(struct device_rig *rig)
{
	rig->e.documents.has_assignment = true;
	rig->facts.metered = TRUTH_TRUE;
	device_rig_see(rig);
}

static void age_lean_file(struct device_rig *rig, int64_t age_s)
{
	struct timespec times[2] = {
		{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)(clock_realtime_s() - age_s)}};

	signer_must(utimensat(rig->e.state.dir_fd, LEAN_FILE, times, 0) == 0);
}

static bool has_lean_file(struct device_rig *rig)
{
	struct stat st;

	return fstatat(rig->e.state.dir_fd, LEAN_FILE, &st, 0) == 0;
}

/* --- when --------------------------------------------------------------------------------- */

static void test_when(void)
{
	_device_rig_ struct device_rig rig;

	device_rig_init(&rig, "{}");
	CHECK(!report_lean_begin(&rig.e));
	make_expensive(&rig);
	CHECK(report_lean_begin(&rig.e));
	/* The first report of an enrolment is whole: nobody knows the phone yet. */
	rig.e.documents.has_assignment = false;
	CHECK(!report_lean_begin(&rig.e));
	rig.e.documents.has_assignment = true;
	rig.facts.metered = TRUTH_FALSE;
	device_rig_see(&rig);
	CHECK(!report_lean_begin(&rig.e));
	rig.facts.metered = TRUTH_UNKNOWN;
	rig.facts.roaming = TRUTH_TRUE;
	device_rig_see(&rig);
	CHECK(report_lean_begin(&rig.e));
}

static void test_a_day(void)
{
	static const struct {
		int64_t age_s;
		bool lean;
	} cases[] = {
		{0, true},
		{REPORT_LEAN_MAX_S - 60, true},
		{REPORT_LEAN_MAX_S, false},
		{INT64_C(3) * 365 * 86400, false},
		/* The clock was set back. */
		{-3600, false},
	};
	_device_rig_ struct device_rig rig;

	device_rig_init(&rig, "{}");
	make_expensive(&rig);
	CHECK(!has_lean_file(&rig));
	CHECK(report_lean_begin(&rig.e));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		/* As after a restart: only the file knows. */
		age_lean_file(&rig, cases[i].age_s);
		CHECK_INT(report_lean_begin(&rig.e), cases[i].lean);
	}
	/* A whole one was answered, and another day begins. */
	age_lean_file(&rig, REPORT_LEAN_MAX_S);
	report_lean_end(&rig.e);
	CHECK(!has_lean_file(&rig));
	report_lean_end(&rig.e);
	CHECK(report_lean_begin(&rig.e));
	CHECK(has_lean_file(&rig));
}

/* Where the beginning cannot be written down, nothing waits. */
static void test_no_state(void)
{
	_device_rig_ struct device_rig rig;

	device_rig_init(&rig, "{}");
	make_expensive(&rig);
	/* A file in place of the directory. */
	close(openat(rig.e.state.dir_fd, "reports", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	CHECK(!report_lean_begin(&rig.e));
}

/* --- what --------------------------------------------------------------------------------- */

struct report_text {
	struct buf text;
	struct json_object *json;
};

static void report_text_done(struct report_text *t)
{
	buf_done(&t->text);
	json_putp(&t->json);
}

static void make_report(struct device_rig *rig, bool lean, struct report_text *t)
{
	buf_reset(&t->text);
	json_putp(&t->json);
	t->json = NULL;
	signer_must(report_write(&rig->e, lean, &t->text) == 0);
	t->json = json_tokener_parse(t->text.data);
	signer_must(t->json != NULL);
}

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, name, &value);
	return value;
}

static bool has_digest(const struct report_text *t, const char *section)
{
	return member(member(member(t->json, "sections"), section), "digest") != NULL;
}

static bool has_body(const struct report_text *t, const char *section)
{
	return member(member(member(t->json, "sections"), section), "body") != NULL;
}

/* "3,5,6" */
static const char *seqs(const struct report_text *t)
{
	static char text[1024];
	struct json_object *events = member(t->json, "events");
	size_t n = 0;

	text[0] = 0;
	for (size_t i = 0; i < json_object_array_length(events); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%lld", i ? "," : "",
			(long long)json_object_get_int64(
				member(json_object_array_get_idx(events, i), "seq")));
	return text;
}

static uint64_t add_event(struct device_rig *rig, enum journal_type type)
{
	uint64_t seq = 0;

	signer_must(journal_append(rig->e.journal, type, "{}", &seq) == 0);
	return seq;
}

/* The server answered and has everything up to ack; as checkin.c does it. */
static void answered(struct device_rig *rig, uint64_t ack)
{
	uint64_t acked = report_acknowledge_events(&rig->e.report, (int64_t)ack);

	(void)report_acknowledge(&rig->e.report, "");
	if (acked > rig->e.state.facts.acked_seq)
		rig->e.state.facts.acked_seq = acked;
}

static void test_sections(void)
{
	_device_rig_ struct device_rig rig;
	_cleanup_(report_text_done) struct report_text lean = {0}, whole = {0};

	device_rig_init(&rig, "{}");
	make_report(&rig, false, &whole);
	CHECK(has_body(&whole, "inventory") && has_body(&whole, "agent"));
	make_report(&rig, true, &lean);
	/* The digest tells the server what it lacks, and costs nothing. */
	CHECK(has_digest(&lean, "inventory") && !has_body(&lean, "inventory"));
	CHECK(has_digest(&lean, "agent") && !has_body(&lean, "agent"));
	CHECK(has_body(&lean, "compliance"));
	CHECK(!has_digest(&lean, "diagnostics"));
	CHECK(lean.text.n_bytes < whole.text.n_bytes);
	/* The server has none of them: on the next cheap link they come. */
	(void)report_acknowledge(&rig.e.report, "inventory,agent");
	make_report(&rig, false, &whole);
	CHECK(has_body(&whole, "inventory") && has_body(&whole, "agent"));
	CHECK(!has_body(&whole, "compliance"));
}

/* Pressing events overtake the others; those come later, each once, in their order. */
static void test_events(void)
{
	_device_rig_ struct device_rig rig;
	_cleanup_(report_text_done) struct report_text t = {0};
	uint64_t first;

	device_rig_init(&rig, "{}");
	first = add_event(&rig, JOURNAL_DRIFT_REPAIRED);
	CHECK_INT(first, 1);
	add_event(&rig, JOURNAL_APPLIED);	     /* 2 */
	add_event(&rig, JOURNAL_COMMAND);	     /* 3 */
	add_event(&rig, JOURNAL_COMPLIANCE_CHANGED); /* 4 */
	add_event(&rig, JOURNAL_DOCUMENT_REFUSED);   /* 5 */
	make_report(&rig, true, &t);
	CHECK_STR(seqs(&t), "1,3,5");
	answered(&rig, 5);
	/* What waits must not be forgotten by the journal. */
	CHECK_INT(rig.e.state.facts.acked_seq, 1);
	add_event(&rig, JOURNAL_COMMAND); /* 6 */
	add_event(&rig, JOURNAL_APPLIED); /* 7 */
	make_report(&rig, true, &t);
	CHECK_STR(seqs(&t), "6");
	answered(&rig, 6);
	CHECK_INT(rig.e.state.facts.acked_seq, 1);
	make_report(&rig, true, &t);
	CHECK_STR(seqs(&t), "");
	answered(&rig, 6);
	make_report(&rig, false, &t);
	CHECK_STR(seqs(&t), "2,4,7");
	answered(&rig, 7);
	CHECK_INT(rig.e.state.facts.acked_seq, 7);
	make_report(&rig, false, &t);
	CHECK_STR(seqs(&t), "");
}

/* An answer that was lost, and a server that was put back to an older state. */
static void test_events_are_told_again(void)
{
	_device_rig_ struct device_rig rig;
	_cleanup_(report_text_done) struct report_text t = {0};

	device_rig_init(&rig, "{}");
	add_event(&rig, JOURNAL_APPLIED); /* 1 */
	add_event(&rig, JOURNAL_COMMAND); /* 2 */
	make_report(&rig, true, &t);
	CHECK_STR(seqs(&t), "2");
	make_report(&rig, true, &t);
	CHECK_STR(seqs(&t), "2");
	answered(&rig, 2);
	make_report(&rig, true, &t);
	CHECK_STR(seqs(&t), "");
	answered(&rig, 1);
	make_report(&rig, false, &t);
	CHECK_STR(seqs(&t), "1,2");
	/* A server that claims to have what was never sent moves nothing beyond it. */
	answered(&rig, UINT64_C(1) << 62);
	CHECK_INT(rig.e.state.facts.acked_seq, 2);
}

/* Any mixture of links, answers that are lost and new events: each event arrives, in the end. */
static void test_random(void)
{
	static const enum journal_type types[] = {JOURNAL_APPLIED, JOURNAL_COMMAND,
		JOURNAL_COMPLIANCE_CHANGED, JOURNAL_DOCUMENT_ACCEPTED, JOURNAL_CHECKIN_FAILED};
	struct gen gen = {77};

	for (int round = 0; round < 12; round++) {
		_device_rig_ struct device_rig rig;
		_cleanup_(report_text_done) struct report_text t = {0};
		bool arrived[200] = {false};
		uint64_t n = 0, highest = 0;

		device_rig_init(&rig, "{}");
		for (int step = 0; step < 60; step++) {
			bool lean = step < 55 && gen_below(&gen, 2);
			const char *next;

			for (uint64_t k = gen_below(&gen, 4); step < 55 && k > 0; k--)
				n = add_event(&rig, types[gen_below(&gen, ARRAY_SIZE(types))]);
			make_report(&rig, lean, &t);
			for (next = seqs(&t); *next;
				next += strcspn(next, ","), next += *next == ',') {
				uint64_t seq = strtoull(next, NULL, 10);

				CHECK(seq >= 1 && seq <= n);
				arrived[seq] = true;
				highest = seq > highest ? seq : highest;
			}
			/* Stored by the server whether or not its answer arrives. */
			if (step >= 55 || gen_below(&gen, 3))
				answered(&rig, highest);
			/* The journal may forget only what arrived. */
			for (uint64_t seq = 1; seq <= rig.e.state.facts.acked_seq; seq++)
				CHECK(arrived[seq]);
		}
		CHECK_INT(rig.e.state.facts.acked_seq, n);
	}
}

static const struct check_test tests[] = {
	{"when", test_when},
	{"a_day", test_a_day},
	{"no_state", test_no_state},
	{"sections", test_sections},
	{"events", test_events},
	{"events_are_told_again", test_events_are_told_again},
	{"random", test_random},
};
CHECK_MAIN(tests)
