/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decimal.h - numbers as receivers and people write them: digits with a point, nothing else. Pure.
 */
#ifndef MDM_POLICIES_DECIMAL_H
#define MDM_POLICIES_DECIMAL_H

#include <stddef.h>

/*
 * Reads all n bytes: a sign if there is one, at least one digit, a point and more digits if there
 * are any. No exponent, no white space, nothing of any language, never infinite and never a NaN.
 * 0; -EBADMSG: something else, or more than LIMIT_DECIMAL_BYTES.
 */
int decimal_parse(const char *text, size_t n_bytes, double *ret_value);

#endif
