/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.h - the system calls that the guard's processes keep (seccomp(2)): a filter made from a
 * list of numbers, since the guard links no library. Everything else answers ENOSYS; what would
 * start a program, reach another process or change the system ends the process.
 */
#ifndef MDM_GUARD_FILTER_H
#define MDM_GUARD_FILTER_H

#include <stddef.h>

enum guard_filter {
	GUARD_FILTER_VERDICT,
	GUARD_FILTER_HASHER,
	GUARD_FILTER_MAX,
};

/*
 * Loads it; there is no way back. no_new_privs must be set. 0; -ENOSYS: the kernel has no filters,
 * or this is a processor that the guard has no numbers for; other -errno.
 */
int guard_filter_apply(enum guard_filter filter);

#endif
