/* SPDX-License-Identifier: Apache-2.0 */
/* sample.h - times of repeated runs and their order statistics. Benchmarks only. */
#ifndef MDM_BENCH_SAMPLE_H
#define MDM_BENCH_SAMPLE_H

#include <stdint.h>
#include <stdlib.h>
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

#endif
