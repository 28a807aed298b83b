/* SPDX-License-Identifier: Apache-2.0 */
/* fingerprint.h - whether a text is the one from before (FNV-1a, 64 bits). For what is signed
 * anyway; it does not withstand people who look for two texts with one print. Pure. */
#ifndef MDM_POLICIES_FINGERPRINT_H
#define MDM_POLICIES_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t fingerprint(const char *text, size_t n_bytes)
{
	uint64_t print = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n_bytes; i++)
		print = (print ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
	return print;
}

#endif
