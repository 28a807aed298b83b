/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - mdm-agent-apps: carries out one job for the package managers and ends. Started by its
 * own service, out of everything that belongs to the agent, which it may be upgrading; it outlives
 * that. As root, not confined: package managers write everywhere and run scripts of packages.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/apps/run.h"
#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/mem.h"

#define LOCK_TRIES 40
#define LOCK_TRY_MS 50
#define EXIT_REFUSED 1
#define EXIT_USAGE 2
#define EXIT_BUSY 3

static const char usage[] =
	"Usage: mdm-agent-apps [OPTION]...\n"
	"\n"
	"Carries out the job that mdm-agentd left in its run-time directory: installs, removes and\n"
	"upgrades packages and Flatpaks. By hand it is of no use.\n"
	"\n"
	"  --runtime-dir DIR   where the job is, and where its progress goes (" MDM_RUN_DIR ")\n"
	"  --root DIR          the system is below there instead of /\n"
	"  --apk PROGRAM       instead of the system's apk\n"
	"  --flatpak PROGRAM   instead of the system's flatpak\n"
	"  --patience SECONDS  that a change which has begun may last behind the deadline (900)\n"
	"  --detach            go on in a session and a control group of its own\n"
	"  --version           print the version\n"
	"  --help              print this\n";

struct arguments {
	const char *runtime_dir, *root, *apk, *flatpak;
	int64_t patience_s;
	bool detach;
};

/* A parent, a session and a control group of its own: whoever started it may end with all of its.
 * (Version 2 of control groups; where the agent may not leave its group it stays there.) */
static int detach(void)
{
	static const char *const groups[] = {
		"/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs"};
	int left[2];
	char byte;
	pid_t pid;

	if (pipe2(left, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(left[1]);
		_exit(read(left[0], &byte, 1) == 1 ? 0 : EXIT_REFUSED);
	}
	close(left[0]);
	if (setsid() < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		_cleanup_close_ int fd = open(groups[i], O_WRONLY | O_CLOEXEC);

		if (fd >= 0 && write(fd, "0", 1) == 1)
			break;
	}
	if (write(left[1], "", 1) != 1)
		return -errno;
	close(left[1]);
	return 0;
}

/*
 * The phone stays usable. Not the idle class of input and output: a transaction that waits for a
 * quiet disk holds the lock of the package manager, and everybody waits with it.
 */
static void be_modest(void)
{
	const int best_effort_lowest = (2 << 13) | 7;

	if (setpriority(PRIO_PROCESS, 0, 10) < 0 ||
		syscall(SYS_ioprio_set, 1 /* this process */, 0, best_effort_lowest) < 0)
		fprintf(stderr, "mdm-agent-apps: priority stays as it is (%s)\n", strerror(errno));
}

/*
 * Another one is at work: its job is carried out, ours is not. The agent looks whether there is one
 * by taking the lock for a moment, which is waited for. 0, -EBUSY, -errno.
 */
static int take_lock(int runtime_fd, int *ret_fd)
{
	_cleanup_close_ int fd = openat(runtime_fd, APPS_LOCK_FILE,
		O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd < 0)
		return -errno;
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (i == LOCK_TRIES)
			return -EBUSY;
		poll(NULL, 0, LOCK_TRY_MS);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Only what nobody but us could have written. */
static int load_job(int runtime_fd, struct apps_job *ret_job)
{
	_cleanup_close_ int fd =
		openat(runtime_fd, APPS_JOB_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t n;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		return -EPERM;
	r = fs_read_fd(fd, LIMIT_APPS_JOB_BYTES, &text, &n);
	return r < 0 ? r : apps_job_read(text, n, ret_job);
}

static const char *first_program(const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	return NULL;
}

static void find_programs(struct arguments *a)
{
	static const char *const apks[] = {
		"/sbin/apk", "/usr/sbin/apk", "/bin/apk", "/usr/bin/apk"};
	static const char *const flatpaks[] = {"/usr/bin/flatpak", "/usr/local/bin/flatpak"};

	if (!a->apk)
		a->apk = first_program(apks, ARRAY_SIZE(apks));
	if (!a->flatpak)
		a->flatpak = first_program(flatpaks, ARRAY_SIZE(flatpaks));
}

static int fail(const char *what, int error, int status)
{
	fprintf(stderr, "mdm-agent-apps: %s: %s\n", what,
		error == -EPERM ? "it is not a file that only root can write" : strerror(-error));
	return status;
}

static int run(struct arguments *a)
{
	_cleanup_(apps_job_done) struct apps_job job = {0};
	_cleanup_close_ int lock_fd = -1, runtime_fd = -1, root_fd = -1;
	struct apps_run run = {.root = a->root, .apk = a->apk, .flatpak = a->flatpak};
	int r;

	runtime_fd = open(a->runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (runtime_fd < 0)
		return fail(a->runtime_dir, -errno, EXIT_REFUSED);
	root_fd = open(a->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return fail(a->root, -errno, EXIT_REFUSED);
	r = take_lock(runtime_fd, &lock_fd);
	if (r < 0)
		return fail("another job is under way", r, r == -EBUSY ? EXIT_BUSY : EXIT_REFUSED);
	r = load_job(runtime_fd, &job);
	if (r < 0)
		return fail("the job " APPS_JOB_FILE, r, EXIT_REFUSED);
	be_modest();
	run.runtime_fd = runtime_fd;
	run.root_fd = root_fd;
	run.patience_us = a->patience_s * USEC_PER_SEC;
	run.job = &job;
	r = apps_run(&run);
	apps_progress_done(&run.progress);
	return r < 0 ? fail("the job was given up", r, EXIT_REFUSED) : 0;
}

static int read_option(int c, struct arguments *a)
{
	switch (c) {
	case 'd':
		a->runtime_dir = optarg;
		return 0;
	case 'r':
		a->root = optarg;
		return 0;
	case 'a':
		a->apk = optarg;
		return 0;
	case 'f':
		a->flatpak = optarg;
		return 0;
	case 'p':
		return parse_int64(optarg, 0, 7200, &a->patience_s);
	case 'D':
		a->detach = true;
		return 0;
	default:
		return -EINVAL;
	}
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"runtime-dir", required_argument, NULL, 'd'},
		{"root", required_argument, NULL, 'r'},
		{"apk", required_argument, NULL, 'a'},
		{"flatpak", required_argument, NULL, 'f'},
		{"patience", required_argument, NULL, 'p'},
		{"detach", no_argument, NULL, 'D'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct arguments a = {.runtime_dir = MDM_RUN_DIR, .root = "/", .patience_s = 900};
	sigset_t blocked;
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		if (c == 'V') {
			puts("mdm-agent-apps " MDM_VERSION);
			return 0;
		}
		if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		if (read_option(c, &a) < 0) {
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind != argc || a.runtime_dir[0] != '/' || a.root[0] != '/') {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	find_programs(&a);
	/* Whoever wants it to end is heard while it waits for a program (program.h): what that has
	 * begun comes to its end before. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGHUP);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	if (a.detach && detach() < 0)
		return EXIT_REFUSED;
	return run(&a);
}
