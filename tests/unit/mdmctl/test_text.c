/* SPDX-License-Identifier: Apache-2.0 */
/* test_text.c - tables fit 80 columns; nothing from outside can steer the terminal. */
#include <stdlib.h>
#include <string.h>

#include "server/ctl/text.h"
#include "tests/lib/check.h"

static void test_plain(void)
{
	static const struct {
		const char *text, *plain;
	} rows[] = {
		{"caf\xc3\xa9 \xe2\x82\xac", "caf\xc3\xa9 \xe2\x82\xac"},
		{"a\033[31mb", "a?[31mb"},
		{"a\nb\tc\rd\177", "a?b?c?d?"},
		{"a\xc2\x9b"
		 "31mb",
			"a?31mb"}, /* CSI as one C1 character */
		{"a\xe2\x80\xae"
		 "b",
			"a?b"}, /* right-to-left override */
		{"\xff\xc3", "??"},
		{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
		{"\xed\xa0\x80", "???"}, /* a surrogate */
		{"", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;

		text_plain(&out, rows[i].text);
		CHECK_STR(out.data ? out.data : "", rows[i].plain);
	}
}

static char *print(const struct table *table, bool colour)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (table_print(table, out, colour) < 0) {
		fclose(out);
		free(text);
		return NULL;
	}
	fclose(out);
	return text;
}

static void test_table(void)
{
	_cleanup_table_ struct table table = {
		.headings = {"A", "STATE", "GROUPS"}, .n_columns = 3, .flexible = 2, .state = 1};
	_cleanup_free_ char *text = NULL, *colour = NULL;

	table_add(&table, "0123");
	table_add(&table, "compliant");
	table_add(&table, "x");
	table_add(&table, "1");
	table_add(&table, NULL);
	table_add(&table, "");
	text = print(&table, false);
	CHECK_STR(text, "A     STATE      GROUPS\n0123  compliant  x\n1     -          -\n");
	colour = print(&table, true);
	CHECK(strstr(colour, "\033[32mcompliant\033[0m  x\n"));
}

static void test_width(void)
{
	_cleanup_table_ struct table table = {
		.headings = {"A", "B", "C"}, .n_columns = 3, .flexible = 1, .state = 3};
	_cleanup_free_ char *text = NULL;
	char wide[301] = "";

	for (size_t i = 0; i < 150; i++)
		memcpy(wide + 2 * i, "\xc3\xa9", 3);
	table_add(&table, "first");
	table_add(&table, wide);
	table_add(&table, "last");
	table_add(&table, "second");
	table_add(&table, "short");
	table_printf(&table, "%s", "end");
	text = print(&table, false);
	CHECK(text != NULL);
	for (char *line = text; *line;) {
		size_t n = strcspn(line, "\n");

		line[n] = 0;
		if (text_columns(line) > 80)
			check_fail(__FILE__, __LINE__, "%zu columns", text_columns(line));
		line += n + 1;
	}
}

static void test_lines(void)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	text_lines(out, "a\n  \033b\n\nlast");
	fclose(out);
	CHECK_STR(text, "a\n  ?b\n\nlast\n");
	free(text);
}

static const struct check_test tests[] = {
	{"plain", test_plain},
	{"table", test_table},
	{"width", test_width},
	{"lines", test_lines},
};
CHECK_MAIN(tests)
