/* SPDX-License-Identifier: Apache-2.0 */
/* dconf_root.h - a root file system with the machine's real dconf in it, to be entered by
 * chroot(2). */
#ifndef MDM_TESTS_DCONF_ROOT_H
#define MDM_TESTS_DCONF_ROOT_H

#include <sys/wait.h>

#include "tests/unit/platform/fixture.h"

/* Copies the program and what it is linked with; $1 is the root. */
#define DCONF_COPY                                                                                 \
	"set -e; copy() { mkdir -p \"$1${2%/*}\"; cp -L \"$2\" \"$1$2\"; }; copy \"$1\" "          \
	"/usr/bin/dconf; ldd /usr/bin/dconf | grep -o '/[^ ]*' | while read -r l; do copy "        \
	"\"$1\" \"$l\"; done; mkdir -p \"$1/home/u/.config/dconf\" \"$1/dev\" \"$1/run\"; "        \
	": > \"$1/dev/null\"; chmod -R a+rX \"$1\""

/* Runs a program and waits; its standard output, cut to size, goes to ret_output. The exit status.
 */
static inline int run_in(const char *root, const char *const *argv, char *ret_output, size_t size)
{
	static const char *const environment[] = {"HOME=/home/u", "XDG_RUNTIME_DIR=/run",
		"XDG_CONFIG_HOME=/home/u/.config", "LC_ALL=C", "PATH=/usr/bin:/bin", NULL};
	size_t n_output = 0;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		if (null_fd < 0 || dup2(fds[1], 1) < 0 || dup2(null_fd, 2) < 0)
			_exit(126);
		if (root && (chroot(root) < 0 || chdir("/") < 0))
			_exit(125);
		umask(022);
		execve(argv[0], (char *const *)argv, (char *const *)environment);
		_exit(127);
	}
	close(fds[1]);
	while (n_output + 1 < size &&
		(n = read(fds[0], ret_output + n_output, size - n_output - 1)) > 0)
		n_output += (size_t)n;
	if (size)
		ret_output[n_output] = 0;
	close(fds[0]);
	if (waitpid(pid, &status, 0) != pid)
		abort();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* False, and the test is marked as skipped, if there is no dconf or no right to chroot. */
static inline bool dconf_root_make(struct fixture *f)
{
	const char *const argv[] = {"/bin/sh", "-c", DCONF_COPY, "copy", f->path, NULL};
	const char *const help[] = {"/usr/bin/dconf", "help", NULL};
	char output[64];

	if (geteuid() != 0 || access("/usr/bin/dconf", X_OK) < 0) {
		check_skip("needs root and the program dconf");
		return false;
	}
	if (run_in(NULL, argv, output, sizeof(output)) != 0 ||
		run_in(f->path, help, output, sizeof(output)) != 0) {
		check_skip("dconf does not run in a chroot here");
		return false;
	}
	return true;
}

/* Compiles keyfile and locks into the database at path. */
static inline void dconf_root_compile(
	struct fixture *f, const char *path, const char *keyfile, const char *locks)
{
	char absolute[256], output[64];
	const char *const argv[] = {"/usr/bin/dconf", "compile", absolute, "/build", NULL};

	snprintf(absolute, sizeof(absolute), "/%s", path);
	fixture_parents(f, path);
	fixture_text(f, "build/00-x", keyfile);
	fixture_text(f, "build/locks/00-x", locks);
	if (run_in(f->path, argv, output, sizeof(output)) != 0)
		abort();
	if (fs_remove_tree(f->platform.sysroot_fd, "build") < 0)
		abort();
}

/* What the real dconf serves, without the line end. */
static inline void dconf_root_read(struct fixture *f, const char *key, char *ret, size_t size)
{
	const char *const argv[] = {"/usr/bin/dconf", "read", key, NULL};

	if (run_in(f->path, argv, ret, size) != 0)
		abort();
	ret[strcspn(ret, "\n")] = 0;
}

#endif
