/* SPDX-License-Identifier: Apache-2.0 */
/* test_log.c - what other processes say does not steer a terminal or make further lines. */
#include "agent/util/log.h"

#include <string.h>
#include <unistd.h>

#include "agent/util/mem.h"
#include "tests/lib/check.h"

/* What one line becomes on standard error. */
static void logged(const char *text, char *ret_line, size_t size_bytes)
{
	int pipe_fds[2] = {-1, -1}, saved = dup(STDERR_FILENO);
	ssize_t n = -1;

	ret_line[0] = 0;
	if (saved < 0 || pipe(pipe_fds) < 0)
		return;
	if (dup2(pipe_fds[1], STDERR_FILENO) >= 0) {
		log_warning("said: %s", text);
		fflush(stderr);
		n = read(pipe_fds[0], ret_line, size_bytes - 1);
		dup2(saved, STDERR_FILENO);
	}
	ret_line[n > 0 ? n : 0] = 0;
	close(saved);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void test_lines(void)
{
	static const struct {
		const char *text, *line;
	} rows[] = {
		{"plain", "plain"},
		{"two\nlines\r", "two?lines?"},
		{"\033[2Jred\007\177", "?[2Jred??"},
		/* CSI as one character */
		{"a\xc2\x9b"
		 "2J",
			"a??2J"},
		{"\xc2\x80\xc2\x9f", "????"},
		{"K\xc3\xb6ln \xe2\x82\xac \xc2\xa0", "K\xc3\xb6ln \xe2\x82\xac \xc2\xa0"},
		{"cut \xc2", "cut \xc2"},
	};
	char line[256], expected[256];

	log_setup("test", LOG_LEVEL_INFO);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(expected, sizeof(expected), "test: warning: said: %s\n", rows[i].line);
		logged(rows[i].text, line, sizeof(line));
		CHECK_STR(line, expected);
	}
}

/* The newest lines, in their order, cut and clean. */
static void test_kept(void)
{
	static struct log_ring ring;
	char line[256], long_line[600];

	log_setup("test", LOG_LEVEL_INFO);
	log_keep(&ring);
	for (int i = 0; i < LIMIT_LOG_LINES + 1; i++)
		logged(i == LIMIT_LOG_LINES ? "last\033" : "one", line, sizeof(line));
	log_debug("not shown, not kept");
	CHECK_INT(ring.n_ever, LIMIT_LOG_LINES + 1);
	CHECK_STR(ring.lines[0], "warning: said: last?");
	CHECK_STR(ring.lines[1], "warning: said: one");
	CHECK(ring.times_s[0] > 0);
	memset(long_line, 'x', sizeof(long_line) - 1);
	long_line[sizeof(long_line) - 1] = 0;
	logged(long_line, line, sizeof(line));
	CHECK(strlen(ring.lines[1]) < LIMIT_LOG_LINE_BYTES);
	log_keep(NULL);
	logged("gone", line, sizeof(line));
	CHECK_INT(ring.n_ever, LIMIT_LOG_LINES + 2);
}

static const struct check_test tests[] = {
	{"lines", test_lines},
	{"kept", test_kept},
};
CHECK_MAIN(tests)
