/* SPDX-License-Identifier: Apache-2.0 */
/* test_filter.c - the guard's system call filters, loaded in a child: what they let through, what
 * answers ENOSYS, what ends the process. */
#include "agent/guard/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/util/process.h"
#include "tests/lib/check.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

typedef int (*step_fn)(void);

/* The exit status of a child that did it behind the filter; -signal; 1000: no filters here. */
static int behind(enum guard_filter filter, step_fn step)
{
	int status, r;
	pid_t pid = fork();

	if (pid == 0) {
		r = process_gain_nothing();
		if (r == 0)
			r = guard_filter_apply(filter);
		if (r < 0)
			_exit(r == -ENOSYS ? 100 : 101);
		_exit(step());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 102;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int work(void)
{
	struct timespec ts;
	struct stat st;
	char byte;

	if (fstat(0, &st) < 0 || clock_gettime(CLOCK_MONOTONIC, &ts) < 0 || close(100) == 0)
		return 1;
	return read(100, &byte, 1) < 0 && errno == EBADF ? 7 : 2;
}

static int answer(void)
{
	return write(100, "", 1) < 0 && errno == EBADF ? 7 : errno;
}

static int lease(void)
{
	return fcntl(100, F_GETLEASE) < 0 && errno == EBADF ? 7 : errno;
}

static int map(void)
{
	return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED ? 7
											     : 1;
}

static int map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED;
}

static int unknown(void)
{
	return syscall(SYS_getcwd, NULL, 0) < 0 && errno == ENOSYS ? 7 : 1;
}

static int start(void)
{
	char *argv[] = {(char[]){"/bin/true"}, NULL};

	execv("/bin/true", argv);
	return 1;
}

static int open_file(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0;
}

static int open_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

static int make_child(void)
{
	return fork() >= 0;
}

static int end_other(void)
{
	return kill(getppid(), 0) == 0;
}

static const struct {
	const char *what;
	step_fn step;
	int verdict, hasher;
} rows[] = {
	{"what both do", work, 7, 7},
	{"an answer", answer, 7, ENOSYS},
	{"a lease", lease, ENOSYS, 7},
	{"memory", map, 7, 7},
	{"code", map_code, -SIGSYS, -SIGSYS},
	{"a call that nobody thought of", unknown, 7, 7},
	{"a program", start, -SIGSYS, -SIGSYS},
	{"a file", open_file, -SIGSYS, -SIGSYS},
	{"a socket", open_socket, -SIGSYS, -SIGSYS},
	{"a child", make_child, -SIGSYS, -SIGSYS},
	{"another process", end_other, -SIGSYS, -SIGSYS},
};

static void test_rows(void)
{
	if (SANITIZED || check_emulated()) {
		check_skip("the filter is not for sanitizers and emulators");
		return;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int verdict = behind(GUARD_FILTER_VERDICT, rows[i].step);
		int hasher = behind(GUARD_FILTER_HASHER, rows[i].step);

		if (verdict == 100) {
			check_skip("this kernel has no system call filters");
			return;
		}
		if (verdict != rows[i].verdict || hasher != rows[i].hasher)
			check_fail(
				__FILE__, __LINE__, "%s: %d and %d", rows[i].what, verdict, hasher);
	}
}

static const struct check_test tests[] = {
	{"rows", test_rows},
};
CHECK_MAIN(tests)
