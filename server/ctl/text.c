/* SPDX-License-Identifier: Apache-2.0 */
/* text.c - tables for people; see text.h. Pure but for the stream it is given. */
#include "server/ctl/text.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"

#define TEXT_COLUMNS 80
#define TEXT_GAP 2
#define TEXT_MIN 8 /* columns that a cut column keeps */

/* Length of the character at s, 0 if it is none; *ret_code is its code point. */
static size_t text_character(const char *s, uint32_t *ret_code)
{
	const uint8_t *u = (const uint8_t *)s;
	size_t n = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	uint32_t code = n == 1 ? u[0] : u[0] & (0x7fu >> n);

	if (strnlen(s, n) < n || !text_is_valid(s, n))
		return 0;
	for (size_t i = 1; i < n; i++)
		code = code << 6 | (u[i] & 0x3f);
	*ret_code = code;
	return n;
}

static bool text_is_steering(uint32_t code)
{
	return (code >= 0x80 && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
	       code == 0xfeff;
}

void text_plain(struct buf *out, const char *text)
{
	while (*text) {
		uint32_t code = 0;
		size_t n = text_character(text, &code);

		if (n == 0 || text_is_steering(code))
			buf_puts(out, "?");
		else
			buf_append(out, text, n);
		text += n ? n : 1;
	}
}

void text_lines(FILE *out, const char *text)
{
	while (*text) {
		_cleanup_buf_ struct buf plain = BUF_INIT;
		size_t n = strcspn(text, "\n");
		char *line = strndup(text, n);

		if (line)
			text_plain(&plain, line);
		fprintf(out, "%s\n", plain.n_bytes ? plain.data : "");
		free(line);
		text += n + (text[n] == '\n');
	}
}

size_t text_columns(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static const char *text_colour(const char *state)
{
	static const struct {
		const char *state, *colour;
	} colours[] = {
		{"compliant", "\033[32m"},
		{"noncompliant", "\033[31m"},
		{"error", "\033[31m"},
		{"pending", "\033[33m"},
		{"unknown", "\033[33m"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(colours); i++)
		if (strcmp(colours[i].state, state) == 0)
			return colours[i].colour;
	return NULL;
}

void text_state(FILE *out, bool colour, const char *state, int width)
{
	const char *start = colour ? text_colour(state) : NULL;

	fprintf(out, "%s%s%s%*s", start ? start : "", state, start ? "\033[0m" : "",
		width > (int)text_columns(state) ? width - (int)text_columns(state) : 0, "");
}

void table_done(struct table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	table->cells = NULL;
	table->n_cells = table->max_cells = 0;
}

void table_add(struct table *table, const char *text)
{
	_cleanup_buf_ struct buf plain = BUF_INIT;
	char *cell = NULL;

	if (table->error)
		return;
	text_plain(&plain, text && *text ? text : "-");
	if (table->n_cells == table->max_cells) {
		size_t max = table->max_cells ? 2 * table->max_cells : 64;
		char **cells = reallocarray(table->cells, max, sizeof(*cells));

		if (!cells) {
			table->error = -ENOMEM;
			return;
		}
		table->cells = cells;
		table->max_cells = max;
	}
	table->error = buf_take(&plain, &cell, NULL);
	if (!table->error)
		table->cells[table->n_cells++] = cell;
}

void table_printf(struct table *table, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	table_add(table, text);
}

/* A cell in its width; the last one of a row is not filled up. */
static void table_cell(const struct table *table, size_t column, const char *text, size_t width,
	FILE *out, bool colour)
{
	size_t columns = text_columns(text), n_bytes = strlen(text);
	bool last = column + 1 == table->n_columns, cut = columns > width;

	if (cut) {
		size_t left = width - 1;

		for (n_bytes = 0; text[n_bytes]; n_bytes++)
			if (((unsigned char)text[n_bytes] & 0xc0) != 0x80 && left-- == 0)
				break;
		columns = width;
	}
	if (column == table->state && !cut)
		text_state(out, colour, text, 0);
	else
		fprintf(out, "%.*s%s", (int)n_bytes, text, cut ? "~" : "");
	if (!last)
		fprintf(out, "%*s", (int)(width - columns + TEXT_GAP), "");
	else
		fputc('\n', out);
}

int table_print(const struct table *table, FILE *out, bool colour)
{
	size_t widths[TABLE_MAX_COLUMNS] = {0}, total = 0, over;

	if (table->error)
		return table->error;
	for (size_t i = 0; i < table->n_columns; i++)
		widths[i] = text_columns(table->headings[i]);
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t columns = text_columns(table->cells[i]);

		if (columns > widths[i % table->n_columns])
			widths[i % table->n_columns] = columns;
	}
	for (size_t i = 0; i < table->n_columns; i++)
		total += widths[i] + (i ? TEXT_GAP : 0);
	if (total > TEXT_COLUMNS && widths[table->flexible] > TEXT_MIN) {
		over = total - TEXT_COLUMNS;
		widths[table->flexible] = over + TEXT_MIN > widths[table->flexible]
						  ? TEXT_MIN
						  : widths[table->flexible] - over;
	}
	for (size_t i = 0; i < table->n_columns; i++)
		table_cell(table, i, table->headings[i], widths[i], out, false);
	for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns)
		for (size_t j = 0; j < table->n_columns; j++)
			table_cell(table, j, table->cells[i + j], widths[j], out, colour);
	return 0;
}
