/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: policies */
/*
 * geo_tool.c - geometry of places for tests/interop/geo.py: a question on each line of standard
 * input, an answer on each of standard output. Tests only.
 *
 *   distance LAT LON LAT LON   metres
 *   fence SHAPES               "ok" or what is wrong; see tests/lib/geo_text.h
 *   side LAT LON METRES        "inside", "outside", "uncertain"; "none" without a fence
 *   away LAT LON               metres to the boundary; "none"
 */
#include <stdio.h>

#include "agent/util/mem.h"
#include "tests/lib/geo_text.h"

static struct geo_fence *fence;

static size_t numbers(const char *text, double *values, size_t max)
{
	size_t n = 0;
	char *end;

	for (; n < max; n++, text = end) {
		values[n] = strtod(text, &end);
		if (end == text)
			break;
	}
	return n;
}

static void fence_replace(const char *text)
{
	_cleanup_geo_shapes_ struct geo_shapes shapes = geo_text(text);
	struct geo_error error = {0};
	int r;

	geo_fence_free(fence);
	fence = NULL;
	r = geo_fence_new(shapes.shapes, shapes.n_shapes, &fence, &error);
	puts(r == 0 ? "ok" : geo_fault_name(error.fault));
}

static bool answer(char *line)
{
	const char *verb = line, *rest = strchr(line, ' ');
	struct geo_point points[2];
	double v[4];
	size_t n;

	line[strcspn(line, "\n")] = 0;
	if (!rest++)
		return false;
	if (strncmp(verb, "fence ", 6) == 0) {
		fence_replace(rest);
		return true;
	}
	n = numbers(rest, v, ARRAY_SIZE(v));
	points[0] = (struct geo_point){v[0], v[1]};
	points[1] = (struct geo_point){v[2], v[3]};
	if (!fence && n < 4)
		puts("none");
	else if (n == 4 && strncmp(verb, "distance ", 9) == 0)
		printf("%.9f\n", geo_distance_m(&points[0], &points[1]));
	else if (n == 3 && strncmp(verb, "side ", 5) == 0)
		puts(geo_side_name(geo_fence_side(fence, &points[0], v[2])));
	else if (n == 2 && strncmp(verb, "away ", 5) == 0)
		printf("%.9f\n", geo_fence_distance_m(fence, &points[0]));
	else
		return false;
	return true;
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;
	int status = 0;

	while (status == 0 && getline(&line, &room, stdin) > 0)
		if (!answer(line)) {
			fprintf(stderr, "geo_tool: not understood: %s\n", line);
			status = 2;
		}
	geo_fence_free(fence);
	free(line);
	return status;
}
