/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_shim.c - a preloaded library that makes mdm-agent-guard hang: looking at a file of
 * GUARD_SHIM_HANG bytes never ends. It stands in for a fault in the program; who ends it is the
 * kernel and the keeper themselves. GUARD_SHIM_ERRORS="5,22": every other time that events are read
 * the kernel says one of these in turn, as for a file that it cannot open.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

int fstat(int fd, struct stat *ret_st)
{
	int (*real)(int, struct stat *) = (int (*)(int, struct stat *))dlsym(RTLD_NEXT, "fstat");
	const char *size = getenv("GUARD_SHIM_HANG");
	int r = real(fd, ret_st);

	if (r == 0 && size && S_ISREG(ret_st->st_mode) && ret_st->st_size == atol(size))
		for (;;)
			;
	return r;
}

ssize_t read(int fd, void *ret_data, size_t n_bytes)
{
	ssize_t (*real)(int, void *, size_t) =
		(ssize_t(*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
	const char *errors = getenv("GUARD_SHIM_ERRORS");
	static unsigned int n;
	static const char *at;

	/* Nobody else reads that much of them. */
	if (errors && n_bytes == 32 * sizeof(struct fanotify_event_metadata) && n++ % 2 == 0) {
		at = at && *at ? at : errors;
		errno = (int)strtol(at, (char **)&at, 10);
		at += *at == ',';
		return -1;
	}
	return real(fd, ret_data, n_bytes);
}
