/* SPDX-License-Identifier: Apache-2.0 */
/*
 * locked.h - memory for structs that secrets are in: pages of their own, kept out of swap and core
 * files as far as the limits of the process allow it.
 */
#ifndef MDM_UTIL_LOCKED_H
#define MDM_UTIL_LOCKED_H

#include <stddef.h>

/* All zero. NULL: there is none. locked_free() with the same size. */
void *locked_new(size_t size_bytes);

/* Overwrites it first. Takes NULL. */
void locked_free(void *memory, size_t size_bytes);

#endif
