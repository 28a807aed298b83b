/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_scan.c - strict scan of JSON bytes; see json_scan.h. Every role that reads JSON.
 *
 * It builds nothing: one loop, a fixed stack of LIMIT_JSON_DEPTH frames, and a list of the member
 * names of the objects that are open, which is sorted when an object closes. The work is
 * O(n + m log m) for n bytes and m members, of which there are at most as many as the caller says.
 */
#include "agent/json/json_scan.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/limits.h"

struct scan_name {
	const char *text;
	size_t n_bytes;
};

struct scan_frame {
	bool is_object;
	size_t first_name; /* index of the object's first name in names[] */
};

struct scan {
	const char *text, *at, *end;
	struct json_error *error;
	struct scan_frame frames[LIMIT_JSON_DEPTH];
	size_t depth;
	size_t n_members, limit;
	struct scan_name *names; /* owned */
	size_t n_names, max_names;
};

/* Line and column are counted only when something is wrong; columns count bytes. */
static int scan_fail(const struct scan *s, const char *message)
{
	size_t line = 1;
	const char *start = s->text;

	for (const char *p = s->text; p < s->at; p++) {
		if (*p == '\n') {
			line++;
			start = p + 1;
		}
	}
	return json_fail(s->error, "", "line %zu, column %zu: %s", line,
		(size_t)(s->at - start) + 1, message);
}

static void scan_space(struct scan *s)
{
	while (s->at < s->end &&
		(*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

/* The byte at the scan position, or NUL at the end; a NUL in the text fits no rule either. */
static char scan_peek(const struct scan *s)
{
	return s->at < s->end ? *s->at : 0;
}

static bool scan_digits(struct scan *s)
{
	const char *first = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return s->at > first;
}

/* An integer that json-c would change: minus zero loses its sign, large ones are cut off. */
static int scan_integer_range(struct scan *s, const char *first)
{
	char digits[24];
	size_t n = (size_t)(s->at - first);
	int64_t value;

	if (n < sizeof(digits)) {
		memcpy(digits, first, n);
		digits[n] = 0;
		if (strcmp(digits, "-0") != 0 &&
			parse_int64(digits, INT64_MIN, INT64_MAX, &value) == 0)
			return 0;
	}
	s->at = first;
	return scan_fail(s, "an integer outside the range of 64 bits, or -0");
}

static int scan_number(struct scan *s)
{
	const char *first = s->at;
	bool is_integer = true;

	if (scan_peek(s) == '-')
		s->at++;
	if (scan_peek(s) == '0')
		s->at++;
	else if (!scan_digits(s))
		return scan_fail(s, "a malformed number or an unknown word");
	if (scan_peek(s) == '.') {
		is_integer = false;
		s->at++;
		if (!scan_digits(s))
			return scan_fail(s, "a number without digits behind the point");
	}
	if (scan_peek(s) == 'e' || scan_peek(s) == 'E') {
		is_integer = false;
		s->at++;
		if (scan_peek(s) == '+' || scan_peek(s) == '-')
			s->at++;
		if (!scan_digits(s))
			return scan_fail(s, "a number without digits in its exponent");
	}
	return is_integer ? scan_integer_range(s, first) : 0;
}

/* Four hexadecimal digits at the scan position, or -1. */
static int scan_hex4(struct scan *s)
{
	int value = 0;

	if (s->end - s->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = s->at[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value << 4 | (c - 'A' + 10);
		else
			return -1;
	}
	s->at += 4;
	return value;
}

/* Behind a backslash. Half a surrogate pair and NUL have no text that all readers agree on. */
static int scan_escape(struct scan *s)
{
	char c = scan_peek(s);
	int unit;

	if (c == 0 || !strchr("\"\\/bfnrtu", c))
		return scan_fail(s, "an unknown escape sequence");
	s->at++;
	if (c != 'u')
		return 0;
	unit = scan_hex4(s);
	if (unit < 0)
		return scan_fail(s, "an escape sequence without four hexadecimal digits");
	if (unit == 0)
		return scan_fail(s, "a NUL character");
	if (unit >= 0xd800 && unit <= 0xdbff) {
		if (s->end - s->at < 2 || s->at[0] != '\\' || s->at[1] != 'u')
			return scan_fail(s, "half a surrogate pair");
		s->at += 2;
		unit = scan_hex4(s);
		if (unit < 0xdc00 || unit > 0xdfff)
			return scan_fail(s, "half a surrogate pair");
	} else if (unit >= 0xdc00 && unit <= 0xdfff) {
		return scan_fail(s, "half a surrogate pair");
	}
	return 0;
}

/* At the opening quote; leaves the position behind the closing one. */
static int scan_string(struct scan *s, bool is_name)
{
	int r;

	s->at++;
	for (;;) {
		const char *first = s->at;

		/* 0x7f is allowed in JSON but not by text_is_valid(), so it ends a run. */
		while (s->at < s->end && *s->at != '"' && *s->at != '\\' && *s->at != 0x7f)
			s->at++;
		if (!text_is_valid(first, (size_t)(s->at - first))) {
			s->at = first;
			return scan_fail(s, "text with a control character or malformed UTF-8");
		}
		if (s->at == s->end)
			return scan_fail(s, "text without its closing quote");
		if (*s->at == '"')
			break;
		if (*s->at++ == 0x7f)
			continue;
		/* One spelling for each name, or duplicates could hide behind escapes. */
		if (is_name)
			return scan_fail(s, "an escape sequence in a member name");
		r = scan_escape(s);
		if (r < 0)
			return r;
	}
	s->at++;
	return 0;
}

static int scan_count_member(struct scan *s)
{
	if (++s->n_members > s->limit)
		return scan_fail(s, "too many members and elements");
	return 0;
}

static int scan_remember_name(struct scan *s, const char *text, size_t n_bytes)
{
	if (s->n_names == s->max_names) {
		size_t max = s->max_names ? 2 * s->max_names : 64;
		struct scan_name *names = reallocarray(s->names, max, sizeof(*names));

		if (!names)
			return -ENOMEM;
		s->names = names;
		s->max_names = max;
	}
	s->names[s->n_names++] = (struct scan_name){text, n_bytes};
	return 0;
}

/* "name" : at the scan position, white space before it allowed. */
static int scan_member(struct scan *s)
{
	const char *first;
	int r;

	r = scan_count_member(s);
	if (r < 0)
		return r;
	scan_space(s);
	if (scan_peek(s) != '"')
		return scan_fail(s, "a member name in quotes is expected");
	first = s->at + 1;
	r = scan_string(s, true);
	if (r < 0)
		return r;
	r = scan_remember_name(s, first, (size_t)(s->at - first) - 1);
	if (r < 0)
		return r;
	scan_space(s);
	if (scan_peek(s) != ':')
		return scan_fail(s, "a colon is expected");
	s->at++;
	return 0;
}

static int scan_name_compare(const void *pa, const void *pb)
{
	const struct scan_name *a = pa, *b = pb;

	if (a->n_bytes != b->n_bytes)
		return a->n_bytes < b->n_bytes ? -1 : 1;
	return memcmp(a->text, b->text, a->n_bytes);
}

/* At the closing bracket of the innermost object or array. */
static int scan_close(struct scan *s)
{
	const struct scan_frame *frame = &s->frames[--s->depth];
	struct scan_name *names;
	size_t n;

	s->at++;
	if (!frame->is_object)
		return 0;
	n = s->n_names - frame->first_name;
	s->n_names = frame->first_name;
	if (n < 2)
		return 0;
	names = s->names + frame->first_name;
	qsort(names, n, sizeof(*names), scan_name_compare);
	for (size_t i = 1; i < n; i++) {
		if (scan_name_compare(&names[i - 1], &names[i]) != 0)
			continue;
		/* Where the later of the two stands; sorting may have swapped equals. */
		s->at = names[i - 1].text > names[i].text ? names[i - 1].text : names[i].text;
		return scan_fail(s, "a member name that its object has already");
	}
	return 0;
}

/* 1: an object or array was opened and its first value follows; 0: it is empty and closed. */
static int scan_open(struct scan *s)
{
	bool is_object = *s->at == '{';
	int r;

	if (s->depth == LIMIT_JSON_DEPTH)
		return scan_fail(s, "nested too deeply");
	s->frames[s->depth++] = (struct scan_frame){is_object, s->n_names};
	s->at++;
	scan_space(s);
	if (scan_peek(s) == (is_object ? '}' : ']'))
		return scan_close(s);
	r = is_object ? scan_member(s) : scan_count_member(s);
	return r < 0 ? r : 1;
}

static int scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
		return scan_fail(s, "an unknown word");
	s->at += n;
	return 0;
}

/* One value, or the opening of one: 1 if another value must follow inside it. */
static int scan_value(struct scan *s)
{
	scan_space(s);
	switch (scan_peek(s)) {
	case '{':
	case '[':
		return scan_open(s);
	case '"':
		return scan_string(s, false);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		if (s->at == s->end)
			return scan_fail(s, "the text ends too early");
		return scan_number(s);
	}
}

/* Behind a complete value: 1 if another value follows, 0 if the outermost one is complete. */
static int scan_after(struct scan *s)
{
	int r;

	while (s->depth) {
		bool is_object = s->frames[s->depth - 1].is_object;

		scan_space(s);
		if (scan_peek(s) == ',') {
			s->at++;
			r = is_object ? scan_member(s) : scan_count_member(s);
			return r < 0 ? r : 1;
		}
		if (scan_peek(s) != (is_object ? '}' : ']'))
			return scan_fail(s, "a comma or a closing bracket is expected");
		r = scan_close(s);
		if (r < 0)
			return r;
	}
	return 0;
}

static int scan_text(struct scan *s, size_t *ret_n_value)
{
	size_t n_value;
	int r;

	scan_space(s);
	if (scan_peek(s) != '{')
		return scan_fail(s, "an object is expected");
	do {
		r = scan_value(s);
		if (r == 0)
			r = scan_after(s);
	} while (r > 0);
	if (r < 0)
		return r;
	n_value = (size_t)(s->at - s->text);
	scan_space(s);
	if (s->at != s->end)
		return scan_fail(s, "something follows the object");
	*ret_n_value = n_value;
	return 0;
}

int json_scan(const char *text, size_t n_bytes, size_t max_members, size_t *ret_n_value,
	struct json_error *error)
{
	struct scan s = {
		.text = text,
		.at = text,
		.end = text + n_bytes,
		.error = error,
		.limit = max_members,
	};
	int r;

	r = scan_text(&s, ret_n_value);
	free(s.names);
	return r;
}
