/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_gpsd.c - a line of whatever listens on gpsd's port: a fix that passes is sound once it is
 * dated, and has a time that a calendar has.
 */
#include <stdlib.h>

#include "policies/fix_stream.h"
#include "policies/gpsd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gpsd_report report;

	if (gpsd_parse((const char *)data, size, &report) < 0)
		return 0;
	if (report.kind >= GPSD_KIND_MAX || (report.has_fix && report.kind != GPSD_TPV))
		abort();
	if (!report.has_fix)
		return 0;
	report.fix.taken_us = 1;
	if (!fix_is_sound(&report.fix) || report.fix.source != FIX_GNSS)
		abort();
	/* Years 0 to 9999. */
	if (report.has_time && (report.time_us < INT64_C(-62167219200000000) ||
				       report.time_us > INT64_C(253402300800000000)))
		abort();
	return 0;
}
