/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_brake.c - which documents destroy, and who is another administrator. The table of verbs is
 * held against the one that phones and mdmctl have: its header is enough for that, a courier links
 * none of it.
 */
#include "server/brake.h"

#include <string.h>

#include "agent/trust/verb.h"
#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "tests/lib/check.h"

#define WIPE "{\"type\":\"command\",\"verb\":\"wipe\",\"nonce\":\"AAAAAAAAAAAAAAAAAAAAAA\"}"

static void put_field(struct buf *out, const char *text, size_t n, const char *end)
{
	char *encoded = malloc(BASE64URL_LENGTH(n) + 1);

	base64url_encode(text, n, encoded);
	buf_puts(out, encoded);
	buf_puts(out, end);
	free(encoded);
}

static void put_line(struct buf *out, const char *header, const char *payload)
{
	put_field(out, header, strlen(header), ".");
	put_field(out, payload, strlen(payload), ".");
	buf_puts(out, "c2ln\n");
}

static bool destroys(const char *payload, char ret_verb[LIMIT_NAME_BYTES + 1])
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	put_line(&text, "{}", payload);
	return brake_destroys((struct span){text.data, text.n_bytes}, ret_verb);
}

/* Every verb of phones is here and destroys exactly if it takes the role "destroy". */
static void test_verbs(void)
{
	static const struct {
		const char *name;
		enum trust_role role;
	} verbs[] = {
#define X(id, name, role, valid_s, arguments, handler, help) {name, role},
		VERB_TABLE(X)
#undef X
	};

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		bool should = verbs[i].role == TRUST_ROLE_DESTROY;
		char payload[256], verb[LIMIT_NAME_BYTES + 1];
		const struct brake_verb *row = brake_verbs;

		while (row->name && strcmp(row->name, verbs[i].name) != 0)
			row++;
		if (!row->name || row->destroys != should)
			check_fail(__FILE__, __LINE__, "%s", verbs[i].name);
		/* With a nonce: --fresh makes nothing destructive, its absence nothing harmless. */
		snprintf(payload, sizeof(payload), "{\"verb\":\"%s\",\"nonce\":\"x\"}",
			verbs[i].name);
		CHECK_INT(destroys(payload, verb), should);
		CHECK_STR(verb, verbs[i].name);
		snprintf(payload, sizeof(payload), "{\"verb\":\"%s\"}", verbs[i].name);
		CHECK_INT(destroys(payload, verb), should);
	}
}

static void test_payloads(void)
{
	static const struct {
		const char *payload;
		bool destroys;
		const char *verb;
	} rows[] = {
		{WIPE, true, "wipe"},
		{"{\"verb\":\"crypto-lock\"}", true, "crypto-lock"},
		{" { \"verb\" : \"w\\u0069pe\" } ", true, "wipe"},
		{"{\"v\\u0065rb\":\"wipe\"}", true, "wipe"},
		{"{\"x\":{\"verb\":\"lock\"},\"verb\":\"wipe\"}", true, "wipe"},
		{"{\"x\":{\"verb\":\"wipe\"},\"verb\":\"lock\"}", false, "lock"},
		/* A verb of later phones: as destructive as its nonce says. */
		{"{\"verb\":\"shred\"}", false, "shred"},
		{"{\"verb\":\"shred\",\"nonce\":\"AAAAAAAAAAAAAAAAAAAAAA\"}", true, "shred"},
		{"{\"verb\":\"shred\",\"nonce\":null}", true, "shred"},
		{"{\"verb\":\"Lock\",\"nonce\":\"x\"}", true, "Lock"},
		{"{\"verb\":\"lock2\",\"nonce\":\"x\"}", true, "lock2"},
		{"{}", false, ""},
		{"{\"nonce\":\"x\"}", true, ""},
		/* What cannot be read. */
		{"", true, ""},
		{"x", true, ""},
		{"[]", true, ""},
		{"\"lock\"", true, ""},
		{"{\"verb\":\"lock\"", true, ""},
		{"{\"verb\":\"lock\"}{}", true, ""},
		{"{\"verb\":\"lock\",\"verb\":\"wipe\"}", true, ""},
		{"{\"verb\":\"lock\",\"nonce\":1,\"nonce\":2}", true, ""},
		{"{\"verb\":1}", true, ""},
		{"{\"verb\":null}", true, ""},
		{"{\"verb\":\"\"}", true, ""},
		{"{\"verb\":\"lo ck\"}", true, ""},
		{"{\"verb\":\"lock\\u0000\"}", true, ""},
		{"{\"verb\":\"lock\",\"x\":\"\xff\"}", true, ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char verb[LIMIT_NAME_BYTES + 1];

		if (destroys(rows[i].payload, verb) != rows[i].destroys ||
			strcmp(verb, rows[i].verb) != 0)
			check_fail(__FILE__, __LINE__, "%s: %s", rows[i].payload, verb);
	}
}

/* The longest name and the longest payload, and one step above. */
static void test_limits(void)
{
	char verb[LIMIT_NAME_BYTES + 1], name[LIMIT_NAME_BYTES + 2], payload[256];
	char *text = malloc(LIMIT_COMMAND_PAYLOAD_BYTES + 2);

	memset(name, 'a', sizeof(name));
	name[LIMIT_NAME_BYTES] = 0;
	snprintf(payload, sizeof(payload), "{\"verb\":\"%s\"}", name);
	CHECK(!destroys(payload, verb));
	CHECK_STR(verb, name);
	snprintf(payload, sizeof(payload), "{\"verb\":\"%sa\"}", name);
	CHECK(destroys(payload, verb));
	CHECK_STR(verb, "");

	memset(text, ' ', LIMIT_COMMAND_PAYLOAD_BYTES + 1);
	memcpy(text, "{\"verb\":\"lock\"}", 15);
	text[LIMIT_COMMAND_PAYLOAD_BYTES] = 0;
	CHECK(!destroys(text, verb));
	text[LIMIT_COMMAND_PAYLOAD_BYTES] = ' ';
	text[LIMIT_COMMAND_PAYLOAD_BYTES + 1] = 0;
	CHECK(destroys(text, verb));
	free(text);
}

/* All lines have one payload, or nobody knows which one counts. */
static void test_lines(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char verb[LIMIT_NAME_BYTES + 1];

	CHECK(brake_destroys((struct span){"", 0}, verb));
	CHECK(brake_destroys((struct span){"a.b.c", 5}, verb));
	for (int i = 0; i < LIMIT_DOCUMENT_LINES; i++) {
		put_line(&text, "{}", "{\"verb\":\"lock\"}");
		CHECK(!brake_destroys((struct span){text.data, text.n_bytes}, verb));
		CHECK(!brake_destroys((struct span){text.data, text.n_bytes - 1}, verb));
	}
	put_line(&text, "{}", "{\"verb\":\"sync\"}");
	CHECK(brake_destroys((struct span){text.data, text.n_bytes}, verb));
	CHECK_STR(verb, "");
}

static bool is_command(const char *header, const char *payload)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	put_line(&text, header, payload);
	return brake_is_command((struct span){text.data, text.n_bytes});
}

static void test_is_command(void)
{
	static const char policy[] = "{\"alg\":\"EdDSA\",\"kid\":\"k\",\"typ\":\"mdm-policy\"}";
	_cleanup_buf_ struct buf text = BUF_INIT;

	CHECK(is_command("{\"alg\":\"EdDSA\",\"kid\":\"k\",\"typ\":\"mdm-command\"}", "{}"));
	CHECK(is_command("{\"typ\":\"mdm-comm\\u0061nd\"}", "?"));
	CHECK(is_command(policy, WIPE));
	CHECK(is_command("?", WIPE));
	CHECK(!is_command(policy, "{\"type\":\"policy\",\"profiles\":[]}"));
	CHECK(!is_command("header", "text"));
	CHECK(!is_command("[\"mdm-command\"]", "\"command\""));
	/* In any line. */
	put_line(&text, policy, "{\"type\":\"policy\"}");
	put_line(&text, "{\"typ\":\"mdm-command\"}", "{}");
	CHECK(brake_is_command((struct span){text.data, text.n_bytes}));
}

static void test_another(void)
{
	static const struct {
		struct brake_admin a, b;
		bool another;
	} rows[] = {
		{{"alice", "01"}, {"bob", "02"}, true},
		{{"alice", "01"}, {"alice", "01"}, false},
		{{"alice", "01"}, {"alice", "02"}, false}, /* renewed */
		{{"alice", "01"}, {"Alice", "02"}, false},
		{{"alice", "01"}, {"bob", "01"}, false},
		{{"unnamed", "01"}, {"unnamed", "02"}, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_INT(brake_is_another(&rows[i].a, &rows[i].b), rows[i].another);
		CHECK_INT(brake_is_another(&rows[i].b, &rows[i].a), rows[i].another);
	}
}

static const struct check_test tests[] = {
	{"verbs", test_verbs},
	{"payloads", test_payloads},
	{"limits", test_limits},
	{"lines", test_lines},
	{"is_command", test_is_command},
	{"another", test_another},
};
CHECK_MAIN(tests)
