/* SPDX-License-Identifier: Apache-2.0 */
/* geolocation.c - the file that says where a device is; see geolocation.h. Pure: no system calls.
 */
#include "policies/geolocation.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "agent/util/limits.h"
#include "policies/decimal.h"
#include "policies/fix_stream.h"

enum {
	LATITUDE,
	LONGITUDE,
	ALTITUDE,
	ACCURACY,
	N_NUMBERS
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The line without its comment and white space. */
static size_t trim(const char **at, size_t n)
{
	const char *comment = memchr(*at, '#', n);

	if (comment)
		n = (size_t)(comment - *at);
	while (n && is_space(**at)) {
		(*at)++;
		n--;
	}
	while (n && is_space((*at)[n - 1]))
		n--;
	return n;
}

int geolocation_parse(const char *text, size_t n_bytes, struct fix *ret_fix)
{
	double numbers[N_NUMBERS];
	size_t n_numbers = 0;
	struct fix fix;

	if (n_bytes > LIMIT_GEOLOCATION_BYTES)
		return -EBADMSG;
	for (size_t start = 0; start < n_bytes;) {
		const char *line = text + start;
		const char *end = memchr(line, '\n', n_bytes - start);
		size_t n_line = end ? (size_t)(end - line) : n_bytes - start;
		size_t n = trim(&line, n_line);

		start += n_line + 1;
		if (n == 0)
			continue;
		if (n_numbers == N_NUMBERS || decimal_parse(line, n, &numbers[n_numbers++]) < 0)
			return -EBADMSG;
	}
	if (n_numbers != N_NUMBERS || numbers[ACCURACY] < 0)
		return -EBADMSG;
	fix = (struct fix){
		.latitude = numbers[LATITUDE],
		.longitude = numbers[LONGITUDE],
		.accuracy_m = fmax(numbers[ACCURACY], 1),
		.speed_ms = -1,
		.taken_us = 1,
		.source = FIX_FIXED,
	};
	if (!fix_is_sound(&fix))
		return -EBADMSG;
	fix.taken_us = 0;
	*ret_fix = fix;
	return 0;
}
