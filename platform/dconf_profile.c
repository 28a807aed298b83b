/* SPDX-License-Identifier: Apache-2.0 */
/* dconf_profile.c - dconf profiles; see dconf_profile.h. Pure. Enforcer only. */
#include "platform/dconf_profile.h"

#include <errno.h>
#include <string.h>

#include "platform/block.h"

#define OUR_SOURCE "system-db:" DCONF_DATABASE

/* GLib's g_ascii_isspace(). */
static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r' && c != '\v');
}

/* One line without comment and white space around it. Returns its length. */
static size_t trim_line(const char *line, size_t n, const char **ret_start)
{
	const char *comment;

	while (n && is_space(*line)) {
		line++;
		n--;
	}
	comment = memchr(line, '#', n);
	if (comment)
		n = (size_t)(comment - line);
	while (n && is_space(line[n - 1]))
		n--;
	*ret_start = line;
	return n;
}

static bool parse_source(
	const char *text, size_t n, enum dconf_source_kind *ret_kind, const char **ret_name)
{
	static const struct {
		const char *prefix;
		enum dconf_source_kind kind;
	} kinds[] = {
		{"user-db:", DCONF_SOURCE_USER},
		{"service-db:", DCONF_SOURCE_USER},
		{"system-db:", DCONF_SOURCE_SYSTEM},
		{"file-db:", DCONF_SOURCE_FILE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t n_prefix = strlen(kinds[i].prefix);

		/* A name has to follow. */
		if (n > n_prefix && memcmp(text, kinds[i].prefix, n_prefix) == 0) {
			*ret_kind = kinds[i].kind;
			*ret_name = text + n_prefix;
			return true;
		}
	}
	return false;
}

int dconf_profile_parse(const char *text, size_t n_bytes, struct dconf_profile *ret_profile)
{
	struct dconf_profile profile = {.n_sources = 0};
	const char *end = text + n_bytes;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text)), *line, *name;
		size_t n = newline ? (size_t)(newline - text) : (size_t)(end - text), n_name;
		struct dconf_source *source;
		enum dconf_source_kind kind;

		n_name = trim_line(text, n, &line);
		text += n + (newline ? 1 : 0);
		if (!parse_source(line, n_name, &kind, &name))
			continue;
		n_name -= (size_t)(name - line);
		if (profile.n_sources == LIMIT_DCONF_SOURCES || n_name > LIMIT_TEXT_BYTES)
			return -E2BIG;
		source = &profile.sources[profile.n_sources++];
		source->kind = kind;
		memcpy(source->name, name, n_name);
		source->name[n_name] = 0;
	}
	*ret_profile = profile;
	return 0;
}

void dconf_profile_default(struct dconf_profile *ret_profile)
{
	*ret_profile = (struct dconf_profile){.n_sources = 1};
	ret_profile->sources[0] = (struct dconf_source){DCONF_SOURCE_USER, "user"};
}

/* Ends the text with a line end. */
static void end_line(struct buf *b)
{
	if (b->n_bytes && b->data[b->n_bytes - 1] != '\n')
		buf_puts(b, "\n");
}

int dconf_profile_derive(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	_cleanup_buf_ struct buf lines = BUF_INIT;
	const char *vendor = userdata;

	if (!original) {
		/* A file in /etc hides the vendor's, and having one hides the built-in default. */
		buf_puts(&lines, vendor ? vendor : "user-db:user\n");
		end_line(&lines);
	}
	buf_puts(&lines, OUR_SOURCE "\n");
	if (lines.error)
		return lines.error;
	block_insert(original, n_bytes, n_bytes, lines.data, out);
	return 0;
}

/* Appends the lines of a block but our own. */
static void keep_foreign_lines(const char *lines, size_t n_bytes, struct buf *out)
{
	while (n_bytes) {
		const char *newline = memchr(lines, '\n', n_bytes), *start;
		size_t n = newline ? (size_t)(newline - lines) + 1 : n_bytes;
		size_t n_trimmed = trim_line(lines, n, &start);

		if (n_trimmed != strlen(OUR_SOURCE) || memcmp(start, OUR_SOURCE, n_trimmed) != 0)
			buf_append(out, lines, n);
		lines += n;
		n_bytes -= n;
	}
}

int dconf_profile_strip(const char *current, size_t n_bytes, struct buf *out, bool *ret_present)
{
	_cleanup_buf_ struct buf rest = BUF_INIT;
	struct block_found found;

	block_strip(current, n_bytes, &rest, &found);
	if (rest.error)
		return rest.error;
	*ret_present = !found.new_file || rest.n_bytes > 0;
	/* Somebody added sources to the file that we made: it stays after us, and then needs those
	 * that stood there when they were added, or the user's own database would be gone. */
	if (found.new_file && rest.n_bytes > 0) {
		keep_foreign_lines(found.lines, found.n_lines_bytes, out);
		end_line(out);
	}
	buf_append(out, rest.data, rest.n_bytes);
	return out->error;
}
