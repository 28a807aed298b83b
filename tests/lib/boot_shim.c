/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_shim.c - a preloaded library that shows the file BOOT_SHIM_ID in the place of the kernel's
 * boot id, for tests of what survives a restart of the phone. Opens of anything else stay as they
 * are.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static const char *shim_path(const char *path)
{
	const char *instead = getenv("BOOT_SHIM_ID");

	return instead && strcmp(path, BOOT_ID) == 0 ? instead : path;
}

/* Whoever was built with 64 bit offsets on a 32 bit system calls the other one. */
#define SHIM(name)                                                                                 \
	int name(const char *path, int flags, ...)                                                 \
	{                                                                                          \
		static int (*real)(const char *, int, ...);                                        \
		va_list more;                                                                      \
		mode_t mode;                                                                       \
                                                                                                   \
		if (!real)                                                                         \
			real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name);           \
		va_start(more, flags);                                                             \
		mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t)  \
									   : 0;                    \
		va_end(more);                                                                      \
		return real(shim_path(path), flags, mode);                                         \
	}

SHIM(open)
SHIM(open64)
