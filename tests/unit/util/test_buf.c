/* SPDX-License-Identifier: Apache-2.0 */
/* test_buf.c - the growing buffer and its sticky error; no role, plain process. */
#include "agent/util/buf.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/check.h"

static void test_append(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	buf_append(&b, "a\0b", 3);
	buf_puts(&b, "cd");
	buf_printf(&b, "%d-%s", 7, "x");
	CHECK_INT(b.n_bytes, 8);
	CHECK(memcmp(b.data, "a\0bcd7-x", 9) == 0);
	CHECK_INT(b.error, 0);
	buf_append(&b, NULL, 0);
	CHECK_INT(b.n_bytes, 8);
}

static void test_growth(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "%04d", i);
	CHECK_INT(b.error, 0);
	CHECK_INT(b.n_bytes, 40000);
	CHECK(memcmp(b.data + 4 * 1234, "1234", 4) == 0);
	CHECK_INT(b.data[b.n_bytes], 0);
	CHECK(b.capacity > b.n_bytes);
}

static void test_limit(void)
{
	_cleanup_buf_ struct buf b = {.max_bytes = 4};

	buf_puts(&b, "abcd");
	CHECK_INT(b.error, 0);
	buf_puts(&b, "e");
	CHECK_INT(b.error, -EFBIG);
	CHECK_STR(b.data, "abcd");
	/* The first failure stays, and nothing is added behind it. */
	buf_append(&b, "", 0);
	buf_printf(&b, "%s", "");
	CHECK_INT(b.error, -EFBIG);
	CHECK_INT(b.n_bytes, 4);
	buf_reset(&b);
	CHECK_INT(b.error, 0);
	buf_puts(&b, "xyz");
	CHECK_STR(b.data, "xyz");
	buf_append(&b, "x", SIZE_MAX);
	CHECK_INT(b.error, -ENOMEM);
}

static void test_take(void)
{
	struct buf b = BUF_INIT, small = {.max_bytes = 1};
	char *data = NULL;
	size_t n = 99;

	CHECK_INT(buf_take(&b, &data, &n), 0);
	CHECK_STR(data, "");
	CHECK_INT(n, 0);
	free(data);
	buf_puts(&b, "abc");
	CHECK_INT(buf_take(&b, &data, NULL), 0);
	CHECK_STR(data, "abc");
	CHECK(!b.data && b.n_bytes == 0);
	free(data);
	data = NULL;
	buf_puts(&small, "ab");
	CHECK_INT(buf_take(&small, &data, &n), -EFBIG);
	CHECK(!data);
	CHECK_INT(n, 0);
	buf_done(&small);
	buf_done(&b);
}

static const struct check_test tests[] = {
	{"append", test_append},
	{"growth", test_growth},
	{"limit", test_limit},
	{"take", test_take},
};
CHECK_MAIN(tests)
