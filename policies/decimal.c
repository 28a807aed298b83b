/* SPDX-License-Identifier: Apache-2.0 */
/* decimal.c - numbers with a point; see decimal.h. Pure: no system calls. */
#include "policies/decimal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/util/limits.h"

/* So many digits are a whole number of 64 bits; what follows no double could hold anyway. */
#define DIGITS_MAX 18

int decimal_parse(const char *text, size_t n_bytes, double *ret_value)
{
	bool negative = false, point = false, any = false;
	uint64_t mantissa = 0, scale = 1;
	unsigned int n_digits = 0;
	size_t i = 0;

	if (n_bytes == 0 || n_bytes > LIMIT_DECIMAL_BYTES)
		return -EBADMSG;
	if (text[0] == '-' || text[0] == '+') {
		negative = text[0] == '-';
		i++;
	}
	for (; i < n_bytes; i++) {
		if (text[i] == '.' && !point && any) {
			point = true;
			continue;
		}
		if (text[i] < '0' || text[i] > '9')
			return -EBADMSG;
		any = true;
		if (n_digits == DIGITS_MAX) {
			/* Behind the point it says nothing more; before it the number is none of
			 * ours. */
			if (!point)
				return -EBADMSG;
			continue;
		}
		mantissa = mantissa * 10 + (uint64_t)(text[i] - '0');
		if (mantissa)
			n_digits++;
		if (point)
			scale *= 10;
		if (scale > UINT64_C(1000000000000000000) / 10)
			n_digits = DIGITS_MAX;
	}
	if (!any || text[n_bytes - 1] == '.')
		return -EBADMSG;
	*ret_value = (negative ? -1.0 : 1.0) * ((double)mantissa / (double)scale);
	return 0;
}
