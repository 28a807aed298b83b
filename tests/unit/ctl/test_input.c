/* SPDX-License-Identifier: Apache-2.0 */
/* test_input.c - files named on the command line: the limit, and one byte more. */
#include "agent/ctl/input.h"

#include <errno.h>
#include <fcntl.h>

#include "agent/util/fs.h"
#include "tests/lib/check.h"

static void test_limit(void)
{
	char path[256], name[300], text[9] = "";
	_cleanup_close_ int dir = check_tmpdir(path), fd = -1;
	size_t n = 99;

	snprintf(name, sizeof(name), "%s/file", path);
	fd = openat(dir, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	CHECK_INT(fs_write_all(fd, "12345678", 8), 0);
	CHECK_INT(input_read(name, 8, text, &n), 0);
	CHECK_INT(n, 8);
	CHECK_STR(text, "12345678");
	CHECK_INT(fs_write_all(fd, "9", 1), 0);
	n = 99;
	CHECK_INT(input_read(name, 8, text, &n), -EFBIG);
	CHECK_INT(n, 99);
}

static void test_refusals(void)
{
	char path[256], name[300], text[9];
	_cleanup_close_ int dir = check_tmpdir(path);
	size_t n;

	CHECK(dir >= 0);
	CHECK_INT(input_read(path, 8, text, &n), -EISDIR);
	snprintf(name, sizeof(name), "%s/none", path);
	CHECK_INT(input_read(name, 8, text, &n), -ENOENT);
	CHECK_INT(input_read("", 8, text, &n), -ENOENT);
	CHECK_INT(input_read("/dev/zero", 8, text, &n), -EFBIG);
	CHECK_INT(input_read("/dev/null", 8, text, &n), 0);
	CHECK_INT(n, 0);
}

static const struct check_test tests[] = {
	{"limit", test_limit},
	{"refusals", test_refusals},
};
CHECK_MAIN(tests)
