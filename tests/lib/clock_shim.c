/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_shim.c - a preloaded library that moves the time of day by CLOCK_SHIM_OFFSET seconds, for
 * tests of clocks that are wrong and of dates that are far ahead. CLOCK_REALTIME, time(2) and
 * gettimeofday(2); other clocks and timers stay as they are.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long long shim_offset_s(void)
{
	const char *offset = getenv("CLOCK_SHIM_OFFSET");

	return offset ? strtoll(offset, NULL, 10) : 0;
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
	static int (*real)(clockid_t, struct timespec *);
	int r;

	if (!real)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	r = real(id, ret);
	if (r == 0 && id == CLOCK_REALTIME)
		ret->tv_sec += shim_offset_s();
	return r;
}

time_t time(time_t *ret)
{
	struct timespec now = {0};

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;
	int r = clock_gettime(CLOCK_REALTIME, &now);

	(void)zone;
	if (r == 0)
		*ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
	return r;
}
