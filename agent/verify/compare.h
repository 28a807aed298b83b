/* SPDX-License-Identifier: Apache-2.0 */
/* compare.h - a password against one field of shadow(5), by crypt(3). Allocates what crypt does. */
#ifndef MDM_VERIFY_COMPARE_H
#define MDM_VERIFY_COMPARE_H

#include "agent/ipc/message.h"

/*
 * password is NUL-terminated and has no other NUL. VERIFY_SAME, VERIFY_DIFFERS, VERIFY_CANNOT (the
 * library does not know the method) or -ENOMEM. Takes the same time wherever the hashes differ.
 */
int compare_hash(const char *password, const char *hash);

/* Which of the codes the text is, spaces and dashes between digits aside; -1: none. */
int compare_code(const char *text, size_t n_bytes,
	const char codes[LIMIT_UNLOCK_CODES][UNLOCK_CODE_DIGITS + 1]);

#endif
