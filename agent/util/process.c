/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.c - what holds for a process and for all that it starts; see process.h. Any role.
 *
 * The programs do this themselves, not only their service managers: OpenRC before 0.52 has an
 * option for it that its supervisor does not understand, and agents are started by hand, too.
 */
#include "agent/util/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/util/mem.h"

int process_gain_nothing(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int process_leave_no_core(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	/* Of other users it would take their own files below /proc/self away. */
	if (geteuid() == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int process_detach(int left, int refused)
{
	static const char *const groups[] = {
		"/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs"};
	int has_left[2];
	char byte;
	pid_t pid;

	if (pipe2(has_left, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(has_left[1]);
		/* A byte: it has; the end without one: it could not. */
		_exit(read(has_left[0], &byte, 1) == 1 ? left : refused);
	}
	close(has_left[0]);
	if (setsid() < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		int fd = open(groups[i], O_WRONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		/* Where the agent may not leave its group it stays there. */
		if (write(fd, "0", 1) == 1)
			i = ARRAY_SIZE(groups);
		close(fd);
	}
	if (chdir("/") < 0 || write(has_left[1], "", 1) != 1)
		return -errno;
	close(has_left[1]);
	return 0;
}
