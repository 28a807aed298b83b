/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_fs.c - files below a descriptor: links, "..", replacing, removing; each with openat2(2) and
 * with the walk that stands in for it on old kernels.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "agent/util/fs.h"
#include "agent/util/limits.h"
#include "tests/lib/check.h"

static bool old_kernel;

/* Takes the place of the C library's: openat2(2) can be made to be missing. */
long syscall(long number, ...)
{
	static long (*real)(long, ...);
	long a[4];
	va_list args;

	va_start(args, number);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_openat2 && old_kernel) {
		errno = ENOSYS;
		return -1;
	}
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return real(number, a[0], a[1], a[2], a[3]);
}

static void put(int dir_fd, const char *path, const char *text)
{
	int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(fd);
}

static bool holds(int dir_fd, const char *path, const char *expected)
{
	_cleanup_free_ char *text = NULL;

	return fs_read(dir_fd, path, 4096, &text, NULL) == 0 && strcmp(text, expected) == 0;
}

static size_t count_entries(int dir_fd)
{
	_cleanup_(closedirp) DIR *dir =
		fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	return n - 2;
}

static size_t count_fds(void)
{
	_cleanup_(closedirp) DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	return n;
}

/*
 * outside/secret; root/etc/conf, root/etc/dir/deep and links of every kind inside root. Returns the
 * descriptor of root; *ret_outer is the directory above.
 */
static int make_tree(int *ret_outer)
{
	char path[256];
	int outer = check_tmpdir(path), root;
	static const char *const directories[] = {
		"outside", "root", "root/etc", "root/etc/dir", "root/var"};
	static const struct {
		const char *at, *target;
	} links[] = {
		{"root/relative", "etc/conf"},
		{"root/absolute", "/etc/conf"},
		{"root/etc/up", "../etc/conf"},
		{"root/climbs", "../outside/secret"},
		{"root/climbs-far", "../../../../../../../../etc/conf"},
		{"root/var/dirlink", "/etc/dir"},
		{"root/chain1", "chain2"},
		{"root/chain2", "/chain3"},
		{"root/chain3", "var/dirlink/deep"},
		{"root/loop", "loop"},
		{"root/ping", "pong"},
		{"root/pong", "ping"},
		{"root/dangling", "nowhere"},
		{"root/slashes", "///etc//./dir/../conf"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (mkdirat(outer, directories[i], 0755) < 0)
			abort();
	put(outer, "outside/secret", "secret");
	put(outer, "root/etc/conf", "conf");
	put(outer, "root/etc/dir/deep", "deep");
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlinkat(links[i].target, outer, links[i].at) < 0)
			abort();
	root = openat(outer, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		abort();
	*ret_outer = outer;
	return root;
}

static void check_reading_in_root(void)
{
	static const struct {
		const char *path, *expected; /* NULL: an error */
		int error;
	} rows[] = {
		{"etc/conf", "conf", 0},
		{"/etc/conf", "conf", 0},
		{"///etc//conf", "conf", 0},
		{"./etc/./conf", "conf", 0},
		{"relative", "conf", 0},
		{"absolute", "conf", 0},
		{"etc/up", "conf", 0},
		{"climbs-far", "conf", 0},
		{"slashes", "conf", 0},
		{"chain1", "deep", 0},
		{"var/dirlink/deep", "deep", 0},
		{"var/dirlink/../conf", "conf", 0},
		{"../../../etc/conf", "conf", 0},
		{"etc/../../etc/conf", "conf", 0},
		{"climbs", NULL, -ENOENT},
		{"../outside/secret", NULL, -ENOENT},
		{"loop", NULL, -ELOOP},
		{"ping", NULL, -ELOOP},
		{"dangling", NULL, -ENOENT},
		{"etc/none", NULL, -ENOENT},
		{"etc/conf/below", NULL, -ENOTDIR},
		{"etc", NULL, -EISDIR},
	};
	_cleanup_close_ int outer = -1, root = make_tree(&outer);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = NULL;
		size_t n = 99;
		int r = fs_read(root, rows[i].path, 100, &text, &n);

		if (r != rows[i].error)
			check_fail(__FILE__, __LINE__, "%s: %d", rows[i].path, r);
		if (r < 0) {
			CHECK(!text && n == 99);
			continue;
		}
		CHECK_STR(text, rows[i].expected);
		CHECK_INT(n, strlen(text));
	}
}

static void check_reading_files(void)
{
	_cleanup_close_ int outer = -1, root = make_tree(&outer), fd = -1;
	_cleanup_free_ char *text = NULL;
	char line[5];
	size_t n;

	/* The limit, and one step above it; a NUL inside; an empty file. */
	CHECK_INT(fs_read(root, "etc/conf", 4, &text, &n), 0);
	free(TAKE_PTR(text));
	CHECK_INT(fs_read(root, "etc/conf", 3, &text, &n), -EFBIG);
	fd = openat(root, "binary", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK_INT(write(fd, "a\0b", 3), 3);
	CHECK_INT(fs_read(root, "binary", 100, &text, &n), 0);
	CHECK_INT(n, 3);
	CHECK(memcmp(text, "a\0b", 4) == 0);
	free(TAKE_PTR(text));
	put(root, "empty", "");
	CHECK_INT(fs_read(root, "empty", 100, &text, NULL), 0);
	CHECK_STR(text, "");
	free(TAKE_PTR(text));
	/* Not a file; and above all, no waiting for a writer. */
	CHECK_INT(mkfifoat(root, "fifo", 0600), 0);
	CHECK_INT(fs_read(root, "fifo", 100, &text, &n), -EBADF);
	/* Lines. */
	put(root, "line", "four\nmore");
	CHECK_INT(fs_read_line(root, "line", line, sizeof(line)), 0);
	CHECK_STR(line, "four");
	CHECK_INT(fs_read_line(root, "line", line, 4), -EFBIG);
	CHECK_STR(line, "four");
	put(root, "line", "end");
	CHECK_INT(fs_read_line(root, "line", line, sizeof(line)), 0);
	CHECK_STR(line, "end");
	CHECK_INT(fs_read_line(root, "none", line, sizeof(line)), -ENOENT);
	/* Links. */
	CHECK_INT(fs_read_link(root, "loop", line, sizeof(line)), 0);
	CHECK_STR(line, "loop");
	CHECK_INT(fs_read_link(root, "loop", line, 4), -EFBIG);
	CHECK_INT(fs_read_link(root, "absolute", line, sizeof(line)), -EFBIG);
	CHECK_INT(fs_read_link(root, "etc/conf", line, sizeof(line)), -EINVAL);
	CHECK_INT(symlinkat("x", root, "etc/dir/link"), 0);
	CHECK_INT(fs_read_link(root, "var/dirlink/link", line, sizeof(line)), 0);
	CHECK_STR(line, "x");
}

static void check_opening_without_links(void)
{
	static const struct {
		const char *path;
		int flags, error; /* 0: opens */
	} rows[] = {
		{"etc/conf", O_WRONLY, 0},
		{"/etc//conf", O_WRONLY, 0},
		{"etc/new", O_WRONLY | O_CREAT | O_EXCL, 0},
		{"etc/dir", O_RDONLY | O_DIRECTORY, 0},
		{"relative", O_RDONLY, -ELOOP},
		{"absolute", O_WRONLY, -ELOOP},
		{"climbs", O_WRONLY, -ELOOP},
		{"dangling", O_WRONLY | O_CREAT, -ELOOP},
		{"var/dirlink/deep", O_WRONLY, -ELOOP},
		{"var/dirlink/new", O_WRONLY | O_CREAT, -ELOOP},
		{"../outside/secret", O_WRONLY, -EXDEV},
		{"etc/none", O_WRONLY, -ENOENT},
		{"none/conf", O_WRONLY | O_CREAT, -ENOENT},
		{"etc/conf", O_WRONLY | O_CREAT | O_EXCL, -EEXIST},
	};
	_cleanup_close_ int outer = -1, root = make_tree(&outer);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_close_ int fd = fs_open_nofollow(root, rows[i].path, rows[i].flags, 0600);

		if ((fd < 0 ? fd : 0) != rows[i].error)
			check_fail(__FILE__, __LINE__, "%s: %d", rows[i].path, fd);
		if (fd >= 0)
			CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	CHECK(!check_exists(root, "nowhere") && !check_exists(root, "etc/dir/new"));
	CHECK(holds(outer, "outside/secret", "secret"));
}

static const struct fs_owner *own(mode_t mode)
{
	static struct fs_owner owner;

	owner = (struct fs_owner){.uid = geteuid(), .gid = getegid(), .mode = mode};
	return &owner;
}

static void check_replacing(void)
{
	_cleanup_close_ int outer = -1, root = make_tree(&outer);
	struct stat before, after;
	mode_t mask = umask(0077);
	size_t n;

	/* The umask decides nothing; the mode is exactly what was asked for. */
	CHECK_INT(fs_replace(root, "etc/conf", "new", 3, own(0644)), 0);
	umask(0);
	CHECK(holds(root, "etc/conf", "new"));
	CHECK_INT(fstatat(root, "etc/conf", &before, 0), 0);
	CHECK_INT(before.st_mode & 07777, 0644);
	CHECK_INT(fs_replace(root, "etc/conf", "", 0, own(0600)), 0);
	umask(mask);
	CHECK_INT(fstatat(root, "etc/conf", &after, 0), 0);
	CHECK_INT(after.st_mode & 07777, 0600);
	CHECK_INT(after.st_size, 0);
	/* A new file, not new bytes in the old one: a reader keeps what it opened. */
	CHECK(before.st_ino != after.st_ino);
	CHECK_INT(fs_replace(root, "/etc/brand-new", "x", 1, own(0600)), 0);
	CHECK(holds(root, "etc/brand-new", "x"));
	/* A link at the end is replaced itself; one on the way is refused. */
	CHECK_INT(fs_replace(root, "climbs", "mine", 4, own(0600)), 0);
	CHECK(holds(root, "climbs", "mine") && holds(outer, "outside/secret", "secret"));
	n = count_entries(root);
	CHECK_INT(fs_replace(root, "var/dirlink/deep", "x", 1, own(0600)), -ELOOP);
	CHECK_INT(fs_replace(root, "../outside/secret", "x", 1, own(0600)), -EXDEV);
	CHECK_INT(fs_replace(root, "none/file", "x", 1, own(0600)), -ENOENT);
	CHECK_INT(fs_replace(root, "etc", "x", 1, own(0600)), -EISDIR);
	CHECK_INT(count_entries(root), n);
	/* What power that failed in the middle leaves is swept, and nothing that is named alike. */
	CHECK_INT(symlinkat("x", root, "etc/.mdm-0123456789abcdef"), 0);
	CHECK_INT(symlinkat("x", root, "etc/.mdm-0123456789abcdef0"), 0);
	CHECK_INT(symlinkat("x", root, "etc/.mdm-agent"), 0);
	CHECK_INT(fs_sweep(root, "etc/conf"), 0);
	CHECK_INT(unlinkat(root, "etc/.mdm-0123456789abcdef", 0), -1);
	CHECK_INT(unlinkat(root, "etc/.mdm-0123456789abcdef0", 0), 0);
	CHECK_INT(unlinkat(root, "etc/.mdm-agent", 0), 0);
	CHECK_INT(fs_sweep(root, "none/file"), 0);
	CHECK_INT(fs_sweep(root, "etc/conf/file"), 0);
	CHECK(holds(root, "etc/dir/deep", "deep"));
}

static void check_removing(void)
{
	_cleanup_close_ int outer = -1, root = make_tree(&outer);

	CHECK_INT(fs_remove(root, "etc/conf"), 0);
	CHECK(!check_exists(root, "etc/conf"));
	CHECK_INT(fs_remove(root, "etc/conf"), 0);
	CHECK_INT(fs_remove(root, "none/conf"), 0);
	CHECK_INT(fs_remove(root, "climbs"), 0);
	CHECK(holds(outer, "outside/secret", "secret") && !check_exists(root, "climbs"));
	CHECK_INT(fs_remove(root, "var/dirlink/deep"), -ELOOP);
	CHECK_INT(fs_remove(root, "../outside/secret"), -EXDEV);
	CHECK_INT(fs_remove(root, "etc/dir"), -EISDIR);
	CHECK(holds(root, "etc/dir/deep", "deep"));

	CHECK_INT(fs_remove_dir(root, "etc/dir"), -ENOTEMPTY);
	CHECK_INT(fs_remove_dir(root, "none"), 0);
	CHECK_INT(fs_remove_dir(root, "var/dirlink"), -ENOTDIR);
	CHECK_INT(fs_remove(root, "etc/dir/deep"), 0);
	CHECK_INT(fs_remove_dir(root, "etc/dir"), 0);
	CHECK(!check_exists(root, "etc/dir"));
}

static void check_removing_trees(void)
{
	_cleanup_close_ int outer = -1, root = make_tree(&outer);
	char deep[PATH_MAX] = "deep-tree";

	/* Links inside lead to other parts and outside; only the links go. */
	CHECK_INT(symlinkat("../../outside", outer, "root/etc/dir/outside"), 0);
	CHECK_INT(symlinkat("/var", outer, "root/etc/dir/var"), 0);
	CHECK_INT(fs_remove_tree(root, "var/dirlink"), 0);
	CHECK(!check_exists(root, "var/dirlink") && check_exists(root, "etc/dir/deep"));
	CHECK_INT(symlinkat("/etc/dir", root, "var/dirlink"), 0);
	CHECK_INT(fs_remove_tree(root, "var/dirlink/deep"), -ELOOP);
	CHECK_INT(fs_remove_tree(root, "../outside"), -EXDEV);
	CHECK_INT(fs_remove_tree(root, "etc"), 0);
	CHECK(!check_exists(root, "etc"));
	CHECK(holds(outer, "outside/secret", "secret") && check_exists(root, "var"));
	CHECK_INT(fs_remove_tree(root, "etc"), 0);
	CHECK_INT(fs_remove_tree(root, "none/none"), 0);
	put(root, "file", "x");
	CHECK_INT(fs_remove_tree(root, "file"), 0);
	CHECK(!check_exists(root, "file"));
	/* A depth that no tree of ours has ends in an error, not in a deep recursion. */
	CHECK_INT(fs_make_dirs(root, "deep-tree", 0700), 0);
	for (int i = 0; i < 33; i++) {
		strcat(deep, "/d");
		CHECK_INT(mkdirat(root, deep, 0700), 0);
	}
	CHECK_INT(fs_remove_tree(root, "deep-tree"), -ELOOP);
	CHECK_INT(unlinkat(root, deep, AT_REMOVEDIR), 0);
	CHECK_INT(fs_remove_tree(root, "deep-tree"), 0);
}

static void check_making_directories(void)
{
	_cleanup_close_ int outer = -1, root = make_tree(&outer);
	mode_t mask = umask(0077);
	struct stat st;
	int r = fs_make_dirs(root, "/a/b//c", 0751);

	umask(mask);
	CHECK_INT(r, 0);
	CHECK_INT(fstatat(root, "a/b", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0751);
	CHECK_INT(fstatat(root, "a/b/c", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0751);
	/* Existing ones stay as they are. */
	CHECK_INT(fs_make_dirs(root, "a/b/c/d", 0700), 0);
	CHECK_INT(fs_make_dirs(root, "a/b/c/d", 0755), 0);
	CHECK_INT(fstatat(root, "a/b/c", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0751);
	CHECK_INT(fstatat(root, "a/b/c/d", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0700);
	CHECK_INT(fs_make_dirs(root, "var/dirlink/x", 0700), -ELOOP);
	CHECK_INT(fs_make_dirs(root, "var/dirlink", 0700), -ELOOP);
	CHECK(!check_exists(root, "etc/dir/x"));
	CHECK_INT(fs_make_dirs(root, "etc/conf/x", 0700), -ENOTDIR);
	CHECK_INT(fs_make_dirs(root, "etc/conf", 0700), -ENOTDIR);
	CHECK_INT(fs_make_dirs(root, "../x", 0700), -EXDEV);
	CHECK(!check_exists(outer, "x"));
}

static void check_both(void (*run)(void))
{
	size_t before = count_fds();

	old_kernel = false;
	run();
	old_kernel = true;
	run();
	old_kernel = false;
	CHECK_INT(count_fds(), before);
}

#define BOTH(name)                                                                                 \
	static void test_##name(void)                                                              \
	{                                                                                          \
		check_both(check_##name);                                                          \
	}
BOTH(reading_in_root)
BOTH(reading_files)
BOTH(opening_without_links)
BOTH(replacing)
BOTH(removing)
BOTH(removing_trees)
BOTH(making_directories)

/* No room: the old file stays whole and nothing else stays at all. */
static void test_no_room(void)
{
	_cleanup_close_ int outer = -1, root = make_tree(&outer);
	_cleanup_free_ char *large = calloc(1, 10000);
	struct rlimit before, limit;
	size_t n = count_entries(root);
	int r;

	put(root, "file", "old");
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	limit = before;
	limit.rlim_cur = 5000;
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
	r = fs_replace(root, "file", large, 10000, own(0600));
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
	CHECK_INT(r, -EFBIG);
	CHECK(holds(root, "file", "old"));
	CHECK_INT(count_entries(root), n + 1);
	CHECK_INT(fs_replace(root, "file", large, 10000, own(0600)), 0);
}

static void test_owner(void)
{
	_cleanup_close_ int outer = -1, root = make_tree(&outer);
	struct fs_owner owner = {.uid = 12345, .gid = 54321, .mode = 04755};
	size_t n = count_entries(root);
	struct stat st;

	if (geteuid() != 0) {
		/* Somebody else's is not ours to give; nothing stays. */
		CHECK_INT(fs_replace(root, "file", "x", 1, &owner), -EPERM);
		CHECK_INT(count_entries(root), n);
		return;
	}
	CHECK_INT(fs_replace(root, "file", "x", 1, &owner), 0);
	CHECK_INT(fstatat(root, "file", &st, 0), 0);
	CHECK_INT(st.st_uid, 12345);
	CHECK_INT(st.st_gid, 54321);
	CHECK_INT(st.st_mode & 07777, 04755);
}

static void test_descriptors(void)
{
	_cleanup_close_ int fd = fs_memfd("test", "sealed", 6), proc = -1;
	_cleanup_free_ char *text = NULL;
	size_t n;

	CHECK(fd >= 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK_INT(lseek(fd, 3, SEEK_SET), 3);
	CHECK_INT(fs_read_fd(fd, 6, &text, &n), 0);
	CHECK_STR(text, "sealed");
	CHECK_INT(n, 6);
	CHECK_INT(lseek(fd, 0, SEEK_CUR), 3);
	free(TAKE_PTR(text));
	CHECK_INT(fs_read_fd(fd, 5, &text, &n), -EFBIG);
	CHECK_INT(pwrite(fd, "x", 1, 0), -1);
	CHECK_INT(ftruncate(fd, 0), -1);
	CHECK_INT(ftruncate(fd, 100), -1);
	CHECK(mmap(NULL, 6, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK_INT(fcntl(fd, F_ADD_SEALS, 0), -1);
	/* Files without a size. */
	proc = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	CHECK_INT(fs_read_fd(proc, 1 << 20, &text, &n), 0);
	CHECK(n > 0 && strncmp(text, "Name:", 5) == 0);
	free(TAKE_PTR(text));
	CHECK_INT(fs_read_fd(-1, 100, &text, &n), -EBADF);
	CHECK_INT(fs_write_all(-1, "x", 1), -EBADF);
	CHECK_INT(fs_write_all(-1, "", 0), 0);
}

static const struct check_test tests[] = {
	{"reading_in_root", test_reading_in_root},
	{"reading_files", test_reading_files},
	{"opening_without_links", test_opening_without_links},
	{"replacing", test_replacing},
	{"removing", test_removing},
	{"removing_trees", test_removing_trees},
	{"making_directories", test_making_directories},
	{"no_room", test_no_room},
	{"owner", test_owner},
	{"descriptors", test_descriptors},
};
CHECK_MAIN(tests)
