/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_home_programs.c - programs in homes: what counts as one, whose homes are looked into, what a
 * hostile home can and cannot do, limits one step over. Root also mounts a file system that never
 * answers.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "platform/home_programs.h"
#include "platform/homes.h"
#include "tests/unit/platform/people.h"

#define ELF "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0"
#define APPIMAGE "\177ELF\2\1\1\0AI\2\0\0\0\0\0"

static const char *const one[] = {"ann"};
static const char *const two[] = {"ann", "bob"};

static void put(struct fixture *f, const char *path, const char *bytes, size_t n, mode_t mode)
{
	fixture_write(f, path, bytes, n);
	if (fchmodat(f->platform.sysroot_fd, path, mode, 0) < 0)
		abort();
}

static void put_elf(struct fixture *f, const char *path)
{
	put(f, path, ELF, sizeof(ELF) - 1, 0755);
}

/* Everything, in pieces of n_step names. 0 or -errno. */
static int look(struct fixture *f, size_t n_step, struct home_programs *ret_programs)
{
	_cleanup_(home_walk_freep) struct home_walk *walk = NULL;
	int r = home_walk_new(f->platform.sysroot_fd, &walk);

	if (r < 0)
		return r;
	while ((r = home_walk_step(walk, n_step)) == 1)
		;
	home_walk_take(walk, ret_programs);
	return r;
}

/* "kind path" lines. */
static const char *listed(const struct home_programs *programs)
{
	static char text[16384];

	text[0] = 0;
	for (size_t i = 0; i < programs->n_found; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s %s\n",
			home_program_kind_name(programs->found[i].kind), programs->found[i].path);
	return text;
}

static void put_all_kinds(struct fixture *f)
{
	put_elf(f, "home/ann/bin/tool");
	put(f, "home/ann/bin/library.so", ELF, sizeof(ELF) - 1, 0644);
	put(f, "home/ann/Game", APPIMAGE, sizeof(APPIMAGE) - 1, 0755);
	put(f, "home/ann/Downloads/New.appimage", "not yet", 7, 0644);
	put(f, "home/ann/Downloads/Elf.AppImage", ELF, sizeof(ELF) - 1, 0644);
	put(f, "home/ann/Downloads/sleeping", APPIMAGE, sizeof(APPIMAGE) - 1, 0644);
	put(f, "home/ann/.AppImage", "#", 1, 0644);
	put(f, "home/ann/.cache/x/run.sh", "#!/bin/sh\n", 10, 0700);
	put(f, "home/ann/notes", "#!", 2, 0644);
	put(f, "home/ann/photo", "JFIF", 4, 0777);
	put(f, "home/ann/empty", "", 0, 0777);
	put_elf(f, "home/ann/.local/share/flatpak/app/x/files/bin/x");
	put_elf(f, "home/ann/.local/share/other");
	put_elf(f, "home/bob/b");
	put_elf(f, "home/carol/c"); /* nobody's */
	put_elf(f, "usr/bin/system");
}

static const char all_kinds[] = "appimage /home/ann/Downloads/Elf.AppImage\n"
				"appimage /home/ann/Downloads/New.appimage\n"
				"appimage /home/ann/Game\n"
				"binary /home/ann/.local/share/other\n"
				"binary /home/ann/bin/tool\n"
				"binary /home/bob/b\n"
				"script /home/ann/.cache/x/run.sh\n";

static void test_kinds(void)
{
	struct fixture f;
	struct home_programs programs;

	fixture_open(&f);
	people_make(&f, two, 2, true);
	put_all_kinds(&f);
	for (size_t n_step = 1; n_step < 2000; n_step *= 11) {
		CHECK_INT(look(&f, n_step, &programs), 0);
		CHECK_STR(listed(&programs), all_kinds);
		CHECK_INT(programs.n_total, 7);
		CHECK_INT(programs.n_homes, 2);
		CHECK_INT(programs.n_homes_skipped, 0);
		CHECK(!programs.is_cut);
		CHECK_STR(programs.found[5].user, "bob");
		CHECK_INT(programs.found[5].uid, people_uid());
		CHECK_INT(programs.found[5].n_bytes, sizeof(ELF) - 1);
		CHECK_STR(programs.found[5].path + programs.found[5].n_home, "b");
		home_programs_done(&programs);
	}
	fixture_close(&f);
}

static void test_no_homes(void)
{
	struct fixture f;
	struct home_programs programs;

	fixture_open(&f);
	CHECK_INT(look(&f, 10, &programs), 0); /* not even accounts */
	CHECK_INT(programs.n_homes, 0);
	CHECK_INT(programs.n_homes_skipped, 1);
	people_make(&f, two, 2, false);
	CHECK_INT(look(&f, 10, &programs), 0);
	CHECK_INT(programs.n_homes, 0);
	CHECK_INT(programs.n_homes_skipped, 0);
	CHECK_INT(programs.n_total, 0);
	fixture_close(&f);
}

/* A home that is somebody else's, inside of another one, or nowhere, is not looked into. */
static void test_odd_homes(void)
{
	struct fixture f;
	struct home_programs programs;
	char passwd[512];

	fixture_open(&f);
	people_make(&f, one, 1, true);
	put_elf(&f, "home/ann/sub/x");
	put_elf(&f, "srv/other/x");
	snprintf(passwd, sizeof(passwd),
		"ann:x:%u:1::/home/ann/:/bin/sh\n"
		"inside:x:%u:1::/home/ann/sub:/bin/sh\n"
		"other:x:%u:1::/srv/other:/bin/sh\n"
		"root2:x:%u:1::/:/bin/sh\n"
		"none:x:%u:1:::/bin/sh\n"
		"relative:x:%u:1::home/ann:/bin/sh\n"
		"same:x:%u:1::/home/ann:/bin/sh\n"
		"service:x:%u:1::/home/ann:/bin/false\n",
		people_uid(), people_uid(), people_uid() + 1, people_uid(), people_uid(),
		people_uid(), people_uid(), people_uid());
	fixture_text(&f, "etc/passwd", passwd);
	CHECK_INT(look(&f, 10, &programs), 0);
	CHECK_STR(listed(&programs), "binary /home/ann/sub/x\n");
	CHECK_INT(programs.n_homes, 1);
	CHECK_INT(programs.n_homes_skipped, 5);
	home_programs_done(&programs);
	fixture_close(&f);
}

/* Links of every kind, a fifo, a socket, names with anything in them: nothing waits or leads away.
 */
static void put_traps(struct fixture *f)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char cwd[PATH_MAX];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	put_elf(f, "usr/bin/system");
	put_elf(f, "home/ann/a\nb\033[31m\377");
	fixture_link(f, "home/ann/link", "/usr/bin/system");
	fixture_link(f, "home/ann/up", "..");
	fixture_link(f, "home/ann/root", "/");
	fixture_link(f, "home/ann/self", "self");
	fixture_link(f, "home/ann/x.AppImage", "/usr/bin/system");
	fixture_directory(f, "home/ann/dir.AppImage");
	if (fd < 0 || !getcwd(cwd, sizeof(cwd)) || fchdir(f->platform.sysroot_fd) < 0 ||
		mkfifo("home/ann/pipe.AppImage", 0777) < 0)
		abort();
	snprintf(address.sun_path, sizeof(address.sun_path), "home/ann/s.AppImage");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chdir(cwd) < 0)
		abort();
	close(fd);
}

static void test_traps(void)
{
	struct fixture f;
	struct home_programs programs;

	fixture_open(&f);
	people_make(&f, one, 1, true);
	put_traps(&f);
	CHECK_INT(look(&f, 10, &programs), 0);
	CHECK_STR(listed(&programs), "binary /home/ann/a\nb\033[31m\377\n");
	home_programs_done(&programs);
	fixture_close(&f);
}

/* A home that is a link of the administrator's is followed; /home may be one as well. */
static void test_linked_home(void)
{
	struct fixture f;
	struct home_programs programs;

	fixture_open(&f);
	people_make(&f, one, 1, true);
	put_elf(&f, "home/ann/x");
	if (renameat(f.platform.sysroot_fd, "home", f.platform.sysroot_fd, "data") < 0)
		abort();
	fixture_link(&f, "home", "/data");
	CHECK_INT(look(&f, 10, &programs), 0);
	CHECK_STR(listed(&programs), "binary /home/ann/x\n");
	home_programs_done(&programs);
	fixture_close(&f);
}

/* Of two that cannot both be named the one that matters more is; all are counted. */
static void test_limit_found(void)
{
	struct fixture f;
	struct home_programs programs;
	char path[64];

	fixture_open(&f);
	people_make(&f, one, 1, true);
	for (unsigned int i = 0; i < LIMIT_APPS_FOUND; i++) {
		snprintf(path, sizeof(path), "home/ann/s%03u", i);
		put(&f, path, "#!x", 3, 0755);
	}
	CHECK_INT(look(&f, 10, &programs), 0);
	CHECK_INT(programs.n_found, LIMIT_APPS_FOUND);
	CHECK_INT(programs.n_total, LIMIT_APPS_FOUND);
	home_programs_done(&programs);
	put(&f, "home/ann/zz.AppImage", "", 0, 0644);
	put_elf(&f, "home/ann/zz");
	CHECK_INT(look(&f, 10, &programs), 0);
	CHECK_INT(programs.n_found, LIMIT_APPS_FOUND);
	CHECK_INT(programs.n_total, LIMIT_APPS_FOUND + 2);
	CHECK_STR(programs.found[0].path, "/home/ann/zz.AppImage");
	CHECK_STR(programs.found[1].path, "/home/ann/zz");
	CHECK_STR(programs.found[LIMIT_APPS_FOUND - 1].path, "/home/ann/s061");
	CHECK(!programs.is_cut);
	home_programs_done(&programs);
	fixture_close(&f);
}

static void test_limit_depth(void)
{
	struct fixture f;
	struct home_programs programs;
	char path[PATH_MAX] = "home/ann";

	fixture_open(&f);
	people_make(&f, one, 1, true);
	for (unsigned int i = 0; i < LIMIT_HOME_DEPTH; i++)
		strcat(path, "/d");
	strcat(path, "/x");
	put_elf(&f, path);
	CHECK_INT(look(&f, 10, &programs), 0);
	CHECK_INT(programs.n_found, 1);
	CHECK(!programs.is_cut);
	home_programs_done(&programs);
	path[strlen(path) - 1] = 'd';
	strcat(path, "/y");
	CHECK_INT(unlinkat(f.platform.sysroot_fd, path, 0) < 0, 1);
	put_elf(&f, path);
	CHECK_INT(look(&f, 10, &programs), 0);
	CHECK_INT(programs.n_found, 1);
	CHECK(programs.is_cut);
	home_programs_done(&programs);
	fixture_close(&f);
}

/* Directories whose paths together are one byte more than may wait. */
static void test_limit_waiting(void)
{
	struct fixture f;
	struct home_programs programs;
	char name[300];
	unsigned int n = LIMIT_HOME_WAITING_BYTES / 256;

	fixture_open(&f);
	people_make(&f, one, 1, true);
	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "home/ann/%0255u", i);
		if (mkdirat(f.platform.sysroot_fd, name, 0755) < 0)
			abort();
	}
	CHECK_INT(look(&f, 1000, &programs), 0);
	CHECK(!programs.is_cut);
	home_programs_done(&programs);
	fixture_directory(&f, "home/ann/one more");
	CHECK_INT(look(&f, 1000, &programs), 0);
	CHECK(programs.is_cut);
	home_programs_done(&programs);
	fixture_close(&f);
}

/* Sixteen homes that the administrator made the same one: names count each time. */
static void test_limit_entries(void)
{
	static const char *const names[LIMIT_ACCOUNTS] = {"a0", "a1", "a2", "a3", "a4", "a5", "a6",
		"a7", "a8", "a9", "b0", "b1", "b2", "b3", "b4"};
	const size_t n_homes = LIMIT_ACCOUNTS - 1; /* and root */
	struct fixture f;
	struct home_programs programs;
	unsigned int n_each = LIMIT_HOME_ENTRIES / (unsigned int)n_homes;
	char to[64];

	fixture_open(&f);
	people_make(&f, names, n_homes, false);
	people_make(&f, names, 1, true);
	people_make(&f, names, n_homes, false);
	for (size_t i = 1; i < n_homes; i++) {
		snprintf(to, sizeof(to), "home/%s", names[i]);
		fixture_link(&f, to, "a0");
	}
	fixture_text(&f, "home/a0/f", "");
	/* "." and ".." are names as well. */
	for (unsigned int i = 0; i < n_each - 3; i++) {
		snprintf(to, sizeof(to), "home/a0/%u", i);
		if (linkat(f.platform.sysroot_fd, "home/a0/f", f.platform.sysroot_fd, to, 0) < 0)
			abort();
	}
	CHECK_INT(look(&f, 4096, &programs), 0);
	CHECK_INT(programs.n_homes, n_homes);
	CHECK(!programs.is_cut);
	home_programs_done(&programs);
	fixture_text(&f, "home/a0/more", "");
	CHECK_INT(look(&f, 4096, &programs), 0);
	CHECK(programs.is_cut);
	home_programs_done(&programs);
	fixture_close(&f);
}

/* --- in a process of its own ---------------------------------------------------------------- */

/* Ends with 0 if run() says so within 20 seconds, 77 for "cannot be tried here". */
static int in_child(int (*run)(struct fixture *f), struct fixture *f)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		abort();
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		alarm(20);
		_exit(run(f));
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			abort();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int expect(struct fixture *f, const char *expected, size_t n_skipped)
{
	struct home_programs programs;

	if (look(f, 7, &programs) < 0)
		return 1;
	if (strcmp(listed(&programs), expected) != 0 || programs.n_homes_skipped != n_skipped) {
		fprintf(stderr, "%s(%zu skipped)\n", listed(&programs), programs.n_homes_skipped);
		return 2;
	}
	home_programs_done(&programs);
	return 0;
}

/* As an old kernel does. */
static bool lose_openat2(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {ARRAY_SIZE(filter), filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int run_without_openat2(struct fixture *f)
{
	return lose_openat2() ? expect(f, all_kinds, 0) : 77;
}

static int run_traps_without_openat2(struct fixture *f)
{
	int fds[2] = {-1, -1}, r;

	if (!lose_openat2())
		return 77;
	r = expect(f, "binary /home/ann/a\nb\033[31m\377\n", 0);
	fds[0] = fs_open_in_root(f->platform.sysroot_fd, "home/ann", O_PATH | O_DIRECTORY);
	fds[1] = home_open_at(fds[0], "up/ann/link", O_RDONLY);
	if (fds[1] != -ELOOP || home_open_at(fds[0], "../ann", O_RDONLY) != -EXDEV ||
		home_open_at(fds[0], "link", O_RDONLY) != -ELOOP ||
		home_open_at(fds[0], "none", O_RDONLY) != -ENOENT ||
		home_open_at(fds[0], "pipe.AppImage", O_RDONLY | O_DIRECTORY) != -ENOTDIR)
		return 3;
	return r;
}

static void test_old_kernel(void)
{
	struct fixture f;
	int r;

	if (check_emulated()) {
		check_skip("no filters under emulation");
		return;
	}
	fixture_open(&f);
	people_make(&f, two, 2, true);
	put_all_kinds(&f);
	r = in_child(run_without_openat2, &f);
	fixture_close(&f);
	CHECK_INT(r, 0);
	fixture_open(&f);
	people_make(&f, one, 1, true);
	put_traps(&f);
	r = in_child(run_traps_without_openat2, &f);
	fixture_close(&f);
	CHECK_INT(r, 0);
}

/* Mounts a file system that nobody answers for: whoever asks it anything waits for ever. */
static int mount_silent(struct fixture *f, const char *path)
{
	char options[128], whole[512];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
		fd);
	snprintf(whole, sizeof(whole), "%s/%s", f->path, path);
	return mount("silent", whole, "fuse", 0, options) < 0 ? -errno : 0;
}

static int run_silent(struct fixture *f)
{
	char whole[512];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	/* The descriptor is of the mount that was left behind. */
	f->platform.sysroot_fd = open(f->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mount_silent(f, "home/ann/mnt") < 0 || mount_silent(f, "home/bob") < 0)
		return 77;
	/* One that does answer is not entered either. */
	snprintf(whole, sizeof(whole), "%s/home/ann/tmp", f->path);
	if (mount("tmpfs", whole, "tmpfs", 0, NULL) < 0)
		return 77;
	put_elf(f, "home/ann/tmp/x");
	return expect(f, "binary /home/ann/own\n", 1);
}

static void test_silent_file_system(void)
{
	struct fixture f;
	int r;

	fixture_open(&f);
	people_make(&f, two, 2, true);
	fixture_directory(&f, "home/ann/mnt");
	fixture_directory(&f, "home/ann/tmp");
	put_elf(&f, "home/ann/own");
	r = in_child(run_silent, &f);
	fixture_close(&f);
	if (r == 77) {
		check_skip("needs root, a mount namespace and /dev/fuse");
		return;
	}
	CHECK_INT(r, 0);
}

static const struct check_test tests[] = {
	{"kinds", test_kinds},
	{"no homes", test_no_homes},
	{"odd homes", test_odd_homes},
	{"traps", test_traps},
	{"linked home", test_linked_home},
	{"limit of names", test_limit_found},
	{"limit of depth", test_limit_depth},
	{"limit of what waits", test_limit_waiting},
	{"limit of entries", test_limit_entries},
	{"old kernel", test_old_kernel},
	{"silent file system", test_silent_file_system},
};
CHECK_MAIN(tests)
