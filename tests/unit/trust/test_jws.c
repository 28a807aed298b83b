/* SPDX-License-Identifier: Apache-2.0 */
/* test_jws.c - splitting documents and answers: form and limits; no role, plain process. */
#include "agent/trust/jws.h"

#include <errno.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "tests/lib/check.h"

#define H "eyJhbGciOiJub25lIn0"
#define P "eyJhIjoxfQ"
/* 64 zero bytes. */
#define S "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
/* 63 and 65 of them. */
#define S63 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define S65 S "A"
#define LINE H "." P "." S

/* Splits a copy of exact size, so that a read behind the end is seen by the sanitizer. */
static int split(const char *text, size_t n_bytes, struct jws *ret_jws, char **ret_copy)
{
	char *copy = malloc(n_bytes ? n_bytes : 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, n_bytes);
	*ret_copy = copy;
	return jws_split(copy, n_bytes, ret_jws);
}

static int split_text(const char *text)
{
	_cleanup_(jws_done) struct jws jws = {0};
	_cleanup_free_ char *copy = NULL;

	return split(text, strlen(text), &jws, &copy);
}

static void test_fields(void)
{
	_cleanup_(jws_done) struct jws jws = {0};
	char header[LIMIT_HEADER_BYTES + 1];
	const char *text = LINE "\neA." P "." S "\n";
	size_t n;

	CHECK_INT(jws_split(text, strlen(text), &jws), 0);
	CHECK_INT(jws.n_lines, 2);
	CHECK_STR(jws.payload, "{\"a\":1}");
	CHECK_INT(jws.n_payload, 7);
	CHECK_INT(jws.lines[0].n_signing, strlen(H "." P));
	CHECK(jws.lines[0].signing == text);
	CHECK_INT(jws.lines[0].n_header, strlen(H));
	CHECK_INT(jws_header(&jws.lines[0], header, &n), 0);
	CHECK_STR(header, "{\"alg\":\"none\"}");
	CHECK_INT(n, strlen(header));
	CHECK_INT(jws_header(&jws.lines[1], header, &n), 0);
	CHECK_STR(header, "x");
	CHECK_INT(jws.lines[1].signature[63], 0);
}

static void test_form(void)
{
	static const struct {
		const char *text;
		int answer;
	} rows[] = {
		{LINE, 0},
		{LINE "\n", 0},
		{LINE "\n" LINE, 0},
		{LINE "\n" LINE "\n", 0},
		{"", JWS_E_SIZE},
		{"\n", JWS_E_FORM},
		{LINE "\n\n", JWS_E_FORM},
		{"\n" LINE, JWS_E_FORM},
		{LINE "\n\n" LINE, JWS_E_FORM},
		{LINE "\r\n", JWS_E_FORM},
		{LINE " ", JWS_E_FORM},
		{" " LINE, JWS_E_FORM},
		{LINE LINE, JWS_E_FORM},
		{H, JWS_E_FORM},
		{H "." P, JWS_E_FORM},
		{H "." P ".", JWS_E_FORM},
		{"." P "." S, JWS_E_FORM},
		{H ".." S, JWS_E_FORM},
		{LINE ".", JWS_E_FORM},
		{LINE "." S, JWS_E_FORM},
		{H "." P "." S "==", JWS_E_FORM},
		{H "." P "." S63, JWS_E_FORM},
		{H "." P "." S65, JWS_E_FORM},
		{LINE "\n" H "." P "." S63, JWS_E_FORM},
		{LINE "\n" H "." P "." S65, JWS_E_FORM},
		/* the last character of a field holds bits that must be zero */
		{H "." P "." S "\b", JWS_E_FORM},
		{"eyJhbGciOiJub25lIn1." P "." S, JWS_E_FORM},
		{H ".eyJhIjoxfR." S, JWS_E_FORM},
		{H ".e." S, JWS_E_FORM},
		{H ".eyJhI." S, JWS_E_FORM},
		{"e." P "." S, JWS_E_FORM},
		/* the other alphabet, padding, anything else */
		{H ".e+Jh." S, JWS_E_FORM},
		{H ".e/Jh." S, JWS_E_FORM},
		{H ".eyJhIjoxfQ==." S, JWS_E_FORM},
		{H ".eyJh\teyJh." S, JWS_E_FORM},
		{H ".ey\xc3\xa4h." S, JWS_E_FORM},
		{LINE "\n" H ".eyJhIjoyfQ." S, JWS_E_PAYLOAD},
		{LINE "\n" H "." P "eyJh." S, JWS_E_PAYLOAD},
		{LINE "\n" H "." P "." S "\n" H ".eyJh." S, JWS_E_PAYLOAD},
		/* form comes before content */
		{LINE "\n" H ".eyJhIjoyfQ.A", JWS_E_FORM},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = split_text(rows[i].text);

		if (r != rows[i].answer)
			check_fail(__FILE__, __LINE__, "row %zu: %d, not %d", i, r, rows[i].answer);
	}
}

static void test_signature_bits(void)
{
	char text[] = LINE;
	size_t last = sizeof(text) - 2;

	/* 86 characters hold 516 bits, four of which must be zero. */
	for (const char *c = "BCDEFGHIJKLMNOP"; *c; c++) {
		text[last] = *c;
		CHECK_INT(split_text(text), JWS_E_FORM);
	}
	text[last] = 'Q';
	CHECK_INT(split_text(text), 0);
}

static void test_nul(void)
{
	_cleanup_(jws_done) struct jws jws = {0};
	_cleanup_free_ char *copy = NULL, *second = NULL;
	char text[] = LINE;

	CHECK_INT(split(text, sizeof(text), &jws, &copy), JWS_E_FORM);
	text[3] = 0;
	CHECK_INT(split(text, sizeof(text) - 1, &jws, &second), JWS_E_FORM);
}

/* A line whose decoded header and payload have these sizes. */
static void line_of(struct buf *out, size_t n_header, size_t n_payload)
{
	_cleanup_free_ char *zeros = calloc(1, n_header + n_payload);
	_cleanup_free_ char *text = malloc(BASE64URL_LENGTH(n_header + n_payload) + 1);

	if (!zeros || !text)
		abort();
	base64url_encode(zeros, n_header, text);
	buf_printf(out, "%s.", text);
	base64url_encode(zeros, n_payload, text);
	buf_puts(out, text);
	buf_puts(out, "." S "\n");
}

static void test_limits(void)
{
	static const struct {
		size_t n_header, n_payload, n_lines;
		int answer;
	} rows[] = {
		{LIMIT_HEADER_BYTES, 1, 1, 0},
		{LIMIT_HEADER_BYTES + 1, 1, 1, JWS_E_SIZE},
		{1, LIMIT_PAYLOAD_BYTES, 1, 0},
		{1, LIMIT_PAYLOAD_BYTES + 1, 1, JWS_E_SIZE},
		{1, 1, LIMIT_DOCUMENT_LINES, 0},
		{1, 1, LIMIT_DOCUMENT_LINES + 1, JWS_E_SIZE},
		/* the largest document of all */
		{LIMIT_HEADER_BYTES, LIMIT_PAYLOAD_BYTES, LIMIT_DOCUMENT_LINES, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		_cleanup_(jws_done) struct jws jws = {0};
		_cleanup_free_ char *copy = NULL;
		int r;

		for (size_t k = 0; k < rows[i].n_lines; k++)
			line_of(&text, rows[i].n_header, rows[i].n_payload);
		CHECK_INT(text.error, 0);
		r = split(text.data, text.n_bytes, &jws, &copy);
		if (r != rows[i].answer)
			check_fail(__FILE__, __LINE__, "row %zu: %d", i, r);
		else if (r == 0 && jws.n_payload != rows[i].n_payload)
			check_fail(__FILE__, __LINE__, "row %zu: %zu bytes", i, jws.n_payload);
	}
}

static void test_document_bytes(void)
{
	_cleanup_free_ char *text = malloc(LIMIT_DOCUMENT_BYTES + 1);
	struct jws jws;

	CHECK(text);
	memset(text, 'A', LIMIT_DOCUMENT_BYTES + 1);
	/* Read at all: the form is wrong. One more: not even looked at. */
	CHECK_INT(jws_split(text, LIMIT_DOCUMENT_BYTES, &jws), JWS_E_FORM);
	CHECK_INT(jws_split(text, LIMIT_DOCUMENT_BYTES + 1, &jws), JWS_E_SIZE);
}

/* Whatever is cut off or changed: either refused, or the same payload. */
static void test_damage(void)
{
	static const char text[] = LINE "\n" LINE "\n" LINE;

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		_cleanup_(jws_done) struct jws jws = {0};
		_cleanup_free_ char *copy = NULL;

		if (split(text, n, &jws, &copy) != 0)
			continue;
		CHECK_STR(jws.payload, "{\"a\":1}");
		CHECK_INT(n % sizeof(LINE) == 0 || (n + 1) % sizeof(LINE) == 0, 1);
	}
	/* A byte changed in one payload field only makes the lines differ. */
	for (size_t i = strlen(H) + 1; i < strlen(H "." P); i++) {
		for (int mask = 1; mask < 256; mask++) {
			char changed[sizeof(text)];

			memcpy(changed, text, sizeof(text));
			changed[i] ^= (char)mask;
			if (changed[i])
				CHECK(split_text(changed) > 0);
		}
	}
}

static void test_documents(void)
{
	static const struct {
		const char *body;
		int answer;
		size_t n;
		const char *first, *last;
	} rows[] = {
		{"", 0, 0, NULL, NULL},
		{"a", 0, 1, "a", "a"},
		{"a\n", 0, 1, "a", "a"},
		{"a\nb", 0, 1, "a\nb", "a\nb"},
		{"a\n\nb", 0, 2, "a", "b"},
		{"a\nb\n\nc\nd\n\ne\n", 0, 3, "a\nb", "e"},
		{"\n", JWS_E_FORM, 0, NULL, NULL},
		{"\n\n", JWS_E_FORM, 0, NULL, NULL},
		{"\na", JWS_E_FORM, 0, NULL, NULL},
		{"a\n\n", JWS_E_FORM, 0, NULL, NULL},
		{"a\n\n\n", JWS_E_FORM, 0, NULL, NULL},
		{"a\n\n\nb", JWS_E_FORM, 0, NULL, NULL},
		{"a\n\n\n\nb", JWS_E_FORM, 0, NULL, NULL},
		{"a\r\n\r\nb", JWS_E_FORM, 0, NULL, NULL},
		{"a\x7f", JWS_E_FORM, 0, NULL, NULL},
		{"a\xc3\xa4", JWS_E_FORM, 0, NULL, NULL},
		{"a\tb", JWS_E_FORM, 0, NULL, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct jws_span spans[LIMIT_RESPONSE_DOCUMENTS];
		size_t n = 99, length = strlen(rows[i].body);
		int r = jws_documents(rows[i].body, length, spans, &n);

		if (r != rows[i].answer) {
			check_fail(__FILE__, __LINE__, "row %zu: %d", i, r);
			continue;
		}
		CHECK_INT(n, r == 0 ? rows[i].n : 99);
		if (r != 0 || n == 0)
			continue;
		CHECK_INT(spans[0].length, strlen(rows[i].first));
		CHECK(memcmp(rows[i].body, rows[i].first, spans[0].length) == 0);
		CHECK_INT(spans[n - 1].length, strlen(rows[i].last));
		CHECK(memcmp(rows[i].body + spans[n - 1].offset, rows[i].last,
			      spans[n - 1].length) == 0);
	}
	CHECK_INT(jws_documents("a\0b", 3, (struct jws_span[LIMIT_RESPONSE_DOCUMENTS]){{0}},
			  &(size_t){0}),
		JWS_E_FORM);
}

static void test_documents_limits(void)
{
	struct jws_span spans[LIMIT_RESPONSE_DOCUMENTS];
	_cleanup_free_ char *large = malloc(LIMIT_RESPONSE_BYTES + 1);
	size_t n;

	for (size_t want = LIMIT_RESPONSE_DOCUMENTS; want <= LIMIT_RESPONSE_DOCUMENTS + 1; want++) {
		_cleanup_buf_ struct buf body = BUF_INIT;

		for (size_t i = 0; i < want; i++)
			buf_puts(&body, i ? "\n\nx" : "x");
		CHECK_INT(jws_documents(body.data, body.n_bytes, spans, &n),
			want > LIMIT_RESPONSE_DOCUMENTS ? JWS_E_SIZE : 0);
	}
	CHECK(large);
	memset(large, 'x', LIMIT_RESPONSE_BYTES + 1);
	CHECK_INT(jws_documents(large, LIMIT_RESPONSE_BYTES, spans, &n), 0);
	CHECK_INT(n, 1);
	CHECK_INT(jws_documents(large, LIMIT_RESPONSE_BYTES + 1, spans, &n), JWS_E_SIZE);
}

static const struct check_test tests[] = {
	{"fields", test_fields},
	{"form", test_form},
	{"signature_bits", test_signature_bits},
	{"nul", test_nul},
	{"limits", test_limits},
	{"document_bytes", test_document_bytes},
	{"damage", test_damage},
	{"documents", test_documents},
	{"documents_limits", test_documents_limits},
};
CHECK_MAIN(tests)
