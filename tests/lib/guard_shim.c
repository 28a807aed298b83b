/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_shim.c - a preloaded library that makes mdm-agent-guard hang: looking at a file of
 * GUARD_SHIM_HANG bytes never ends. It stands in for a fault in the program; who ends it is the
 * kernel and the keeper themselves.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>

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
