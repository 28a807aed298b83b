/* SPDX-License-Identifier: Apache-2.0 */
/* test_page.c - wrapping, indentation, styles and the width of a page. */
#include "agent/ctl/page.h"

#include "agent/ctl/glyph.h"
#include "tests/lib/check.h"

static void check_line(unsigned width, unsigned indent, const char *text, const char *expected)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page p = {0};

	page_init(&p, &out, width, false);
	page_line(&p, indent, PAGE_PLAIN, "%s", text);
	CHECK_STR(out.data, expected);
}

static void test_wrapping(void)
{
	check_line(30, 0, "", "\n");
	check_line(30, 0, "short", "short\n");
	check_line(30, 0, "exactly thirty columns of text", "exactly thirty columns of text\n");
	check_line(30, 0, "exactly thirty columns of texts", "exactly thirty columns of\ntexts\n");
	check_line(30, 2, "two words and then a good many more",
		"  two words and then a good\n  many more\n");
	check_line(30, 0, "  blanks   collapse  ", "blanks collapse\n");
	/* A word longer than a line is cut at its end. */
	check_line(30, 2, "0123456789012345678901234567890123456789",
		"  0123456789012345678901234567\n  890123456789\n");
	check_line(30, 0, "abc 0123456789012345678901234567890123456789",
		"abc\n012345678901234567890123456789\n0123456789\n");
}

static void test_wrapping_counts_columns(void)
{
	/* 15 wide characters are 30 columns, 45 bytes. */
	check_line(30, 0,
		"\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
		"\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
		"\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5 a",
		"\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
		"\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
		"\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\na\n");
	check_line(30, 0,
		"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc twenty more columns",
		"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc twenty more columns\n");
}

static void test_text_cannot_steer(void)
{
	check_line(40, 0, "\033[31mred\033[0m\nnew line \x01\x02\x03", "[31mred[0m new line\n");
	/* Bytes that a paragraph uses as its own marks do not survive either. */
	check_line(40, 0,
		"\x05"
		"bold?",
		"bold?\n");
}

static void test_fields(void)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page p = {0};

	page_init(&p, &out, 80, false);
	page_field(&p, "Server");
	page_add(&p, PAGE_PLAIN, "https://mdm.example.org");
	page_close(&p);
	CHECK_STR(out.data, "Server          https://mdm.example.org\n");
	buf_reset(&out);
	p.width = 40;
	page_field(&p, "Server");
	page_add(&p, PAGE_PLAIN, "https://a-rather-long-name.mdm.example.org");
	page_close(&p);
	CHECK_STR(out.data, "Server:\n  https://a-rather-long-name.mdm.example\n  .org\n");
	buf_reset(&out);
	p.width = 80;
	page_field(&p, "A label beyond all bounds");
	page_add(&p, PAGE_PLAIN, "x");
	page_close(&p);
	CHECK_STR(out.data, "A label beyond all bounds: x\n");
}

static void test_styles(void)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page p = {0};

	page_init(&p, &out, 30, true);
	page_open(&p, 2, 4);
	page_add(&p, PAGE_PLAIN, "state: ");
	page_add(&p, PAGE_BAD, "not as it should be at all");
	page_add(&p, PAGE_PLAIN, ".");
	page_close(&p);
	/* The style ends before the line does and begins again behind the indentation. */
	CHECK_STR(out.data, "  state: \033[1;31mnot as it should be\033[0m\n"
			    "    \033[1;31mat all\033[0m.\n");
	buf_reset(&out);
	p.colour = false;
	page_open(&p, 0, 0);
	page_add(&p, PAGE_GOOD, "fine");
	page_close(&p);
	CHECK_STR(out.data, "fine\n");
}

static void test_width(void)
{
	CHECK_INT(page_width(NULL, 0), PAGE_WIDTH_DEFAULT);
	CHECK_INT(page_width(NULL, 45), 45);
	CHECK_INT(page_width("60", 45), 60);
	CHECK_INT(page_width("10", 45), PAGE_WIDTH_MIN);
	CHECK_INT(page_width(NULL, 10), PAGE_WIDTH_MIN);
	CHECK_INT(page_width("5000", 45), PAGE_WIDTH_MAX);
	CHECK_INT(page_width("wide", 45), 45);
	CHECK_INT(page_width("-3", 0), PAGE_WIDTH_DEFAULT);
	CHECK_INT(page_width("99999999999999999999", 0), PAGE_WIDTH_DEFAULT);
}

/* No line is ever longer than the page, whatever the words are. */
static void test_no_line_is_too_long(void)
{
	static const char *const pieces[] = {"a", "of", "encrypted", " ", "\xe6\x97\xa5",
		"e\xcc\x81", "0123456789abcdef0123456789abcdef", "\xff", "\n",
		"\xf0\x9f\x98\x80\xf0\x9f\x98\x80"};
	uint64_t seed = 1;

	for (unsigned round = 0; round < 2000; round++) {
		_cleanup_buf_ struct buf out = BUF_INIT, text = BUF_INIT;
		_cleanup_(page_done) struct page p = {0};
		unsigned width = PAGE_WIDTH_MIN + round % 60;

		for (int i = 0; i < 60; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
			buf_puts(&text, pieces[(seed >> 33) % ARRAY_SIZE(pieces)]);
		}
		page_init(&p, &out, width, false);
		page_open(&p, round % 9, (round / 9) % 9);
		page_add(&p, PAGE_PLAIN, "%s", text.data);
		page_close(&p);
		for (const char *line = out.data; *line;) {
			size_t n = strcspn(line, "\n");

			CHECK(glyph_columns(line, n) <= width);
			CHECK(n == 0 || line[n - 1] != ' ' || strspn(line, " ") == n);
			line += n + 1;
		}
	}
}

static const struct check_test tests[] = {
	{"wrapping", test_wrapping},
	{"wrapping_counts_columns", test_wrapping_counts_columns},
	{"text_cannot_steer", test_text_cannot_steer},
	{"fields", test_fields},
	{"styles", test_styles},
	{"width", test_width},
	{"no_line_is_too_long", test_no_line_is_too_long},
};
CHECK_MAIN(tests)
