/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup.h - everything of a state directory in one file, while the server runs or not, and back.
 * mdm-server only.
 *
 * A backup is a SQLite database: mdm.db as it was at one moment, and beside its tables
 * `backup_files` with every other file of the directory (keys and certificates: the private key of
 * the device CA is in there). Behind its last page stands one line with the SHA-256 of all bytes
 * before it, which SQLite does not look at: a bit that is wrong in a report or a key is found,
 * too, where SQLite's own check sees only its trees. It is written under another name and gets its
 * own only when it is complete, checked and on the disk. Mode 0600.
 */
#ifndef MDM_SERVER_BACKUP_H
#define MDM_SERVER_BACKUP_H

struct backup_result {
	char message[512]; /* for people: what was done, or what is wrong and what to do */
};

/* Never replaces a file. 0 or -errno. */
int backup_make(const char *state, const char *output, struct backup_result *ret_result);

/*
 * Into a directory that is not there yet or empty, and where no server runs. After a failure
 * nothing of the backup is left in it. 0 or -errno.
 */
int backup_restore(const char *state, const char *from, struct backup_result *ret_result);

#endif
