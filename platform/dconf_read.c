/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dconf_read.c - dconf's answers; see dconf_read.h. Reads only. Enforcer only.
 *
 * The engine's rules: sources in the order of the profile; the lock in the source furthest down
 * counts (one in the first source does not); the value is the first one from there on downwards.
 */
#include "platform/dconf_read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/util/fs.h"
#include "platform/backend.h"

#define LOCKS_TABLE ".locks"

/* Whether users can pass every directory above path. */
static bool users_can_reach(int root_fd, const char *path)
{
	char parent[LIMIT_TEXT_BYTES + 1];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		_cleanup_close_ int fd = -1;
		struct stat st;

		if ((size_t)(slash - path) >= sizeof(parent))
			return false;
		memcpy(parent, path, (size_t)(slash - path));
		parent[slash - path] = 0;
		if (!parent[0])
			continue;
		fd = fs_open_in_root(root_fd, parent, O_PATH | O_DIRECTORY);
		if (fd < 0 || fstat(fd, &st) < 0 || !(st.st_mode & S_IXOTH))
			return false;
	}
	return true;
}

/* Reads a file as a user would. -EACCES if users cannot. */
static int read_as_user(
	int root_fd, const char *path, char **ret_data, size_t *ret_n, bool *ret_user_writable)
{
	_cleanup_close_ int fd = fs_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADF;
	if (!(st.st_mode & S_IROTH) || !users_can_reach(root_fd, path))
		return -EACCES;
	r = fs_read_fd(fd, LIMIT_PLATFORM_FILE_BYTES, ret_data, ret_n);
	if (r < 0)
		return r;
	*ret_user_writable = st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH);
	return 0;
}

int dconf_vendor_profile(int root_fd, char **ret_text)
{
	/* The XDG data directories without a session's additions. */
	static const char *const paths[] = {
		"usr/local/share/dconf/profile/user", "usr/share/dconf/profile/user"};
	char *text = NULL;
	size_t n;
	bool writable;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int r = read_as_user(root_fd, paths[i], &text, &n, &writable);

		if (r == -ENOENT || r == -ENOTDIR)
			continue;
		if (r < 0)
			return r;
		break;
	}
	*ret_text = text;
	return 0;
}

/* Finds the profile as dconf does for a program without DCONF_PROFILE. */
static int open_profile(int root_fd, struct dconf_view *view)
{
	_cleanup_free_ char *text = NULL;
	bool writable = false;
	size_t n = 0;
	int r;

	r = read_as_user(root_fd, DCONF_PROFILE_PATH, &text, &n, &writable);
	if (r == 0) {
		snprintf(view->profile_path, sizeof(view->profile_path), "/" DCONF_PROFILE_PATH);
	} else if (r == -ENOENT || r == -ENOTDIR) {
		r = dconf_vendor_profile(root_fd, &text);
		if (r == 0 && text) {
			n = strlen(text);
			snprintf(view->profile_path, sizeof(view->profile_path),
				"the vendor's profile");
		}
	}
	if (r == -EACCES || r == -EBADF || r == -ELOOP) {
		/* dconf warns and goes on with the built-in default. */
		detail_add(view->trouble, "/" DCONF_PROFILE_PATH
					  " cannot be read by users: make it a file of mode 0644");
	} else if (r < 0) {
		return r;
	}
	if (!text) {
		dconf_profile_default(&view->profile);
		return 0;
	}
	if (writable)
		detail_add(
			view->trouble, "the profile is not root's alone: chown root, chmod 0644");
	return dconf_profile_parse(text, n, &view->profile);
}

static void open_database(int root_fd, struct dconf_view *view, size_t i)
{
	const struct dconf_source *source = &view->profile.sources[i];
	struct dconf_database *database = &view->databases[i];
	char path[LIMIT_TEXT_BYTES + 32], text[LIMIT_TEXT_BYTES + 1];
	int r;

	if (source->kind == DCONF_SOURCE_USER)
		return;
	snprintf(path, sizeof(path), "%s%s",
		source->kind == DCONF_SOURCE_SYSTEM ? DCONF_DATABASES_DIRECTORY "/" : "",
		source->name);
	r = read_as_user(
		root_fd, path, &database->data, &database->n_data, &database->user_writable);
	if (r == 0 && gvdb_open(database->data, database->n_data, &database->values) == 0) {
		database->has_locks =
			gvdb_find_table(&database->values, LOCKS_TABLE, &database->locks);
		return;
	}
	/* dconf warns and treats it as empty. */
	text_printf(text, "database %.100s %s", source->name,
		r == -ENOENT   ? "is missing"
		: r == -EACCES ? "cannot be read by users"
		: r < 0	       ? "cannot be read"
			       : "is damaged");
	detail_add(view->trouble, text);
	free(TAKE_PTR(database->data));
}

void dconf_view_done(struct dconf_view *view)
{
	for (size_t i = 0; i < LIMIT_DCONF_SOURCES; i++)
		free(TAKE_PTR(view->databases[i].data));
}

int dconf_view_open(int root_fd, struct dconf_view *ret_view)
{
	int r;

	*ret_view = (struct dconf_view){0};
	r = open_profile(root_fd, ret_view);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ret_view->profile.n_sources; i++)
		open_database(root_fd, ret_view, i);
	return 0;
}

static bool is_users(const struct dconf_view *view, size_t i)
{
	return view->profile.sources[i].kind == DCONF_SOURCE_USER ||
	       (view->databases[i].data && view->databases[i].user_writable);
}

/*
 * The source whose lock counts, 0 for none. *user_decides: something that a user writes could put a
 * lock further down.
 */
static size_t find_lock(const struct dconf_view *view, const char *key, bool *user_decides)
{
	struct gvdb_value ignored;

	for (size_t i = view->profile.n_sources; i > 1; i--) {
		const struct dconf_database *database = &view->databases[i - 1];

		if (is_users(view, i - 1))
			*user_decides = true;
		if (database->data && database->has_locks &&
			gvdb_find_value(&database->locks, key, &ignored))
			return i - 1;
	}
	return 0;
}

void dconf_view_read(
	const struct dconf_view *view, const char *key, struct dconf_answer *ret_answer)
{
	static const char *const kinds[DCONF_SOURCE_KIND_MAX] = {
		[DCONF_SOURCE_USER] = "user-db",
		[DCONF_SOURCE_SYSTEM] = "system-db",
		[DCONF_SOURCE_FILE] = "file-db",
	};
	struct dconf_answer answer = {.has_value = false};
	bool user_decides = false;
	size_t i = find_lock(view, key, &user_decides);

	for (; i < view->profile.n_sources; i++) {
		const struct dconf_database *database = &view->databases[i];

		if (is_users(view, i))
			user_decides = true;
		if (!database->data || !gvdb_find_value(&database->values, key, &answer.value))
			continue;
		answer.has_value = true;
		answer.enforced = !user_decides;
		snprintf(answer.source, sizeof(answer.source), "%s:%.200s",
			kinds[view->profile.sources[i].kind], view->profile.sources[i].name);
		break;
	}
	*ret_answer = answer;
}
