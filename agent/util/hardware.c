/* SPDX-License-Identifier: Apache-2.0 */
/* hardware.c - tells numbers of phones from what stands in their place; see hardware.h. Pure. */
#include "agent/util/hardware.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "agent/util/mem.h"

/* Letters and digits in lower case only, as hardware_fold() leaves them. */
static const char *const hardware_words[] = {
	"tobefilledbyoem",
	"defaultstring",
	"systemserialnumber",
	"chassisserialnumber",
	"baseboardserialnumber",
	"serialnumber",
	"serial",
	"notspecified",
	"notapplicable",
	"notavailable",
	"notprovided",
	"notset",
	"none",
	"null",
	"unknown",
	"undefined",
	"invalid",
	"empty",
	"default",
	"oem",
	"sample",
	"test",
	"testserial",
	"qemu",
	"standard",
	"abcdefgh",
	"0123456789abcdef",
	"123456789abcdef",
	"1234567890abcdef",
	"deadbeef",
	"badf00d",
};

/* Test numbers of modem vendors and of tutorials; all have a valid check digit. */
static const char *const hardware_imeis[] = {
	"004999010640000",
	"490154203237518",
	"356938035643809",
	"350000000000006",
	"012345678901237",
	"123456789012347",
};

/* Letters and digits of text, in lower case. False if there is anything but printable ASCII. */
static bool hardware_fold(const char *text, char ret_folded[LIMIT_HARDWARE_BYTES + 1])
{
	size_t n = 0;

	if (strlen(text) > LIMIT_HARDWARE_BYTES)
		return false;
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c > 0x7e)
			return false;
		if (isalnum(c))
			ret_folded[n++] = (char)tolower(c);
	}
	ret_folded[n] = 0;
	return true;
}

/* "00000000" and "12345678", "98765432", also where a sequence goes over its end. */
static bool hardware_is_pattern(const char *folded)
{
	size_t n = strlen(folded);
	bool same = true, up = true, down = true;

	for (size_t i = 1; i < n; i++) {
		int a = folded[i - 1], b = folded[i];

		same = same && a == b;
		up = up && isdigit(a) && isdigit(b) && b - '0' == (a - '0' + 1) % 10;
		down = down && isdigit(a) && isdigit(b) && b - '0' == (a - '0' + 9) % 10;
	}
	return same || up || down;
}

bool hardware_serial_is_placeholder(const char *text)
{
	char folded[LIMIT_HARDWARE_BYTES + 1];

	if (!hardware_fold(text, folded) || strlen(folded) < 4 || hardware_is_pattern(folded))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(hardware_words); i++)
		if (strcmp(folded, hardware_words[i]) == 0)
			return true;
	return false;
}

bool hardware_imei_is_valid(const char *text)
{
	unsigned int sum = 0;
	bool same = true;

	if (strlen(text) != HARDWARE_IMEI_LENGTH)
		return false;
	for (size_t i = 0; i < HARDWARE_IMEI_LENGTH; i++) {
		unsigned int digit = (unsigned int)text[i] - '0';

		if (digit > 9)
			return false;
		same = same && text[i] == text[0];
		/* Every second digit counts double, and a product of two digits as their sum. */
		if (i % 2 == 1)
			digit = 2 * digit > 9 ? 2 * digit - 9 : 2 * digit;
		sum += digit;
	}
	if (same || sum % 10 != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(hardware_imeis); i++)
		if (strcmp(text, hardware_imeis[i]) == 0)
			return false;
	return true;
}
