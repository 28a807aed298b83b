/* SPDX-License-Identifier: Apache-2.0 */
/* place_private.h - what reader, schema and reference of places share. Only for policies/place*.c.
 */
#ifndef MDM_POLICIES_PLACE_PRIVATE_H
#define MDM_POLICIES_PLACE_PRIVATE_H

#include "policies/place.h"

/* A member that is an integer. */
struct place_number {
	const char *name;
	int64_t min, max, value; /* value: the default */
	size_t offset;		 /* in struct place */
	const char *help;
};

#define PLACE_NUMBERS 4
extern const struct place_number place_numbers[PLACE_NUMBERS];

/* The words of "unknown_is". */
extern const char *const place_unknown_words[TRUTH_MAX];

#endif
