/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_polyline.c - encoded polylines. What is taken are points of this Earth, and written again it
 * is the same text, but for points that were the one before.
 */
#include <errno.h>
#include <stdlib.h>

#include "policies/polyline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_buf_ struct buf text = BUF_INIT, again = BUF_INIT;
	struct geo_ring ring = {0}, twice = {0};
	bool repeats = false;
	int r = polyline_decode((const char *)data, n_bytes, 500, &ring);

	expect(r == 0 || r == -EBADMSG || r == -E2BIG);
	if (r)
		return 0;
	expect(ring.n_points > 0 && ring.n_points <= 500);
	for (size_t i = 0; i < ring.n_points; i++) {
		expect(geo_point_is_valid(&ring.points[i]));
		repeats |= i > 0 && ring.points[i].lat == ring.points[i - 1].lat &&
			   ring.points[i].lon == ring.points[i - 1].lon;
	}
	polyline_encode(ring.points, ring.n_points, &text);
	expect(text.error == 0);
	expect(repeats || (text.n_bytes == n_bytes && memcmp(text.data, data, n_bytes) == 0));
	expect(polyline_decode(text.data, text.n_bytes, 500, &twice) == 0);
	polyline_encode(twice.points, twice.n_points, &again);
	expect(again.n_bytes == text.n_bytes && memcmp(again.data, text.data, text.n_bytes) == 0);
	free(ring.points);
	free(twice.points);
	return 0;
}
