/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixture.h - root file systems for the tests of platform/, built by code; and a loop to run the
 * operations of backends on. Functions abort where the machine fails, not the code under test.
 */
#ifndef MDM_TESTS_FIXTURE_H
#define MDM_TESTS_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/fs.h"
#include "platform/backends.h"
#include "tests/lib/check.h"

struct fixture {
	char path[256];
	struct platform platform;
	/* Of the last operation. */
	unsigned int n_done;
	int r;
	char message[LIMIT_TEXT_BYTES + 1];
	unsigned int n_changed;
};

static inline void fixture_open(struct fixture *f)
{
	char vault_path[256];
	sigset_t set;

	memset(f, 0, sizeof(*f));
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	f->platform.sysroot_fd = check_tmpdir(f->path);
	f->platform.vault_fd = check_tmpdir(vault_path);
	/* mkdtemp(3) makes them private; a root directory is not. */
	if (f->platform.sysroot_fd < 0 || f->platform.vault_fd < 0 ||
		fchmod(f->platform.sysroot_fd, 0755) < 0 || sd_event_new(&f->platform.event) < 0)
		abort();
}

static inline void fixture_close(struct fixture *f)
{
	sd_event_unref(f->platform.event);
	close(f->platform.sysroot_fd);
	close(f->platform.vault_fd);
}

/* Makes the directories above a path. */
static inline void fixture_parents(struct fixture *f, const char *path)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (!slash)
		return;
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	if (fs_make_dirs(f->platform.sysroot_fd, parent, 0755) < 0)
		abort();
}

static inline void fixture_write(struct fixture *f, const char *path, const void *data, size_t n)
{
	const struct fs_owner owner = {geteuid(), getegid(), 0644};
	int fd;

	fixture_parents(f, path);
	unlinkat(f->platform.sysroot_fd, path, 0);
	fd = openat(f->platform.sysroot_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || fs_write_all(fd, data, n) < 0 || fchmod(fd, owner.mode) < 0)
		abort();
	close(fd);
}

static inline void fixture_text(struct fixture *f, const char *path, const char *text)
{
	fixture_write(f, path, text, strlen(text));
}

static inline void fixture_link(struct fixture *f, const char *path, const char *target)
{
	fixture_parents(f, path);
	if (symlinkat(target, f->platform.sysroot_fd, path) < 0)
		abort();
}

static inline void fixture_directory(struct fixture *f, const char *path)
{
	if (fs_make_dirs(f->platform.sysroot_fd, path, 0755) < 0)
		abort();
}

static inline bool fixture_has(struct fixture *f, const char *path)
{
	return faccessat(f->platform.sysroot_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The contents, in a buffer that the next call reuses. "(none)" for no file. */
static inline const char *fixture_read(struct fixture *f, const char *path)
{
	static char text[64 * 1024];
	_cleanup_free_ char *data = NULL;
	size_t n;

	if (fs_read(f->platform.sysroot_fd, path, sizeof(text) - 1, &data, &n) < 0)
		return "(none)";
	memcpy(text, data, n + 1);
	return text;
}

/* Path, type, mode, and contents of everything below the root, for "exactly as before". */
static inline void fixture_list_below(int dir_fd, const char *prefix, struct buf *out)
{
	struct dirent **entries;
	char path[64];
	int n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir_fd);
	n = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;
		char below[PATH_MAX];
		struct stat st;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
			fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			free(entries[i]);
			continue;
		}
		snprintf(below, sizeof(below), "%s/%s", prefix, name);
		buf_printf(out, "%s %o %u:%u ", below, st.st_mode, st.st_uid, st.st_gid);
		if (S_ISDIR(st.st_mode)) {
			int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			buf_puts(out, "\n");
			fixture_list_below(fd, below, out);
			close(fd);
		} else if (S_ISLNK(st.st_mode)) {
			char target[PATH_MAX] = "";

			if (readlinkat(dir_fd, name, target, sizeof(target) - 1) < 0)
				abort();
			buf_printf(out, "-> %s\n", target);
		} else {
			_cleanup_free_ char *data = NULL;
			size_t n_data = 0;

			(void)fs_read(dir_fd, name, 1 << 20, &data, &n_data);
			buf_append(out, data, n_data);
			buf_puts(out, "\n");
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* The caller frees it. */
static inline char *fixture_listing(struct fixture *f)
{
	struct buf out = BUF_INIT;
	char *text = NULL;
	size_t n;

	buf_puts(&out, "");
	fixture_list_below(f->platform.sysroot_fd, "", &out);
	if (buf_take(&out, &text, &n) < 0)
		abort();
	return text;
}

static inline void fixture_on_done(
	struct backend *backend, int r, const char *message, void *userdata)
{
	struct fixture *f = userdata;

	(void)backend;
	f->n_done++;
	f->r = r;
	snprintf(f->message, sizeof(f->message), "%s", message);
}

static inline void fixture_on_changed(struct backend *backend, void *userdata)
{
	struct fixture *f = userdata;

	(void)backend;
	f->n_changed++;
}

/* Runs the loop until the operation that was started is done. Its result. */
static inline int fixture_wait(struct fixture *f, int started)
{
	if (started < 0)
		return started;
	if (f->n_done)
		abort(); /* done was called from inside the operation */
	while (!f->n_done && sd_event_run(f->platform.event, UINT64_MAX) >= 0)
		;
	f->n_done = 0;
	return f->r;
}

static inline int fixture_observe(struct fixture *f, struct backend *b)
{
	return fixture_wait(f, b->ops->observe(b, fixture_on_done, f));
}

static inline int fixture_apply(struct fixture *f, struct backend *b, const struct effective *want)
{
	return fixture_wait(f, b->ops->apply(b, want, fixture_on_done, f));
}

static inline int fixture_revert(struct fixture *f, struct backend *b)
{
	return fixture_wait(f, b->ops->revert(b, fixture_on_done, f));
}

/* Handles what is waiting. */
static inline void fixture_settle(struct fixture *f)
{
	while (sd_event_run(f->platform.event, 0) > 0)
		;
}

/* One more desired setting. */
static inline void want(struct effective *effective, enum setting_id id, int64_t number)
{
	effective->settings[id].present = true;
	effective->settings[id].value =
		(struct value){.type = setting_row(id)->type, .number = number};
}

#endif
