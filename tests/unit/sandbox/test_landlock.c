/* SPDX-License-Identifier: Apache-2.0 */
/* test_landlock.c - the files and ports of the net role, with the kernel's ABI and older ones. */
#include <sys/prctl.h>

#include "agent/sandbox/landlock.h"
#include "tests/unit/sandbox/lab.h"

static int connect_to(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return result(connect(fd, (struct sockaddr *)&address, sizeof(address)));
}

static int do_connect_allowed(struct lab *lab)
{
	return connect_to(lab->allowed_port);
}

static int do_connect_denied(struct lab *lab)
{
	return connect_to(lab->denied_port);
}

static int do_bind(struct lab *lab)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)lab;
	return result(bind(fd, (struct sockaddr *)&address, sizeof(address)));
}

static int do_bind_udp(struct lab *lab)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)lab;
	return result(bind(fd, (struct sockaddr *)&address, sizeof(address)));
}

static void test_ports(void)
{
	if (!can_confine())
		return;
	CHECK_INT(in_sandbox(do_connect_allowed), 0);
	CHECK_INT(in_sandbox(do_bind_udp), 0);
	if (!need_landlock(4))
		return;
	CHECK_INT(in_sandbox(do_connect_denied), EACCES);
	CHECK_INT(in_sandbox(do_bind), EACCES);
}

/* --- files */

static int open_result(int dir_fd, const char *path, int flags)
{
	_cleanup_close_ int fd = openat(dir_fd, path, flags | O_CLOEXEC, 0600);

	return result(fd);
}

static int do_read_shadow(struct lab *lab)
{
	(void)lab;
	return open_result(AT_FDCWD, "/etc/shadow", O_RDONLY);
}

static int do_read_passwd(struct lab *lab)
{
	(void)lab;
	return open_result(AT_FDCWD, "/etc/passwd", O_RDONLY);
}

static int do_read_proc(struct lab *lab)
{
	(void)lab;
	return open_result(AT_FDCWD, "/proc/self/maps", O_RDONLY);
}

static int do_list_root(struct lab *lab)
{
	(void)lab;
	return open_result(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY);
}

static int do_read_hosts(struct lab *lab)
{
	(void)lab;
	return open_result(AT_FDCWD, "/etc/hosts", O_RDONLY);
}

static int do_write_other(struct lab *lab)
{
	return open_result(lab->other_fd, "file", O_WRONLY | O_CREAT);
}

static int do_write_above(struct lab *lab)
{
	return open_result(lab->granted_fd, "../mdm-test-above", O_WRONLY | O_CREAT);
}

static int do_read_only(struct lab *lab)
{
	if (open_result(lab->granted_fd, ".", O_RDONLY | O_DIRECTORY) != 0)
		return EXIT_SETUP;
	return open_result(lab->granted_fd, "new", O_WRONLY | O_CREAT);
}

static int do_make_link(struct lab *lab)
{
	return result(symlinkat("/etc/shadow", lab->granted_fd, "link"));
}

static int do_work(struct lab *lab)
{
	_cleanup_close_ int fd = openat(lab->granted_fd, "a", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) < 0 || fsync(fd) < 0 ||
		fchmod(fd, 0600) < 0)
		return errno;
	if (renameat(lab->granted_fd, "a", lab->granted_fd, "b") < 0 ||
		unlinkat(lab->granted_fd, "b", 0) < 0)
		return errno;
	return 0;
}

static void test_files(void)
{
	struct lab *lab = lab_get();

	if (!need_landlock(1))
		return;
	CHECK_INT(in_sandbox(do_read_shadow), EACCES);
	CHECK_INT(in_sandbox(do_read_passwd), EACCES);
	CHECK_INT(in_sandbox(do_read_proc), EACCES);
	CHECK_INT(in_sandbox(do_list_root), EACCES);
	CHECK_INT(in_sandbox(do_read_hosts), access("/etc/hosts", F_OK) == 0 ? 0 : ENOENT);
	CHECK_INT(in_sandbox(do_write_other), EACCES);
	CHECK_INT(in_sandbox(do_write_above), EACCES);
	CHECK_INT(in_sandbox(do_work), 0);
	CHECK(in_sandbox(do_make_link) != 0);
	lab->writable = false;
	CHECK_INT(in_sandbox(do_read_only), EACCES);
	lab->writable = true;
}

/* Older rights on this kernel: what an older ABI has is enforced, what it lacks is noted. */
static int check_abi(unsigned int abi)
{
	struct lab *lab = lab_get();
	struct sandbox_grant grant = {
		.directory_fd = lab->granted_fd,
		.directory_writable = true,
		.ports = {lab->allowed_port},
		.n_ports = 1,
	};
	struct sandbox_facts facts = {0};
	struct sandbox_error error;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		landlock_apply_abi(&sandbox_role_net, &grant, abi, &facts, &error) < 0)
		return EXIT_SETUP;
	if (facts.landlock_abi != abi || (facts.note[0] == 0) != (abi >= 6))
		return 1;
	if (do_read_passwd(lab) != EACCES || do_write_other(lab) != EACCES || do_work(lab) != 0)
		return 2;
	if (connect_to(lab->allowed_port) != 0)
		return 3;
	return connect_to(lab->denied_port) == (abi >= 4 ? EACCES : 0) ? 0 : 4;
}

static void test_abis(void)
{
	int highest;

	if (!need_landlock(1))
		return;
	highest = in_sandbox(ask_landlock);
	for (unsigned int abi = 1; abi <= (unsigned int)highest; abi++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(check_abi(abi));
		CHECK(waitpid(pid, &status, 0) == pid);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			check_fail(
				__FILE__, __LINE__, "ABI %u: status %x", abi, (unsigned int)status);
	}
}

static const struct check_test tests[] = {
	{"ports", test_ports},
	{"files", test_files},
	{"abis", test_abis},
};

CHECK_MAIN(tests)
