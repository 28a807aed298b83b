/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault.h - one entry of the vault: what a file was before it was overridden. Text header, then the
 * original bytes. Read and written by platform/override.c only;
 * agent/enforcer/removal.c asks whether any is left.
 */
#ifndef MDM_PLATFORM_VAULT_H
#define MDM_PLATFORM_VAULT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/digest.h"
#include "agent/util/fs.h"
#include "agent/util/limits.h"

enum vault_kind {
	VAULT_ABSENT,
	VAULT_FILE,
	VAULT_LINK, /* data is the target */
	VAULT_KIND_MAX,
};

struct vault_entry {
	char path[LIMIT_TEXT_BYTES + 1];
	enum vault_kind kind;
	struct fs_owner owner; /* VAULT_FILE */
	char *data;	       /* owned */
	size_t n_data;
	/* SHA-256 of what was written last and of what was about to be written. */
	uint8_t written[2][SHA256_BYTES];
	size_t n_written;
	/* Directories that were made for this file or for another one; parents first. */
	char directories[LIMIT_OVERRIDE_DIRECTORIES][LIMIT_TEXT_BYTES + 1];
	size_t n_directories;
};

void vault_entry_done(struct vault_entry *entry);

/*
 * vault_fd may be -1 below, but for vault_store(): a vault that was never made, or was lost, has no
 * entries.
 */

/* 0, -errno; -ENOENT: no such entry; -EBADMSG: not readable as one. */
int vault_load(int vault_fd, const char *name, struct vault_entry *ret_entry);

/* Durable when it returns 0. Writes nothing if the entry is the same already. */
int vault_store(int vault_fd, const char *name, const struct vault_entry *entry);

/* -ENOENT is a success. */
int vault_remove(int vault_fd, const char *name);

/* Adds path to the directories unless it is there. 0 or -E2BIG, -ENAMETOOLONG. */
int vault_add_directory(struct vault_entry *entry, const char *path);

/* Adds those directories of all other entries that lie above entry's path. 0 or -errno. */
int vault_inherit_directories(int vault_fd, struct vault_entry *entry);

/* File name of an entry that is there, whichever comes first. 0; -ENOENT: there is none; -errno. */
int vault_first(int vault_fd, char ret_name[LIMIT_NAME_BYTES + 16]);

#endif
