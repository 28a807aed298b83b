/* SPDX-License-Identifier: Apache-2.0 */
/* test_places_since.c - since when profiles apply: kept in order, written down and read again, and
 * lines that nobody wrote. */
#include <errno.h>
#include <inttypes.h>

#include "agent/enforcer/places_private.h"
#include "tests/lib/check.h"

static void put(struct since_list *list, const char *name, int64_t since_s, const char *text)
{
	struct places_since row = {.stream = "staff", .since_s = since_s, .cause = "condition"};
	char copy[LIMIT_TEXT_BYTES + 1];

	snprintf(row.name, sizeof(row.name), "%s", name);
	snprintf(copy, sizeof(copy), "%s", text);
	row.text = copy;
	since_set(list, &row);
}

static int import(struct since_list *list, const char *text)
{
	char *line = strdup(text);
	int r = line ? since_import(list, line) : -ENOMEM;

	free(line);
	return r;
}

static void test_rows(void)
{
	struct since_list list = {0}, again = {0};
	_cleanup_buf_ struct buf text = BUF_INIT, same = BUF_INIT;
	char *rest;

	put(&list, "night", 2, "");
	put(&list, "away", 1, "outside office and no longer charging");
	put(&list, "broken", 3, "one line\nand another");
	put(&list, "night", 4, "after 22:00");
	CHECK_INT(list.n, 3);
	CHECK_STR(list.rows[0].name, "away");
	CHECK_INT(places_since_of(list.rows, list.n, "staff", "night")->since_s, 4);
	CHECK(!places_since_of(list.rows, list.n, "staff", "day"));
	since_drop(&list, "staff", "day");
	since_export(&list, &text);
	buf_append(&text, "", 0);
	CHECK_STR((char *)text.data,
		"@staff away 1 condition outside office and no longer charging\n"
		"@staff broken 3 condition\n@staff night 4 condition after 22:00\n");
	rest = (char *)text.data;
	for (char *line; (line = strsep(&rest, "\n")) && *line;)
		CHECK_INT(since_import(&again, line + 1), 0);
	since_export(&again, &same);
	buf_append(&same, "", 0);
	CHECK_INT(again.n, 3);
	CHECK(strstr((char *)same.data, "@staff night 4 condition after 22:00\n"));
	since_drop(&again, "staff", "away");
	CHECK_INT(again.n, 2);
	since_done(&list);
	since_done(&again);
}

static void test_lines(void)
{
	static const char *const bad[] = {"", "staff", "staff away", "staff away 1",
		"staff away 1 ", "staff away -1 condition", "staff away 1x condition",
		" away 1 condition", "staff a/b 1 condition", "st aff away 1 condition",
		"staff away 1 condition ", "staff away 9223372036854775808 condition",
		/* A cause has 31 bytes at most. */
		"staff away 1 ccccccccccccccccccccccccccccccccc"};
	struct since_list list = {0};
	char line[2 * LIMIT_TEXT_BYTES];
	int n;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(import(&list, bad[i]), -EBADMSG);
	CHECK_INT(list.n, 0);
	CHECK_INT(import(&list, "staff away 1 condition"), 0);
	CHECK_INT(import(&list, "staff away 2 condition"), -EBADMSG);
	n = snprintf(line, sizeof(line), "staff long 1 condition ");
	memset(line + n, 'x', LIMIT_TEXT_BYTES + 1);
	line[n + LIMIT_TEXT_BYTES + 1] = 0;
	CHECK_INT(import(&list, line), -EBADMSG);
	line[n + LIMIT_TEXT_BYTES] = 0;
	CHECK_INT(import(&list, line), 0);
	memset(line, 'n', LIMIT_NAME_BYTES + 1);
	snprintf(line + LIMIT_NAME_BYTES + 1, 32, " away 1 condition");
	CHECK_INT(import(&list, line), -EBADMSG);
	CHECK_INT(import(&list, line + 1), 0);
	since_done(&list);
}

/* As many as a phone can have profiles, and not one more. */
static void test_limit(void)
{
	struct since_list list = {0};
	char line[64];
	int max = LIMIT_PROFILES * LIMIT_ASSIGNMENT_GROUPS;

	for (int i = 0; i <= max; i++) {
		snprintf(line, sizeof(line), "staff p%05d 1 condition", i);
		CHECK_INT(import(&list, line), 0);
	}
	CHECK_INT((int64_t)list.n, max);
	since_done(&list);
}

static const struct check_test tests[] = {
	{"rows", test_rows},
	{"lines", test_lines},
	{"limit", test_limit},
};
CHECK_MAIN(tests)
