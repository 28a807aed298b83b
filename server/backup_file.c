/* SPDX-License-Identifier: Apache-2.0 */
/* backup_file.c - what backup.c and restore.c share; see backup_file.h. mdm-server only. */
#include "server/backup_file.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "agent/util/fs.h"
#include "server/lock.h"
#include "server/monitor.h"
#include "server/store_sqlite.h"

DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

int backup_fail(struct backup_result *ret_result, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret_result->message, sizeof(ret_result->message), format, args);
	va_end(args);
	return error;
}

int backup_is_special(const char *name)
{
	return *name == '.' || strncmp(name, BACKUP_DATABASE, strlen(BACKUP_DATABASE)) == 0 ||
	       strcmp(name, LOCK_FILE) == 0 || strcmp(name, BACKUP_STAMP) == 0;
}

static int backup_digest(int fd, int64_t n_bytes, char ret_hex[2 * SHA256_BYTES + 1])
{
	_cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
	_cleanup_free_ char *piece = malloc(BACKUP_FILE_BYTES);
	uint8_t digest[SHA256_BYTES];

	if (!context || !piece || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	for (int64_t at = 0; at < n_bytes;) {
		int64_t want = n_bytes - at < BACKUP_FILE_BYTES ? n_bytes - at : BACKUP_FILE_BYTES;
		ssize_t n = pread(fd, piece, (size_t)want, (off_t)at);

		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		if (EVP_DigestUpdate(context, piece, (size_t)n) != 1)
			return -EIO;
		at += n;
	}
	if (EVP_DigestFinal_ex(context, digest, NULL) != 1)
		return -EIO;
	hex_encode(digest, sizeof(digest), ret_hex);
	return 0;
}

int backup_seal(int fd, int64_t n_bytes)
{
	char line[BACKUP_TRAILER_BYTES + 1], hex[2 * SHA256_BYTES + 1];
	int r = backup_digest(fd, n_bytes, hex);

	if (r < 0)
		return r;
	snprintf(line, sizeof(line), BACKUP_TRAILER "%s\n", hex);
	if (lseek(fd, (off_t)n_bytes, SEEK_SET) < 0)
		return -errno;
	r = fs_write_all(fd, line, BACKUP_TRAILER_BYTES);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

int backup_check_seal(int fd, int64_t *ret_n_bytes)
{
	char line[BACKUP_TRAILER_BYTES + 1] = "", wanted[BACKUP_TRAILER_BYTES + 1];
	char hex[2 * SHA256_BYTES + 1];
	struct stat st;
	int64_t n;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	n = (int64_t)st.st_size - (int64_t)BACKUP_TRAILER_BYTES;
	if (n <= 0 ||
		pread(fd, line, BACKUP_TRAILER_BYTES, (off_t)n) != (ssize_t)BACKUP_TRAILER_BYTES)
		return -EBADMSG;
	r = backup_digest(fd, n, hex);
	if (r < 0)
		return r;
	snprintf(wanted, sizeof(wanted), BACKUP_TRAILER "%s\n", hex);
	if (strcmp(line, wanted) != 0)
		return -EBADMSG;
	*ret_n_bytes = n;
	return 0;
}

void backup_close(sqlite3 **db)
{
	sqlite3_close(*db);
}

void backup_finalize(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

/* Does the statement's only row say that (NULL: is there no row at all)? */
static int backup_expect(sqlite3 *db, const char *sql, const char *expected)
{
	_cleanup_(backup_finalize) sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
	const char *text;

	if (code == SQLITE_OK)
		code = sqlite3_step(s);
	if (code != SQLITE_ROW)
		return code == SQLITE_DONE && !expected ? 0
		       : code == SQLITE_DONE		? -EBADMSG
							: store_errno(code);
	text = expected ? (const char *)sqlite3_column_text(s, 0) : NULL;
	return text && strcmp(text, expected) == 0 ? 0 : -EBADMSG;
}

int backup_check_database(sqlite3 *db)
{
	int r = backup_expect(db, "PRAGMA integrity_check(1)", "ok");

	return r < 0 ? r : backup_expect(db, "PRAGMA foreign_key_check", NULL);
}
