/* SPDX-License-Identifier: Apache-2.0 */
/* jsonw.c - JSON writer; see jsonw.h. Any role; writes only to the caller's buffer. */
#include "agent/util/jsonw.h"

#include <inttypes.h>
#include <string.h>

#include "agent/util/codec.h"

static void jsonw_escaped(struct buf *out, const char *text, size_t n_bytes)
{
	size_t i = 0;

	buf_puts(out, "\"");
	while (i < n_bytes) {
		size_t run = 0, length = 1;

		/* The longest run that can be copied as it is. */
		while (i + run < n_bytes) {
			unsigned char c = (unsigned char)text[i + run];

			if (c < 0x20 || c == '"' || c == '\\' || c >= 0x7f)
				break;
			run++;
		}
		buf_append(out, text + i, run);
		i += run;
		if (i == n_bytes)
			break;
		if (text[i] == '"' || text[i] == '\\') {
			buf_printf(out, "\\%c", text[i]);
		} else if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
			buf_printf(out, "\\u%04x", (unsigned char)text[i]);
		} else {
			for (length = 2; length <= 4 && i + length <= n_bytes; length++)
				if (text_is_valid(text + i, length))
					break;
			if (length <= 4 && i + length <= n_bytes) {
				buf_append(out, text + i, length);
			} else {
				buf_puts(out, "\xef\xbf\xbd");
				length = 1;
			}
		}
		i += length;
	}
	buf_puts(out, "\"");
}

static void jsonw_key(struct jsonw *w, const char *key)
{
	if (w->comma)
		buf_puts(w->out, ",");
	w->comma = true;
	if (key) {
		jsonw_escaped(w->out, key, strlen(key));
		buf_puts(w->out, ":");
	}
}

static void jsonw_open(struct jsonw *w, const char *key, const char *bracket)
{
	jsonw_key(w, key);
	buf_puts(w->out, bracket);
	w->comma = false;
}

static void jsonw_close(struct jsonw *w, const char *bracket)
{
	buf_puts(w->out, bracket);
	w->comma = true;
}

void jsonw_object(struct jsonw *w, const char *key)
{
	jsonw_open(w, key, "{");
}

void jsonw_object_end(struct jsonw *w)
{
	jsonw_close(w, "}");
}

void jsonw_array(struct jsonw *w, const char *key)
{
	jsonw_open(w, key, "[");
}

void jsonw_array_end(struct jsonw *w)
{
	jsonw_close(w, "]");
}

void jsonw_text(struct jsonw *w, const char *key, const char *text, size_t n_bytes)
{
	jsonw_key(w, key);
	jsonw_escaped(w->out, text, n_bytes);
}

void jsonw_string(struct jsonw *w, const char *key, const char *text)
{
	if (text)
		jsonw_text(w, key, text, strlen(text));
	else
		jsonw_null(w, key);
}

void jsonw_int(struct jsonw *w, const char *key, int64_t value)
{
	jsonw_key(w, key);
	buf_printf(w->out, "%" PRId64, value);
}

void jsonw_bool(struct jsonw *w, const char *key, bool value)
{
	jsonw_key(w, key);
	buf_puts(w->out, value ? "true" : "false");
}

void jsonw_null(struct jsonw *w, const char *key)
{
	jsonw_key(w, key);
	buf_puts(w->out, "null");
}

void jsonw_raw(struct jsonw *w, const char *key, const char *json, size_t n_bytes)
{
	jsonw_key(w, key);
	buf_append(w->out, json, n_bytes);
}
