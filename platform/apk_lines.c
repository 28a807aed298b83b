/* SPDX-License-Identifier: Apache-2.0 */
/* apk_lines.c - see apk_lines.h. Pure: no files, no system calls. Enforcer only. */
#include "platform/apk_lines.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

struct word {
	const char *at;
	size_t n;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct word next_word(struct word *rest)
{
	struct word word;

	while (rest->n && is_space(*rest->at)) {
		rest->at++;
		rest->n--;
	}
	word = (struct word){rest->at, 0};
	while (rest->n && !is_space(*rest->at)) {
		rest->at++;
		rest->n--;
		word.n++;
	}
	return word;
}

static bool word_is(struct word word, const char *text)
{
	return word.n == strlen(text) && memcmp(word.at, text, word.n) == 0;
}

/* --- variables ------------------------------------------------------------------------------ */

static const char *find_variable(const struct apk_variables *variables, struct word name)
{
	for (size_t i = 0; i < variables->n_rows; i++)
		if (word_is(name, variables->rows[i].name))
			return variables->rows[i].value;
	return NULL;
}

static bool append(char text[LIMIT_URL_BYTES + 1], size_t *n, const char *more, size_t n_more)
{
	if (n_more > LIMIT_URL_BYTES - *n)
		return false;
	memcpy(text + *n, more, n_more);
	*n += n_more;
	text[*n] = 0;
	return true;
}

/*
 * What is unknown stays as it is written: apk does not use such a line, unless the name is one of
 * its own, such as APK_ARCH, which a list can write likewise. False: too long.
 */
static bool expand(
	const struct apk_variables *variables, struct word word, char ret_text[LIMIT_URL_BYTES + 1])
{
	size_t n = 0;
	bool fits = true;

	ret_text[0] = 0;
	while (word.n && fits) {
		const char *end = NULL, *value = NULL;
		size_t used = 1;

		if (word.n > 3 && word.at[0] == '$' && word.at[1] == '{')
			end = memchr(word.at, '}', word.n);
		if (end) {
			struct word name = {word.at + 2, (size_t)(end - word.at) - 2};

			value = find_variable(variables, name);
			used = (size_t)(end - word.at) + 1;
		}
		fits = value ? append(ret_text, &n, value, strlen(value))
			     : append(ret_text, &n, word.at, used);
		word.at += used;
		word.n -= used;
	}
	return fits;
}

static bool is_variable_name(struct word name)
{
	if (name.n == 0 || name.n > LIMIT_NAME_BYTES || !isalpha((unsigned char)*name.at) ||
		(name.n >= 4 && memcmp(name.at, "APK_", 4) == 0))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!isalnum((unsigned char)name.at[i]) && name.at[i] != '_')
			return false;
	return true;
}

/* "[-default] NAME=VALUE". What apk refuses is passed over; what does not fit makes lines strange.
 */
static void assign(struct apk_variables *variables, struct word rest)
{
	struct word name, copy = rest, option = next_word(&copy);
	char value[LIMIT_URL_BYTES + 1];
	bool keep = word_is(option, "-default");
	const char *equals;
	size_t row = 0;

	if (keep)
		rest = copy;
	while (rest.n && is_space(*rest.at)) {
		rest.at++;
		rest.n--;
	}
	equals = rest.n ? memchr(rest.at, '=', rest.n) : NULL;
	if (!equals)
		return;
	name = (struct word){rest.at, (size_t)(equals - rest.at)};
	rest = (struct word){equals + 1, rest.n - name.n - 1};
	if (!is_variable_name(name) || !expand(variables, rest, value))
		return;
	while (row < variables->n_rows && !word_is(name, variables->rows[row].name))
		row++;
	if (row == LIMIT_APK_VARIABLES || (row < variables->n_rows && keep))
		return;
	if (row == variables->n_rows)
		variables->n_rows++;
	memcpy(variables->rows[row].name, name.at, name.n);
	variables->rows[row].name[name.n] = 0;
	memcpy(variables->rows[row].value, value, sizeof(value));
}

/* --- lines ---------------------------------------------------------------------------------- */

static void cut_slashes(char *url)
{
	size_t n = strlen(url);

	while (n > 1 && url[n - 1] == '/')
		url[--n] = 0;
}

/* "URL [COMPONENT...]": one address for each. */
static bool read_urls(const struct apk_variables *variables, struct word word, struct word rest,
	struct apk_line *line)
{
	char url[LIMIT_URL_BYTES + 1];
	struct word component;
	size_t n;

	if (word.n == 0 || !expand(variables, word, url))
		return false;
	cut_slashes(url);
	n = strlen(url);
	while ((component = next_word(&rest)).n) {
		char *to = line->urls[line->n_urls], text[LIMIT_URL_BYTES + 1];
		size_t n_to = n;

		if (line->n_urls == LIMIT_APK_COMPONENTS || !expand(variables, component, text))
			return false;
		memcpy(to, url, n + 1);
		if (!append(to, &n_to, "/", 1) || !append(to, &n_to, text, strlen(text)))
			return false;
		cut_slashes(to);
		line->n_urls++;
	}
	if (line->n_urls == 0)
		memcpy(line->urls[line->n_urls++], url, n + 1);
	return true;
}

bool apk_line_read(const char *text, size_t n_bytes, struct apk_variables *variables,
	struct apk_line *ret_line)
{
	struct word rest = {text, n_bytes}, word;

	ret_line->n_urls = 0;
	ret_line->is_strange = false;
	if (n_bytes == 0 || *text == '#')
		return false;
	word = next_word(&rest);
	if (word.n == 0)
		return false;
	if (word_is(word, "set")) {
		assign(variables, rest);
		return false;
	}
	if (word_is(word, "v2") || word_is(word, "v3") || word_is(word, "ndx"))
		word = next_word(&rest);
	if (word.n && *word.at == '@')
		word = next_word(&rest);
	ret_line->is_strange = !read_urls(variables, word, rest, ret_line);
	return true;
}

static bool is_in(const struct string_set *list, const char *url)
{
	size_t n = strlen(url);

	for (size_t i = 0; i < list->n_strings; i++) {
		const char *listed = list->strings[i];
		size_t n_listed = strlen(listed);

		while (n_listed > 1 && listed[n_listed - 1] == '/')
			n_listed--;
		if (n_listed == n && memcmp(listed, url, n) == 0)
			return true;
	}
	return false;
}

bool apk_line_is_listed(const struct apk_line *line, const struct string_set *list)
{
	for (size_t i = 0; i < line->n_urls; i++)
		if (!is_in(list, line->urls[i]))
			return false;
	return line->n_urls > 0 && !line->is_strange;
}

/* The next line without its end; *ret_rest begins behind it. */
static struct word next_line(struct word *rest, bool *ret_ended)
{
	const char *end = memchr(rest->at, '\n', rest->n);
	struct word line = {rest->at, end ? (size_t)(end - rest->at) : rest->n};
	size_t n = line.n + (end != NULL);

	rest->at += n;
	rest->n -= n;
	*ret_ended = end != NULL;
	return line;
}

static bool unmark(struct word *line)
{
	size_t n = strlen(APK_LINES_MARK);

	if (line->n < n || memcmp(line->at, APK_LINES_MARK, n) != 0)
		return false;
	line->at += n;
	line->n -= n;
	return true;
}

int apk_lines_derive(const char *text, size_t n_bytes, const struct string_set *list,
	struct apk_variables *variables, struct buf *out, size_t *ret_n_kept, size_t *ret_n_out)
{
	_cleanup_free_ struct apk_line *parsed = calloc(1, sizeof(*parsed));
	struct word rest = {text, n_bytes};
	size_t n_kept = 0, n_out = 0;

	if (!parsed)
		return -ENOMEM;
	buf_append(out, "", 0);
	while (rest.n) {
		bool ended, is_source, is_listed;
		struct word line = next_line(&rest, &ended);

		while (unmark(&line))
			;
		is_source = apk_line_read(line.at, line.n, variables, parsed);
		is_listed = is_source && apk_line_is_listed(parsed, list);
		if (is_source && !is_listed)
			buf_puts(out, APK_LINES_MARK);
		buf_append(out, line.at, line.n);
		if (ended)
			buf_puts(out, "\n");
		n_kept += is_listed;
		n_out += is_source && !is_listed;
	}
	if (out->error)
		return out->error;
	*ret_n_kept = n_kept;
	*ret_n_out = n_out;
	return 0;
}

void apk_lines_strip(const char *text, size_t n_bytes, struct buf *out)
{
	struct word rest = {text, n_bytes};

	buf_append(out, "", 0);
	while (rest.n) {
		bool ended;
		struct word line = next_line(&rest, &ended);

		while (unmark(&line))
			;
		buf_append(out, line.at, line.n);
		if (ended)
			buf_puts(out, "\n");
	}
}
