/* SPDX-License-Identifier: Apache-2.0 */
/* keyfile.c - groups, keys and values; see keyfile.h. Pure: no system calls. Enforcer only. */
#include "policies/keyfile.h"

#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/limits.h"

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct span span_trim(struct span text)
{
	while (text.n && is_space(text.at[0])) {
		text.at++;
		text.n--;
	}
	while (text.n && is_space(text.at[text.n - 1]))
		text.n--;
	return text;
}

bool span_equals(const struct span *text, const char *expected)
{
	return text->n == strlen(expected) && memcmp(text->at, expected, text->n) == 0;
}

/* How many bytes of text are one character; 0: it is none that can be shown. */
static size_t character_length(const char *text, size_t n_bytes)
{
	for (size_t n = 1; n <= 4 && n <= n_bytes; n++)
		if (text_is_valid(text, n))
			return n;
	return 0;
}

void text_clean(const char *text, size_t n_bytes, char *ret_text, size_t size_bytes)
{
	size_t n_ret = 0;

	while (n_bytes) {
		size_t n = character_length(text, n_bytes);

		if (n_ret + (n ? n : 1) >= size_bytes)
			break;
		if (n) {
			memmove(ret_text + n_ret, text, n);
		} else {
			ret_text[n_ret] = '?';
			n = 1;
		}
		n_ret += n;
		text += n;
		n_bytes -= n;
	}
	ret_text[n_ret] = 0;
}

void span_read_string(const struct span *value, char *ret_text, size_t size_bytes)
{
	char plain[2 * LIMIT_TEXT_BYTES];
	size_t n = 0;

	for (size_t i = 0; i < value->n && n < sizeof(plain); i++) {
		char c = value->at[i];

		if (c == '\\' && i + 1 < value->n && value->at[i + 1] &&
			strchr("sntr\\", value->at[i + 1]))
			c = value->at[++i] == '\\' ? '\\' : ' ';
		plain[n++] = c;
	}
	text_clean(plain, n, ret_text, size_bytes);
}

bool span_is_true(const struct span *value)
{
	return span_equals(value, "true") || span_equals(value, "1");
}

static struct span take_line(struct span *rest)
{
	const char *eol = memchr(rest->at, '\n', rest->n);
	struct span line = {rest->at, eol ? (size_t)(eol - rest->at) : rest->n};
	size_t n_taken = line.n + (eol ? 1 : 0);

	rest->at += n_taken;
	rest->n -= n_taken;
	return span_trim(line);
}

bool keyfile_next(struct keyfile *file, struct span *ret_key, struct span *ret_value)
{
	while (file->rest.n) {
		struct span line = take_line(&file->rest), value;
		const char *equals;

		if (!line.n || line.at[0] == '#')
			continue;
		if (line.at[0] == '[') {
			file->group = (struct span){line.at + 1, line.n - 1};
			if (file->group.n && file->group.at[file->group.n - 1] == ']')
				file->group.n--;
			else
				file->group.n = 0;
			file->n_groups++;
			continue;
		}
		equals = memchr(line.at, '=', line.n);
		if (!equals)
			continue;
		value.at = equals + 1;
		value.n = (size_t)(line.at + line.n - value.at);
		*ret_key = span_trim((struct span){line.at, (size_t)(equals - line.at)});
		*ret_value = span_trim(value);
		return true;
	}
	return false;
}
