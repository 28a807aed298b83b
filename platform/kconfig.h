/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kconfig.h - KDE's configuration files: what a system-wide file says and forbids users to change,
 * and a block of our own entries in it. Pure.
 */
#ifndef MDM_PLATFORM_KCONFIG_H
#define MDM_PLATFORM_KCONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/buf.h"

struct kconfig_entry {
	bool present;
	char value[64];	    /* longer ones are cut; nothing asked for here is long */
	bool key_immutable; /* Key[$i]=: a user's file can still have Key[de]= for its language */
};

struct kconfig_group {
	bool immutable; /* [Group][$i] or [$i] for the file: users can add and change nothing */
};

/*
 * Looks up group and key with the rules of KConfig's reader for one file: the last entry counts,
 * but nothing replaces an immutable one; Key[$d] deletes; entries for one language are not looked
 * at. The outputs are always set.
 */
void kconfig_read(const char *text, size_t n_bytes, const char *group, const char *key,
	struct kconfig_entry *ret_entry, struct kconfig_group *ret_group);

/* Everything but false, no, off and 0 is true. */
bool kconfig_bool(const char *value);

/*
 * derive and strip of an override (override.h). userdata: the lines of the block, group header
 * included. The block stands before the first group, where its immutable entries win over all
 * later ones.
 */
int kconfig_derive(const char *original, size_t n_bytes, void *userdata, struct buf *out);
int kconfig_strip(const char *current, size_t n_bytes, struct buf *out, bool *ret_present);

#endif
