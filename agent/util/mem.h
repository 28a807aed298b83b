/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem.h - ownership by scope: cleanup attributes and hand-over.
 *
 * A variable marked _cleanup_(fn) is released when it leaves its scope; TAKE_PTR and TAKE_FD give
 * the value away and disarm the release. Every destructor named here takes NULL.
 */
#ifndef MDM_UTIL_MEM_H
#define MDM_UTIL_MEM_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define TAKE_PTR(ptr)                                                                              \
	({                                                                                         \
		__typeof__(ptr) *take_p_ = &(ptr);                                                 \
		__typeof__(ptr) take_v_ = *take_p_;                                                \
		*take_p_ = NULL;                                                                   \
		take_v_;                                                                           \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int *take_p_ = &(fd);                                                              \
		int take_v_ = *take_p_;                                                            \
		*take_p_ = -1;                                                                     \
		take_v_;                                                                           \
	})

/* Defines fn##p(), the form that _cleanup_ wants, for a destructor fn(type). */
#define DEFINE_CLEANUP(type, fn)                                                                   \
	static inline void fn##p(type *ptr)                                                        \
	{                                                                                          \
		if (*ptr)                                                                          \
			fn(*ptr);                                                                  \
	}

static inline void freep(void *ptr)
{
	free(*(void **)ptr);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

DEFINE_CLEANUP(FILE *, fclose)
DEFINE_CLEANUP(DIR *, closedir)

/*
 * After rare large work: memory that was freed goes back to the kernel, where the C library does
 * not see to that by itself (musl does).
 */
void mem_give_back(void);

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

/*
 * Overwrites a secret in a way that the compiler does not remove, then frees it. Takes NULL.
 */
static inline void secret_free(void *ptr, size_t size_bytes)
{
	if (!ptr)
		return;
	explicit_bzero(ptr, size_bytes);
	free(ptr);
}

#endif
