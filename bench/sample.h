/* SPDX-License-Identifier: Apache-2.0 */
/* sample.h - times of repeated runs, their order statistics, memory. Benchmarks only. */
#ifndef MDM_BENCH_SAMPLE_H
#define MDM_BENCH_SAMPLE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline double sample_clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static inline int sample_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value below which that part of the values lies (nearest rank); sorts them. */
static inline double sample_quantile(double *values, size_t n, double part)
{
	size_t rank = (size_t)(part * (double)n);

	qsort(values, n, sizeof(*values), sample_compare);
	return values[rank < n ? rank : n - 1];
}

static inline double sample_median(double *values, size_t n)
{
	return sample_quantile(values, n, 0.5);
}

/* A line such as "VmRSS" of a file of /proc in KiB; -1 if there is none. */
static inline long long sample_kib(const char *path, const char *name)
{
	size_t n = strlen(name);
	long long kib = -1;
	char line[128];
	FILE *file = fopen(path, "re");

	while (file && kib < 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, name, n) == 0 && line[n] == ':')
			(void)sscanf(line + n + 1, "%lld", &kib);
	if (file)
		fclose(file);
	return kib;
}

/* "VmRSS" or "VmHWM" (the highest it was) of a process. */
static inline long long sample_process_kib(int pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return sample_kib(path, name);
}

#endif
