/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_file.h - private to backup.c and restore.c: the line at the end of a backup, and SQLite
 * without a store around it. mdm-server only.
 */
#ifndef MDM_SERVER_BACKUP_FILE_H
#define MDM_SERVER_BACKUP_FILE_H

#include <sqlite3.h>

#include "agent/util/mem.h"
#include "server/backup.h"

#define BACKUP_TRAILER "mdm-server backup 1 sha256 "
#define BACKUP_TRAILER_BYTES (sizeof(BACKUP_TRAILER) - 1 + 64 + 1)
#define BACKUP_FILES 64			/* beside the database */
#define BACKUP_FILE_BYTES (1024 * 1024) /* of each; a chain has a few thousand */
#define BACKUP_DATABASE "mdm.db"

int _printf_(3, 4)
	backup_fail(struct backup_result *ret_result, int error, const char *format, ...);

/* The database of a directory and what goes with it, and what is about this machine only. */
int backup_is_special(const char *name);

/* Appends the line to a file of n_bytes; or checks that it stands there: -EBADMSG if not. */
int backup_seal(int fd, int64_t n_bytes);
int backup_check_seal(int fd, int64_t *ret_n_bytes);

void backup_close(sqlite3 **db);
void backup_finalize(sqlite3_stmt **statement);
/* SQLite's own check of all trees and references. 0, -EBADMSG or another -errno. */
int backup_check_database(sqlite3 *db);

#endif
