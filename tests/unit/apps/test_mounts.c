/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_mounts.c - closing and opening places on real mounts, in namespaces of their own: a tmpfs as
 * the root, with /proc of this machine. Programs are started from there, before, meanwhile, after.
 */
#include "agent/apps/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/util/fs.h"
#include "tests/lib/check.h"

#define NO_NAMESPACE 77

static struct {
	bool is_root;
	unsigned int n_done, n_failed;
	char last[LIMIT_TEXT_BYTES + 1];
} told;

static void note(const char *place, enum apps_result result, const char *detail, void *userdata)
{
	(void)userdata;
	/* A root of its own user namespace has no say in this. */
	if (strcmp(place, "vm.memfd_noexec") == 0 && result != APPS_DONE && !told.is_root)
		return;
	told.n_done += result == APPS_DONE;
	told.n_failed += result != APPS_DONE;
	snprintf(told.last, sizeof(told.last), "%.100s: %.100s", place, detail);
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool write_file_new(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Who is not root becomes it in a user namespace, where the kernel lets people have one. */
static bool become_root_of_nothing(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];

	told.is_root = uid == 0;
	if (uid == 0)
		return unshare(CLONE_NEWNS | CLONE_NEWPID) == 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) < 0)
		return false;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (!write_file("/proc/self/setgroups", "deny") || !write_file("/proc/self/uid_map", map))
		return false;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return write_file("/proc/self/gid_map", map);
}

/* A root file system of its own. It is this program that is started from places. */
static bool make_root(const char *root)
{
	static const char *const directories[] = {"proc", "home", "home/ada", "tmp", "var/tmp",
		"dev/shm", "run", "run/user/1000", "srv", "run/media/ada/My Stick"};
	char self[300];
	int fd, program;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("root", root, "tmpfs", 0, "mode=755") < 0)
		return false;
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (fs_make_dirs(fd, directories[i], 0755) < 0)
			return false;
	program = openat(fd, "program", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	snprintf(self, sizeof(self), "%s/proc", root);
	if (program < 0 || mount("/proc", self, NULL, MS_BIND | MS_REC, NULL) < 0 ||
		write(program, "#!/proc/self/exe\n", 17) != 17)
		return false;
	close(program);
	close(fd);
	return chroot(root) == 0 && chdir("/") == 0;
}

/* access(2) says EACCES for what lies on a noexec mount. */
static bool may_start(const char *directory)
{
	char path[256];
	int fd, r;

	snprintf(path, sizeof(path), "%s/program", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (fd < 0)
		return false;
	close(fd);
	r = access(path, X_OK);
	unlink(path);
	return r == 0;
}

static char *mounts_text(void)
{
	char *text = NULL;
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fs_read_fd(fd, 1 << 20, &text, NULL) < 0)
		text = NULL;
	if (fd >= 0)
		close(fd);
	return text;
}

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static void story(void)
{
	static const char *const places[] = {"/home", "/home/ada", "/tmp", "/var/tmp", "/dev/shm",
		"/run/user/1000", "/run/media/ada/My Stick"};
	int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int run_fd = open("/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *before, *after, value[8];

	MUST(mount("tmp", "/tmp", "tmpfs", MS_NOSUID, NULL) == 0);
	MUST(mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NOEXEC, NULL) == 0);
	MUST(mount("u", "/run/user/1000", "tmpfs", MS_NODEV, NULL) == 0);
	MUST(mount("stick", "/run/media/ada/My Stick", "tmpfs", 0, NULL) == 0);
	before = mounts_text();
	MUST(before && may_start("/home/ada") && may_start("/tmp") && may_start("/var/tmp") &&
		!may_start("/dev/shm"));

	MUST(apps_mounts_close(root_fd, run_fd, note, NULL) == 0);
	if (told.n_failed)
		fprintf(stderr, "%s\n", told.last);
	MUST(told.n_failed == 0 && told.n_done >= 6);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		MUST(!may_start(places[i]));
	MUST(may_start("/srv"));
	/* Again: nothing is left to do. */
	told.n_done = 0;
	MUST(apps_mounts_close(root_fd, run_fd, note, NULL) == 0 && told.n_done == 0);
	/* A stick that comes later, and one that has gone. */
	MUST(umount("/run/media/ada/My Stick") == 0);
	MUST(mount("stick", "/run/media/ada/My Stick", "tmpfs", 0, NULL) == 0);
	MUST(apps_mounts_close(root_fd, run_fd, note, NULL) == 0 && told.n_done == 1);
	MUST(!may_start("/run/media/ada/My Stick"));
	/* Somebody opens a place: it is shut again. */
	MUST(mount("none", "/tmp", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL) == 0);
	MUST(may_start("/tmp"));
	MUST(apps_mounts_close(root_fd, run_fd, note, NULL) == 0 && !may_start("/tmp"));
	if (access("/proc/sys/vm/memfd_noexec", W_OK) == 0)
		MUST(fs_read_line(root_fd, APPS_MEMFD, value, sizeof(value)) == 0 &&
			strcmp(value, "2") == 0);

	/* Taken back: byte for byte what it was, but for the stick, which is another. */
	MUST(umount("/run/media/ada/My Stick") == 0);
	MUST(apps_mounts_open(root_fd, run_fd, note, NULL) == 0);
	MUST(told.n_failed == 0);
	MUST(may_start("/home/ada") && may_start("/tmp") && may_start("/var/tmp") &&
		may_start("/run/user/1000") && !may_start("/dev/shm"));
	MUST(access("/run/" APPS_MOUNTS_FILE, F_OK) < 0);
	*strstr(before, "My\\040Stick") = 0;
	*strrchr(before, '\n') = 0;
	after = mounts_text();
	MUST(after && strcmp(strrchr(after, '\n'), "\n") == 0);
	after[strlen(after) - 1] = 0;
	MUST(strcmp(before, after) == 0);
	/* Nothing is recorded: nothing happens. */
	MUST(apps_mounts_open(root_fd, run_fd, note, NULL) == 0);
	free(before);
	free(after);
	_exit(0);
}

/* Whoever is logged in keeps what is theirs when the phone is released. */
static void sessions(unsigned long propagation)
{
	int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int run_fd = open("/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_shared = propagation == MS_SHARED;
	char *text;

	MUST(mount(NULL, "/", NULL, propagation, NULL) == 0);
	MUST(mkdir("/run/user/2000", 0755) == 0 && mkdir("/run/user/2000/doc", 0755) == 0);
	MUST(mount("before", "/run/user/1000", "tmpfs", 0, NULL) == 0);
	MUST(write_file_new("/run/user/1000/wayland-0"));
	MUST(apps_mounts_close(root_fd, run_fd, note, NULL) == 0 && told.n_failed == 0);
	/* Somebody logs in meanwhile. */
	MUST(mount("later", "/run/user/2000", "tmpfs", 0, NULL) == 0);
	MUST(mkdir("/run/user/2000/doc", 0755) == 0);
	MUST(mount("doc", "/run/user/2000/doc", "tmpfs", 0, NULL) == 0);
	MUST(write_file_new("/run/user/2000/bus") && write_file_new("/run/user/2000/doc/file"));
	MUST(apps_mounts_close(root_fd, run_fd, note, NULL) == 0 && told.n_failed == 0);
	MUST(!may_start("/run/user/2000") && !may_start("/run/user/1000"));

	MUST(apps_mounts_open(root_fd, run_fd, note, NULL) == 0 && told.n_failed == 0);
	MUST(access("/run/user/1000/wayland-0", F_OK) == 0);
	MUST(access("/run/user/2000/bus", F_OK) == 0);
	MUST(access("/run/user/2000/doc/file", F_OK) == 0);
	MUST(may_start("/run/user") && may_start("/home") && may_start("/var/tmp"));
	text = mounts_text();
	MUST(text && !strstr(text, " /home ") && !strstr(text, " /var/tmp "));
	MUST(is_shared == !strstr(text, " /run/user "));
	MUST(access("/run/" APPS_MOUNTS_FILE, F_OK) < 0);
	free(text);
	/* What stayed is closed and opened like any other. */
	MUST(apps_mounts_close(root_fd, run_fd, note, NULL) == 0 && !may_start("/run/user"));
	MUST(apps_mounts_open(root_fd, run_fd, note, NULL) == 0 && may_start("/run/user"));
	MUST(access("/run/user/2000/doc/file", F_OK) == 0 && told.n_failed == 0);
	_exit(0);
}

/* Mounts of a user, at paths as long as they get, leave no place open. */
static void filled(void)
{
	int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int run_fd = open("/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[3600] = "/home/ada", point[3700];

	for (int i = 0; i < 14; i++) {
		size_t n = strlen(path);

		path[n] = '/';
		memset(path + n + 1, 'x', 240);
		path[n + 241] = 0;
	}
	for (int i = 0; i < 100; i++) {
		snprintf(point, sizeof(point), "%s/%d", path, i);
		MUST(fs_make_dirs(root_fd, point + 1, 0755) >= 0);
		MUST(mount("filler", point, "tmpfs", 0, "size=4k") == 0);
	}
	MUST(mount("stick", "/run/media/ada/My Stick", "tmpfs", 0, NULL) == 0);
	MUST(apps_mounts_close(root_fd, run_fd, note, NULL) == 0 && told.n_failed == 0);
	MUST(!may_start("/run/media/ada/My Stick") && !may_start("/home/ada"));
	MUST(apps_mounts_open(root_fd, run_fd, note, NULL) == 0 && told.n_failed == 0);
	MUST(may_start("/home/ada"));
	_exit(0);
}

static void sessions_shared(void)
{
	sessions(MS_SHARED);
}

static void sessions_private(void)
{
	sessions(MS_PRIVATE);
}

/* The record is the kernel's memory of a run-time directory; a damaged one undoes nothing. */
static void damaged(void)
{
	int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int run_fd = open("/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static const char text[] =
		"flag 1 /\nbind x /home\n\nflag\nbind 99999999999999 /tmp\numount";
	struct fs_owner owner = {0, 0, 0600};

	MUST(mount("tmp", "/tmp", "tmpfs", MS_NOEXEC, NULL) == 0);
	MUST(fs_replace(run_fd, APPS_MOUNTS_FILE, text, strlen(text), &owner) == 0);
	MUST(apps_mounts_open(root_fd, run_fd, note, NULL) == 0);
	MUST(told.n_done == 0 && !may_start("/tmp"));
	_exit(0);
}

/* Killed wherever it is: whoever takes it back finds all that was done. */
static void killed(void)
{
	int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int run_fd = open("/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *before, *after;
	unsigned int n_halves = 0;
	struct timespec begun, ended;
	int64_t all_us;

	MUST(mount("tmp", "/tmp", "tmpfs", MS_NOSUID, NULL) == 0);
	before = mounts_text();
	clock_gettime(CLOCK_MONOTONIC, &begun);
	MUST(apps_mounts_close(root_fd, run_fd, note, NULL) == 0);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	all_us = (ended.tv_sec - begun.tv_sec) * 1000000 + (ended.tv_nsec - begun.tv_nsec) / 1000 +
		 500;
	MUST(apps_mounts_open(root_fd, run_fd, note, NULL) == 0);
	for (int i = 0; i < 150; i++) {
		pid_t pid = fork();
		bool was_open;

		if (pid == 0)
			_exit(apps_mounts_close(root_fd, run_fd, note, NULL) == 0 ? 0 : 1);
		usleep((useconds_t)(all_us * i / 150));
		kill(pid, SIGKILL);
		MUST(waitpid(pid, NULL, 0) == pid);
		was_open = may_start("/home/ada") || may_start("/tmp") || may_start("/run/user");
		n_halves += was_open && access("/run/" APPS_MOUNTS_FILE, F_OK) == 0;
		/* The next round goes on where that ended. */
		if (i % 2)
			MUST(apps_mounts_close(root_fd, run_fd, note, NULL) == 0 &&
				!may_start("/home/ada") && !may_start("/tmp") &&
				!may_start("/run/user"));
		MUST(apps_mounts_open(root_fd, run_fd, note, NULL) == 0 && told.n_failed == 0);
		after = mounts_text();
		MUST(before && after && strcmp(before, after) == 0);
		free(after);
	}
	free(before);
	MUST(n_halves > 0);
	_exit(0);
}

/* It said what it was about to do, and somebody else has mounted something there since. */
static void about_to(void)
{
	int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int run_fd = open("/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static const char text[] = "bind 0 /home\nbind 0 /tmp\nbind 0 /var/tmp\n";
	struct fs_owner owner = {0, 0, 0600};

	for (int i = 0; i < 2; i++) {
		MUST(mount("tmp", "/tmp", "tmpfs", MS_NOEXEC, NULL) == 0);
		MUST(mount("/var/tmp", "/var/tmp", NULL, MS_BIND, NULL) == 0);
		MUST(fs_replace(run_fd, APPS_MOUNTS_FILE, text, strlen(text), &owner) == 0);
		if (i)
			MUST(apps_mounts_close(root_fd, run_fd, note, NULL) == 0 &&
				!may_start("/home") && !may_start("/var/tmp"));
		MUST(apps_mounts_open(root_fd, run_fd, note, NULL) == 0 && told.n_failed == 0);
		MUST(umount("/tmp") == 0 && umount("/var/tmp") < 0);
		MUST(may_start("/home") && may_start("/var/tmp"));
	}
	_exit(0);
}

static void run_in_namespace(void (*run)(void))
{
	char root[256];
	int status;
	pid_t pid;

	close(check_tmpdir(root));
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		pid_t inner;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!become_root_of_nothing())
			_exit(NO_NAMESPACE);
		inner = fork();
		if (inner == 0) {
			if (!make_root(root))
				_exit(NO_NAMESPACE);
			run();
		}
		_exit(waitpid(inner, &status, 0) == inner && WIFEXITED(status) ? WEXITSTATUS(status)
									       : 2);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_NAMESPACE) {
		check_skip("no mount namespaces for this user here");
		return;
	}
	CHECK_INT(WEXITSTATUS(status), 0);
}

static void test_story(void)
{
	run_in_namespace(story);
}

static void test_sessions(void)
{
	run_in_namespace(sessions_shared);
	run_in_namespace(sessions_private);
}

static void test_filled(void)
{
	run_in_namespace(filled);
}

static void test_damaged(void)
{
	run_in_namespace(damaged);
}

static void test_killed(void)
{
	run_in_namespace(killed);
	run_in_namespace(about_to);
}

static const struct check_test tests[] = {
	{"story", test_story},
	{"sessions", test_sessions},
	{"filled", test_filled},
	{"damaged", test_damaged},
	{"killed", test_killed},
};
CHECK_MAIN(tests)
