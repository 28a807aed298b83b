/* SPDX-License-Identifier: Apache-2.0 */
/* test_document.c - every reason to refuse a document; no role, plain process. */
#include "agent/trust/document.h"

#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/document_fixture.h"

struct row {
	const char *what;
	enum document_type typ;
	const char *payload;
	const char *signers;
	enum document_reason reason;
};

static const struct row rows[] = {
	{"policy, Ed25519", DOCUMENT_POLICY, POLICY(6), "2", DOCUMENT_OK},
	{"policy, ES256", DOCUMENT_POLICY, POLICY(6), "3", DOCUMENT_OK},
	{"policy, both", DOCUMENT_POLICY, POLICY(6), "23", DOCUMENT_OK},
	{"policy with a signer of another role", DOCUMENT_POLICY, POLICY(6), "42", DOCUMENT_OK},
	{"assignment by device", DOCUMENT_ASSIGNMENT, ASSIGNMENT("\"device\":\"" DEVICE "\""), "2",
		DOCUMENT_OK},
	{"assignment by ticket", DOCUMENT_ASSIGNMENT, ASSIGNMENT("\"ticket\":\"" TICKET "\""), "2",
		DOCUMENT_OK},
	{"command", DOCUMENT_COMMAND,
		COMMAND("\"device\":\"" DEVICE "\",\"enrolment\":\"" ENROLMENT "\""), "4",
		DOCUMENT_OK},
	{"command of destroyers", DOCUMENT_COMMAND,
		COMMAND("\"device\":\"" DEVICE "\",\"enrolment\":\"" ENROLMENT "\""), "56",
		DOCUMENT_OK},
	/* who signed */
	{"outsider", DOCUMENT_POLICY, POLICY(6), "8", DOCUMENT_E_SIGNATURE},
	{"outsider beside a holder", DOCUMENT_POLICY, POLICY(6), "28", DOCUMENT_E_SIGNATURE},
	{"outsider before a holder", DOCUMENT_POLICY, POLICY(6), "82", DOCUMENT_E_SIGNATURE},
	{"one key twice", DOCUMENT_POLICY, POLICY(6), "22", DOCUMENT_E_DUPLICATE_SIGNATURE},
	{"one ES256 key twice", DOCUMENT_POLICY, POLICY(6), "33", DOCUMENT_E_DUPLICATE_SIGNATURE},
	{"one key twice, another between", DOCUMENT_POLICY, POLICY(6), "232",
		DOCUMENT_E_DUPLICATE_SIGNATURE},
	{"key without the role", DOCUMENT_POLICY, POLICY(6), "4", DOCUMENT_E_THRESHOLD},
	{"keyset holders are no policy holders", DOCUMENT_POLICY, POLICY(6), "01",
		DOCUMENT_E_THRESHOLD},
	{"policy holder orders", DOCUMENT_COMMAND,
		COMMAND("\"device\":\"" DEVICE "\",\"enrolment\":\"" ENROLMENT "\""), "2",
		DOCUMENT_E_THRESHOLD},
	{"one destroyer orders", DOCUMENT_COMMAND,
		COMMAND("\"device\":\"" DEVICE "\",\"enrolment\":\"" ENROLMENT "\""), "5",
		DOCUMENT_E_THRESHOLD},
	/* type */
	{"policy signed as command", DOCUMENT_COMMAND, POLICY(6), "4", DOCUMENT_E_TYPE},
	{"command signed as policy", DOCUMENT_POLICY,
		COMMAND("\"device\":\"" DEVICE "\",\"enrolment\":\"" ENROLMENT "\""), "2",
		DOCUMENT_E_TYPE},
	{"no type", DOCUMENT_POLICY, "{\"org\":\"" ORG "\"}", "2", DOCUMENT_E_TYPE},
	{"type is no text", DOCUMENT_POLICY, "{\"type\":7}", "2", DOCUMENT_E_TYPE},
	{"type of the future", DOCUMENT_POLICY, "{\"type\":\"apps\"}", "2", DOCUMENT_E_TYPE},
	/* organisation */
	{"other organisation", DOCUMENT_POLICY,
		HEAD("policy", OTHER_ORG, 6) DATES ",\"target\":{\"stream\":\"staff\"}}", "2",
		DOCUMENT_E_ORG},
	{"no organisation", DOCUMENT_POLICY, "{\"type\":\"policy\"}", "2", DOCUMENT_E_SYNTAX},
	/* target */
	{"other stream", DOCUMENT_POLICY,
		HEAD("policy", ORG, 6) DATES ",\"target\":{\"stream\":\"board\"}}", "2",
		DOCUMENT_E_TARGET},
	{"policy for a device", DOCUMENT_POLICY,
		HEAD("policy", ORG, 6) DATES ",\"target\":{\"device\":\"" DEVICE "\"}}", "2",
		DOCUMENT_E_TARGET},
	{"target narrowed by something unknown", DOCUMENT_POLICY,
		HEAD("policy", ORG, 6) DATES
		",\"target\":{\"stream\":\"staff\",\"model\":\"librem\"}}",
		"2", DOCUMENT_E_TARGET},
	{"empty target", DOCUMENT_POLICY, HEAD("policy", ORG, 6) DATES ",\"target\":{}}", "2",
		DOCUMENT_E_SYNTAX},
	{"no target", DOCUMENT_POLICY, HEAD("policy", ORG, 6) DATES "}", "2", DOCUMENT_E_SYNTAX},
	{"target is no object", DOCUMENT_POLICY,
		HEAD("policy", ORG, 6) DATES ",\"target\":\"all\"}", "2", DOCUMENT_E_SYNTAX},
	{"stream is no name", DOCUMENT_POLICY,
		HEAD("policy", ORG, 6) DATES ",\"target\":{\"stream\":\"../x\"}}", "2",
		DOCUMENT_E_SYNTAX},
	{"other device", DOCUMENT_ASSIGNMENT, ASSIGNMENT("\"device\":\"" ORG "\""), "2",
		DOCUMENT_E_TARGET},
	{"other ticket", DOCUMENT_ASSIGNMENT, ASSIGNMENT("\"ticket\":\"" ORG "\""), "2",
		DOCUMENT_E_TARGET},
	{"ticket id as device", DOCUMENT_ASSIGNMENT, ASSIGNMENT("\"device\":\"" TICKET "\""), "2",
		DOCUMENT_E_TARGET},
	{"device and ticket", DOCUMENT_ASSIGNMENT,
		ASSIGNMENT("\"device\":\"" DEVICE "\",\"ticket\":\"" TICKET "\""), "2",
		DOCUMENT_E_TARGET},
	{"malformed device", DOCUMENT_ASSIGNMENT, ASSIGNMENT("\"device\":\"d0\""), "2",
		DOCUMENT_E_SYNTAX},
	{"command for another device", DOCUMENT_COMMAND,
		COMMAND("\"device\":\"" ORG "\",\"enrolment\":\"" ENROLMENT "\""), "4",
		DOCUMENT_E_TARGET},
	{"command for another enrolment", DOCUMENT_COMMAND,
		COMMAND("\"device\":\"" DEVICE "\",\"enrolment\":\"" ORG "\""), "4",
		DOCUMENT_E_TARGET},
	{"command without enrolment", DOCUMENT_COMMAND, COMMAND("\"device\":\"" DEVICE "\""), "4",
		DOCUMENT_E_SYNTAX},
	{"command for a stream", DOCUMENT_COMMAND, COMMAND("\"stream\":\"staff\""), "4",
		DOCUMENT_E_TARGET},
	/* serial; 5 is held */
	{"the one held", DOCUMENT_POLICY, POLICY(5), "2", DOCUMENT_OK},
	{"the one held, other signer", DOCUMENT_POLICY, POLICY(5), "3", DOCUMENT_OK},
	{"rollback", DOCUMENT_POLICY, POLICY(4), "2", DOCUMENT_E_ROLLBACK},
	{"serial used for other bytes", DOCUMENT_POLICY,
		HEAD("policy", ORG, 5) DATES ",\"target\":{\"stream\":\"staff\"} }", "2",
		DOCUMENT_E_SERIAL_REUSED},
	{"another stream has its own serials", DOCUMENT_POLICY,
		HEAD("policy", ORG, 1) DATES ",\"target\":{\"stream\":\"all\"}}", "2", DOCUMENT_OK},
	{"serial 0", DOCUMENT_POLICY, POLICY(0), "2", DOCUMENT_E_SYNTAX},
	{"serial of 2^53", DOCUMENT_POLICY, POLICY(9007199254740992), "2", DOCUMENT_E_SYNTAX},
	{"serial with a point", DOCUMENT_POLICY, POLICY(6.0), "2", DOCUMENT_E_SYNTAX},
	/* dates */
	{"expired a second ago", DOCUMENT_POLICY,
		POLICY_DATES("\"issued\":1799990000,\"expires\":1799999999"), "2",
		DOCUMENT_E_EXPIRED},
	{"expires now", DOCUMENT_POLICY,
		POLICY_DATES("\"issued\":1799990000,\"expires\":1800000000"), "2", DOCUMENT_OK},
	{"valid in a second", DOCUMENT_POLICY,
		POLICY_DATES("\"issued\":1799990000,\"not_before\":1800000001,"
			     "\"expires\":1800090000"),
		"2", DOCUMENT_E_NOT_YET},
	{"valid since now", DOCUMENT_POLICY,
		POLICY_DATES("\"issued\":1799990000,\"not_before\":1800000000,"
			     "\"expires\":1800090000"),
		"2", DOCUMENT_OK},
	{"issued while our clock is behind", DOCUMENT_POLICY,
		POLICY_DATES("\"issued\":1800000500,\"expires\":1800090000"), "2", DOCUMENT_OK},
	{"valid later than issued, our clock is behind", DOCUMENT_POLICY,
		POLICY_DATES("\"issued\":1800000500,\"not_before\":1800000501,"
			     "\"expires\":1800090000"),
		"2", DOCUMENT_E_NOT_YET},
	{"no issued", DOCUMENT_POLICY, POLICY_DATES("\"expires\":1800090000"), "2",
		DOCUMENT_E_SYNTAX},
	{"no expires", DOCUMENT_POLICY, POLICY_DATES("\"issued\":1799990000"), "2",
		DOCUMENT_E_SYNTAX},
	{"issued is text", DOCUMENT_POLICY,
		POLICY_DATES("\"issued\":\"now\",\"expires\":1800090000"), "2", DOCUMENT_E_SYNTAX},
	{"not_before is null", DOCUMENT_POLICY, POLICY_DATES(DATES ",\"not_before\":null"), "2",
		DOCUMENT_E_SYNTAX},
	{"expires before it is issued", DOCUMENT_POLICY,
		POLICY_DATES("\"issued\":1800090001,\"expires\":1800090000"), "2",
		DOCUMENT_E_EXPIRED},
	{"expires when it is issued", DOCUMENT_POLICY,
		POLICY_DATES("\"issued\":1800090000,\"expires\":1800090000"), "2",
		DOCUMENT_E_MEANING},
	/* syntax */
	{"no JSON", DOCUMENT_POLICY, "hello", "2", DOCUMENT_E_SYNTAX},
	{"duplicate member", DOCUMENT_POLICY, "{\"type\":\"policy\",\"type\":\"command\"}", "2",
		DOCUMENT_E_SYNTAX},
	{"trailing bytes", DOCUMENT_POLICY, POLICY(6) "{}", "2", DOCUMENT_E_SYNTAX},
	{"unknown members are for later versions", DOCUMENT_POLICY,
		HEAD("policy", ORG, 6) DATES ",\"target\":{\"stream\":\"staff\"},\"later\":[]}",
		"2", DOCUMENT_OK},
	{"assignment without groups", DOCUMENT_ASSIGNMENT,
		HEAD("assignment", ORG, 9) DATES ",\"target\":{\"device\":\"" DEVICE "\"}}", "2",
		DOCUMENT_E_SYNTAX},
	/* keysets that are none */
	{"keyset with a target", DOCUMENT_KEYSET,
		HEAD("keyset", ORG, 4) DATES ",\"target\":{\"device\":\"" DEVICE "\"}}", "01",
		DOCUMENT_E_TARGET},
	{"keyset without keys", DOCUMENT_KEYSET, HEAD("keyset", ORG, 4) DATES "}", "01",
		DOCUMENT_E_SYNTAX},
	{"keyset gap", DOCUMENT_KEYSET, HEAD("keyset", ORG, 5) DATES "}", "01", DOCUMENT_E_GAP},
	{"keyset rollback", DOCUMENT_KEYSET, HEAD("keyset", ORG, 2) DATES "}", "01",
		DOCUMENT_E_ROLLBACK},
	{"keyset version reused", DOCUMENT_KEYSET, HEAD("keyset", ORG, 3) DATES "}", "01",
		DOCUMENT_E_SERIAL_REUSED},
	{"keyset of one holder", DOCUMENT_KEYSET, HEAD("keyset", ORG, 4) DATES "}", "0",
		DOCUMENT_E_THRESHOLD},
};

static void run_rows(struct fixture *f, bool seen[DOCUMENT_REASON_MAX])
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(document_freep) struct document *doc = NULL;
		_cleanup_buf_ struct buf text = BUF_INIT;
		enum document_reason reason;

		sign_with(f, rows[i].typ, rows[i].payload, rows[i].signers, &text);
		verify(f, &text, &reason, &doc);
		seen[reason] = true;
		if (reason != rows[i].reason)
			check_fail(__FILE__, __LINE__, "%s: %s", rows[i].what,
				document_reason_name(reason));
		if ((reason == DOCUMENT_OK) != (doc != NULL))
			check_fail(__FILE__, __LINE__, "%s: output", rows[i].what);
	}
}

/* Texts that no tool of this project writes. */
static void run_texts(struct fixture *f, bool seen[DOCUMENT_REASON_MAX])
{
	const struct key *policy = &f->keys[K_POLICY_ED].key, *es = &f->keys[K_POLICY_ES].key;
	char right[160], es_right[160], header[6][200];
	struct {
		const char *header; /* of the first line */
		const char *second; /* of a second one by the ES256 key; NULL: none */
		enum document_reason reason;
	} texts[] = {
		{right, NULL, DOCUMENT_OK},
		{right, es_right, DOCUMENT_OK},
		{"", NULL, DOCUMENT_E_FORM},
		{"{}", NULL, DOCUMENT_E_HEADER},
		{"x", NULL, DOCUMENT_E_HEADER},
		{"{\"alg\":\"none\"}", NULL, DOCUMENT_E_HEADER},
		{header[0], NULL, DOCUMENT_E_HEADER},
		{header[1], NULL, DOCUMENT_E_HEADER},
		{header[2], NULL, DOCUMENT_E_HEADER},
		{header[3], NULL, DOCUMENT_E_HEADER},
		{header[4], NULL, DOCUMENT_E_TYPE},
		/* the lines do not agree on the type */
		{right, header[5], DOCUMENT_E_TYPE},
	};

	snprintf(right, sizeof(right), "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"mdm-policy\"}",
		policy->kid);
	snprintf(es_right, sizeof(es_right),
		"{ \"typ\": \"mdm-policy\", \"kid\": \"%s\", \"alg\": \"ES256\" }", es->kid);
	/* the key is Ed25519, whatever the header says */
	snprintf(header[0], sizeof(header[0]),
		"{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"mdm-policy\"}", policy->kid);
	/* somebody else's name */
	snprintf(header[1], sizeof(header[1]),
		"{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"mdm-policy\"}",
		f->keys[K_DESTROY_A].key.kid);
	/* crit must be understood or refused (RFC 7515, 4.1.11) */
	snprintf(header[2], sizeof(header[2]),
		"{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"mdm-policy\",\"crit\":[\"b64\"],"
		"\"b64\":false}",
		policy->kid);
	snprintf(header[3], sizeof(header[3]), "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", policy->kid);
	snprintf(header[4], sizeof(header[4]), "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"JWT\"}",
		policy->kid);
	snprintf(header[5], sizeof(header[5]),
		"{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"mdm-command\"}", es->kid);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(document_freep) struct document *doc = NULL;
		_cleanup_buf_ struct buf text = BUF_INIT;
		enum document_reason reason;

		signer_sign_raw(texts[i].header, POLICY(6), strlen(POLICY(6)), policy, &text);
		if (texts[i].second)
			signer_sign_raw(texts[i].second, POLICY(6), strlen(POLICY(6)), es, &text);
		verify(f, &text, &reason, &doc);
		seen[reason] = true;
		if (reason != texts[i].reason)
			check_fail(__FILE__, __LINE__, "text %zu: %s", i,
				document_reason_name(reason));
	}
}

static void run_special(struct fixture *f, bool seen[DOCUMENT_REASON_MAX])
{
	_cleanup_buf_ struct buf empty = BUF_INIT, mixed = BUF_INIT, good = BUF_INIT;
	struct fixture g = *f;
	struct keyset expired = *f->keyset;
	struct document *doc = NULL;
	enum document_reason reason;
	uint8_t pin[SHA256_BYTES] = {1};

	verify(f, &empty, &reason, &doc);
	CHECK_INT(reason, DOCUMENT_E_SIZE);
	seen[reason] = true;
	sign_with(f, DOCUMENT_POLICY, POLICY(6), "2", &mixed);
	sign_with(f, DOCUMENT_POLICY, POLICY(7), "3", &mixed);
	verify(f, &mixed, &reason, &doc);
	CHECK_INT(reason, DOCUMENT_E_PAYLOAD_MISMATCH);
	seen[reason] = true;

	sign_with(f, DOCUMENT_POLICY, POLICY(6), "2", &good);
	g.context.keyset = NULL;
	g.context.held_userdata = &g;
	verify(&g, &good, &reason, &doc);
	CHECK_INT(reason, DOCUMENT_E_SIGNATURE);
	g.context.pinned_keyset = pin;
	verify(&g, &good, &reason, &doc);
	CHECK_INT(reason, DOCUMENT_E_PIN);
	seen[reason] = true;

	expired.expires_s = NOW - 1;
	g.context.keyset = &expired;
	verify(&g, &good, &reason, &doc);
	CHECK_INT(reason, DOCUMENT_E_KEYSET_EXPIRED);
	seen[reason] = true;
	CHECK(!doc);
}

static void test_rows(void)
{
	bool seen[DOCUMENT_REASON_MAX] = {false};
	struct fixture f;

	fixture_init(&f);
	run_rows(&f, seen);
	run_texts(&f, seen);
	run_special(&f, seen);
	fixture_done(&f);
	/* The reasons behind it are for those who take commands. */
	for (enum document_reason reason = 0; reason < DOCUMENT_E_NONCE; reason++)
		if (!seen[reason])
			check_fail(__FILE__, __LINE__, "%s was never the answer",
				document_reason_name(reason));
}

static void test_names(void)
{
	for (enum document_reason a = 0; a < DOCUMENT_REASON_MAX; a++) {
		CHECK(document_reason_name(a) && *document_reason_name(a));
		CHECK(strlen(document_reason_advice(a)) > 10);
		for (enum document_reason b = 0; b < a; b++)
			CHECK(strcmp(document_reason_name(a), document_reason_name(b)) != 0);
	}
	for (enum document_type type = 0; type < DOCUMENT_TYPE_MAX; type++) {
		CHECK(document_type_name(type) && *document_type_name(type));
		CHECK(strncmp(document_type_typ(type), "mdm-", 4) == 0);
		CHECK_STR(document_type_typ(type) + 4, document_type_name(type));
		CHECK(document_type_role(type) < TRUST_ROLE_MAX);
	}
}

#define ID "abababababababababababababababab"
#define MY_TARGET "\"device\":\"" DEVICE "\",\"enrolment\":\"" ENROLMENT "\""
#define NAMED(dates, target)                                                                       \
	HEAD("command", ORG, 1)                                                                    \
	dates ",\"target\":{" target "},\"id\":\"" ID "\",\"verb\":\"lock\"}"

/* Whoever signs for the organisation is told what became of the command, and nobody else. */
static void test_command_names(void)
{
	static const struct {
		const char *payload, *signers;
		enum document_reason reason;
		bool named;
	} table[] = {
		{NAMED(DATES, MY_TARGET), "4", DOCUMENT_OK, true},
		{NAMED(DATES, MY_TARGET), "2", DOCUMENT_E_THRESHOLD, true},
		{NAMED(DATES, MY_TARGET), "5", DOCUMENT_E_THRESHOLD, true},
		{NAMED("\"issued\":1799990000,\"expires\":1799999999", MY_TARGET), "4",
			DOCUMENT_E_EXPIRED, true},
		{NAMED(DATES, "\"device\":\"" DEVICE "\",\"enrolment\":\"" ORG "\""), "4",
			DOCUMENT_E_TARGET, true},
		{NAMED(DATES, MY_TARGET), "8", DOCUMENT_E_SIGNATURE, false},
		{NAMED(DATES, MY_TARGET), "48", DOCUMENT_E_SIGNATURE, false},
		{NAMED(DATES, MY_TARGET), "44", DOCUMENT_E_DUPLICATE_SIGNATURE, false},
		{"{\"type\":\"command\",\"id\":\"" ID "x\"}", "2", DOCUMENT_E_THRESHOLD, false},
		{"{\"type\":\"command\",", "2", DOCUMENT_E_THRESHOLD, false},
	};
	struct fixture f;

	fixture_init(&f);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_cleanup_(document_freep) struct document *doc = NULL;
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct document_refusal why = {0};
		const char *id;

		sign_with(&f, DOCUMENT_COMMAND, table[i].payload, table[i].signers, &text);
		(void)document_verify(text.data, text.n_bytes, &f.context, &doc, &why);
		id = doc ? doc->command_id : why.command_id;
		if (why.reason != table[i].reason || strcmp(id, table[i].named ? ID : "") != 0)
			check_fail(__FILE__, __LINE__, "row %zu: %s, \"%s\"", i,
				document_reason_name(why.reason), id);
		if (!doc)
			CHECK_STR(why.command_verb, table[i].named ? "lock" : "");
	}
	fixture_done(&f);
}

/* A serial that was seen is no obstacle for a command: ids count. */
static int64_t held_everything(void *userdata, enum document_type type, const char *stream,
	uint8_t ret_payload_sha256[SHA256_BYTES])
{
	(void)userdata;
	(void)type;
	(void)stream;
	memset(ret_payload_sha256, 1, SHA256_BYTES);
	return 7;
}

static void test_command_serial(void)
{
	_cleanup_(document_freep) struct document *doc = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	enum document_reason reason;
	struct fixture f;

	fixture_init(&f);
	f.context.held = held_everything;
	sign_with(&f, DOCUMENT_COMMAND, NAMED(DATES, MY_TARGET), "4", &text);
	verify(&f, &text, &reason, &doc);
	fixture_done(&f);
	CHECK_INT(reason, DOCUMENT_OK);
	CHECK(doc && !doc->already_held);
}

/* The largest payload of a command, and one byte more; a policy may be larger. */
static void test_command_size(void)
{
	struct fixture f;

	fixture_init(&f);
	for (size_t over = 0; over < 2; over++) {
		_cleanup_(document_freep) struct document *doc = NULL;
		_cleanup_buf_ struct buf text = BUF_INIT, payload = BUF_INIT;
		enum document_reason reason;

		buf_puts(&payload, NAMED(DATES, MY_TARGET));
		while (payload.n_bytes < LIMIT_COMMAND_PAYLOAD_BYTES + over)
			buf_puts(&payload, " ");
		sign_with(&f, DOCUMENT_COMMAND, payload.data, "4", &text);
		verify(&f, &text, &reason, &doc);
		CHECK_INT(reason, over ? DOCUMENT_E_SIZE : DOCUMENT_OK);
	}
	fixture_done(&f);
}

static void test_members(void)
{
	_cleanup_(document_freep) struct document *policy = NULL, *assignment = NULL;
	_cleanup_buf_ struct buf policy_text = BUF_INIT, assignment_text = BUF_INIT;
	enum document_reason reason;
	struct fixture f;

	fixture_init(&f);
	sign_with(&f, DOCUMENT_POLICY, POLICY(6), "24", &policy_text);
	sign_with(&f, DOCUMENT_ASSIGNMENT, ASSIGNMENT("\"ticket\":\"" TICKET "\""), "3",
		&assignment_text);
	verify(&f, &policy_text, &reason, &policy);
	verify(&f, &assignment_text, &reason, &assignment);
	CHECK(policy && assignment);
	CHECK_INT(policy->type, DOCUMENT_POLICY);
	CHECK_STR(policy->org, ORG);
	CHECK_INT(policy->serial, 6);
	CHECK_INT(policy->issued_s, 1799990000);
	CHECK_INT(policy->not_before_s, 1799990000);
	CHECK_INT(policy->expires_s, 1800090000);
	CHECK_STR(policy->stream, "staff");
	CHECK_STR(policy->target, "");
	CHECK(!policy->already_held);
	CHECK_INT(policy->n_signers, 2);
	CHECK_STR(policy->signers[0], f.keys[K_POLICY_ED].key.kid);
	CHECK_STR(policy->signers[1], f.keys[K_COMMAND].key.kid);
	CHECK_STR(policy->jws.payload, POLICY(6));
	CHECK(document_satisfies(policy, f.keyset, TRUST_ROLE_POLICY));
	CHECK(document_satisfies(policy, f.keyset, TRUST_ROLE_COMMAND));
	CHECK(!document_satisfies(policy, f.keyset, TRUST_ROLE_DESTROY));
	CHECK_INT(assignment->type, DOCUMENT_ASSIGNMENT);
	CHECK_STR(assignment->target, TICKET);
	CHECK(assignment->target_is_ticket);
	fixture_done(&f);
}

/* What is held is recognised even when it, or the keyset, has expired since. */
static void test_already_held(void)
{
	_cleanup_(document_freep) struct document *doc = NULL, *late = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	enum document_reason reason;
	struct fixture f;

	fixture_init(&f);
	sign_with(&f, DOCUMENT_POLICY, POLICY(5), "2", &text);
	verify(&f, &text, &reason, &doc);
	CHECK(doc && doc->already_held);
	f.context.now_s = NOW + 100000000;
	verify(&f, &text, &reason, &late);
	CHECK(late && late->already_held);
	fixture_done(&f);
}

/* Tools check documents of any phone and any serial, but not of anybody. */
static void test_any_target(void)
{
	_cleanup_buf_ struct buf old = BUF_INIT, board = BUF_INIT, command = BUF_INIT;
	_cleanup_(document_freep) struct document *a = NULL, *b = NULL, *c = NULL, *d = NULL;
	enum document_reason reason;
	struct fixture f;

	fixture_init(&f);
	sign_with(&f, DOCUMENT_POLICY, POLICY(4), "2", &old);
	sign_with(&f, DOCUMENT_POLICY,
		HEAD("policy", ORG, 6) DATES ",\"target\":{\"stream\":\"board\"}}", "2", &board);
	sign_with(&f, DOCUMENT_COMMAND, COMMAND("\"device\":\"" ORG "\",\"enrolment\":\"" ORG "\""),
		"4", &command);
	f.context.any_target = true;
	verify(&f, &old, &reason, &a);
	CHECK(a && !a->already_held);
	verify(&f, &board, &reason, &b);
	CHECK(b);
	CHECK_STR(b->stream, "board");
	verify(&f, &command, &reason, &c);
	CHECK(c);
	CHECK_STR(c->target, ORG);
	f.context.keyset = NULL;
	verify(&f, &old, &reason, &d);
	CHECK_INT(reason, DOCUMENT_E_SIGNATURE);
	fixture_done(&f);
}

/* A phone that knows no device id, no ticket and no enrolment is nobody's target. */
static void test_no_identity(void)
{
	static const char *const nothing[] = {NULL, ""};
	enum document_reason reason;
	struct fixture f;

	fixture_init(&f);
	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT, command = BUF_INIT, policy = BUF_INIT;
		struct document *doc = NULL;

		f.context.device_id = f.context.ticket_id = f.context.enrolment_id = nothing[i];
		f.context.n_streams = 0;
		sign_with(&f, DOCUMENT_ASSIGNMENT, ASSIGNMENT("\"device\":\"" DEVICE "\""), "2",
			&text);
		verify(&f, &text, &reason, &doc);
		CHECK_INT(reason, DOCUMENT_E_TARGET);
		sign_with(&f, DOCUMENT_COMMAND,
			COMMAND("\"device\":\"" DEVICE "\",\"enrolment\":\"" ENROLMENT "\""), "4",
			&command);
		verify(&f, &command, &reason, &doc);
		CHECK_INT(reason, DOCUMENT_E_TARGET);
		sign_with(&f, DOCUMENT_POLICY, POLICY(6), "2", &policy);
		verify(&f, &policy, &reason, &doc);
		CHECK_INT(reason, DOCUMENT_E_TARGET);
	}
	fixture_done(&f);
}

static const struct check_test tests[] = {
	{"rows", test_rows},
	{"names", test_names},
	{"command_names", test_command_names},
	{"command_serial", test_command_serial},
	{"command_size", test_command_size},
	{"members", test_members},
	{"already_held", test_already_held},
	{"any_target", test_any_target},
	{"no_identity", test_no_identity},
};
CHECK_MAIN(tests)
