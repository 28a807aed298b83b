/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password_common.c - passwords that everybody tries first; see password_common.h.
 *
 * Pure: no system calls, files or clocks; links nothing but libc. Used by the role verify.
 *
 * The list has to be as long as what somebody can try before the waits make more of it pointless: a
 * few dozen guesses. NIST SP 800-63B-4 (section 3.1.1.2) warns of longer ones, which only annoy.
 * For PINs of four digits Markert and others ("This PIN Can Be Easily Guessed", IEEE S&P 2020)
 * found that a tenth of all should be refused, and less to be of little use: so PINs are told by
 * how they are made (repeated, mirrored, stepped, a year), which refuses about 8 % of four digits,
 * and 0.25 % of six. Birthdays without a year (3112, 311299) are not refused: there are too many of
 * them for a stranger, and a sixteenth of all PINs would be gone. Whole dates of eight digits are.
 */
#include "policies/password_common.h"

#include <stdint.h>
#include <string.h>

#define LONGEST_UNIT 4
/* What people put around a word to please a rule: password1, !Summer2026. */
#define AFFIX_DIGITS 4
#define AFFIX_SIGNS 2

/* Those that no rule below makes, with spaces between. */
static const char pins[] =
	/* Lines and corners of the keypad that turn once. */
	"1236 1230 1235 1254 1258 1379 1397 1478 1590 3214 3570 3698 4569 4785 7410 7415 7539 "
	"7894 7896 8520 9513 9631 9874 123654 123698 123789 123987 147258 147369 147852 147896 "
	"159357 159753 258369 321654 357159 456123 753159 753951 789123 789456 963852 987321 "
	"123654789 147258369 147852369 159753456 321654987 789456123 963852741 987456321 "
	/* Numbers that mean something. */
	"0070 0420 0815 1004 1024 1225 1231 1312 1314 1337 1701 3141 4200 4711 5683 8675 010203 "
	"070809 100200 101112 102030 112358 121314 123450 131415 131452 142536 246810 271828 "
	"314159 520131 654123 867530 5201314 1314520 8675309 10203040 31415926";

/* Likewise, in lower case; digits and signs may stand for letters and stand around them. */
static const char words[] =
	/* What to call it. */
	"password passwort passwd passcode passphrase motdepasse contrasena contraseña "
	"wachtwoord kennwort haslo parola senha heslo losenord salasana secret geheim segredo "
	"letmein letmeinnow access login signin welcome willkommen bienvenue bienvenido "
	"changeme changeit default temp temporary test tester testing guest user admin "
	"administrator root toor master system server database backup computer internet "
	"whatever nothing blank none hello hallo bonjour hola ciao drowssap qwerty qwertz "
	"azerty qwert asdf asdfgh zxcv abc abcd abcdef qwe asd qweasd qweasdzxc qazwsx "
	"qazwsxedc wsxedc 1qaz2wsx 1qazxsw2 zaq12wsx zaq1xsw2 1q2w3e 1q2w3e4r 1q2w3e4r5t q1w2e3 "
	"q1w2e3r4 a1b2c3 a1b2c3d4 1a2b3c 1a2b3c4d a123456 aa123456 123456a 123456q 12345a "
	"trustno1 ncc1701 zaqwsx "
	/* The thing itself. */
	"phone mobile handy telefon unlock android iphone samsung google apple nokia linux "
	"ubuntu debian alpine mobian phosh plasma postmarket postmarketos pinephone librem "
	"fairphone oneplus "
	/* Love, names, beasts, games. */
	"iloveyou iloveu loveyou love lovely loveme forever teamo tequiero ichliebedich jetaime "
	"schatz princess princesa prinzessin sunshine angel baby babygirl sweety sweetie honey "
	"flower butterfly rainbow chocolate cookie cheese pepper ginger banana orange purple "
	"silver golden diamond monkey dragon tiger eagle dolphin panther kitty hellokitty "
	"pokemon pikachu naruto minecraft fortnite starwars matrix batman superman spiderman "
	"ironman mustang ferrari porsche mercedes harley corvette football fussball futbol "
	"baseball basketball soccer hockey barcelona realmadrid liverpool chelsea arsenal "
	"juventus michael michelle daniel jennifer jessica ashley nicole amanda andrea andrew "
	"anthony charlie george hannah jordan joshua maggie martin matthew robert thomas "
	"william alexander stefan sandra claudia killer hunter ranger buster shadow phoenix "
	"ninja samurai freedom jesus blessed family "
	"friends mother summer winter spring autumn sommer herbst fruehling january february "
	"march april june july august september october november december monday tuesday "
	"wednesday thursday friday saturday sunday company office manager security";

/* The next one of such a list. */
static const char *behind(const char *listed)
{
	listed += strcspn(listed, " ");
	return listed + strspn(listed, " ");
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Of ASCII; what is neither letter nor digit. */
static bool is_sign(char c)
{
	return (c >= ' ' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
	       (c >= '{' && c <= '~');
}

static char folded(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* 1212, 123123, 1111, blahblah: one unit of at most four bytes, over and over. */
static bool is_repeated(const char *p, size_t n)
{
	for (size_t unit = 1; unit <= LONGEST_UNIT && 2 * unit <= n; unit++) {
		size_t i = unit;

		while (i < n && folded(p[i]) == folded(p[i - unit]))
			i++;
		if (i == n)
			return true;
	}
	return false;
}

/* 1221, 12321. */
static bool is_mirrored(const char *p, size_t n)
{
	for (size_t i = 0; i < n / 2; i++)
		if (p[i] != p[n - 1 - i])
			return false;
	return true;
}

/* Digits in blocks of one length, each of one digit, at equal steps round the ten: 2468, 9630,
 * 112233, 777888. */
static bool is_stepped(const char *p, size_t n, size_t block)
{
	int step = (p[block] - p[0] + 10) % 10;

	for (size_t i = 0; i < n; i++) {
		if (i % block ? p[i] != p[i - 1] : i > 0 && (p[i] - p[i - block] + 10) % 10 != step)
			return false;
	}
	return true;
}

static bool is_stepped_somehow(const char *p, size_t n)
{
	for (size_t block = 1; 2 * block <= n; block++)
		if (n % block == 0 && is_stepped(p, n, block))
			return true;
	return false;
}

/* 0001, 1000, 5551: all the same but one at an end. */
static bool is_nearly_one_digit(const char *p, size_t n)
{
	for (size_t i = 2; i < n - 1; i++)
		if (p[i] != p[1])
			return false;
	return p[0] == p[1] || p[n - 1] == p[1];
}

static unsigned int number_at(const char *p, size_t n)
{
	unsigned int number = 0;

	for (size_t i = 0; i < n; i++)
		number = 10 * number + (unsigned int)(p[i] - '0');
	return number;
}

static bool is_year(const char *p)
{
	return number_at(p, 4) >= 1900 && number_at(p, 4) <= 2099;
}

/* Days and months in either order. */
static bool is_day(const char *p)
{
	unsigned int a = number_at(p, 2), b = number_at(p + 2, 2);

	return a > 0 && b > 0 && a <= 31 && b <= 31 && (a <= 12 || b <= 12);
}

static bool is_date(const char *p, size_t n)
{
	if (n == 4)
		return is_year(p);
	return n == 8 && ((is_year(p) && is_day(p + 4)) || (is_day(p) && is_year(p + 4)));
}

static bool is_common_pin(const char *p, size_t n)
{
	for (const char *pin = pins; *pin; pin = behind(pin))
		if (strcspn(pin, " ") == n && memcmp(pin, p, n) == 0)
			return true;
	return is_date(p, n) || is_mirrored(p, n) || is_stepped_somehow(p, n) ||
	       is_nearly_one_digit(p, n);
}

/* A character of a password for a letter of a word: itself in either case, or what looks like it.
 */
static bool stands_for(char c, char letter)
{
	static const struct {
		char letter;
		const char *looks_like_it;
	} signs[] = {{'a', "4@"}, {'b', "8"}, {'c', "("}, {'e', "3"}, {'g', "69"}, {'i', "1!|"},
		{'l', "1|"}, {'o', "0"}, {'s', "5$"}, {'t', "7+"}, {'z', "2"}};

	if (folded(c) == letter)
		return true;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (signs[i].letter == letter)
			return c && strchr(signs[i].looks_like_it, c) != NULL;
	return false;
}

/* Counts what stands around a word; false for what is not put there without thought. */
static bool is_affix(const char *p, size_t n, size_t *digits, size_t *signs)
{
	for (size_t i = 0; i < n; i++) {
		if (is_digit(p[i]))
			++*digits;
		else if (is_sign(p[i]))
			++*signs;
		else
			return false;
	}
	return *digits <= AFFIX_DIGITS && *signs <= AFFIX_SIGNS;
}

/* Whether it is the word with at most a few digits and signs before and behind it. */
static bool is_word(const char *p, size_t n, const char *word)
{
	size_t n_word = strcspn(word, " ");

	for (size_t at = 0; at + n_word <= n && at <= AFFIX_DIGITS + AFFIX_SIGNS; at++) {
		size_t digits = 0, signs = 0, i = 0;

		if (!is_affix(p, at, &digits, &signs))
			return false;
		while (i < n_word && stands_for(p[at + i], word[i]))
			i++;
		if (i == n_word && is_affix(p + at + n_word, n - at - n_word, &digits, &signs))
			return true;
	}
	return false;
}

bool password_is_common(const char *password, size_t n_bytes)
{
	size_t n_digits = 0;

	if (n_bytes < PASSWORD_COMMON_LENGTH || is_repeated(password, n_bytes))
		return true;
	for (size_t i = 0; i < n_bytes; i++)
		n_digits += is_digit(password[i]);
	if (n_digits == n_bytes)
		return is_common_pin(password, n_bytes);
	for (const char *word = words; *word; word = behind(word))
		if (is_word(password, n_bytes, word))
			return true;
	return false;
}
