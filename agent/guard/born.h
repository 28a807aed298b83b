/* SPDX-License-Identifier: Apache-2.0 */
/* born.h - when a file was made, which tells two apart that had the same inode number one after the
 * other. Both sides of the guard's table. */
#ifndef MDM_GUARD_BORN_H
#define MDM_GUARD_BORN_H

#include <stdint.h>

/* Of a file in a directory, or (name "") behind a descriptor; 0: its file system or the kernel does
 * not say. Links are not followed, nothing is opened. */
uint64_t guard_born_ns(int fd, const char *name);

#endif
