/* SPDX-License-Identifier: Apache-2.0 */
/* test_envelope.c - payloads carry what the protocol wants and what the author wrote, nothing else.
 */
#include <string.h>

#include "server/ctl/envelope.h"
#include "server/ctl/keyfile.h"
#include "tests/lib/check.h"

#define ORG "00112233445566778899aabbccddeeff"
#define ID "ffeeddccbbaa99887766554433221100"

static const struct envelope envelope = {.org = ORG,
	.serial = 7,
	.issued_s = 1800000000,
	.expires_s = 1831536000,
	.target = "staff"};

static const char minimal[] =
	"{\"comment\":\"caf\xc3\xa9 / \\\"x\\\"\",\"profiles\":[{\"id\":\"p\",\"settings\":"
	"{\"screen_lock\":{\"idle_delay\":300}}}]}";

static int policy(const char *text, struct buf *out, struct fault *fault)
{
	return envelope_policy(&envelope, text, strlen(text), out, NULL, fault);
}

static void test_policy(void)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(policy_freep) struct policy *parsed = NULL;
	struct fault fault = {0};

	CHECK_INT(envelope_policy(&envelope, minimal, strlen(minimal), &out, &parsed, &fault), 0);
	CHECK_STR(out.data,
		"{\"type\":\"policy\",\"org\":\"" ORG "\",\"serial\":7,\"issued\":1800000000,"
		"\"expires\":1831536000,\"target\":{\"stream\":\"staff\"},"
		"\"comment\":\"caf\xc3\xa9 / \\\"x\\\"\",\"profiles\":[{\"id\":\"p\",\"settings\":"
		"{\"screen_lock\":{\"idle_delay\":300}}}]}");
	CHECK_STR(parsed->stream, "staff");
	CHECK_INT(parsed->serial, 7);
	CHECK_INT(parsed->n_profiles, 1);
	CHECK_INT(parsed->n_unsupported, 0);
}

static void test_policy_reserved(void)
{
	static const char *const members[] = {
		"type", "org", "serial", "issued", "not_before", "expires", "target"};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct fault fault = {0};
		char text[128];

		snprintf(text, sizeof(text), "{\"profiles\":[],\"%s\":null}", members[i]);
		CHECK_INT(policy(text, &out, &fault), FAULT_FAILURE);
		CHECK(strncmp(fault.text, members[i], strlen(members[i])) == 0);
		CHECK_INT(out.n_bytes, 0);
	}
}

/* The message names the place and what is expected there. */
static void test_policy_malformed(void)
{
	static const struct {
		const char *text, *place;
	} rows[] = {
		{"{\"profiles\":[{\"id\":\"p\",\"settings\":{\"screen_lock\":{\"idle_delay\":14}}}]}",
			"profiles[0].settings.screen_lock.idle_delay"},
		{"{\"profiles\":[{\"id\":\"p\",\"settings\":{\"screen_lock\":{\"enabled\":1}}}]}",
			"profiles[0].settings.screen_lock.enabled"},
		{"{\"profiles\":[{\"settings\":{}}]}", "profiles[0].id"},
		{"{\"profiles\":{}}", "profiles"},
		{"{}", "profiles"},
		{"{\"profiles\":[],\"checkin\":{\"interval\":1}}", "checkin.interval"},
		{"{\"profiles\":[]} {}", ""},
		{"{\"profiles\":[],\"profiles\":[]}", ""},
		{"[]", ""},
		{"", ""},
		{"{\"profiles\":[", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct fault fault = {0};

		CHECK_INT(policy(rows[i].text, &out, &fault), FAULT_FAILURE);
		if (!strstr(fault.text, rows[i].place))
			check_fail(__FILE__, __LINE__, "row %zu: \"%s\"", i, fault.text);
		CHECK(*fault.text);
		CHECK_INT(out.n_bytes, 0);
	}
}

static void test_policy_unknown(void)
{
	static const char text[] =
		"{\"profiles\":[{\"id\":\"p\",\"settings\":{\"screen_lock\":{\"colour\":1},"
		"\"submarine\":{\"depth\":1}}}],\"weather\":[]}";
	_cleanup_(policy_freep) struct policy *parsed = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct fault fault = {0};

	CHECK_INT(envelope_policy(&envelope, text, strlen(text), &out, &parsed, &fault), 0);
	CHECK_INT(parsed->n_unsupported, 3);
}

/* One byte above what phones take. */
static void test_policy_size(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT, out = BUF_INIT, none = BUF_INIT;
	struct fault fault = {0};
	size_t n_payload, n_more;

	/* Unknown members may hold any text; one sets the size to the byte. */
	buf_puts(&text, "{\"profiles\":[],\"pad\":\"\"}");
	CHECK_INT(policy(text.data, &out, &fault), 0);
	n_payload = out.n_bytes;
	for (int over = 0; over < 2; over++) {
		buf_reset(&text);
		buf_reset(&out);
		buf_puts(&text, "{\"profiles\":[],\"pad\":\"");
		n_more = LIMIT_PAYLOAD_BYTES - n_payload + (size_t)over;
		for (size_t i = 0; i < n_more; i++)
			buf_puts(&text, "x");
		buf_puts(&text, "\"}");
		CHECK_INT(policy(text.data, over ? &none : &out, &fault), over ? FAULT_FAILURE : 0);
		if (!over)
			CHECK_INT(out.n_bytes, LIMIT_PAYLOAD_BYTES);
	}
	CHECK_INT(none.n_bytes, 0);
}

static void test_assignment(void)
{
	_cleanup_buf_ struct buf out = BUF_INIT, second = BUF_INIT;
	_cleanup_json_ struct json_object *object = NULL;
	struct envelope e = envelope;
	struct envelope_assignment a = {
		.for_ticket = true,
		.groups = {"staff", "kiosk"},
		.n_groups = 2,
		.ownership = OWNERSHIP_PERSONAL,
		.user = "M. Muster",
	};
	struct assignment parsed;
	struct json_error error;
	struct fault fault = {0};

	e.target = ID;
	CHECK_INT(envelope_assignment(&e, &a, &out, &fault), 0);
	CHECK(strstr(out.data, "\"target\":{\"ticket\":\"" ID "\"}"));
	CHECK_INT(json_parse(out.data, out.n_bytes, &object, &error), 0);
	CHECK_INT(assignment_parse(object, &parsed, &error), 0);
	CHECK_INT(parsed.serial, 7);
	CHECK_INT(parsed.n_groups, 2);
	CHECK_STR(parsed.groups[0], "kiosk");
	CHECK_STR(parsed.user, "M. Muster");
	CHECK_INT(parsed.ownership, OWNERSHIP_PERSONAL);
	a.for_ticket = false;
	a.user = NULL;
	CHECK_INT(envelope_assignment(&e, &a, &second, &fault), 0);
	CHECK(strstr(second.data, "\"target\":{\"device\":\"" ID "\"}"));
	CHECK(!strstr(second.data, "user"));
}

static void test_assignment_refuses(void)
{
	char longer[LIMIT_TEXT_BYTES + 2];
	struct {
		const char *group, *user;
	} rows[] = {{"a b", NULL}, {"", NULL}, {"../x", NULL}, {"ok", "a\nb"}, {"ok", "\xff"},
		{"ok", longer}};

	memset(longer, 'x', sizeof(longer));
	longer[LIMIT_TEXT_BYTES + 1] = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct fault fault = {0};
		struct envelope_assignment a = {
			.groups = {rows[i].group}, .n_groups = 1, .user = rows[i].user};

		CHECK_INT(envelope_assignment(&envelope, &a, &out, &fault), FAULT_FAILURE);
	}
}

static void test_keyset(void)
{
	_cleanup_pkey_ EVP_PKEY *first = NULL, *second = NULL;
	_cleanup_(keyset_freep) struct keyset *parsed = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct fault fault = {0};
	struct json_error error = {0};
	struct key a, b;
	struct envelope_key keys[2] = {{"admin", &a, 15}, {"second", &b, 1u << TRUST_ROLE_DESTROY}};
	struct envelope_keyset keyset = {
		.org_name = "Example", .keys = keys, .n_keys = 2, .threshold = {1, 1, 1, 2}};

	CHECK_INT(keyfile_generate("ED25519", &first, &fault), 0);
	CHECK_INT(keyfile_generate("P-256", &second, &fault), 0);
	CHECK_INT(key_from_pkey(first, &a), 0);
	CHECK_INT(key_from_pkey(second, &b), 0);
	CHECK_INT(envelope_keyset(&envelope, &keyset, &out, &fault), 0);
	CHECK_INT(keyset_parse(out.data, out.n_bytes, &parsed, &error), 0);
	CHECK_INT(parsed->n_keys, 2);
	CHECK_INT(parsed->version, 7);
	CHECK_INT(parsed->threshold[TRUST_ROLE_DESTROY], 2);
	CHECK(keyset_find(parsed, a.kid) && keyset_find(parsed, b.kid));
	CHECK_INT(keyset_find(parsed, b.kid)->roles, 1u << TRUST_ROLE_DESTROY);
	CHECK(!strstr(out.data, "target") && !strstr(out.data, "ca_pins"));
	CHECK_INT(parsed->n_ca_pins, 0);
	key_done(&a);
	key_done(&b);
}

static void test_keyset_pins(void)
{
	static const uint8_t pins[LIMIT_TICKET_PINS][SHA256_BYTES] = {{7}, {1, 2, 3}};
	_cleanup_pkey_ EVP_PKEY *pkey = NULL;
	_cleanup_(keyset_freep) struct keyset *parsed = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct fault fault = {0};
	struct json_error error = {0};
	struct key key;
	struct envelope_key keys[1] = {{"admin", &key, 15}};
	struct envelope_keyset keyset = {.org_name = "Example",
		.keys = keys,
		.n_keys = 1,
		.threshold = {1, 1, 1, 1},
		.ca_pins = pins,
		.n_ca_pins = LIMIT_TICKET_PINS};

	CHECK_INT(keyfile_generate("ED25519", &pkey, &fault), 0);
	CHECK_INT(key_from_pkey(pkey, &key), 0);
	CHECK_INT(envelope_keyset(&envelope, &keyset, &out, &fault), 0);
	CHECK_INT(keyset_parse(out.data, out.n_bytes, &parsed, &error), 0);
	CHECK_INT(parsed->n_ca_pins, LIMIT_TICKET_PINS);
	CHECK(memcmp(parsed->ca_pins, pins, sizeof(pins)) == 0);
	key_done(&key);
}

static const struct check_test tests[] = {
	{"policy", test_policy},
	{"policy_reserved", test_policy_reserved},
	{"policy_malformed", test_policy_malformed},
	{"policy_unknown", test_policy_unknown},
	{"policy_size", test_policy_size},
	{"assignment", test_assignment},
	{"assignment_refuses", test_assignment_refuses},
	{"keyset", test_keyset},
	{"keyset_pins", test_keyset_pins},
};
CHECK_MAIN(tests)
