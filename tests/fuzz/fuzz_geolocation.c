/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/* fuzz_geolocation.c - the file of a device at rest: what passes is a place on earth. */
#include <stdlib.h>

#include "policies/fix_stream.h"
#include "policies/geolocation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fix fix;

	if (geolocation_parse((const char *)data, size, &fix) < 0)
		return 0;
	fix.taken_us = 1;
	if (!fix_is_sound(&fix) || fix.source != FIX_FIXED || fix.mock)
		abort();
	return 0;
}
