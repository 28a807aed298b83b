/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lab.h - what the tests of this layer share: a child in the net role's sandbox, with a directory
 * and a server that are granted to it and others that are not. As root it becomes "nobody".
 */
#ifndef MDM_TESTS_SANDBOX_LAB_H
#define MDM_TESTS_SANDBOX_LAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sandbox/sandbox.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

#define ROLE_USER "nobody"
#define EXIT_SETUP 120 /* the sandbox itself was refused */

/* What the children inherit: a directory that is granted and one that is not, two servers. */
struct lab {
	int granted_fd, other_fd;
	char granted[256], other[256];
	int allowed_server, denied_server;
	uint16_t allowed_port, denied_port;
	bool writable;
	struct sandbox_facts facts; /* of the child that asks */
};

static inline int listen_anywhere(uint16_t *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t n = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, 128) < 0 || getsockname(fd, (struct sockaddr *)&address, &n) < 0)
		return -1;
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static inline struct lab *lab_get(void)
{
	static struct lab lab;

	if (lab.granted_fd)
		return &lab;
	lab.granted_fd = check_tmpdir(lab.granted);
	lab.other_fd = check_tmpdir(lab.other);
	/* Ordinary permissions are not to stand in for the sandbox. */
	if (fchmod(lab.granted_fd, 0777) < 0 || fchmod(lab.other_fd, 0777) < 0)
		abort();
	lab.allowed_server = listen_anywhere(&lab.allowed_port);
	lab.denied_server = listen_anywhere(&lab.denied_port);
	lab.writable = true;
	if (lab.granted_fd < 0 || lab.allowed_server < 0 || lab.denied_server < 0)
		abort();
	return &lab;
}

static inline int child_seal(struct lab *lab)
{
	struct sandbox_grant grant = {
		.directory_fd = lab->granted_fd,
		.directory_writable = lab->writable,
		.ports = {lab->allowed_port, 53},
		.n_ports = 2,
	};
	struct sandbox_error error;

	if (sandbox_enter(&sandbox_role_net, ROLE_USER, &lab->facts, &error) < 0 ||
		sandbox_seal(&sandbox_role_net, &grant, &lab->facts, &error) < 0) {
		fprintf(stderr, "%s\n", error.message);
		return -1;
	}
	return 0;
}

/* Runs fn in a sandboxed child. What it returns, an errno or 0; the negative signal that ended it.
 */
static inline int in_sandbox(int (*fn)(struct lab *lab))
{
	struct lab *lab = lab_get();
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(child_seal(lab) < 0 ? EXIT_SETUP : fn(lab));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return EXIT_SETUP;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static inline int result(long r)
{
	return r < 0 ? errno : 0;
}

static inline int ask_landlock(struct lab *lab)
{
	return (int)lab->facts.landlock_abi;
}

static inline int ask_seccomp(struct lab *lab)
{
	return lab->facts.seccomp;
}

/* Valgrind keeps descriptors above the limit of the row and makes calls of its own. */
static inline bool can_confine(void)
{
	const char *preload = getenv("LD_PRELOAD");

	if (!preload || !strstr(preload, "vgpreload"))
		return true;
	check_skip("valgrind cannot run below a sandbox");
	return false;
}

static inline bool need_landlock(int abi)
{
	int r;

	if (!can_confine())
		return false;
	r = in_sandbox(ask_landlock);
	if (r < 0 || r == EXIT_SETUP) {
		check_fail(__FILE__, __LINE__, "the sandbox was refused: %d", r);
		return false;
	}
	if (r >= abi)
		return true;
	check_skip("this kernel's Landlock is too old");
	return false;
}

static inline bool need_seccomp(void)
{
	int r;

	if (!can_confine())
		return false;
	r = in_sandbox(ask_seccomp);
	if (r < 0 || r == EXIT_SETUP) {
		check_fail(__FILE__, __LINE__, "the sandbox was refused: %d", r);
		return false;
	}
	if (r == 1)
		return true;
	check_skip("this kernel has no seccomp");
	return false;
}

#endif
