/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_gpx.c - GPX files. Points that are visited are points of this Earth, their number is that of
 * the words "pt" at most; a refusal says why and on which line; what is cut off is no whole file.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "agent/util/limits.h"
#include "agent/util/mem.h"
#include "policies/gpx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static int take(void *userdata, const struct gpx_point *point)
{
	size_t *n = userdata;

	expect(geo_point_is_valid(&point->at));
	expect(point->kind < GPX_KIND_MAX);
	expect(isfinite(point->hdop) && isfinite(point->speed_ms) && isfinite(point->accuracy_m));
	++*n;
	return 0;
}

static size_t count_words(const char *text, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; i + 1 < n; i++)
		found += text[i] == 'p' && text[i + 1] == 't';
	return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	const char *text = (const char *)data;
	struct gpx_error error = {0, NULL};
	size_t n = 0, n_cut = 0, n_lines = 1, last = n_bytes;
	int r = gpx_read(text, n_bytes, take, &n, &error);

	expect(n <= count_words(text, n_bytes));
	for (size_t i = 0; i < n_bytes; i++)
		n_lines += text[i] == '\n';
	if (r) {
		expect(r == -EBADMSG && error.message && error.line >= 1 && error.line <= n_lines);
		return 0;
	}
	while (last > 0 && text[last - 1] != '>')
		last--;
	/* Behind the end comments and instructions may stand, which are not missed. */
	r = gpx_read(text, last ? last - 1 : 0, take, &n_cut, &error);
	expect(n_cut <= n && (r == -EBADMSG || last == 0));
	return 0;
}
