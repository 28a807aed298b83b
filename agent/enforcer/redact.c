/* SPDX-License-Identifier: Apache-2.0 */
/* redact.c - what is taken out of sentences; see redact.h. Pure; enforcer. */
#include "agent/enforcer/redact.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "agent/util/mem.h"

#define WORD_MIN 3
/* From here on a word is no part of another one by chance. */
#define WORD_LONG 12
/* A run of letters and digits of this length is no word of a language: secrets of tickets have 16
 * characters at least, nonces 22, keys 43. */
#define TOKEN_MIN 16

void redact_done(struct redact *redact)
{
	for (size_t i = 0; i < redact->n_words; i++)
		secret_free(redact->words[i], strlen(redact->words[i]));
	redact->n_words = 0;
}

int redact_add(struct redact *redact, const char *word)
{
	char *copy;

	if (strlen(word) < WORD_MIN)
		return 0;
	if (redact->n_words == REDACT_WORDS)
		return -ENOSPC;
	copy = strdup(word);
	if (!copy)
		return -ENOMEM;
	redact->words[redact->n_words++] = copy;
	return 0;
}

/* Not <ctype.h>: what is a letter must not depend on the locale. */
static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Of words, and of UTF-8 beyond ASCII. */
static bool is_letter(char c)
{
	return is_lower(c) || is_upper(c) || is_digit(c) || (unsigned char)c >= 0x80;
}

/* Of base64, base64url and hexadecimal. */
static bool is_token(char c)
{
	return is_lower(c) || is_upper(c) || is_digit(c) || c == '-' || c == '_' || c == '+';
}

/* The longest known word that begins at text[at]; 0: none does. */
static size_t match_word(const struct redact *redact, const char *text, size_t at)
{
	size_t longest = 0;

	for (size_t i = 0; i < redact->n_words; i++) {
		size_t n = strlen(redact->words[i]);

		if (n <= longest || strncasecmp(text + at, redact->words[i], n) != 0)
			continue;
		if (n < WORD_LONG &&
			((at > 0 && is_letter(text[at - 1])) || is_letter(text[at + n])))
			continue;
		longest = n;
	}
	return longest;
}

/* Names of files may hold anything, so that nothing tells where such a path ends. */
static bool is_private_path(const char *text)
{
	static const char *const below[] = {
		"/home/", "/root/", "/var/home/", "/run/user/", "/media/", "/run/media/", "/mnt/"};

	for (size_t i = 0; i < ARRAY_SIZE(below); i++)
		if (strncmp(text, below[i], strlen(below[i])) == 0)
			return true;
	return false;
}

/* A run that begins here and looks made by chance; 0: it does not. */
static size_t match_token(const char *text, size_t at)
{
	bool lower = false, upper = false, digit = false;
	size_t n = 0;

	if (at > 0 && is_token(text[at - 1]))
		return 0;
	for (; is_token(text[at + n]); n++) {
		lower |= is_lower(text[at + n]);
		upper |= is_upper(text[at + n]);
		digit |= is_digit(text[at + n]);
	}
	return n >= TOKEN_MIN && lower + upper + digit >= 2 ? n : 0;
}

void redact_text(const struct redact *redact, const char *text, struct buf *out)
{
	size_t n;

	buf_append(out, "", 0);
	for (size_t i = 0; text[i]; i += n) {
		if (is_private_path(text + i)) {
			buf_puts(out, REDACT_MARK);
			return;
		}
		n = match_word(redact, text, i);
		if (!n)
			n = match_token(text, i);
		if (!n && strncmp(text + i, "://", 3) == 0)
			n = 3 + strcspn(text + i + 3, " \"'<>");
		if (n) {
			buf_puts(out, REDACT_MARK);
		} else {
			buf_append(out, text + i, 1);
			n = 1;
		}
	}
}
