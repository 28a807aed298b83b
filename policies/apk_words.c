/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apk_words.c - words of dependencies and lines of files in the database of packages; see apk_db.h.
 * Pure: no system calls. Enforcer only.
 *
 * A word is [!]name[@tag][operator version]. The tag of what apk writes stands before the operator,
 * that of what people write may stand behind the version.
 */
#include "policies/apk_db.h"

#include <string.h>

/* Most of what is read are names: one look at each byte. */
enum {
	OPERATOR = 1,
	AT = 2,
	BLANK = 4,
};
static const unsigned char kinds[256] = {
	['<'] = OPERATOR,
	['>'] = OPERATOR,
	['='] = OPERATOR,
	['~'] = OPERATOR,
	['@'] = AT,
	[' '] = BLANK,
	['\n'] = BLANK,
	['\t'] = BLANK,
	['\r'] = BLANK,
};

static bool is_one_of(char c, unsigned int set)
{
	return (kinds[(unsigned char)c] & set) != 0;
}

/* Up to one of the characters that end it; what follows stays in word. */
static struct apk_text take_until(struct apk_text *word, unsigned int set)
{
	struct apk_text taken = {word->at, 0};

	while (taken.n < word->n && !is_one_of(word->at[taken.n], set))
		taken.n++;
	word->at += taken.n;
	word->n -= taken.n;
	return taken.n ? taken : (struct apk_text){0};
}

static void read_tag(struct apk_text *word, struct apk_dependency *dependency)
{
	if (!word->n || word->at[0] != '@')
		return;
	word->at++;
	word->n--;
	dependency->tag = take_until(word, OPERATOR);
}

static struct apk_dependency read_word(struct apk_text word)
{
	struct apk_dependency dependency = {0};
	size_t n = 0;

	if (word.at[0] == '!') {
		dependency.is_conflict = true;
		word.at++;
		word.n--;
	}
	dependency.name = take_until(&word, AT | OPERATOR);
	read_tag(&word, &dependency);
	for (; word.n && is_one_of(word.at[0], OPERATOR); word.at++, word.n--)
		if (n < sizeof(dependency.operator) - 1)
			dependency.operator[n++] = word.at[0];
	dependency.version = take_until(&word, AT);
	read_tag(&word, &dependency);
	return dependency;
}

bool apk_dependency_next(struct apk_text *rest, struct apk_dependency *ret_dependency)
{
	const char *at = rest->at, *end;

	if (!at)
		return false;
	end = at + rest->n;
	while (at < end) {
		struct apk_dependency dependency;
		const char *word = at;

		if (is_one_of(*at, BLANK)) {
			at++;
			continue;
		}
		while (at < end && !is_one_of(*at, BLANK))
			at++;
		dependency = read_word((struct apk_text){word, (size_t)(at - word)});
		if (!dependency.name.n)
			continue;
		*rest = (struct apk_text){at, (size_t)(end - at)};
		*ret_dependency = dependency;
		return true;
	}
	*rest = (struct apk_text){0};
	return false;
}

/* --- files ---------------------------------------------------------------------------------- */

static struct apk_text take_line(struct apk_text *rest)
{
	struct apk_text line = *rest;
	const char *eol = memchr(line.at, '\n', line.n);

	if (!eol) {
		*rest = (struct apk_text){0};
		return line;
	}
	line.n = (size_t)(eol - line.at);
	rest->n -= line.n + 1;
	rest->at = eol + 1;
	return line;
}

static bool is_line(const struct apk_text *line, char letter)
{
	return line->n >= 2 && line->at[0] == letter && line->at[1] == ':';
}

static struct apk_text value_of(const struct apk_text *line)
{
	return (struct apk_text){line->at + 2, line->n - 2};
}

/* Third of uid:gid:mode[:xattrs], in octal; 0 if it is none. */
static unsigned int read_mode(struct apk_text acl)
{
	unsigned int mode = 0;
	size_t i = 0;

	for (int colons = 0; i < acl.n && colons < 2; i++)
		colons += acl.at[i] == ':';
	for (; i < acl.n && acl.at[i] != ':'; i++) {
		if (acl.at[i] < '0' || acl.at[i] > '7' || mode > 07777 / 8)
			return 0;
		mode = mode * 8 + (unsigned int)(acl.at[i] - '0');
	}
	return mode;
}

void apk_files_begin(const struct apk_package *package, struct apk_files *ret_files)
{
	*ret_files = (struct apk_files){.rest = package->files};
}

void apk_files_begin_desktop(const struct apk_package *package, struct apk_files *ret_files)
{
	*ret_files = (struct apk_files){.rest = package->desktop};
}

bool apk_files_next(struct apk_files *files, struct apk_file *ret_file)
{
	struct apk_file file = {0};

	while (files->rest.n) {
		struct apk_text line = take_line(&files->rest);

		if (is_line(&line, 'F')) {
			files->directory = value_of(&line);
			while (files->directory.n && files->directory.at[0] == '/') {
				files->directory.at++;
				files->directory.n--;
			}
		}
		if (!is_line(&line, 'R') || line.n == 2)
			continue;
		file.directory = files->directory;
		file.name = value_of(&line);
		/* What is said of a file follows it. */
		while (files->rest.n && files->rest.at[0] != 'R' && files->rest.at[0] != 'F') {
			line = take_line(&files->rest);
			if (is_line(&line, 'a'))
				file.mode = read_mode(value_of(&line));
		}
		*ret_file = file;
		return true;
	}
	return false;
}
