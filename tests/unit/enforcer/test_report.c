/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_report.c - the report of a check-in as docs/protocol.md, section 4 has it: members, digests,
 * what is left out, and what happens when it is too large. Enforcer, without its loop.
 */
#include "agent/enforcer/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/enforcer/enforcer.h"
#include "agent/json/json_read.h"
#include "agent/util/codec.h"
#include "tests/lib/check.h"
#include "tests/lib/signer.h"

#define ENROLMENT "00112233445566778899aabbccddeeff"
#define TICKET "0123456789abcdef0123456789abcdef"
#define DEVICE "fedcba9876543210fedcba9876543210"
#define TOO_LARGE "{\"too_large\":true}"

/* An enrolled phone with an empty file system, that knows no mechanism. */
struct rig {
	struct enforcer e;
	struct buf text;
	struct json_object *json;
	struct keyset keyset;
	struct policy policy;
};

static void rig_init(struct rig *rig)
{
	struct journal_recovery recovery;
	struct enforcer *e = &rig->e;
	char path[256];

	memset(rig, 0, sizeof(*rig));
	e->sysroot_fd = check_tmpdir(path);
	e->platform = (struct platform){.sysroot_fd = e->sysroot_fd, .vault_fd = -1};
	close(check_tmpdir(path));
	signer_must(state_open(path, &e->state) == 0);
	signer_must(journal_open(e->state.dir_fd, 0, &e->journal, &recovery) == 0);
	documents_init(&e->documents, &e->state, e->journal);
	e->state.facts.enrolled = true;
	memcpy(e->state.facts.device_id, DEVICE, sizeof(DEVICE));
	memcpy(e->state.facts.enrolment_id, ENROLMENT, sizeof(ENROLMENT));
	memcpy(e->state.facts.ticket_id, TICKET, sizeof(TICKET));
	signer_must(commands_new(e, &e->commands) == 0);
}

static void rig_done(struct rig *rig)
{
	compliance_done(&rig->e.reconcile.compliance);
	json_putp(&rig->json);
	buf_done(&rig->text);
	/* Keyset and policy are the rig's own, not on the heap. */
	rig->e.documents.keyset = NULL;
	rig->e.documents.n_policies = 0;
	documents_done(&rig->e.documents);
	commands_free(rig->e.commands);
	journal_free(rig->e.journal);
	state_done(&rig->e.state);
	close(rig->e.sysroot_fd);
}
#define _rig_ _cleanup_(rig_done)

/* What report_write() returns; after 0 there is JSON. */
static int rig_report(struct rig *rig)
{
	int r;

	json_putp(&rig->json);
	rig->json = NULL;
	buf_reset(&rig->text);
	r = report_write(&rig->e, false, &rig->text);
	/* Not json_parse(): a large compliance has more members than what the agent reads. */
	if (r == 0)
		rig->json = json_tokener_parse(rig->text.data);
	signer_must(r < 0 || json_object_is_type(rig->json, json_type_object));
	return r;
}

static void rig_events(struct rig *rig, size_t n, const char *payload)
{
	for (size_t i = 0; i < n; i++)
		signer_must(
			journal_append(rig->e.journal, JOURNAL_DRIFT_REPAIRED, payload, NULL) == 0);
}

/* Encryption of storage as n mounts with the longest names and n_detail bytes of details in all. */
static void rig_mounts(struct rig *rig, size_t n, size_t n_detail)
{
	struct compliance *c = &rig->e.reconcile.compliance;
	struct compliance_result *result;

	compliance_done(c);
	result = c->results[SETTING_ENCRYPTION_STORAGE] = calloc(1, sizeof(*result));
	signer_must(result != NULL);
	result->items = calloc(n, sizeof(*result->items));
	signer_must(result->items != NULL);
	result->present = true;
	result->n_items = n;
	for (size_t i = 0; i < n; i++) {
		size_t n_here = n_detail < LIMIT_TEXT_BYTES ? n_detail : LIMIT_TEXT_BYTES;

		memset(result->items[i].name, 'n', LIMIT_TEXT_BYTES);
		memset(result->items[i].detail, 'd', n_here);
		n_detail -= n_here;
	}
	rig->e.reconcile.has_compliance = true;
}

/* --- reading it --------------------------------------------------------------------------- */

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, name, &value);
	return value;
}

static const char *string(const struct rig *rig, const char *name)
{
	return json_object_get_string(member(rig->json, name));
}

static struct json_object *section(const struct rig *rig, const char *name)
{
	return member(member(rig->json, "sections"), name);
}

static const char *digest(const struct rig *rig, const char *name)
{
	return json_object_get_string(member(section(rig, name), "digest"));
}

static bool has_body(const struct rig *rig, const char *name)
{
	return member(section(rig, name), "body") != NULL;
}

static size_t n_events(const struct rig *rig)
{
	return json_object_array_length(member(rig->json, "events"));
}

static int64_t event_seq(const struct rig *rig, size_t i)
{
	return json_object_get_int64(
		member(json_object_array_get_idx(member(rig->json, "events"), i), "seq"));
}

/* The body's bytes as they stand in the report; no string in it holds a brace. */
static size_t body_bytes(const struct rig *rig, const char *name, const char **ret_body)
{
	char head[128];
	const char *body, *end;
	int depth = 0;

	snprintf(
		head, sizeof(head), "\"%s\":{\"digest\":\"%s\",\"body\":", name, digest(rig, name));
	body = strstr(rig->text.data, head);
	if (!body)
		return 0;
	body += strlen(head);
	for (end = body; *end; end++) {
		depth += (*end == '{') - (*end == '}');
		if (depth == 0)
			break;
	}
	*ret_body = body;
	return (size_t)(end + 1 - body);
}

static bool digest_fits(const struct rig *rig, const char *name)
{
	char text[2 * SHA256_BYTES + 1];
	uint8_t sum[SHA256_BYTES];
	const char *body = NULL;
	size_t n = body_bytes(rig, name, &body);

	signer_must(sha256(body, n, sum) == 0);
	hex_encode(sum, sizeof(sum), text);
	return n > 2 && strlen(digest(rig, name)) == 16 && memcmp(text, digest(rig, name), 16) == 0;
}

/* --- tests -------------------------------------------------------------------------------- */

static void test_members(void)
{
	static const char *const names[] = {"v", "device", "enrolment", "ticket", "agent", "nonce",
		"report", "have", "sections", "events", NULL};
	static const char *const sections[] = {"compliance", "inventory", "agent", NULL};
	struct json_error error;
	uint8_t nonce[16];
	char first[64];
	size_t n;
	_rig_ struct rig rig;

	rig_init(&rig);
	CHECK_INT(rig_report(&rig), 0);
	CHECK_INT(json_only(rig.json, "", names, &error), 0);
	CHECK_INT(json_object_object_length(rig.json), ARRAY_SIZE(names) - 1);
	CHECK_INT(json_only(member(rig.json, "sections"), "sections", sections, &error), 0);
	/* Diagnostics are there only after an order, others where there is something to say. */
	CHECK_INT(json_object_object_length(member(rig.json, "sections")), REPORT_SECTION_MAX - 5);
	CHECK_INT(json_object_get_int(member(rig.json, "v")), 1);
	CHECK_STR(string(&rig, "device"), DEVICE);
	CHECK_STR(string(&rig, "enrolment"), ENROLMENT);
	CHECK_STR(string(&rig, "agent"), MDM_VERSION);
	CHECK_INT(n_events(&rig), 0);
	snprintf(first, sizeof(first), "%s", string(&rig, "nonce"));
	CHECK_INT(base64url_decode(first, strlen(first), nonce, sizeof(nonce), &n), 0);
	CHECK_INT(n, sizeof(nonce));
	CHECK_INT(rig_report(&rig), 0);
	/* For an hour, or until it was used. */
	CHECK_STR(string(&rig, "nonce"), first);
}

/* Stored before it is said, so that none comes twice; one that cannot be stored is not said. */
static void test_numbers(void)
{
	_rig_ struct rig rig;
	int dir_fd;

	rig_init(&rig);
	rig.e.state.facts.report_seq = 41;
	CHECK_INT(rig_report(&rig), 0);
	CHECK_INT(json_object_get_int64(member(rig.json, "report")), 42);
	CHECK_INT(rig.e.state.facts.report_seq, 42);
	CHECK_INT(rig_report(&rig), 0);
	CHECK_INT(json_object_get_int64(member(rig.json, "report")), 43);
	dir_fd = rig.e.state.dir_fd;
	rig.e.state.dir_fd = -1;
	CHECK_INT(rig_report(&rig), 0);
	rig.e.state.dir_fd = dir_fd;
	CHECK(!member(rig.json, "report"));
	CHECK_INT(rig.e.state.facts.report_seq, 43);
	CHECK_INT(rig_report(&rig), 0);
	CHECK_INT(json_object_get_int64(member(rig.json, "report")), 44);
}

static void test_ticket_until_assigned(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	CHECK_INT(rig_report(&rig), 0);
	CHECK_STR(string(&rig, "ticket"), TICKET);
	rig.e.documents.has_assignment = true;
	CHECK_INT(rig_report(&rig), 0);
	CHECK(!member(rig.json, "ticket"));
}

static void test_have(void)
{
	struct json_object *have;
	_rig_ struct rig rig;

	rig_init(&rig);
	CHECK_INT(rig_report(&rig), 0);
	have = member(rig.json, "have");
	CHECK_STR(json_object_to_json_string_ext(have, JSON_C_TO_STRING_PLAIN),
		"{\"keyset\":0,\"assignment\":0,\"policy\":{}}");
	rig.keyset.version = 4;
	rig.e.documents.keyset = &rig.keyset;
	rig.e.documents.has_assignment = true;
	rig.e.documents.assignment.serial = 3;
	snprintf(rig.policy.stream, sizeof(rig.policy.stream), "staff");
	rig.policy.serial = 7;
	rig.e.documents.policies[0].policy = &rig.policy;
	rig.e.documents.n_policies = 1;
	CHECK_INT(rig_report(&rig), 0);
	have = member(rig.json, "have");
	CHECK_STR(json_object_to_json_string_ext(have, JSON_C_TO_STRING_PLAIN),
		"{\"keyset\":4,\"assignment\":3,\"policy\":{\"staff\":7}}");
}

static void test_digests(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	CHECK_INT(rig_report(&rig), 0);
	for (size_t i = 0; i < REPORT_DIAGNOSTICS; i++)
		CHECK(digest_fits(&rig, report_section_name((enum report_section)i)));
	rig_mounts(&rig, 3, 1);
	CHECK_INT(rig_report(&rig), 0);
	CHECK(digest_fits(&rig, "compliance"));
}

static void test_acknowledged_bodies_are_left_out(void)
{
	char held[17];
	_rig_ struct rig rig;

	rig_init(&rig);
	CHECK_INT(rig_report(&rig), 0);
	/* Not answered yet: everything again. */
	CHECK_INT(rig_report(&rig), 0);
	CHECK(has_body(&rig, "compliance") && has_body(&rig, "inventory"));
	snprintf(held, sizeof(held), "%s", digest(&rig, "inventory"));
	report_acknowledge(&rig.e.report, "");
	CHECK_INT(rig_report(&rig), 0);
	CHECK(!has_body(&rig, "compliance") && !has_body(&rig, "inventory") &&
		!has_body(&rig, "agent"));
	CHECK_STR(digest(&rig, "inventory"), held);
	/* What changed goes out, the rest stays. */
	rig_mounts(&rig, 1, 1);
	CHECK_INT(rig_report(&rig), 0);
	CHECK(digest_fits(&rig, "compliance"));
	CHECK(!has_body(&rig, "inventory") && !has_body(&rig, "agent"));
}

static void test_resend(void)
{
	static const struct {
		const char *list;
		bool compliance, inventory, agent;
	} rows[] = {
		{"inventory", false, true, false},
		{"compliance,agent", true, false, true},
		{"agent,inventory,compliance", true, true, true},
		{",,agent,", false, false, true},
		{"invent,inventoryx,Agent,unheard-of", false, false, false},
	};
	_rig_ struct rig rig;

	rig_init(&rig);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_INT(rig_report(&rig), 0);
		report_acknowledge(&rig.e.report, "");
		CHECK_INT(rig_report(&rig), 0);
		report_acknowledge(&rig.e.report, rows[i].list);
		CHECK_INT(rig_report(&rig), 0);
		CHECK_INT(has_body(&rig, "compliance"), rows[i].compliance);
		CHECK_INT(has_body(&rig, "inventory"), rows[i].inventory);
		CHECK_INT(has_body(&rig, "agent"), rows[i].agent);
	}
}

static void test_events(void)
{
	struct json_object *event;
	_rig_ struct rig rig;

	rig_init(&rig);
	rig_events(&rig, 2, "{\"setting\":\"idle_delay\"}");
	CHECK_INT(rig_report(&rig), 0);
	CHECK_INT(n_events(&rig), 2);
	CHECK(!rig.e.report.more_events);
	CHECK_INT(rig.e.report.sent_seq, 2);
	event = json_object_array_get_idx(member(rig.json, "events"), 0);
	CHECK_INT(json_object_object_length(event), 5);
	CHECK_INT(event_seq(&rig, 0), 1);
	CHECK(json_object_get_int64(member(event, "time")) > 0);
	CHECK_INT(strlen(json_object_get_string(member(event, "boot"))), 8);
	CHECK_STR(json_object_get_string(member(event, "type")), "drift_repaired");
	CHECK_STR(json_object_get_string(member(member(event, "data"), "setting")), "idle_delay");
	/* Acknowledged ones are not sent again. */
	rig.e.state.facts.acked_seq = 1;
	CHECK_INT(rig_report(&rig), 0);
	CHECK_INT(n_events(&rig), 1);
	CHECK_INT(event_seq(&rig, 0), 2);
	rig.e.state.facts.acked_seq = 2;
	CHECK_INT(rig_report(&rig), 0);
	CHECK_INT(n_events(&rig), 0);
	CHECK_INT(rig.e.report.sent_seq, 2);
}

static void test_one_event_too_many(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	rig_events(&rig, LIMIT_REPORT_EVENTS, "{}");
	CHECK_INT(rig_report(&rig), 0);
	CHECK_INT(n_events(&rig), LIMIT_REPORT_EVENTS);
	CHECK(!rig.e.report.more_events);
	rig_events(&rig, 1, "{}");
	CHECK_INT(rig_report(&rig), 0);
	CHECK_INT(n_events(&rig), LIMIT_REPORT_EVENTS);
	CHECK(rig.e.report.more_events);
	CHECK_INT(rig.e.report.sent_seq, LIMIT_REPORT_EVENTS);
	rig.e.state.facts.acked_seq = LIMIT_REPORT_EVENTS;
	CHECK_INT(rig_report(&rig), 0);
	CHECK_INT(n_events(&rig), 1);
	CHECK_INT(event_seq(&rig, 0), LIMIT_REPORT_EVENTS + 1);
	CHECK(!rig.e.report.more_events);
}

static void test_large_events_follow_later(void)
{
	char payload[LIMIT_JOURNAL_RECORD_BYTES + 1];
	uint64_t total = 0;
	_rig_ struct rig rig;

	memset(payload, 'x', sizeof(payload));
	memcpy(payload, "{\"a\":\"", 6);
	memcpy(payload + sizeof(payload) - 3, "\"}", 3);
	rig_init(&rig);
	rig_events(&rig, LIMIT_REPORT_EVENTS, payload);
	for (int i = 0; i < 3 && total < LIMIT_REPORT_EVENTS; i++) {
		CHECK_INT(rig_report(&rig), 0);
		CHECK(rig.text.n_bytes <= LIMIT_REPORT_BYTES);
		CHECK(n_events(&rig) > 0);
		total += n_events(&rig);
		CHECK_INT(rig.e.report.sent_seq, total);
		CHECK_INT(rig.e.report.more_events, total < LIMIT_REPORT_EVENTS);
		rig.e.state.facts.acked_seq = rig.e.report.sent_seq;
	}
	CHECK_INT(total, LIMIT_REPORT_EVENTS);
}

static void test_without_a_journal(void)
{
	_rig_ struct rig rig;

	rig_init(&rig);
	journal_free(rig.e.journal);
	rig.e.journal = rig.e.documents.journal = NULL;
	CHECK_INT(rig_report(&rig), 0);
	CHECK_INT(n_events(&rig), 0);
}

static bool is_too_large(const struct rig *rig)
{
	const char *body;
	size_t n = body_bytes(rig, "compliance", &body);

	return n == strlen(TOO_LARGE) && memcmp(body, TOO_LARGE, n) == 0;
}

/* However large: the section alone, or only together with the others. */
static void test_too_large_is_replaced(void)
{
	static const size_t mounts[] = {500, LIMIT_MOUNTS, 4 * LIMIT_MOUNTS};
	char replaced[17];
	_rig_ struct rig rig;

	rig_init(&rig);
	rig_events(&rig, 3, "{}");
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		memset(&rig.e.report, 0, sizeof(rig.e.report));
		rig_mounts(&rig, mounts[i], mounts[i] * LIMIT_TEXT_BYTES);
		CHECK_INT(rig_report(&rig), 0);
		CHECK(is_too_large(&rig));
		CHECK(digest_fits(&rig, "compliance"));
		CHECK(digest_fits(&rig, "inventory") && digest_fits(&rig, "agent"));
		CHECK_INT(n_events(&rig), 3);
	}
	/* The server has that now; nothing is sent until it fits again. */
	snprintf(replaced, sizeof(replaced), "%s", digest(&rig, "compliance"));
	report_acknowledge(&rig.e.report, "");
	CHECK_INT(rig_report(&rig), 0);
	CHECK(!has_body(&rig, "compliance"));
	CHECK_STR(digest(&rig, "compliance"), replaced);
	CHECK_INT(n_events(&rig), 3);
	rig_mounts(&rig, 2, 1);
	CHECK_INT(rig_report(&rig), 0);
	CHECK(has_body(&rig, "compliance") && !is_too_large(&rig));
	CHECK(digest_fits(&rig, "compliance"));
}

static void test_one_byte_too_large(void)
{
	const char *body;
	const size_t n = 500;
	size_t room;
	_rig_ struct rig rig;

	rig_init(&rig);
	rig_mounts(&rig, n, 0);
	CHECK_INT(rig_report(&rig), 0);
	room = LIMIT_REPORT_BYTES - rig.text.n_bytes;
	CHECK(room < n * LIMIT_TEXT_BYTES);
	rig_mounts(&rig, n, room);
	CHECK_INT(rig_report(&rig), 0);
	CHECK_INT(rig.text.n_bytes, LIMIT_REPORT_BYTES);
	CHECK(!is_too_large(&rig) && digest_fits(&rig, "compliance"));
	rig_mounts(&rig, n, room + 1);
	CHECK_INT(rig_report(&rig), 0);
	CHECK(is_too_large(&rig));
	/* It fits beside bodies that the server holds already. */
	report_acknowledge(&rig.e.report, "compliance");
	CHECK_INT(rig_report(&rig), 0);
	CHECK(!is_too_large(&rig) &&
		body_bytes(&rig, "compliance", &body) > LIMIT_REPORT_BYTES / 2);
	CHECK(!has_body(&rig, "inventory") && !has_body(&rig, "agent"));
}

static const struct check_test tests[] = {
	{"members", test_members},
	{"numbers", test_numbers},
	{"ticket_until_assigned", test_ticket_until_assigned},
	{"have", test_have},
	{"digests", test_digests},
	{"acknowledged_bodies_are_left_out", test_acknowledged_bodies_are_left_out},
	{"resend", test_resend},
	{"events", test_events},
	{"one_event_too_many", test_one_event_too_many},
	{"large_events_follow_later", test_large_events_follow_later},
	{"without_a_journal", test_without_a_journal},
	{"too_large_is_replaced", test_too_large_is_replaced},
	{"one_byte_too_large", test_one_byte_too_large},
};
CHECK_MAIN(tests)
