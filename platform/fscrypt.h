/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fscrypt.h - directories that their file system encrypts one by one (fscrypt: ext4, f2fs, ubifs).
 * They are named, so that nobody wonders, and not taken for an encrypted disk: names of the file
 * system, sizes, times and all that lies elsewhere stay readable, and no keyslot can be escrowed
 * or destroyed. Reads only. Enforcer only.
 */
#ifndef MDM_PLATFORM_FSCRYPT_H
#define MDM_PLATFORM_FSCRYPT_H

#include "platform/mountinfo.h"
#include "policies/compliance.h"

/*
 * Adds to the detail of a plain file system which of its own directories are encrypted: the mount
 * point, /home and what lies directly in it, as far as that is not something else's.
 */
void fscrypt_note(int root_fd, const struct mount_table *table, const struct mount *mount,
	struct observed_item *item);

#endif
