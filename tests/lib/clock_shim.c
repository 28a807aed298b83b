/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_shim.c - a preloaded library that moves CLOCK_REALTIME by CLOCK_SHIM_OFFSET seconds, for
 * tests of a phone whose clock is wrong. Other clocks and timers stay as they are.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *ret)
{
	static int (*real)(clockid_t, struct timespec *);
	const char *offset = getenv("CLOCK_SHIM_OFFSET");
	int r;

	if (!real)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	r = real(id, ret);
	if (r == 0 && id == CLOCK_REALTIME && offset)
		ret->tv_sec += strtoll(offset, NULL, 10);
	return r;
}
