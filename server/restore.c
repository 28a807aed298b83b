/* SPDX-License-Identifier: Apache-2.0 */
/* restore.c - a state directory from a backup; see backup.h. mdm-server only. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "server/backup_file.h"
#include "server/lock.h"
#include "server/store_sqlite.h"

#define RESTORE_PARTIAL BACKUP_DATABASE ".partial"

struct restore {
	const char *state, *from;
	int from_fd, state_fd, lock_fd;
	bool made; /* the directory is ours */
	int64_t n_bytes, time_s;
	size_t n_files;
	struct fs_owner owner;
	struct backup_result *result;
};

static int restore_damaged(struct restore *s, const char *what)
{
	return backup_fail(s->result, -EBADMSG,
		"%.300s is damaged (%s): nothing was restored; take another backup", s->from, what);
}

static int restore_open_backup(struct restore *s)
{
	int r;

	s->from_fd = open(s->from, O_RDONLY | O_CLOEXEC);
	if (s->from_fd < 0)
		return backup_fail(
			s->result, -errno, "cannot open %.300s: %s", s->from, strerror(errno));
	r = backup_check_seal(s->from_fd, &s->n_bytes);
	if (r == -EBADMSG)
		return restore_damaged(s, "its digest is missing or wrong");
	if (r < 0)
		backup_fail(s->result, r, "cannot read %.300s: %s", s->from, strerror(-r));
	return r;
}

/* Nothing but the lock may be there. */
static int restore_check_empty(struct restore *s)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	int fd = dup(s->state_fd);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return backup_fail(s->result, -EIO, "cannot list %.300s", s->state);
	}
	rewinddir(dir);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
			strcmp(entry->d_name, LOCK_FILE) != 0)
			return backup_fail(s->result, -ENOTEMPTY,
				"%.300s is not empty and is not overwritten; restore into a new directory",
				s->state);
	return 0;
}

static int restore_open_state(struct restore *s)
{
	struct stat st;
	int r;

	if (mkdir(s->state, 0700) == 0)
		s->made = true;
	else if (errno != EEXIST)
		return backup_fail(
			s->result, -errno, "cannot make %.300s: %s", s->state, strerror(errno));
	s->state_fd = open(s->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->state_fd < 0 || fstat(s->state_fd, &st) < 0)
		return backup_fail(
			s->result, -errno, "cannot open %.300s: %s", s->state, strerror(errno));
	s->owner = (struct fs_owner){.uid = st.st_uid, .gid = st.st_gid, .mode = 0600};
	/* A running server first: that its directory is not empty goes without saying. */
	s->lock_fd = lock_take(s->state, s->result->message);
	if (s->lock_fd < 0)
		return s->lock_fd;
	r = restore_check_empty(s);
	if (r == 0 && geteuid() == 0 && fchown(s->lock_fd, st.st_uid, st.st_gid) < 0)
		r = backup_fail(s->result, -errno, "cannot give %.300s to its owner: %s", s->state,
			strerror(errno));
	return r;
}

static int restore_copy(struct restore *s, int to)
{
	_cleanup_free_ char *piece = malloc(BACKUP_FILE_BYTES);
	int r = piece ? 0 : -ENOMEM;

	for (int64_t at = 0; at < s->n_bytes && r == 0;) {
		int64_t left = s->n_bytes - at;
		ssize_t n = pread(s->from_fd, piece,
			(size_t)(left < BACKUP_FILE_BYTES ? left : BACKUP_FILE_BYTES), (off_t)at);

		r = n <= 0 ? -EIO : fs_write_all(to, piece, (size_t)n);
		at += n;
	}
	return r;
}

static int restore_copy_database(struct restore *s)
{
	_cleanup_close_ int to = openat(s->state_fd, RESTORE_PARTIAL,
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = to < 0 ? -errno : restore_copy(s, to);

	if (r == 0 && geteuid() == 0 && fchown(to, s->owner.uid, s->owner.gid) < 0)
		r = -errno;
	if (r < 0)
		backup_fail(s->result, r, "cannot write into %.300s: %s", s->state, strerror(-r));
	return r;
}

/* One row of the backup becomes one file again. */
static int restore_file(struct restore *s, sqlite3_stmt *row)
{
	const char *name = (const char *)sqlite3_column_text(row, 0);
	const void *body = sqlite3_column_blob(row, 1);
	int n = sqlite3_column_bytes(row, 1), r;

	if (!name || strchr(name, '/') || backup_is_special(name) || !*name ||
		s->n_files == BACKUP_FILES)
		return restore_damaged(s, "a file in it has no proper name");
	r = fs_replace(s->state_fd, name, body ? body : "", (size_t)n, &s->owner);
	if (r < 0)
		return backup_fail(s->result, r, "cannot write %.300s/%.100s: %s", s->state, name,
			strerror(-r));
	s->n_files++;
	return 0;
}

static int restore_files(struct restore *s, sqlite3 *db)
{
	_cleanup_(backup_finalize) sqlite3_stmt *row = NULL;
	int r = 0,
	    code = sqlite3_prepare_v2(db, "SELECT name, body FROM backup_files", -1, &row, NULL);

	while (code == SQLITE_OK && r == 0 && sqlite3_step(row) == SQLITE_ROW)
		r = restore_file(s, row);
	return code == SQLITE_OK ? r : restore_damaged(s, "it does not hold a server's files");
}

static int restore_number(sqlite3 *db, const char *sql, int64_t *ret_number)
{
	_cleanup_(backup_finalize) sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
		return -EBADMSG;
	*ret_number = sqlite3_column_int64(s, 0);
	return 0;
}

/* Checks the copy, takes the files out of it and makes it a server's database again. */
static int restore_unpack(struct restore *s)
{
	_cleanup_(backup_close) sqlite3 *db = NULL;
	int64_t version;
	char path[4096];
	int r;

	if ((size_t)snprintf(path, sizeof(path), "%s/" RESTORE_PARTIAL, s->state) >= sizeof(path))
		return backup_fail(s->result, -ENAMETOOLONG, "the path is too long");
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
			SQLITE_OK ||
		backup_check_database(db) < 0 ||
		restore_number(db, "PRAGMA user_version", &version) < 0 ||
		restore_number(db, "SELECT time FROM backup_about", &s->time_s) < 0)
		return restore_damaged(s, "it is not a sound database of a server");
	if (version > store_schema_version)
		return backup_fail(s->result, -EPROTONOSUPPORT,
			"%.300s was written by a newer mdm-server; install that one", s->from);
	r = restore_files(s, db);
	if (r < 0)
		return r;
	/* The keys must not stay readable in pages that are free now. */
	if (sqlite3_exec(db,
		    "PRAGMA secure_delete=ON; DROP TABLE backup_files; DROP TABLE backup_about;",
		    NULL, NULL, NULL) != SQLITE_OK)
		return backup_fail(s->result, -EIO, "cannot complete the database: %.200s",
			sqlite3_errmsg(db));
	return 0;
}

static int restore_publish(struct restore *s)
{
	_cleanup_close_ int fd = openat(s->state_fd, RESTORE_PARTIAL, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0 ||
		renameat(s->state_fd, RESTORE_PARTIAL, s->state_fd, BACKUP_DATABASE) < 0 ||
		fsync(s->state_fd) < 0)
		return backup_fail(
			s->result, -errno, "cannot complete %.300s: %s", s->state, strerror(errno));
	return 0;
}

/* Nothing was there when we began, so everything but the lock is ours. */
static void restore_clear(struct restore *s)
{
	DIR *dir = fdopendir(dup(s->state_fd));
	const struct dirent *entry;

	if (!dir)
		return;
	rewinddir(dir);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, LOCK_FILE) != 0)
			(void)unlinkat(s->state_fd, entry->d_name, 0);
	closedir(dir);
}

static int restore_fill(struct restore *s)
{
	int r = restore_copy_database(s);

	if (r == 0)
		r = restore_unpack(s);
	if (r == 0)
		r = restore_publish(s);
	if (r < 0)
		restore_clear(s);
	return r;
}

int backup_restore(const char *state, const char *from, struct backup_result *ret_result)
{
	struct restore s = {
		.state = state,
		.from = from,
		.from_fd = -1,
		.state_fd = -1,
		.lock_fd = -1,
		.result = ret_result,
	};
	int r = restore_open_backup(&s);
	char date[24];

	if (r == 0)
		r = restore_open_state(&s);
	if (r == 0)
		r = restore_fill(&s);
	if (r < 0 && s.made) {
		(void)unlinkat(s.state_fd, LOCK_FILE, 0);
		(void)rmdir(state);
	}
	if (r == 0) {
		clock_format(s.time_s, date);
		backup_fail(ret_result, 0, "%.300s holds the database and %zu files as of %s%s",
			state, s.n_files, date,
			s.owner.uid == 0 ? "; give it to the user that runs mdm-server (chown -R)"
					 : "");
	}
	closep(&s.from_fd);
	closep(&s.state_fd);
	closep(&s.lock_fd);
	return r;
}
