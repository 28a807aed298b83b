/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - the test harness; see check.h. */
#include "tests/lib/check.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool check_failed, check_skipped;
static char check_directories[64][256];
static size_t check_n_directories;
static pid_t check_owner;

void check_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	check_failed = true;
	printf("  %s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

bool check_emulated(void)
{
	return getenv("MDM_EMULATED") != NULL;
}

void check_skip(const char *reason)
{
	check_skipped = true;
	printf("  skipped: %s\n", reason);
}

bool check_str_equal(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0;
}

static int check_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

static void check_cleanup(void)
{
	/* A forked child that exits must not remove what its parent still uses. */
	if (getpid() != check_owner)
		return;
	for (size_t i = 0; i < check_n_directories; i++)
		nftw(check_directories[i], check_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

bool check_exists(int dir_fd, const char *path)
{
	struct stat st;

	return fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int check_tmpdir(char ret_path[256])
{
	const char *base = getenv("TMPDIR");
	char *path;

	if (check_n_directories == sizeof(check_directories) / sizeof(check_directories[0]))
		abort();
	path = check_directories[check_n_directories];
	snprintf(path, 256, "%s/mdm-test-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(path)) {
		perror(path);
		abort();
	}
	check_n_directories++;
	memcpy(ret_path, path, 256);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int check_main(int argc, char **argv, const struct check_test *tests, size_t n_tests)
{
	size_t n_passed = 0, n_failed = 0, n_skipped = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	check_owner = getpid();
	atexit(check_cleanup);
	for (size_t i = 0; i < n_tests; i++) {
		if (argc > 1 && !strstr(tests[i].name, argv[1]))
			continue;
		check_failed = check_skipped = false;
		tests[i].run();
		if (check_failed) {
			printf("FAILED %s\n", tests[i].name);
			n_failed++;
		} else if (check_skipped) {
			n_skipped++;
		} else {
			n_passed++;
		}
	}
	printf("%zu passed, %zu failed", n_passed, n_failed);
	if (n_skipped)
		printf(", %zu skipped", n_skipped);
	printf("\n");
	return n_failed ? 1 : 0;
}
