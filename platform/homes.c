/* SPDX-License-Identifier: Apache-2.0 */
/* homes.c - people's homes; see homes.h. Reads only. Enforcer only. */
#include "platform/homes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "platform/accounts.h"
#include "platform/mountinfo.h"

#define HOME_RETRIES 8 /* openat2() answers EAGAIN while somebody renames */
#define FDINFO_BYTES 4096

/* --- opening -------------------------------------------------------------------------------- */

/* The mount that a descriptor is on, as the kernel counts them: asks no file system. */
static int mount_id_of(int fd, int64_t *ret_id)
{
	char path[64], text[32];
	_cleanup_free_ char *info = NULL;
	_cleanup_close_ int info_fd = -1;
	const char *line;
	int r;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (info_fd < 0)
		return -errno;
	r = fs_read_fd(info_fd, FDINFO_BYTES, &info, NULL);
	if (r < 0)
		return r;
	line = strstr(info, "mnt_id:");
	if (!line)
		return -EBADMSG;
	line += strlen("mnt_id:");
	line += strspn(line, " \t");
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, "\n"), line);
	return parse_int64(text, 0, INT64_MAX, ret_id);
}

static int open_step(int at, const char *name, int64_t mount_id, int flags)
{
	_cleanup_close_ int fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[64];
	struct stat st;
	int64_t id;
	int r, opened;

	if (fd < 0)
		return -errno;
	r = mount_id_of(fd, &id);
	if (r < 0)
		return r;
	if (id != mount_id)
		return -EXDEV;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	if ((flags & O_DIRECTORY) && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (flags & O_PATH)
		return TAKE_FD(fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	opened = open(path, flags);
	return opened < 0 ? -errno : opened;
}

/* Kernels without openat2(2): component by component, the mount looked at before anything else. */
static int walk(int dir_fd, const char *path, int flags)
{
	_cleanup_close_ int held = -1;
	int at = dir_fd;
	int64_t mount_id;
	int r = mount_id_of(dir_fd, &mount_id);

	if (r < 0)
		return r;
	for (;;) {
		size_t n = strcspn(path, "/");
		const char *rest = path + n + strspn(path + n, "/");
		char name[256];
		int fd;

		if (n == 0 || n >= sizeof(name))
			return n ? -ENAMETOOLONG : -ENOENT;
		memcpy(name, path, n);
		name[n] = 0;
		if (strcmp(name, "..") == 0)
			return -EXDEV;
		fd = open_step(
			at, name, mount_id, *rest ? O_PATH | O_DIRECTORY | O_CLOEXEC : flags);
		if (fd < 0 || !*rest)
			return fd;
		closep(&held);
		at = held = fd;
		path = rest;
	}
}

int home_open_at(int dir_fd, const char *path, int flags)
{
	struct open_how how = {
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};
	long fd = -1;

	flags |= O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY | O_NONBLOCK);
	how.flags = (uint64_t)(unsigned int)flags;
	for (int i = 0; i < HOME_RETRIES; i++) {
		fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	if (fd >= 0)
		return (int)fd;
	return errno == ENOSYS ? walk(dir_fd, path, flags) : -errno;
}

int home_read_at(
	int dir_fd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_n_bytes)
{
	_cleanup_close_ int fd = home_open_at(dir_fd, path, O_RDONLY);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EBADF;
	return fs_read_fd(fd, max_bytes, ret_data, ret_n_bytes);
}

/* --- homes ---------------------------------------------------------------------------------- */

/* The line of mountinfo that begins with that id. NULL: there is none. */
static const char *find_mount(const char *mounts, int64_t id, size_t *ret_n_bytes)
{
	char number[32];
	size_t n;

	n = (size_t)snprintf(number, sizeof(number), "%lld ", (long long)id);
	while (*mounts) {
		size_t n_line = strcspn(mounts, "\n");

		if (strncmp(mounts, number, n) == 0) {
			*ret_n_bytes = n_line;
			return mounts;
		}
		mounts += n_line + (mounts[n_line] == '\n');
	}
	return NULL;
}

/* Whether the file system behind fd is the phone's own: nobody but the kernel answers for it. */
static bool is_local(int fd, const char *mounts)
{
	struct mount_table table;
	const char *line;
	size_t n_line;
	int64_t id;
	bool local;

	if (mount_id_of(fd, &id) < 0)
		return false;
	line = find_mount(mounts, id, &n_line);
	if (!line || mountinfo_parse(line, n_line, &table) < 0)
		return false;
	local = table.n_mounts == 1 &&
		(table.mounts[0].class == MOUNT_DEVICE || table.mounts[0].class == MOUNT_STACKED ||
			table.mounts[0].class == MOUNT_MEMORY);
	mount_table_done(&table);
	return local;
}

/* Whether path lies inside of a home that is among them already: its owner could move it. */
static bool is_inside(const struct homes *homes, const char *path)
{
	for (size_t i = 0; i < homes->n_homes; i++) {
		size_t n = strlen(homes->homes[i].path);

		if (strncmp(path, homes->homes[i].path, n) == 0 && path[n] == '/')
			return true;
	}
	return false;
}

static bool is_twice(const struct homes *homes, const char *path)
{
	for (size_t i = 0; i < homes->n_homes; i++)
		if (strcmp(homes->homes[i].path, path) == 0)
			return true;
	return false;
}

static void add_home(
	int root_fd, const struct account *account, const char *mounts, struct homes *homes)
{
	struct home home = {.uid = account->uid};
	_cleanup_close_ int fd = -1;
	size_t n = strlen(account->home);
	struct stat st;

	while (n > 1 && account->home[n - 1] == '/')
		n--;
	if (n < 2 || account->home[0] != '/' || homes->n_homes == LIMIT_ACCOUNTS) {
		homes->n_skipped++;
		return;
	}
	memcpy(home.path, account->home, n);
	memcpy(home.user, account->name, sizeof(home.user));
	if (is_twice(homes, home.path))
		return;
	if (is_inside(homes, home.path)) {
		homes->n_skipped++;
		return;
	}
	fd = fs_open_in_root(root_fd, home.path, O_PATH | O_DIRECTORY);
	if (fd == -ENOENT || fd == -ENOTDIR)
		return; /* nothing there yet */
	if (fd < 0 || !is_local(fd, mounts) || fstat(fd, &st) < 0 || st.st_uid != account->uid) {
		homes->n_skipped++;
		return;
	}
	home.fd = TAKE_FD(fd);
	homes->homes[homes->n_homes++] = home;
}

/* Shorter paths first: what is inside of another home comes after that. */
static int compare_homes(const void *a, const void *b)
{
	const struct account *x = a, *y = b;
	size_t n_x = strlen(x->home), n_y = strlen(y->home);
	int order = (n_x > n_y) - (n_x < n_y);

	return order ? order : strcmp(x->name, y->name);
}

void homes_open(int root_fd, struct homes *ret_homes)
{
	_cleanup_(accounts_done) struct accounts accounts = {0};
	_cleanup_free_ char *mounts = NULL;
	_cleanup_close_ int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);

	*ret_homes = (struct homes){.n_skipped = 1};
	if (fd < 0 || fs_read_fd(fd, LIMIT_MOUNTINFO_BYTES, &mounts, NULL) < 0 ||
		accounts_read(root_fd, &accounts) < 0)
		return;
	ret_homes->n_skipped = 0;
	qsort(accounts.accounts, accounts.n_accounts, sizeof(*accounts.accounts), compare_homes);
	for (size_t i = 0; i < accounts.n_accounts; i++)
		if (accounts.accounts[i].is_person)
			add_home(root_fd, &accounts.accounts[i], mounts, ret_homes);
}

void homes_done(struct homes *homes)
{
	for (size_t i = 0; i < homes->n_homes; i++)
		close(homes->homes[i].fd);
	*homes = (struct homes){0};
}
