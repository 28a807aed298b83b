/* SPDX-License-Identifier: Apache-2.0 */
/* json_scan.c - a strict JSON reader over spans; see json_scan.h. Pure; mdm-server only. */
#include "server/json_scan.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "server/bounds.h"

struct scan {
	const char *at, *end;
};

static void scan_space(struct scan *s)
{
	while (s->at < s->end &&
		(*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static bool scan_take(struct scan *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static int scan_hex4(const char *at, uint32_t *ret_value)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++) {
		char c = at[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value << 4 | (uint32_t)(c - 'A' + 10);
		else
			return -EBADMSG;
	}
	*ret_value = value;
	return 0;
}

/*
 * The code point of "\uXXXX" (or of a surrogate pair, which takes twelve characters) at `at`.
 * A lone surrogate is refused: it has no UTF-8.
 */
static int scan_unicode(const char *at, const char *end, uint32_t *ret_code, size_t *ret_n)
{
	uint32_t high, low;

	if (end - at < 6 || scan_hex4(at + 2, &high) < 0)
		return -EBADMSG;
	*ret_code = high;
	*ret_n = 6;
	if (high < 0xd800 || high > 0xdfff)
		return 0;
	if (high > 0xdbff || end - at < 12 || at[6] != '\\' || at[7] != 'u' ||
		scan_hex4(at + 8, &low) < 0 || low < 0xdc00 || low > 0xdfff)
		return -EBADMSG;
	*ret_code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	*ret_n = 12;
	return 0;
}

static int scan_escape(struct scan *s)
{
	uint32_t code;
	size_t n;

	if (s->end - s->at < 2)
		return -EBADMSG;
	if (s->at[1] != 'u') {
		if (!s->at[1] || !strchr("\"\\/bfnrt", s->at[1]))
			return -EBADMSG;
		s->at += 2;
		return 0;
	}
	if (scan_unicode(s->at, s->end, &code, &n) < 0)
		return -EBADMSG;
	s->at += n;
	return 0;
}

static int scan_string(struct scan *s)
{
	if (!scan_take(s, '"'))
		return -EBADMSG;
	while (s->at < s->end) {
		const char *run = s->at;

		/* 0x7f is allowed in JSON, not by text_is_valid(), so it ends a run of its own. */
		while (s->at < s->end && (unsigned char)*s->at >= 0x20 && *s->at != '"' &&
			*s->at != '\\' && *s->at != 0x7f)
			s->at++;
		if (!text_is_valid(run, (size_t)(s->at - run)) || s->at == s->end)
			return -EBADMSG;
		if (scan_take(s, '"'))
			return 0;
		if (*s->at == '\\') {
			if (scan_escape(s) < 0)
				return -EBADMSG;
		} else if (!scan_take(s, 0x7f)) {
			return -EBADMSG;
		}
	}
	return -EBADMSG;
}

static size_t scan_digits(struct scan *s)
{
	size_t n = 0;

	for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++)
		n++;
	return n;
}

static int scan_number(struct scan *s)
{
	(void)scan_take(s, '-');
	if (!scan_take(s, '0') && scan_digits(s) == 0)
		return -EBADMSG;
	if (scan_take(s, '.') && scan_digits(s) == 0)
		return -EBADMSG;
	if (scan_take(s, 'e') || scan_take(s, 'E')) {
		if (!scan_take(s, '+'))
			(void)scan_take(s, '-');
		if (scan_digits(s) == 0)
			return -EBADMSG;
	}
	return 0;
}

static int scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
		return -EBADMSG;
	s->at += n;
	return 0;
}

static int scan_scalar(struct scan *s)
{
	switch (*s->at) {
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return scan_number(s);
	}
}

/* After '{' or ',' in an object: the key and its colon. */
static int scan_key(struct scan *s)
{
	scan_space(s);
	if (scan_string(s) < 0)
		return -EBADMSG;
	scan_space(s);
	return scan_take(s, ':') ? 0 : -EBADMSG;
}

/*
 * One value. Not recursive: which brackets are open is a stack of LIMIT_JSON_DEPTH characters, so
 * hostile nesting costs nothing.
 */
static int scan_value(struct scan *s)
{
	char open[LIMIT_JSON_DEPTH];
	size_t depth = 0;

	for (;;) {
		scan_space(s);
		if (s->at == s->end)
			return -EBADMSG;
		if (*s->at == '{' || *s->at == '[') {
			char closing = *s->at == '{' ? '}' : ']';

			if (depth == LIMIT_JSON_DEPTH)
				return -EBADMSG;
			s->at++;
			scan_space(s);
			if (!scan_take(s, closing)) {
				open[depth++] = closing;
				if (closing == '}' && scan_key(s) < 0)
					return -EBADMSG;
				continue;
			}
		} else if (scan_scalar(s) < 0) {
			return -EBADMSG;
		}
		/* A value is complete: close what it completes, or go on after a comma. */
		for (;;) {
			if (depth == 0)
				return 0;
			scan_space(s);
			if (scan_take(s, ','))
				break;
			if (!scan_take(s, open[depth - 1]))
				return -EBADMSG;
			depth--;
		}
		if (open[depth - 1] == '}' && scan_key(s) < 0)
			return -EBADMSG;
	}
}

int json_check(const char *text, size_t n_bytes, struct span *ret_value)
{
	struct scan s = {.at = text, .end = text + n_bytes};
	const char *begin, *end;

	scan_space(&s);
	begin = s.at;
	if (scan_value(&s) < 0)
		return -EBADMSG;
	end = s.at;
	scan_space(&s);
	if (s.at != s.end)
		return -EBADMSG;
	*ret_value = (struct span){.at = begin, .n = (size_t)(end - begin)};
	return 0;
}

bool json_is_object(struct span value)
{
	return value.n && *value.at == '{';
}

bool json_is_array(struct span value)
{
	return value.n && *value.at == '[';
}

bool json_walk_begin(struct span value, struct json_walk *ret_walk)
{
	if (!json_is_object(value) && !json_is_array(value))
		return false;
	*ret_walk = (struct json_walk){
		.at = value.at + 1,
		.end = value.at + value.n - 1,
		.object = json_is_object(value),
	};
	return true;
}

bool json_walk_next(struct json_walk *walk, struct span *ret_key, struct span *ret_value)
{
	struct scan s = {.at = walk->at, .end = walk->end};
	struct span key = {0};
	const char *begin;

	scan_space(&s);
	if (s.at == s.end)
		return false;
	(void)scan_take(&s, ','); /* the text is checked: there is one before all but the first */
	scan_space(&s);
	if (walk->object) {
		key.at = s.at;
		if (scan_string(&s) < 0)
			return false;
		key.n = (size_t)(s.at - key.at);
		scan_space(&s);
		(void)scan_take(&s, ':');
		scan_space(&s);
	}
	begin = s.at;
	if (scan_value(&s) < 0)
		return false;
	*ret_key = key;
	*ret_value = (struct span){.at = begin, .n = (size_t)(s.at - begin)};
	walk->at = s.at;
	return true;
}

static size_t scan_put_utf8(uint32_t code, char out[4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* One character or escape at `at`; its bytes to out. Characters taken, or 0 for what has no text.
 */
static size_t scan_one(const char *at, const char *end, char out[4], size_t *ret_n_out)
{
	static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
	const char *name;
	uint32_t code;
	size_t n;

	*ret_n_out = 1;
	if (*at != '\\') {
		out[0] = *at;
		return 1;
	}
	if (at[1] != 'u') {
		name = strchr(names, at[1]);
		out[0] = name ? values[name - names] : at[1];
		return 2;
	}
	if (scan_unicode(at, end, &code, &n) < 0 || code == 0)
		return 0;
	*ret_n_out = scan_put_utf8(code, out);
	return n;
}

int json_string(struct span value, char *ret_text, size_t size_bytes)
{
	const char *at, *end;
	size_t n = 0;

	if (value.n < 2 || *value.at != '"')
		return -EBADMSG;
	end = value.at + value.n - 1;
	for (at = value.at + 1; at < end;) {
		char out[4];
		size_t n_out, taken = scan_one(at, end, out, &n_out);

		if (taken == 0)
			return -EBADMSG;
		if (n + n_out >= size_bytes)
			return -EFBIG;
		memcpy(ret_text + n, out, n_out);
		n += n_out;
		at += taken;
	}
	ret_text[n] = 0;
	return 0;
}

bool json_equals(struct span string, const char *text)
{
	const char *at, *end;

	if (string.n < 2 || *string.at != '"')
		return false;
	end = string.at + string.n - 1;
	for (at = string.at + 1; at < end;) {
		char out[4];
		size_t n_out, taken = scan_one(at, end, out, &n_out);

		if (taken == 0 || strncmp(text, out, n_out) != 0)
			return false;
		text += n_out;
		at += taken;
	}
	return *text == 0;
}

int json_member(struct span object, const char *name, struct span *ret_value)
{
	struct span key, value, found = {0};
	struct json_walk walk;

	if (!json_is_object(object) || !json_walk_begin(object, &walk))
		return -EBADMSG;
	while (json_walk_next(&walk, &key, &value)) {
		if (!json_equals(key, name))
			continue;
		if (found.at)
			return -EBADMSG;
		found = value;
	}
	*ret_value = found;
	return 0;
}

int json_integer(struct span value, int64_t min, int64_t max, int64_t *ret_value)
{
	char text[24];

	if (value.n == 0 || value.n >= sizeof(text))
		return -EBADMSG;
	memcpy(text, value.at, value.n);
	text[value.n] = 0;
	return parse_int64(text, min, max, ret_value) < 0 ? -EBADMSG : 0;
}
