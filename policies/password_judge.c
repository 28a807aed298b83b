/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password_judge.c - what is wrong with a password; see password.h.
 *
 * Pure: no system calls, files or clocks; links nothing but libc and password_common.c. One walk
 * over the caller's bytes, no copy of them; what it remembers is counters and the character before.
 * Used by the role verify, which has the password in its hands, and by fuzzers.
 *
 * A character is one code point of UTF-8 (NIST SP 800-63B-4, section 3.1.1.2 counts so), a byte
 * that is no UTF-8 counts as one. Letters and digits are those of ASCII; all else is of the class
 * "other".
 */
#include <stdio.h>
#include <string.h>

#include "policies/password.h"
#include "policies/password_common.h"

#define NO_CHARACTER UINT32_MAX

enum class {
	CLASS_LOWER = 1,
	CLASS_UPPER = 2,
	CLASS_DIGIT = 4,
	CLASS_OTHER = 8,
};

/*
 * Lines on which fingers and minds walk; next to each other is what is next to each other in one of
 * these, in either direction. Digits go round as they do on keyboards (…890, 901…). The columns and
 * diagonals are those of the keypad that lock screens show.
 */
static const char *const lines[] = {
	"01234567890",
	"abcdefghijklmnopqrstuvwxyz",
	"qwertyuiop",
	"asdfghjkl",
	"zxcvbnm",
	"qwertzuiop",
	"yxcvbnm",
	"azertyuiop",
	"qsdfghjklm",
	"wxcvbn",
	"147",
	"2580",
	"369",
	"159",
	"357",
};
#define N_LINES (sizeof(lines) / sizeof(lines[0]))

/* What one walk over a password finds out. */
struct walk {
	uint32_t n_characters;
	uint32_t classes; /* bits of enum class */
	uint32_t before;
	uint32_t n_same, longest_same;
	uint32_t n_along[N_LINES][2], longest_along; /* forwards, backwards */
};

/* The character at p, of n bytes left (at least one): its bytes, 1 to 4, and its number; bytes that
 * are no UTF-8 (RFC 3629) get numbers that no character has. */
static size_t character_at(const unsigned char *p, size_t n, uint32_t *ret_character)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = p[0] < 0x80   ? 1
			: p[0] < 0xc2 ? 0
			: p[0] < 0xe0 ? 2
			: p[0] < 0xf0 ? 3
			: p[0] < 0xf5 ? 4
				      : 0;
	uint32_t character;

	if (length == 1) {
		*ret_character = p[0];
		return 1;
	}
	*ret_character = 0x110000 + p[0];
	if (length == 0 || length > n)
		return 1;
	character = p[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 1;
		character = character << 6 | (p[i] & 0x3f);
	}
	if (character < smallest[length] || character > 0x10ffff ||
		(character >= 0xd800 && character <= 0xdfff))
		return 1;
	*ret_character = character;
	return length;
}

static uint32_t folded(uint32_t character)
{
	return character >= 'A' && character <= 'Z' ? character - 'A' + 'a' : character;
}

static enum class class_of(uint32_t character) {
	if (character >= 'a' && character <= 'z') return CLASS_LOWER;
		if (character >= 'A' && character <= 'Z') return CLASS_UPPER;
		return character >= '0' && character <= '9' ? CLASS_DIGIT : CLASS_OTHER;
}

/* Whether b comes right behind a on the line. */
static bool follows(const char *line, uint32_t a, uint32_t b)
{
	for (; line[1]; line++)
		if ((uint32_t)line[0] == a && (uint32_t)line[1] == b)
			return true;
	return false;
}

static void walk_step(struct walk *w, uint32_t character)
{
	uint32_t now = folded(character), before = folded(w->before);

	w->n_characters++;
	w->classes |= class_of(character);
	w->n_same = character == w->before ? w->n_same + 1 : 1;
	if (w->n_same > w->longest_same)
		w->longest_same = w->n_same;
	for (size_t i = 0; i < N_LINES; i++) {
		bool along[2] = {follows(lines[i], before, now), follows(lines[i], now, before)};

		for (size_t k = 0; k < 2; k++) {
			w->n_along[i][k] = along[k] ? w->n_along[i][k] + 1 : 1;
			if (w->n_along[i][k] > w->longest_along)
				w->longest_along = w->n_along[i][k];
		}
	}
	w->before = character;
}

static void walk_over(const char *password, size_t n_bytes, struct walk *ret_walk)
{
	struct walk walk = {.before = NO_CHARACTER};

	for (size_t i = 0; i < n_bytes;) {
		uint32_t character;

		i += character_at((const unsigned char *)password + i, n_bytes - i, &character);
		walk_step(&walk, character);
	}
	*ret_walk = walk;
	/* What it remembered of the password's end. */
	explicit_bzero(&walk, sizeof(walk));
}

/* Without regard to case. A name of one or two characters is in too many good passwords. Backwards
 * is by bytes, which fits the names that useradd(8) allows. */
static bool contains_name(const char *password, size_t n_bytes, const char *user)
{
	size_t n = strlen(user);

	if (n < 3)
		return false;
	for (size_t i = 0; i + n <= n_bytes; i++) {
		size_t forwards = 0, backwards = 0;

		while (forwards < n && folded((unsigned char)password[i + forwards]) ==
					       folded((unsigned char)user[forwards]))
			forwards++;
		while (backwards < n && folded((unsigned char)password[i + backwards]) ==
						folded((unsigned char)user[n - 1 - backwards]))
			backwards++;
		if (forwards == n || backwards == n)
			return true;
	}
	return false;
}

static uint32_t n_classes(uint32_t classes)
{
	uint32_t n = 0;

	for (uint32_t bit = CLASS_LOWER; bit <= CLASS_OTHER; bit <<= 1)
		n += (classes & bit) != 0;
	return n;
}

uint32_t password_judge(
	const struct password_rules *rules, const char *password, size_t n_bytes, const char *user)
{
	const uint32_t *numbers = rules->numbers;
	struct walk walk;
	uint32_t broken = 0;

	walk_over(password, n_bytes, &walk);
	if (walk.n_characters < numbers[PASSWORD_MIN_LENGTH])
		broken |= 1u << PASSWORD_MIN_LENGTH;
	if (numbers[PASSWORD_NOT_NUMERIC] && (walk.classes & ~(uint32_t)CLASS_DIGIT) == 0)
		broken |= 1u << PASSWORD_NOT_NUMERIC;
	if (n_classes(walk.classes) < numbers[PASSWORD_MIN_CLASSES])
		broken |= 1u << PASSWORD_MIN_CLASSES;
	if (numbers[PASSWORD_MAX_SEQUENCE] && walk.longest_along > numbers[PASSWORD_MAX_SEQUENCE])
		broken |= 1u << PASSWORD_MAX_SEQUENCE;
	if (numbers[PASSWORD_MAX_REPEAT] && walk.longest_same > numbers[PASSWORD_MAX_REPEAT])
		broken |= 1u << PASSWORD_MAX_REPEAT;
	/* One line from end to end is what everybody tries, with or without a rule on lines. */
	if (numbers[PASSWORD_NOT_COMMON] && (walk.n_characters < PASSWORD_COMMON_LENGTH ||
						    walk.longest_along == walk.n_characters ||
						    password_is_common(password, n_bytes)))
		broken |= 1u << PASSWORD_NOT_COMMON;
	if (numbers[PASSWORD_NOT_USER_NAME] && contains_name(password, n_bytes, user))
		broken |= 1u << PASSWORD_NOT_USER_NAME;
	explicit_bzero(&walk, sizeof(walk));
	return broken;
}

void password_rule_format(
	enum password_rule rule, uint32_t number, char *ret_text, size_t size_bytes)
{
	const char *s = number == 1 ? "" : "s";

	switch (rule) {
	case PASSWORD_MIN_LENGTH:
		snprintf(ret_text, size_bytes, "it needs at least %u character%s", number, s);
		break;
	case PASSWORD_NOT_NUMERIC:
		snprintf(ret_text, size_bytes, "it needs something else than digits");
		break;
	case PASSWORD_MIN_CLASSES:
		snprintf(ret_text, size_bytes,
			"it needs at least %u of: lower case, upper case, digits, others", number);
		break;
	case PASSWORD_MAX_SEQUENCE:
		snprintf(ret_text, size_bytes,
			"it has more than %u neighbours in a row, such as 1234 or 2580", number);
		break;
	case PASSWORD_MAX_REPEAT:
		snprintf(ret_text, size_bytes, "it has one character more than %u time%s in a row",
			number, s);
		break;
	case PASSWORD_NOT_COMMON:
		snprintf(ret_text, size_bytes, "it is one of those that everybody tries first");
		break;
	case PASSWORD_NOT_USER_NAME:
		snprintf(ret_text, size_bytes, "it contains the name of the account");
		break;
	case PASSWORD_HISTORY:
		snprintf(ret_text, size_bytes, "it is one of the last %u that were used", number);
		break;
	case PASSWORD_RULE_MAX:
		snprintf(ret_text, size_bytes, "%s", "");
		break;
	}
}
