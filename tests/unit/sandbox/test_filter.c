/* SPDX-License-Identifier: Apache-2.0 */
/* test_filter.c - the net role's system calls: what it must not do fails or ends it. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "tests/unit/sandbox/lab.h"

/* --- what ends the process */

static int do_execve(struct lab *lab)
{
	char *argv[] = {(char *)"true", NULL};

	(void)lab;
	return result(execve("/bin/true", argv, NULL));
}

static int do_fork(struct lab *lab)
{
	(void)lab;
	return result(fork());
}

static int do_ptrace(struct lab *lab)
{
	(void)lab;
	return result(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int do_unshare(struct lab *lab)
{
	(void)lab;
	return result(unshare(CLONE_NEWUSER));
}

static int do_clone_user_namespace(struct lab *lab)
{
	(void)lab;
	return result(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
}

static int do_setuid(struct lab *lab)
{
	(void)lab;
	return result(syscall(SYS_setuid, 0));
}

static int do_setresgid(struct lab *lab)
{
	(void)lab;
	return result(syscall(SYS_setresgid, 0, 0, 0));
}

static int do_process_vm_readv(struct lab *lab)
{
	(void)lab;
	return result(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}

static int do_mount(struct lab *lab)
{
	return result(syscall(SYS_mount, "none", lab->granted, "tmpfs", 0, NULL));
}

static int do_chroot(struct lab *lab)
{
	return result(chroot(lab->granted));
}

static int do_bpf(struct lab *lab)
{
	(void)lab;
	return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int do_io_uring(struct lab *lab)
{
	(void)lab;
	return result(syscall(425, 1, NULL));
}

static void test_kills(void)
{
	static const struct {
		const char *name;
		int (*fn)(struct lab *lab);
	} rows[] = {
		{"execve", do_execve},
		{"fork", do_fork},
		{"ptrace", do_ptrace},
		{"unshare", do_unshare},
		{"clone", do_clone_user_namespace},
		{"setuid", do_setuid},
		{"setresgid", do_setresgid},
		{"process_vm_readv", do_process_vm_readv},
		{"mount", do_mount},
		{"chroot", do_chroot},
		{"bpf", do_bpf},
		{"io_uring", do_io_uring},
	};

	if (!need_seccomp())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = in_sandbox(rows[i].fn);

		if (r != -SIGSYS)
			check_fail(__FILE__, __LINE__, "%s: %d, not killed", rows[i].name, r);
	}
}

/* --- what is refused */

static int do_unknown_call(struct lab *lab)
{
	(void)lab;
	return result(syscall(1000));
}

static int do_clone3(struct lab *lab)
{
	(void)lab;
	return result(syscall(435, NULL, 0));
}

static int do_kill_parent(struct lab *lab)
{
	(void)lab;
	return result(kill(getppid(), 0));
}

static int do_tgkill_parent(struct lab *lab)
{
	pid_t parent = getppid();

	(void)lab;
	return result(syscall(SYS_tgkill, parent, parent, 0));
}

static int do_raise_limit(struct lab *lab)
{
	struct rlimit limit = {1, 1};

	(void)lab;
	return result(setrlimit(RLIMIT_NOFILE, &limit));
}

static int do_map_code(struct lab *lab)
{
	(void)lab;
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED
		       ? errno
		       : 0;
}

static int do_make_code(struct lab *lab)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)lab;
	return p == MAP_FAILED ? EXIT_SETUP : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int do_terminal_input(struct lab *lab)
{
	(void)lab;
	return result(syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x"));
}

static int do_become_dumpable(struct lab *lab)
{
	(void)lab;
	return result(syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static void test_denials(void)
{
	static const struct {
		const char *name;
		int (*fn)(struct lab *lab);
		int error;
	} rows[] = {
		{"a call that does not exist", do_unknown_call, ENOSYS},
		{"clone3", do_clone3, ENOSYS},
		{"kill", do_kill_parent, ENOSYS},
		{"tgkill", do_tgkill_parent, ENOSYS},
		{"setrlimit", do_raise_limit, ENOSYS},
		{"mmap of code", do_map_code, EPERM},
		{"mprotect to code", do_make_code, EPERM},
		{"TIOCSTI", do_terminal_input, ENOSYS},
		{"PR_SET_DUMPABLE", do_become_dumpable, ENOSYS},
	};

	if (!need_seccomp())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = in_sandbox(rows[i].fn);

		if (r != rows[i].error)
			check_fail(__FILE__, __LINE__, "%s: %d, not %d", rows[i].name, r,
				rows[i].error);
	}
}

static int do_sockets(struct lab *lab)
{
	static const struct {
		int family, type, protocol;
		bool allowed;
	} rows[] = {
		{AF_INET, SOCK_STREAM, 0, true},
		{AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, true},
		{AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0, true},
		{AF_INET6, SOCK_DGRAM, 0, true},
		{AF_INET, SOCK_RAW, IPPROTO_ICMP, false},
		{AF_INET, SOCK_SEQPACKET, 0, false},
		{AF_UNIX, SOCK_STREAM, 0, false},
		{AF_UNIX, SOCK_DGRAM, 0, false},
		{AF_NETLINK, SOCK_RAW, 0, false},
		{AF_PACKET, SOCK_RAW, 0, false},
		{AF_BLUETOOTH, SOCK_RAW, 0, false},
		{AF_ALG, SOCK_SEQPACKET, 0, false},
		{AF_VSOCK, SOCK_STREAM, 0, false},
	};
	int pair[2];

	(void)lab;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int fd = socket(rows[i].family, rows[i].type, rows[i].protocol);

		/* A kernel without IPv6 is no failure of ours. */
		if ((fd >= 0) != rows[i].allowed && !(fd < 0 && errno == EAFNOSUPPORT))
			return (int)i + 1;
		if (fd < 0 && !rows[i].allowed && errno != ENOSYS)
			return (int)i + 51;
		if (fd >= 0)
			close(fd);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return 100;
	return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0 && errno == ENOSYS ? 0 : 101;
}

static void test_sockets(void)
{
	if (need_seccomp())
		CHECK_INT(in_sandbox(do_sockets), 0);
}

/* --- what must go on working */

static void *thread_main(void *userdata)
{
	*(int *)userdata = 7;
	return NULL;
}

static int do_thread(struct lab *lab)
{
	pthread_t thread;
	int value = 0, r;

	(void)lab;
	r = pthread_create(&thread, NULL, thread_main, &value);
	if (r != 0)
		return r;
	r = pthread_join(thread, NULL);
	return r != 0 ? r : value == 7 ? 0 : 1;
}

static int do_abort(struct lab *lab)
{
	(void)lab;
	abort();
}

static void test_works(void)
{
	if (!can_confine())
		return;
	CHECK_INT(in_sandbox(do_thread), 0);
	CHECK_INT(in_sandbox(do_abort), -SIGABRT);
}

static const struct check_test tests[] = {
	{"kills", test_kills},
	{"denials", test_denials},
	{"sockets", test_sockets},
	{"works", test_works},
};

CHECK_MAIN(tests)
