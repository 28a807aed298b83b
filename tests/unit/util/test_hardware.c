/* SPDX-License-Identifier: Apache-2.0 */
/* test_hardware.c - serial numbers and IMEIs, and what stands in their place. */
#include <stdio.h>
#include <string.h>

#include "agent/util/hardware.h"
#include "tests/lib/check.h"

static void test_placeholders(void)
{
	static const char *const words[] = {"", " ", "0", "abc", "000000000", "XXXXXXXX",
		"........", "To be filled by O.E.M.", "TO BE FILLED BY O.E.M", "Default string",
		"Default_string", "System Serial Number", "Not Specified", "n/a", "None", "unknown",
		"123456789", "1234567890", "0123456789", "9876543210", "012345678901234567890123",
		"0123456789ABCDEF", "1234-5678-90", "caf\xc3\xa9-1234", "AB12\n34", "DEADBEEF"};
	char longest[LIMIT_HARDWARE_BYTES + 2];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!hardware_serial_is_placeholder(words[i]))
			check_fail(__FILE__, __LINE__, "taken for a number: \"%s\"", words[i]);
	for (size_t i = 0; i < sizeof(longest) - 1; i++)
		longest[i] = (char)('a' + i * 7 % 26);
	longest[LIMIT_HARDWARE_BYTES + 1] = 0;
	CHECK(hardware_serial_is_placeholder(longest));
	longest[LIMIT_HARDWARE_BYTES] = 0;
	CHECK(!hardware_serial_is_placeholder(longest));
}

static void test_serials(void)
{
	static const char *const numbers[] = {"C02XK0AAJG5H", "R58M123ABCD", "1c2f9a04", "1235",
		"PF-2W3X4Y", "0000000012345671", "10000000deadbeef", "serial 4711"};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (hardware_serial_is_placeholder(numbers[i]))
			check_fail(
				__FILE__, __LINE__, "taken for a placeholder: \"%s\"", numbers[i]);
}

static void test_imeis(void)
{
	char text[16] = "86452103000100";
	size_t n_valid = 0;

	/* Exactly one of ten check digits fits, whatever the digits before it are. */
	for (char last = '0'; last <= '9'; last++) {
		text[14] = last;
		n_valid += hardware_imei_is_valid(text);
	}
	CHECK_INT(n_valid, 1);
	CHECK(!hardware_imei_is_valid(""));
	CHECK(!hardware_imei_is_valid("000000000000000"));
	CHECK(!hardware_imei_is_valid("490154203237518")); /* everybody's example */
	CHECK(!hardware_imei_is_valid("86452103000100"));
	CHECK(!hardware_imei_is_valid("8645210300010000"));
	CHECK(!hardware_imei_is_valid("86452103000100a"));
	CHECK(!hardware_imei_is_valid("86452103000100 "));
}

/* A digit mistyped is noticed, and nearly every pair of neighbours exchanged. */
static void test_imei_typing(void)
{
	char text[16] = "864521030001000";

	while (!hardware_imei_is_valid(text))
		text[14]++;
	for (size_t i = 0; i < 15; i++) {
		char right = text[i];

		for (char wrong = '0'; wrong <= '9'; wrong++) {
			text[i] = wrong;
			CHECK_INT(hardware_imei_is_valid(text), wrong == right);
		}
		text[i] = right;
	}
}

static const struct check_test tests[] = {
	{"placeholders", test_placeholders},
	{"serials", test_serials},
	{"imeis", test_imeis},
	{"imei_typing", test_imei_typing},
};
CHECK_MAIN(tests)
