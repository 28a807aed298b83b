/* SPDX-License-Identifier: Apache-2.0 */
/* test_check.c - documents before they are used: drafts, signed ones, and what is wrong with them.
 */
#include "agent/ctl/check.h"

#include <errno.h>

#include "tests/lib/check.h"
#include "tests/lib/signer.h"

#define ORG "0123456789abcdef0123456789abcdef"
#define COMMON "\"org\":\"" ORG "\",\"serial\":3,\"issued\":1790000000,\"expires\":1799000000"
#define POLICY                                                                                     \
	"{\"type\":\"policy\"," COMMON ",\"target\":{\"stream\":\"staff\"},\"profiles\":["         \
	"{\"id\":\"base\",\"settings\":{\"screen_lock\":{\"idle_delay\":300},\"gadgets\":{}}}]}"

static int check_text(const char *text, struct check *ret_check, struct json_error *ret_error)
{
	memset(ret_error, 0, sizeof(*ret_error));
	return check_document(text, strlen(text), ret_check, ret_error);
}

/* A document of the type over the payload; lines is how many keys sign it. */
static char *sign(enum document_type type, const char *payload, size_t n_lines)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	char *text = NULL;

	for (size_t i = 0; i < n_lines; i++) {
		_cleanup_free_ char *line = NULL;
		struct key key;

		signer_ed25519((uint8_t)(i + 1), &key);
		signer_must(document_sign(type, payload, strlen(payload), &key, &line) == 0);
		key_done(&key);
		buf_printf(&out, "%s\n", line);
	}
	signer_must(buf_take(&out, &text, NULL) == 0);
	return text;
}

static void test_drafts(void)
{
	struct json_error error;
	struct check c = {0};

	CHECK_INT(check_text(POLICY, &c, &error), 0);
	CHECK(!c.is_signed);
	CHECK_INT(c.type, DOCUMENT_POLICY);
	CHECK_STR(c.policy->stream, "staff");
	CHECK_INT(c.policy->n_unsupported, 1);
	CHECK_INT(c.expires_s, 1799000000);
	check_done(&c);
	/* A draft may lack what the signing tool fills in. */
	CHECK_INT(
		check_text("\n {\"type\":\"policy\",\"serial\":1,\"target\":{\"stream\":\"staff\"},"
			   "\"profiles\":[]}\n",
			&c, &error),
		0);
	CHECK_STR(c.org, "");
	check_done(&c);
	CHECK_INT(check_text("{\"type\":\"assignment\"," COMMON ",\"target\":{\"device\":\"" ORG
			     "\"},\"groups\":[\"staff\"],\"ownership\":\"company\"}",
			  &c, &error),
		0);
	CHECK_INT(c.assignment.n_groups, 1);
	check_done(&c);
}

static void test_signed(void)
{
	_cleanup_free_ char *text = sign(DOCUMENT_POLICY, POLICY, 2);
	struct json_error error;
	struct check c = {0};
	struct key key;

	CHECK_INT(check_text(text, &c, &error), 0);
	CHECK(c.is_signed);
	CHECK_INT(c.jws.n_lines, 2);
	signer_ed25519(2, &key);
	CHECK_STR(c.kids[1], key.kid);
	key_done(&key);
	check_done(&c);
	/* A signature is not looked at: this is said, not hidden. */
	text[strlen(text) - 10] = text[strlen(text) - 10] == 'A' ? 'B' : 'A';
	CHECK_INT(check_text(text, &c, &error), 0);
	check_done(&c);
}

static void test_pages_tell_that_signatures_are_unchecked(void)
{
	_cleanup_free_ char *text = sign(DOCUMENT_POLICY, POLICY, 1);
	_cleanup_buf_ struct buf out = BUF_INIT, json = BUF_INIT;
	_cleanup_json_ struct json_object *object = NULL;
	_cleanup_(page_done) struct page p = {0};
	struct json_error error;
	struct check c = {0};

	page_init(&p, &out, 100, false);
	CHECK_INT(check_text(text, &c, &error), 0);
	check_render(&p, &c, 1795000000);
	check_write_json(&c, &json);
	check_done(&c);
	CHECK(strstr(out.data, "not checked"));
	CHECK(strstr(out.data, "screen_lock.idle_delay: 300"));
	CHECK(strstr(out.data, "Not known to this version: gadgets"));
	CHECK(!strstr(out.data, "Expired"));
	CHECK_INT(json_parse(json.data, json.n_bytes, &object, NULL), 0);
	CHECK(strstr(json.data, "\"signatures_checked\":false"));
	buf_reset(&out);
	CHECK_INT(check_text(text, &c, &error), 0);
	check_render(&p, &c, 1800000000);
	check_done(&c);
	CHECK(strstr(out.data, "Expired"));
}

static void test_refusals(void)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{"", "empty"},
		{"hello", "neither JSON nor"},
		{"a.b", "neither JSON nor"},
		{"[]", "neither JSON nor"},
		{"{", ""},
		{"{}", "missing"},
		{"{\"type\":7}", "type"},
		{"{\"type\":\"order\"}", "must be keyset, policy"},
		{"{\"type\":\"policy\",\"type\":\"policy\"}", ""},
		{"{\"type\":\"policy\"," COMMON "}", "missing"},
		{"{\"type\":\"policy\"," COMMON
		 ",\"target\":{\"stream\":\"staff\"},\"profiles\":[{\"id\":\"a\","
		 "\"settings\":{\"screen_lock\":{\"idle_delay\":3}}}]}",
			"15"},
		{"{\"type\":\"policy\",\"org\":\"x\"}", "org"},
		{"{\"type\":\"policy\",\"org\":\"" ORG
		 "\",\"serial\":3,\"issued\":1799000000,\"expires\":1799000000,"
		 "\"target\":{\"stream\":\"staff\"},\"profiles\":[]}",
			"after issued"},
		{"{\"type\":\"assignment\"," COMMON "}", "missing"},
		{"{\"type\":\"keyset\"," COMMON "}", "missing"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_error error;
		struct check c = {0};
		char all[400];
		int r = check_text(cases[i].text, &c, &error);

		snprintf(all, sizeof(all), "%s %s", error.path, error.message);
		if (r != -EBADMSG || !strstr(all, cases[i].part))
			check_fail(__FILE__, __LINE__, "%s: %d, %s", cases[i].text, r, all);
		CHECK(!c.json && !c.policy);
	}
}

static void test_signed_refusals(void)
{
	/* The header states a command, the payload is a policy. */
	_cleanup_free_ char *other = sign(DOCUMENT_COMMAND, POLICY, 1);
	/* What a draft may lack a signed document may not. */
	_cleanup_free_ char *lacking = sign(DOCUMENT_POLICY,
		"{\"type\":\"policy\",\"serial\":1,\"target\":{\"stream\":\"s\"},\"profiles\":[]}",
		1);
	struct json_error error;
	struct check c = {0};

	CHECK_INT(check_text(other, &c, &error), -EBADMSG);
	CHECK(strstr(error.message, "another type"));
	CHECK_INT(check_text(lacking, &c, &error), -EBADMSG);
	CHECK(!c.json);
}

/* A draft whose comment makes it exactly n_bytes long. */
static int check_of_size(size_t n_bytes)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct json_error error = {{0}, {0}};
	struct check c = {0};
	int r;

	buf_puts(&text, POLICY);
	while (text.n_bytes < n_bytes)
		buf_puts(&text, " ");
	r = check_document(text.data, text.n_bytes, &c, &error);
	if (r == 0)
		check_done(&c);
	return r;
}

static void test_payload_limit(void)
{
	CHECK_INT(check_of_size(LIMIT_PAYLOAD_BYTES), 0);
	CHECK_INT(check_of_size(LIMIT_PAYLOAD_BYTES + 1), -EBADMSG);
}

static const struct check_test tests[] = {
	{"drafts", test_drafts},
	{"signed", test_signed},
	{"pages_tell_that_signatures_are_unchecked", test_pages_tell_that_signatures_are_unchecked},
	{"refusals", test_refusals},
	{"signed_refusals", test_signed_refusals},
	{"payload_limit", test_payload_limit},
};
CHECK_MAIN(tests)
