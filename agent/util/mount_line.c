/* SPDX-License-Identifier: Apache-2.0 */
/* mount_line.c - one line of mountinfo; see mount_line.h. Pure; any role. */
#include "agent/util/mount_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The next word; words are apart by single spaces, and one may be empty. False: no more. */
static bool next_word(struct mount_text *rest, struct mount_text *ret_word)
{
	const char *space;

	if (!rest->at)
		return false;
	space = memchr(rest->at, ' ', rest->n);
	*ret_word = (struct mount_text){rest->at, space ? (size_t)(space - rest->at) : rest->n};
	*rest = space ? (struct mount_text){space + 1, rest->n - ret_word->n - 1}
		      : (struct mount_text){NULL, 0};
	return true;
}

static bool next_filled(struct mount_text *rest, struct mount_text *ret_word)
{
	return next_word(rest, ret_word) && ret_word->n > 0;
}

static bool read_number(const char *text, size_t n, uint32_t *ret_number)
{
	uint64_t number = 0;

	if (n == 0 || n > 10)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(text[i] - '0');
	}
	*ret_number = (uint32_t)number;
	return number <= UINT32_MAX;
}

static bool next_number(struct mount_text *rest, uint32_t *ret_number)
{
	struct mount_text word;

	return next_word(rest, &word) && read_number(word.at, word.n, ret_number);
}

static bool next_device(struct mount_text *rest, struct mount_line *line)
{
	struct mount_text word;
	const char *colon;

	if (!next_filled(rest, &word))
		return false;
	colon = memchr(word.at, ':', word.n);
	return colon && read_number(word.at, (size_t)(colon - word.at), &line->major) &&
	       read_number(colon + 1, word.n - (size_t)(colon - word.at) - 1, &line->minor);
}

/* id parent major:minor root point flags [optional...] - type source super */
int mount_line_split(const char *line, size_t n_bytes, struct mount_line *ret_line)
{
	struct mount_text rest = {line, n_bytes}, word;
	struct mount_line out;

	if (memchr(line, 0, n_bytes) || !next_number(&rest, &out.id) ||
		!next_number(&rest, &out.parent) || !next_device(&rest, &out) ||
		!next_filled(&rest, &out.root) || !next_filled(&rest, &out.point) ||
		out.point.at[0] != '/' || !next_filled(&rest, &out.flags))
		return -EBADMSG;
	do
		if (!next_filled(&rest, &word))
			return -EBADMSG;
	while (word.n != 1 || word.at[0] != '-');
	if (!next_filled(&rest, &out.type) || !next_word(&rest, &out.source) ||
		!next_filled(&rest, &out.super))
		return -EBADMSG;
	*ret_line = out;
	return 0;
}

static bool is_octal(const char *p, size_t n)
{
	return n >= 4 && p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
	       p[3] >= '0' && p[3] <= '7';
}

int mount_text_copy(const struct mount_text *text, char *ret_text, size_t size_bytes)
{
	size_t length = 0;

	for (size_t i = 0; i < text->n; length++) {
		const char *p = text->at + i;
		char c = *p;

		if (length + 1 >= size_bytes)
			return -ENAMETOOLONG;
		if (is_octal(p, text->n - i)) {
			c = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			i += 4;
		} else {
			i++;
		}
		ret_text[length] = c ? c : '?';
	}
	if (size_bytes == 0)
		return -ENAMETOOLONG;
	ret_text[length] = 0;
	return 0;
}

char *mount_text_dup(const struct mount_text *text)
{
	char *copy = malloc(text->n + 1);

	if (copy)
		(void)mount_text_copy(text, copy, text->n + 1);
	return copy;
}

bool mount_text_has(const struct mount_text *text, const char *word)
{
	size_t n = strlen(word);

	for (size_t at = 0; at < text->n;) {
		const char *comma = memchr(text->at + at, ',', text->n - at);
		size_t end = comma ? (size_t)(comma - text->at) : text->n;

		if (end - at == n && memcmp(text->at + at, word, n) == 0)
			return true;
		at = end + 1;
	}
	return false;
}

bool mount_point_is_system(const char *point)
{
	static const char *const trees[] = {"/boot", "/efi", "/home", "/usr", "/var", "/etc",
		"/opt", "/root", "/srv", "/nix", "/gnu", "/snap", "/sysroot",
		/* Halium: partitions of the Android that the phone came with. */
		"/android", "/apex", "/data", "/firmware", "/odm", "/persist", "/product",
		"/system", "/system_ext", "/userdata", "/vendor"};

	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
		size_t n = strlen(trees[i]);

		if (strncmp(point, trees[i], n) == 0 && (point[n] == '/' || !point[n]))
			return true;
	}
	return strcmp(point, "/") == 0;
}
