/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - the test harness: a test is a function, a table lists them, a failure names file, line
 * and values. Every program ends with one line "N passed, N failed" and exits 1 if any failed.
 */
#ifndef MDM_TESTS_CHECK_H
#define MDM_TESTS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct check_test {
	const char *name;
	void (*run)(void);
};

/* Runs the table (argv[1], if given, selects tests whose name contains it). */
int check_main(int argc, char **argv, const struct check_test *tests, size_t n_tests);

/* Marks the running test as skipped with a reason; the caller returns then. */
void check_skip(const char *reason);

/* User-mode emulation of another processor (scripts/aarch64.sh): it cannot start programs of that
 * processor and loses descriptors of packets it cuts. */
bool check_emulated(void);

void check_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A failed check ends the test function (so checks belong into functions returning void). */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			check_fail(__FILE__, __LINE__, "%s", #condition);                          \
			return;                                                                    \
		}                                                                                  \
	} while (0)
#define CHECK_INT(actual, expected)                                                                \
	do {                                                                                       \
		int64_t check_a_ = (int64_t)(actual), check_e_ = (int64_t)(expected);              \
		if (check_a_ != check_e_) {                                                        \
			check_fail(__FILE__, __LINE__, "%s is %lld, not %s (%lld)", #actual,       \
				(long long)check_a_, #expected, (long long)check_e_);              \
			return;                                                                    \
		}                                                                                  \
	} while (0)
#define CHECK_STR(actual, expected)                                                                \
	do {                                                                                       \
		const char *check_a_ = (actual), *check_e_ = (expected);                           \
		if (!check_str_equal(check_a_, check_e_)) {                                        \
			check_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #actual,        \
				check_a_ ? check_a_ : "(null)", check_e_ ? check_e_ : "(null)");   \
			return;                                                                    \
		}                                                                                  \
	} while (0)

/* Whether the directory has something of that name, be it a link that leads nowhere. */
bool check_exists(int dir_fd, const char *path);

bool check_str_equal(const char *a, const char *b);

/* A fresh directory below TMPDIR, removed at the end of the program. Returns a descriptor and the
 * path (static per call slot; copy it). */
int check_tmpdir(char ret_path[256]);

#define CHECK_MAIN(table)                                                                          \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		return check_main(argc, argv, table, sizeof(table) / sizeof((table)[0]));          \
	}

#endif
