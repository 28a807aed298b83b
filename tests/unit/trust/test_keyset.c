/* SPDX-License-Identifier: Apache-2.0 */
/* test_keyset.c - keysets that are taken, and each way of being wrong; no role, plain process. */
#include "agent/trust/keyset.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/signer.h"

#define ORG "0123456789abcdef0123456789abcdef"
#define ALL                                                                                        \
	(SIGNER_ROLE(KEYSET) | SIGNER_ROLE(POLICY) | SIGNER_ROLE(COMMAND) | SIGNER_ROLE(DESTROY))

/* n keys with every role, of both kinds in turn. */
static void write_keyset(struct buf *out, size_t n, uint32_t destroy_threshold)
{
	struct signer_key keys[LIMIT_KEYSET_KEYS + 1] = {0};
	struct signer_keyset keyset = {
		.org = ORG,
		.version = 3,
		.issued_s = 1000,
		.expires_s = 2000,
		.keys = keys,
		.n_keys = n,
		.threshold = {1, 1, 1, destroy_threshold},
	};

	for (size_t i = 0; i < n; i++) {
		if (i % 2)
			signer_es256((uint8_t)(i + 1), &keys[i].key);
		else
			signer_ed25519((uint8_t)(i + 1), &keys[i].key);
		keys[i].name = "somebody";
		keys[i].roles = ALL;
	}
	signer_write_keyset(&keyset, out);
	for (size_t i = 0; i < n; i++)
		key_done(&keys[i].key);
}

static int parse(const char *text, size_t n, struct json_error *error)
{
	_cleanup_(keyset_freep) struct keyset *keyset = NULL;

	return keyset_parse(text, n, &keyset, error);
}

static void test_parse(void)
{
	_cleanup_(keyset_freep) struct keyset *keyset = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct json_error error = {0};

	write_keyset(&text, 3, 2);
	CHECK_INT(keyset_parse(text.data, text.n_bytes, &keyset, &error), 0);
	CHECK_STR(keyset->org, ORG);
	CHECK_STR(keyset->org_name, "Example Organisation");
	CHECK_INT(keyset->version, 3);
	CHECK_INT(keyset->issued_s, 1000);
	CHECK_INT(keyset->expires_s, 2000);
	CHECK_INT(keyset->n_keys, 3);
	CHECK_INT(keyset->threshold[TRUST_ROLE_KEYSET], 1);
	CHECK_INT(keyset->threshold[TRUST_ROLE_DESTROY], 2);
	CHECK_INT(keyset->keys[1].key.alg, KEY_ALG_ES256);
	CHECK_INT(keyset->keys[1].roles, ALL);
	CHECK_STR(keyset->keys[1].name, "somebody");
	CHECK(keyset_find(keyset, keyset->keys[2].key.kid) == &keyset->keys[2]);
	CHECK(!keyset_find(keyset, ""));
	CHECK(!keyset_find(keyset, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
	keyset_free(NULL);
}

static void test_role_names(void)
{
	for (enum trust_role role = 0; role < TRUST_ROLE_MAX; role++)
		CHECK(trust_role_name(role) && *trust_role_name(role));
	CHECK_STR(trust_role_name(TRUST_ROLE_DESTROY), "destroy");
}

static void test_limits(void)
{
	struct json_error error = {0};

	for (size_t n = LIMIT_KEYSET_KEYS; n <= LIMIT_KEYSET_KEYS + 1; n++) {
		_cleanup_buf_ struct buf text = BUF_INIT;

		write_keyset(&text, n, LIMIT_THRESHOLD);
		CHECK_INT(parse(text.data, text.n_bytes, &error),
			n > LIMIT_KEYSET_KEYS ? -EBADMSG : 0);
	}
	CHECK_STR(error.path, "keys");
	for (uint32_t threshold = LIMIT_THRESHOLD; threshold <= LIMIT_THRESHOLD + 1; threshold++) {
		_cleanup_buf_ struct buf text = BUF_INIT;

		write_keyset(&text, LIMIT_KEYSET_KEYS, threshold);
		CHECK_INT(parse(text.data, text.n_bytes, &error),
			threshold > LIMIT_THRESHOLD ? -EBADMSG : 0);
	}
	CHECK_STR(error.path, "thresholds.destroy");
}

/* Replaces one text by another in a valid keyset of two keys. */
struct row {
	const char *from, *to;
	const char *path; /* NULL: still accepted */
};

static const struct row rows[] = {
	{"{\"type\"", "{\"colour\":\"blue\",\"type\"", NULL},
	{"\"name\":\"somebody\"", "\"name\":\"somebody\",\"phone\":null", NULL},
	{"Example Organisation", "", NULL},
	{"\"type\":\"keyset\"", "\"type\":\"policy\"", "type"},
	{"\"type\":\"keyset\",", "", "type"},
	{"\"org\":\"" ORG "\",", "", "org"},
	{ORG, "0123456789ABCDEF0123456789abcdef", ""},
	{ORG, "0123456789abcdef0123456789abcde", ""},
	{ORG, "0123456789abcdef0123456789abcdef0", "org"},
	{"\"org_name\":\"Example Organisation\",", "", "org_name"},
	{"Example Organisation", "a\\nb", "org_name"},
	{"\"serial\":3", "\"serial\":0", "serial"},
	{"\"serial\":3", "\"serial\":-3", "serial"},
	{"\"serial\":3", "\"serial\":\"3\"", "serial"},
	{"\"serial\":3", "\"serial\":3.0", "serial"},
	{"\"serial\":3", "\"serial\":9007199254740992", "serial"},
	{"\"serial\":3", "\"serial\":9007199254740991", NULL},
	{"\"serial\":3,", "", "serial"},
	{"\"issued\":1000", "\"issued\":0", "issued"},
	{"\"issued\":1000", "\"issued\":true", "issued"},
	{"\"expires\":2000", "\"expires\":253402300800", "expires"},
	{"\"expires\":2000", "\"expires\":253402300799", NULL},
	{"\"expires\":2000", "\"expires\":1000", "expires"},
	{"\"expires\":2000,", "", "expires"},
	{"\"keys\":[", "\"keys\":[null,", "keys[0]"},
	{"\"keys\":[", "\"keys\":[],\"ignored\":[", "keys"},
	{"\"keys\":[", "\"keyz\":[", "keys"},
	{"\"keys\":[", "\"keys\":7,\"ignored\":[", "keys"},
	{"\"kid\":\"", "\"kid\":\"A", "keys[0].kid"},
	{"\"kid\":\"", "\"kid\":\"\",\"x\":\"", "keys[0]"},
	{"\"kid\":\"", "\"sid\":\"", "keys[0].kid"},
	{"\"name\":\"somebody\"", "\"name\":\"some body\"", "keys[0]"},
	{"\"name\":\"somebody\"", "\"name\":\"\"", "keys[0]"},
	{"\"name\":\"somebody\",", "", "keys[0].name"},
	{"\"alg\":\"EdDSA\"", "\"alg\":\"ES256\"", "keys[0]"},
	{"\"alg\":\"EdDSA\"", "\"alg\":\"none\"", "keys[0]"},
	{"\"alg\":\"ES256\"", "\"alg\":\"EdDSA\"", "keys[1]"},
	{"\"alg\":\"EdDSA\",", "", "keys[0].alg"},
	{"\"jwk\":{", "\"jwk\":{\"d\":\"AA\",", "keys[0]"},
	{"\"jwk\":{", "\"jwt\":{", "keys[0].jwk"},
	{"\"crv\":\"Ed25519\"", "\"crv\":\"Ed448\"", "keys[0]"},
	{"\"roles\":[\"keyset\",", "\"roles\":[\"king\",", "keys[0]"},
	{"\"roles\":[\"keyset\",", "\"roles\":[\"policy\",", "keys[0]"},
	{"\"roles\":[\"keyset\",", "\"roles\":[7,", "keys[0]"},
	{"\"roles\":[", "\"roles\":[],\"r\":[", "keys[0]"},
	{"\"roles\":[", "\"rolez\":[", "keys[0].roles"},
	{"\"thresholds\":{", "\"thresholds\":{\"king\":1,", "thresholds"},
	{"\"thresholds\":{\"keyset\":1,", "\"thresholds\":{", "thresholds.keyset"},
	{"\"thresholds\":{\"keyset\":1", "\"thresholds\":{\"keyset\":0", "thresholds.keyset"},
	{"\"thresholds\":{\"keyset\":1", "\"thresholds\":{\"keyset\":3", "thresholds"},
	{"\"destroy\":2", "\"destroy\":3", "thresholds"},
	{"\"destroy\":2", "\"destroy\":9", "thresholds.destroy"},
	{"\"thresholds\":{", "\"threshold\":{", "thresholds"},
	{"\"thresholds\":{", "\"thresholds\":[],\"t\":{", "thresholds"},
};

static void test_rows(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	write_keyset(&text, 2, 2);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_buf_ struct buf changed = BUF_INIT;
		const char *at = strstr(text.data, rows[i].from);
		struct json_error error = {0};
		int r;

		if (!at) {
			check_fail(__FILE__, __LINE__, "row %zu: not in the text", i);
			continue;
		}
		buf_append(&changed, text.data, (size_t)(at - text.data));
		buf_puts(&changed, rows[i].to);
		buf_puts(&changed, at + strlen(rows[i].from));
		r = parse(changed.data, changed.n_bytes, &error);
		if (!rows[i].path) {
			if (r != 0)
				check_fail(__FILE__, __LINE__, "row %zu: %s: %s", i, error.path,
					error.message);
			continue;
		}
		if (r != -EBADMSG)
			check_fail(__FILE__, __LINE__, "row %zu (%s): %d", i, rows[i].to, r);
		else if (strcmp(error.path, rows[i].path) != 0)
			check_fail(__FILE__, __LINE__, "row %zu: path \"%s\"", i, error.path);
	}
}

/* 43 characters each; the last one of a 32-byte value holds two bits that must be zero. */
#define PIN_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define PIN_B "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
#define PIN_C "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"

static void test_ca_pins(void)
{
	static const struct {
		const char *member;
		int n_pins; /* -1: refused */
	} pins[] = {
		{"", 0},
		{",\"ca_pins\":[\"" PIN_A "\"]", 1},
		{",\"ca_pins\":[\"" PIN_B "\",\"" PIN_A "\"]", 2},
		{",\"ca_pins\":[\"" PIN_A "\",\"" PIN_B "\",\"" PIN_C "\"]", -1},
		{",\"ca_pins\":[]", -1},
		{",\"ca_pins\":[\"" PIN_A "\",\"" PIN_A "\"]", -1},
		{",\"ca_pins\":null", -1},
		{",\"ca_pins\":\"" PIN_A "\"", -1},
		{",\"ca_pins\":{}", -1},
		{",\"ca_pins\":[null]", -1},
		{",\"ca_pins\":[7]", -1},
		{",\"ca_pins\":[[\"" PIN_A "\"]]", -1},
		{",\"ca_pins\":[\"\"]", -1},
		{",\"ca_pins\":[\"" PIN_A "A\"]", -1},
		{",\"ca_pins\":[\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]", -1},
		{",\"ca_pins\":[\"" PIN_A "=\"]", -1},
		{",\"ca_pins\":[\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\"]", -1},
		{",\"ca_pins\":[\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+A\"]", -1},
		{",\"ca_pins\":[\"" PIN_A "\\u0000\"]", -1},
	};
	_cleanup_buf_ struct buf text = BUF_INIT;

	write_keyset(&text, 2, 2);
	for (size_t i = 0; i < ARRAY_SIZE(pins); i++) {
		_cleanup_(keyset_freep) struct keyset *keyset = NULL;
		_cleanup_buf_ struct buf changed = BUF_INIT;
		struct json_error error = {0};
		int r;

		buf_append(&changed, text.data, text.n_bytes - 1);
		buf_puts(&changed, pins[i].member);
		buf_puts(&changed, "}");
		r = keyset_parse(changed.data, changed.n_bytes, &keyset, &error);
		if (r != (pins[i].n_pins < 0 ? -EBADMSG : 0))
			check_fail(__FILE__, __LINE__, "row %zu: %d %s", i, r, error.message);
		else if (r == 0)
			CHECK_INT(keyset->n_ca_pins, pins[i].n_pins);
		if (i == 2 && keyset)
			CHECK(keyset->ca_pins[0][0] == 1 && keyset->ca_pins[1][31] == 0);
	}
}

/* The same key under two names is one key. */
static void test_duplicate_key(void)
{
	struct signer_key keys[3] = {0};
	struct signer_keyset keyset = {
		.org = ORG,
		.version = 1,
		.issued_s = 1,
		.expires_s = 2,
		.keys = keys,
		.n_keys = 3,
		.threshold = {1, 1, 1, 2},
	};
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct json_error error = {0};

	for (size_t i = 0; i < 3; i++) {
		signer_ed25519(i == 1, &keys[i].key);
		keys[i].roles = ALL;
	}
	keys[0].name = "alice";
	keys[1].name = "bob";
	keys[2].name = "carol";
	signer_write_keyset(&keyset, &text);
	CHECK_INT(parse(text.data, text.n_bytes, &error), -EBADMSG);
	CHECK_STR(error.message, "keys 0 and 2 are the same");
	for (size_t i = 0; i < 3; i++)
		key_done(&keys[i].key);
}

static void test_truncation(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	write_keyset(&text, 2, 2);
	for (size_t n = 0; n < text.n_bytes; n++)
		CHECK_INT(parse(text.data, n, NULL), -EBADMSG);
}

static const struct check_test tests[] = {
	{"parse", test_parse},
	{"role_names", test_role_names},
	{"limits", test_limits},
	{"rows", test_rows},
	{"ca_pins", test_ca_pins},
	{"duplicate_key", test_duplicate_key},
	{"truncation", test_truncation},
};
CHECK_MAIN(tests)
