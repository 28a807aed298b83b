/* SPDX-License-Identifier: Apache-2.0 */
/* role.c - starting a program of ours with a channel; see role.h. Enforcer, root. */
#include "agent/enforcer/role.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/ipc/channel.h"
#include "agent/util/fs.h"

/* In the child, between fork and exec: only what is safe there. */
static void __attribute__((noreturn))
role_exec(const char *const *argv, const char *const *env, int channel_fd, pid_t parent)
{
	sigset_t none;
	int null_fd = open("/dev/null", O_RDWR);

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(126);
	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0)
		_exit(126);
	if (channel_fd == CHANNEL_FD)
		fcntl(channel_fd, F_SETFD, 0);
	else if (dup2(channel_fd, CHANNEL_FD) < 0)
		_exit(126);
	if (syscall(SYS_close_range, CHANNEL_FD + 1, ~0U, 0) < 0)
		for (int fd = CHANNEL_FD + 1; fd < 1024; fd++)
			close(fd);
	execve(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
	/* What may work the next time must not look as if the program were not there. */
	_exit(errno == ENOMEM || errno == EAGAIN || errno == EMFILE || errno == ENFILE ? 126 : 127);
}

int role_start(const char *const *argv, const char *const *env, pid_t *ret_pid, int *ret_channel_fd)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	pid_t parent = getpid(), pid;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		role_exec(argv, env, theirs, parent);
	*ret_pid = pid;
	*ret_channel_fd = TAKE_FD(ours);
	return 0;
}
