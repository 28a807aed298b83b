/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geo_exact.c - on which side of a line a point is, without any rounding; see geo_private.h. Pure.
 *
 * The difference of two products in plain arithmetic, if it is larger than its error can be;
 * otherwise as an expansion: a sum of doubles that is exactly the value (T. J. Dekker 1971,
 * J. R. Shewchuk 1997).
 */
#include <math.h>

#include "policies/geo_private.h"

#define TERMS 16
/* Three roundings of half a unit each, and a little for those of the bound itself. */
#define FILTER (3.0001 * 0x1p-53)
#define TINY_DEGREES 1e-30

double geo_trim(double degrees)
{
	return fabs(degrees) < TINY_DEGREES ? 0 : degrees;
}

struct pair {
	double value, rest;
};

static struct pair exact_sum(double a, double b)
{
	double sum = a + b, b_part = sum - a, a_part = sum - b_part;

	return (struct pair){sum, (a - a_part) + (b - b_part)};
}

static struct pair exact_product(double a, double b)
{
	double product = a * b;

	return (struct pair){product, fma(a, b, -product)};
}

/* Adds a number to an expansion of n components, from the smallest to the largest. */
static void expansion_add(double *components, size_t n, double number)
{
	for (size_t i = 0; i < n; i++) {
		struct pair sum = exact_sum(number, components[i]);

		components[i] = sum.rest;
		number = sum.value;
	}
	components[n] = number;
}

static size_t expansion_add_product(double *components, size_t n, struct pair a, struct pair b)
{
	const double left[] = {a.rest, a.value}, right[] = {b.rest, b.value};

	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2; j++) {
			struct pair product = exact_product(left[i], right[j]);

			expansion_add(components, n++, product.rest);
			expansion_add(components, n++, product.value);
		}
	return n;
}

static int orient_exactly(const double a[2], const double b[2], const double c[2])
{
	struct pair abx = exact_sum(b[0], -a[0]), aby = exact_sum(b[1], -a[1]);
	struct pair acx = exact_sum(c[0], -a[0]), acy = exact_sum(c[1], -a[1]);
	double components[TERMS];
	size_t n;

	n = expansion_add_product(components, 0, abx, acy);
	acx.value = -acx.value;
	acx.rest = -acx.rest;
	n = expansion_add_product(components, n, aby, acx);
	while (n-- > 0)
		if (components[n] != 0)
			return components[n] > 0 ? 1 : -1;
	return 0;
}

int geo_orient(const double a[2], const double b[2], const double c[2])
{
	double left = (b[0] - a[0]) * (c[1] - a[1]), right = (b[1] - a[1]) * (c[0] - a[0]);
	double area = left - right, bound = FILTER * (fabs(left) + fabs(right));

	if (area > bound)
		return 1;
	if (area < -bound)
		return -1;
	return orient_exactly(a, b, c);
}
