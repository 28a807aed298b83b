/* SPDX-License-Identifier: Apache-2.0 */
/* backup.c - makes a backup; see backup.h. mdm-server only. */
#include "server/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "server/backup_file.h"
#include "server/monitor.h"
#include "server/store_sqlite.h"

#define BACKUP_PATIENCE_MS 30000 /* somebody has locked the database */
#define BACKUP_PARTIAL ".partial"

static const char backup_tables[] =
	"PRAGMA journal_mode=DELETE;"
	"CREATE TABLE backup_files(name TEXT PRIMARY KEY NOT NULL, body BLOB NOT NULL) STRICT;"
	"CREATE TABLE backup_about(version TEXT NOT NULL, time INTEGER NOT NULL) STRICT;";

struct backup {
	const char *state, *output;
	char partial[4096];
	int state_fd;
	int64_t now_s;
	size_t n_files;
	struct backup_result *result;
};

static int backup_sqlite_failed(struct backup *b, int code, sqlite3 *db, const char *what)
{
	return backup_fail(b->result, store_errno(code),
		"cannot %s: %.150s; is this the user that runs mdm-server, and is there space on the disk?",
		what, db ? sqlite3_errmsg(db) : "out of memory");
}

/* All pages at one moment: readers of a database with a write-ahead log stop nobody. */
static int backup_copy_pages(struct backup *b, sqlite3 *to)
{
	_cleanup_(backup_close) sqlite3 *from = NULL;
	sqlite3_backup *copy;
	char path[4096];
	int code;

	if ((size_t)snprintf(path, sizeof(path), "%s/" BACKUP_DATABASE, b->state) >= sizeof(path))
		return backup_fail(
			b->result, -ENAMETOOLONG, "the path of %.100s is too long", b->state);
	code = sqlite3_open_v2(path, &from, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK)
		return backup_sqlite_failed(b, code, from, "open the database");
	sqlite3_busy_timeout(from, BACKUP_PATIENCE_MS);
	copy = sqlite3_backup_init(to, "main", from, "main");
	if (!copy)
		return backup_sqlite_failed(
			b, sqlite3_errcode(to), to, "begin to copy the database");
	code = sqlite3_backup_step(copy, -1);
	(void)sqlite3_backup_finish(copy);
	return code == SQLITE_DONE ? 0 : backup_sqlite_failed(b, code, from, "copy the database");
}

/*
 * The directory belongs to the user that runs mdm-server, and a backup is often made by root: what
 * that user links there must not bring files of others into it. -errno;
 * -EISDIR for what is no file.
 */
static int backup_open_file(struct backup *b, const char *name)
{
	_cleanup_close_ int fd =
		openat(b->state_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat st, directory;

	if (fd < 0 && errno == ELOOP)
		return backup_fail(b->result, -ELOOP,
			"%.200s/%.100s is a link; put the file itself there, or keep it elsewhere",
			b->state, name);
	if (fd < 0 || fstat(fd, &st) < 0 || fstat(b->state_fd, &directory) < 0)
		return backup_fail(b->result, -errno, "cannot open %.200s/%.100s: %s", b->state,
			name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return -EISDIR; /* a directory of the administrator's */
	if (st.st_uid != directory.st_uid)
		return backup_fail(b->result, -EPERM,
			"%.200s/%.100s belongs to another user than the directory; give it to the user that runs mdm-server",
			b->state, name);
	return TAKE_FD(fd);
}

static int backup_add_file(struct backup *b, sqlite3_stmt *insert, const char *name)
{
	_cleanup_close_ int fd = backup_open_file(b, name);
	char *data = NULL;
	size_t n = 0;
	int r;

	if (fd < 0)
		return fd == -EISDIR ? 0 : fd;
	r = fs_read_fd(fd, BACKUP_FILE_BYTES, &data, &n);
	if (r == 0 && ++b->n_files > BACKUP_FILES)
		r = -E2BIG;
	if (r == 0) {
		sqlite3_bind_text(insert, 1, name, -1, SQLITE_STATIC);
		sqlite3_bind_blob64(insert, 2, n ? data : "", n, SQLITE_STATIC);
		if (sqlite3_step(insert) != SQLITE_DONE)
			r = -EIO;
		sqlite3_reset(insert);
	}
	secret_free(data, n); /* it may be a key */
	if (r < 0)
		backup_fail(b->result, r,
			"cannot add %.200s/%.100s: %s; a state directory holds at most %d other files of a megabyte",
			b->state, name, strerror(-r), BACKUP_FILES);
	return r;
}

static int backup_add_files(struct backup *b, sqlite3 *to)
{
	_cleanup_(backup_finalize) sqlite3_stmt *insert = NULL;
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	int fd = dup(b->state_fd), r = 0;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return backup_fail(b->result, -EIO, "cannot list %.300s", b->state);
	}
	if (sqlite3_prepare_v2(to, "INSERT INTO backup_files VALUES(?,?)", -1, &insert, NULL) !=
		SQLITE_OK)
		return backup_sqlite_failed(b, sqlite3_errcode(to), to, "write the backup");
	rewinddir(dir);
	while (r == 0 && (entry = readdir(dir)))
		if (!backup_is_special(entry->d_name))
			r = backup_add_file(b, insert, entry->d_name);
	return r;
}

static int backup_about(struct backup *b, sqlite3 *to)
{
	char sql[128];
	int code;

	snprintf(sql, sizeof(sql), "INSERT INTO backup_about VALUES('%s', %" PRId64 ")",
		MDM_VERSION, b->now_s);
	code = sqlite3_exec(to, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : backup_sqlite_failed(b, code, to, "write the backup");
}

static int backup_write(struct backup *b)
{
	_cleanup_(backup_close) sqlite3 *to = NULL;
	int code = sqlite3_open_v2(b->partial, &to,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	int r;

	if (code != SQLITE_OK)
		return backup_sqlite_failed(b, code, to, "make the backup");
	r = backup_copy_pages(b, to);
	if (r < 0)
		return r;
	code = sqlite3_exec(to, backup_tables, NULL, NULL, NULL);
	if (code != SQLITE_OK)
		return backup_sqlite_failed(b, code, to, "write the backup");
	r = backup_add_files(b, to);
	if (r == 0)
		r = backup_about(b, to);
	if (r < 0)
		return r;
	r = backup_check_database(to);
	if (r == -EBADMSG)
		return backup_fail(b->result, r,
			"the database of %.300s is damaged: no backup was made; keep the last good one and restore it",
			b->state);
	return r < 0 ? backup_sqlite_failed(b, SQLITE_ERROR, to, "check the backup") : 0;
}

/* The directory that a path lies in, opened. */
static int backup_open_parent(const char *path)
{
	_cleanup_free_ char *parent = strdup(path);
	char *slash = parent ? strrchr(parent, '/') : NULL;
	int fd;

	if (!parent)
		return -ENOMEM;
	if (slash)
		*(slash == parent ? slash + 1 : slash) = 0;
	fd = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Gives the complete file its name, if nobody has taken that meanwhile. */
static int backup_publish(struct backup *b)
{
	_cleanup_close_ int fd = open(b->partial, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_close_ int parent = backup_open_parent(b->output);
	struct stat st;
	int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (r == 0)
		r = backup_seal(fd, (int64_t)st.st_size);
	if (r == 0 && (fchmod(fd, 0600) < 0 || link(b->partial, b->output) < 0))
		r = -errno;
	if (r == 0 && (parent < 0 || fsync(parent) < 0))
		r = parent < 0 ? parent : -errno;
	if (r < 0)
		backup_fail(b->result, r, "cannot write %.300s: %s", b->output, strerror(-r));
	return r;
}

/* For /metrics; belongs to whom the directory belongs. */
static void backup_stamp(struct backup *b)
{
	struct fs_owner owner = {.mode = 0600};
	char text[32];
	struct stat st;
	int n = snprintf(text, sizeof(text), "%" PRId64 "\n", b->now_s);

	if (fstat(b->state_fd, &st) < 0)
		return;
	owner.uid = st.st_uid;
	owner.gid = st.st_gid;
	(void)fs_replace(b->state_fd, BACKUP_STAMP, text, (size_t)n, &owner);
}

static int backup_begin(struct backup *b)
{
	struct stat st;

	if ((size_t)snprintf(b->partial, sizeof(b->partial), "%s" BACKUP_PARTIAL, b->output) >=
		sizeof(b->partial))
		return backup_fail(b->result, -ENAMETOOLONG, "the name of the backup is too long");
	if (lstat(b->output, &st) == 0)
		return backup_fail(b->result, -EEXIST,
			"%.300s is there already and is not replaced; give another name",
			b->output);
	b->state_fd = open(b->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->state_fd < 0)
		return backup_fail(b->result, -errno, "cannot open the state directory %.300s: %s",
			b->state, strerror(errno));
	/* Of a backup that did not end. */
	if (unlink(b->partial) < 0 && errno != ENOENT)
		return backup_fail(
			b->result, -errno, "cannot remove %.300s: %s", b->partial, strerror(errno));
	return 0;
}

int backup_make(const char *state, const char *output, struct backup_result *ret_result)
{
	struct backup b = {
		.state = state,
		.output = output,
		.state_fd = -1,
		.now_s = clock_realtime_s(),
		.result = ret_result,
	};
	int r = backup_begin(&b);

	if (r == 0) {
		r = backup_write(&b);
		if (r == 0)
			r = backup_publish(&b);
		(void)unlink(b.partial);
	}
	if (r == 0) {
		backup_stamp(&b);
		backup_fail(ret_result, 0,
			"%.300s holds the database and %zu files, private keys among them: keep it as safe as the server",
			output, b.n_files);
	}
	closep(&b.state_fd);
	return r;
}
