/* SPDX-License-Identifier: Apache-2.0 */
/* block.c - marked blocks in text files; see block.h. Pure. Enforcer only. */
#include "platform/block.h"

#include <string.h>

#define BLOCK_BEGIN "# mdm-agent: begin, everything up to the end mark is written by mdm-agent"
#define BLOCK_END "# mdm-agent: end\n"

/* How the block came into the file, so that taking it out gives the same bytes. */
#define BLOCK_PLAIN BLOCK_BEGIN "\n"
#define BLOCK_LINE_END BLOCK_BEGIN " (line end added)\n"
#define BLOCK_NEW_FILE BLOCK_BEGIN " (new file)\n"

void block_insert(
	const char *original, size_t n_bytes, size_t offset, const char *lines, struct buf *out)
{
	if (!original) {
		buf_puts(out, BLOCK_NEW_FILE);
		buf_puts(out, lines);
		buf_puts(out, BLOCK_END);
		return;
	}
	buf_append(out, original, offset);
	if (offset && original[offset - 1] != '\n') {
		buf_puts(out, "\n");
		buf_puts(out, BLOCK_LINE_END);
	} else {
		buf_puts(out, BLOCK_PLAIN);
	}
	buf_puts(out, lines);
	buf_puts(out, BLOCK_END);
	buf_append(out, original + offset, n_bytes - offset);
}

static bool starts_with(const char *text, size_t n_bytes, const char *prefix)
{
	size_t n = strlen(prefix);

	return n_bytes >= n && memcmp(text, prefix, n) == 0;
}

/* Bytes up to and with the line end. */
static size_t line_length(const char *text, size_t n_bytes)
{
	const char *end = memchr(text, '\n', n_bytes);

	return end ? (size_t)(end - text) + 1 : n_bytes;
}

void block_strip(const char *text, size_t n_bytes, struct buf *out, struct block_found *ret_found)
{
	struct block_found found = {0};
	size_t at = 0, n;
	bool inside = false;

	for (; at < n_bytes; at += n) {
		const char *line = text + at;

		n = line_length(line, n_bytes - at);
		if (inside) {
			inside = !starts_with(line, n_bytes - at, BLOCK_END);
			if (inside)
				found.n_lines_bytes += n;
			continue;
		}
		if (!starts_with(line, n_bytes - at, BLOCK_BEGIN)) {
			buf_append(out, line, n);
			continue;
		}
		if (starts_with(line, n_bytes - at, BLOCK_LINE_END) && out->n_bytes &&
			out->data[out->n_bytes - 1] == '\n')
			out->data[--out->n_bytes] = 0;
		found.new_file = starts_with(line, n_bytes - at, BLOCK_NEW_FILE);
		found.any = inside = true;
		found.lines = line + n;
		found.n_lines_bytes = 0;
	}
	*ret_found = found;
}
