/* SPDX-License-Identifier: Apache-2.0 */
/* pam_lines.c - pam.d(5) taken apart; see pam_lines.h. Pure. Enforcer only. */
#include "platform/pam_lines.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

/* Largest number of a jump, longer than any stack. */
#define PAM_JUMP_MAX 999

/* Reads one line; at is where the next word may begin. */
struct reader {
	const char *text;
	size_t at, end;
	const char *why; /* NULL: understood so far */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* A backslash before the end of a physical line stands for a blank. */
static bool is_joint(const struct reader *r, size_t at)
{
	return r->text[at] == '\\' && at + 1 < r->end && r->text[at + 1] == '\n';
}

/* The next word as libpam cuts it: up to a blank, or from [ to the first ] without a backslash.
 * False: there is none. */
static bool next_word(struct reader *r, struct pam_span *ret_word)
{
	size_t at = r->at;

	while (at < r->end && (is_blank(r->text[at]) || is_joint(r, at)))
		at++;
	if (at >= r->end || r->text[at] == '#')
		return false;
	ret_word->start = at;
	if (r->text[at] == '[') {
		while (at < r->end && r->text[at] != ']' && r->text[at] != '#')
			at += r->text[at] == '\\' && at + 1 < r->end && r->text[at + 1] == ']' ? 2
											       : 1;
		if (at >= r->end || r->text[at] != ']') {
			r->why = "a bracket does not end";
			return false;
		}
		at++;
	} else {
		while (at < r->end && !is_blank(r->text[at]) && !is_joint(r, at) &&
			r->text[at] != '#')
			at++;
	}
	ret_word->end = at;
	r->at = at;
	return true;
}

static bool word_is(const char *text, struct pam_span word, const char *expected)
{
	size_t n = word.end - word.start;

	return n == strlen(expected) && strncasecmp(text + word.start, expected, n) == 0;
}

static enum pam_type read_type(const char *text, struct pam_span word)
{
	static const char *const names[PAM_TYPE_MAX] = {
		[PAM_TYPE_AUTH] = "auth",
		[PAM_TYPE_ACCOUNT] = "account",
		[PAM_TYPE_PASSWORD] = "password",
		[PAM_TYPE_SESSION] = "session",
		[PAM_TYPE_ALL] = "@include",
	};

	if (text[word.start] == '-')
		word.start++;
	for (size_t i = 0; i < PAM_TYPE_MAX; i++)
		if (names[i] && word_is(text, word, names[i]))
			return i;
	return PAM_TYPE_NONE;
}

static bool is_known_word(const char *text, struct pam_span word)
{
	static const char *const words[] = {"required", "requisite", "sufficient", "optional"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (word_is(text, word, words[i]))
			return true;
	return false;
}

/* All of a line that is neither blank nor a comment. */
static void read_words(struct reader *r, struct pam_line *line)
{
	struct pam_span word;

	if (!next_word(r, &word))
		return;
	line->type = read_type(r->text, word);
	if (line->type == PAM_TYPE_NONE) {
		r->why = "it is of no known type";
		return;
	}
	if (line->type == PAM_TYPE_ALL) {
		line->control = PAM_CONTROL_INCLUDE;
	} else if (!next_word(r, &word)) {
		r->why = r->why ? r->why : "it has no control";
		return;
	} else if (r->text[word.start] == '[') {
		line->control = PAM_CONTROL_ACTIONS;
		line->actions = (struct pam_span){word.start + 1, word.end - 1};
	} else if (word_is(r->text, word, "include")) {
		line->control = PAM_CONTROL_INCLUDE;
	} else if (word_is(r->text, word, "substack")) {
		line->control = PAM_CONTROL_SUBSTACK;
	} else if (!is_known_word(r->text, word)) {
		r->why = "its control is not known";
		return;
	}
	if (!next_word(r, &line->module)) {
		r->why = r->why ? r->why : "it names no module";
		return;
	}
	line->last = line->module;
	while (next_word(r, &word))
		line->last = word;
}

/* Whether the physical line from start on has nothing but blanks and a comment. */
static bool is_empty_line(const char *text, size_t start, size_t end)
{
	while (start < end && is_blank(text[start]))
		start++;
	return start >= end || text[start] == '#';
}

static size_t line_end(const char *text, size_t n_bytes, size_t start)
{
	const char *newline = memchr(text + start, '\n', n_bytes - start);

	return newline ? (size_t)(newline - text) + 1 : n_bytes;
}

/*
 * End of the logical line that begins at start. Old libpam goes on behind a blank line or a comment
 * in the middle of one, new libpam stops there: neither can be relied on.
 */
static size_t logical_end(struct reader *r, size_t start, size_t n_bytes)
{
	size_t end = line_end(r->text, n_bytes, start);

	if (is_empty_line(r->text, start, end))
		return end;
	for (;;) {
		size_t last = end;

		if (memchr(r->text + start, '#', end - start))
			return end;
		if (last > start && r->text[last - 1] == '\n')
			last--;
		else if (last > start && r->text[last - 1] == '\\')
			r->why = "the file ends in the middle of it";
		if (last == start || r->text[last - 1] != '\\' || last == end)
			return end;
		start = end;
		end = line_end(r->text, n_bytes, start);
		if (is_empty_line(r->text, start, end)) {
			r->why = "it goes on behind a backslash, where nothing follows";
			return end;
		}
	}
}

static size_t count_newlines(const char *text, size_t n_bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < n_bytes; i++)
		n += text[i] == '\n';
	return n;
}

static bool has_control_characters(const char *text, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++)
		if (((unsigned char)text[i] < 0x20 && !is_blank(text[i])) || text[i] == 0x7f)
			return true;
	return false;
}

/* A blank behind the backslash: some versions of libpam see a continuation, others do not. */
static bool has_lonely_backslash(const char *text, size_t start, size_t end)
{
	for (size_t i = start; i < end && text[i] != '#'; i++) {
		size_t k = i + 1;

		if (text[i] != '\\')
			continue;
		while (k < end && (text[k] == ' ' || text[k] == '\t'))
			k++;
		if (k > i + 1 && (k == end || text[k] == '\n'))
			return true;
	}
	return false;
}

static const char *check_actions(const char *text, const struct pam_line *line)
{
	struct pam_jump jump;
	size_t offset = 0;
	int r = 0;

	if (line->control != PAM_CONTROL_ACTIONS)
		return NULL;
	while ((r = pam_line_next_jump(text, line, &offset, &jump)) > 0)
		;
	return r < 0 ? "its actions are malformed" : NULL;
}

int pam_lines_parse(const char *text, size_t n_bytes, struct pam_lines *ret_lines)
{
	struct pam_lines lines = {0};
	struct reader reader = {.text = text};
	unsigned int number = 1;

	lines.lines = calloc(count_newlines(text, n_bytes) + 1, sizeof(*lines.lines));
	if (!lines.lines)
		return -ENOMEM;
	if (has_control_characters(text, n_bytes))
		snprintf(lines.unclear, sizeof(lines.unclear), "it is no text file");
	for (size_t start = 0; start < n_bytes;) {
		struct pam_line *line = &lines.lines[lines.n_lines++];

		reader.why = NULL;
		reader.at = start;
		reader.end = logical_end(&reader, start, n_bytes);
		if (!reader.why)
			read_words(&reader, line);
		if (!reader.why)
			reader.why = check_actions(text, line);
		if (!reader.why && has_lonely_backslash(text, start, reader.end))
			reader.why = "a blank follows its backslash";
		if (reader.why) {
			*line = (struct pam_line){.type = PAM_TYPE_NONE};
			if (!lines.unclear[0])
				snprintf(lines.unclear, sizeof(lines.unclear), "line %u: %s",
					number, reader.why);
		}
		line->all = (struct pam_span){start, reader.end};
		number += (unsigned int)count_newlines(text + start, reader.end - start);
		start = reader.end;
	}
	*ret_lines = lines;
	return 0;
}

void pam_lines_done(struct pam_lines *lines)
{
	free(lines->lines);
	*lines = (struct pam_lines){0};
}

static bool is_word_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t skip_blanks(const char *text, size_t at, size_t end)
{
	while (at < end &&
		(is_blank(text[at]) || (text[at] == '\\' && at + 1 < end && text[at + 1] == '\n')))
		at++;
	return at;
}

static size_t skip_word(const char *text, size_t at, size_t end)
{
	while (at < end && is_word_character(text[at]))
		at++;
	return at;
}

/* A number that is written as libpam and this program would write it, without zeros in front. */
static int read_jump(const char *text, struct pam_span span, struct pam_jump *ret_jump)
{
	unsigned int n = 0;

	if (text[span.start] == '0')
		return -EBADMSG;
	for (size_t i = span.start; i < span.end; i++) {
		n = n * 10 + (unsigned int)(text[i] - '0');
		if (n > PAM_JUMP_MAX)
			return -EBADMSG;
	}
	*ret_jump = (struct pam_jump){span, n};
	return 1;
}

int pam_line_next_jump(
	const char *text, const struct pam_line *line, size_t *offset, struct pam_jump *ret_jump)
{
	size_t at = line->actions.start + *offset, end = line->actions.end;

	for (;;) {
		struct pam_span span;
		size_t name = at = skip_blanks(text, at, end);

		if (at >= end)
			return 0;
		at = skip_word(text, at, end);
		if (at == name)
			return -EBADMSG;
		at = skip_blanks(text, at, end);
		if (at >= end || text[at] != '=')
			return -EBADMSG;
		span.start = at = skip_blanks(text, at + 1, end);
		while (at < end && is_digit(text[at]))
			at++;
		span.end = at;
		if (span.end == span.start)
			at = skip_word(text, at, end);
		/* A word or a number, and a blank behind it. */
		if (at == span.start || (at < end && skip_blanks(text, at, end) == at))
			return -EBADMSG;
		*offset = at - line->actions.start;
		if (span.end > span.start)
			return read_jump(text, span, ret_jump);
	}
}

bool pam_line_has_module(const char *text, const struct pam_line *line, const char *name)
{
	struct pam_span module = line->module;

	if (line->type == PAM_TYPE_NONE || line->control == PAM_CONTROL_INCLUDE ||
		line->control == PAM_CONTROL_SUBSTACK)
		return false;
	for (size_t i = module.start; i < module.end; i++)
		if (text[i] == '/')
			module.start = i + 1;
	return module.end - module.start == strlen(name) &&
	       memcmp(text + module.start, name, strlen(name)) == 0;
}

bool pam_line_has_argument(const char *text, const struct pam_line *line, const char *word)
{
	struct reader reader = {.text = text, .at = line->module.end, .end = line->all.end};
	struct pam_span span;

	while (next_word(&reader, &span))
		if (span.end - span.start == strlen(word) &&
			memcmp(text + span.start, word, strlen(word)) == 0)
			return true;
	return false;
}
