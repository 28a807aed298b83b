/* SPDX-License-Identifier: Apache-2.0 */
/* test_process.c - what a process has given up, its children do not have either. */
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/process.h"
#include "tests/lib/check.h"

/* As a child says it, which is another process. */
static int child_can_gain(void)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		abort();
	if (pid == 0)
		_exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		abort();
	return WEXITSTATUS(status);
}

static void test_gain_nothing(void)
{
	CHECK_INT(process_gain_nothing(), 0);
	CHECK_INT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	CHECK_INT(child_can_gain(), 0);
	CHECK_INT(process_gain_nothing(), 0);
}

static const struct check_test tests[] = {
	{"gain nothing", test_gain_nothing},
};
CHECK_MAIN(tests)
