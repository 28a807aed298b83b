/* SPDX-License-Identifier: Apache-2.0 */
/* polyline.c - encoded polylines; see polyline.h. Pure; enforcer and tools. */
#include "policies/polyline.h"

#include <errno.h>
#include <math.h>

#include "agent/util/mem.h"

#define SCALE 1000000
#define FIRST '?'    /* the character of 0 */
#define CHUNK_BITS 5 /* of one character */
#define MORE 0x20    /* another one follows */
#define CHUNKS_MAX 6 /* 360 degrees and a sign have 30 bits */

struct reader {
	const char *at, *end;
};

static bool read_delta(struct reader *reader, int64_t *ret_delta)
{
	uint64_t bits = 0;

	for (unsigned int i = 0; i < CHUNKS_MAX && reader->at < reader->end; i++) {
		unsigned int chunk = (unsigned int)(unsigned char)*reader->at - FIRST;

		if (chunk >= 2 * MORE)
			return false;
		reader->at++;
		bits |= (uint64_t)(chunk & (MORE - 1)) << CHUNK_BITS * i;
		if (chunk & MORE)
			continue;
		/* A number has one text: no zeros in front of it. */
		if (i > 0 && chunk == 0)
			return false;
		*ret_delta = bits & 1 ? -(int64_t)(bits >> 1) - 1 : (int64_t)(bits >> 1);
		return true;
	}
	return false;
}

int polyline_decode(const char *text, size_t n_bytes, size_t max_points, struct geo_ring *ret_ring)
{
	struct reader reader = {text, text + n_bytes};
	_cleanup_free_ struct geo_point *points = NULL;
	/* Two characters for a point at least. */
	size_t n = 0, max = n_bytes / 2 < max_points ? n_bytes / 2 : max_points;
	int64_t lat = 0, lon = 0, delta;

	if (n_bytes < 2)
		return -EBADMSG;
	points = malloc((max ? max : 1) * sizeof(*points));
	if (!points)
		return -ENOMEM;
	while (reader.at < reader.end) {
		if (!read_delta(&reader, &delta))
			return -EBADMSG;
		lat += delta;
		if (!read_delta(&reader, &delta))
			return -EBADMSG;
		lon += delta;
		if (lat < -90 * SCALE || lat > 90 * SCALE || lon < -180 * SCALE ||
			lon > 180 * SCALE)
			return -EBADMSG;
		if (n == max)
			return -E2BIG;
		points[n++] = (struct geo_point){(double)lat / SCALE, (double)lon / SCALE};
	}
	*ret_ring = (struct geo_ring){TAKE_PTR(points), n};
	return 0;
}

static void write_delta(int64_t delta, struct buf *out)
{
	uint64_t bits = delta < 0 ? ((uint64_t)(-(delta + 1)) << 1) + 1 : (uint64_t)delta << 1;

	do {
		char c = (char)(FIRST + (bits & (MORE - 1)) + (bits >= MORE ? MORE : 0));

		buf_append(out, &c, 1);
		bits >>= CHUNK_BITS;
	} while (bits);
}

void polyline_encode(const struct geo_point *points, size_t n_points, struct buf *out)
{
	int64_t lat = 0, lon = 0;

	for (size_t i = 0; i < n_points; i++) {
		int64_t next_lat = llround(points[i].lat * SCALE);
		int64_t next_lon = llround(points[i].lon * SCALE);

		if (i > 0 && i + 1 < n_points && next_lat == lat && next_lon == lon)
			continue;
		write_delta(next_lat - lat, out);
		write_delta(next_lon - lon, out);
		lat = next_lat;
		lon = next_lon;
	}
}
