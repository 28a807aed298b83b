/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_location_kept.c - the state file of positions that were told: what is taken is bounded, and
 * written again it reads as the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policies/location_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

/* As a state file is read: line by line. */
static int import(const char *text, size_t n_bytes, struct location_kept *ret_kept)
{
	_cleanup_free_ char *copy = strndup(text, n_bytes);
	int r = copy ? 0 : -ENOMEM;

	*ret_kept = (struct location_kept){0};
	for (char *line = copy, *next; r == 0 && line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		r = location_kept_line(line, ret_kept);
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_buf_ struct buf text = BUF_INIT, again = BUF_INIT;
	struct location_kept kept, twice;
	int r = import((const char *)data, n_bytes, &kept);

	expect(r == 0 || r == -EBADMSG);
	if (r)
		return 0;
	expect(kept.n_told <= LOCATION_TOLD_KEPT);
	for (size_t i = 0; i < kept.n_told; i++)
		expect(kept.told[i].source < FIX_SOURCE_MAX &&
			kept.told[i].why < LOCATION_WHY_TOLD_MAX);
	location_kept_export(&kept, &text);
	expect(text.error == 0);
	expect(import(text.data, text.n_bytes, &twice) == 0);
	location_kept_export(&twice, &again);
	expect(again.n_bytes == text.n_bytes && memcmp(again.data, text.data, text.n_bytes) == 0);
	return 0;
}
