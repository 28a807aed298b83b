/* SPDX-License-Identifier: Apache-2.0 */
/* homes.h - the home directories of the people of a phone, by passwd(5). Reads files only. */
#ifndef MDM_PLATFORM_HOMES_H
#define MDM_PLATFORM_HOMES_H

#include <stddef.h>

#include "agent/util/limits.h"

struct home {
	char user[LIMIT_USER_BYTES + 1];
	char path[LIMIT_TEXT_BYTES + 1]; /* absolute */
};

/*
 * At most max of them, in the order of the file. Returns how many, or -errno; no passwd(5) is none.
 * Lines that are malformed are passed over.
 */
int homes_read(int root_fd, struct home *ret_homes, size_t max);

#endif
