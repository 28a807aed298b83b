/* fuzz-layer: mdmctl */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_place_file.c - maps that places are read from. What is taken has names of places, each once,
 * and shapes that make a fence; what is refused says where and why. The first byte chooses options.
 */
#include <errno.h>
#include <stdlib.h>

#include "agent/util/codec.h"
#include "server/ctl/place_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void check_place(const struct place_file *file, size_t i)
{
	const struct place_file_place *place = &file->places[i];
	_cleanup_(geo_fence_freep) struct geo_fence *fence = NULL;
	char name[LIMIT_NAME_BYTES + 1];

	expect(name_is_valid(place->name));
	expect(place_file_name(place->name, name));
	for (size_t j = 0; j < i; j++)
		expect(strcmp(file->places[j].name, place->name) != 0);
	expect(geo_fence_new(place->shapes.shapes, place->shapes.n_shapes, &fence, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_place_file_ struct place_file file = {0};
	_cleanup_free_ char *text = NULL;
	struct place_file_options options = {0};
	struct json_error error = {0};
	int r;

	if (n_bytes == 0)
		return 0;
	options.name = data[0] & 1 ? "one" : NULL;
	options.fallback = data[0] & 2 ? "file" : NULL;
	options.radius_m = data[0] & 4 ? 150 : 0;
	text = malloc(n_bytes); /* as long as it is, so that a byte too far is seen */
	expect(text != NULL);
	memcpy(text, data + 1, n_bytes - 1);
	r = place_file_read(text, n_bytes - 1, &options, &file, &error);
	expect(r == 0 || r == -EBADMSG);
	if (r < 0) {
		expect(*error.message && file.n_places == 0);
		return 0;
	}
	expect(file.n_places > 0 && file.n_places <= LIMIT_PLACES);
	expect(!options.name || (file.n_places == 1 && strcmp(file.places[0].name, "one") == 0));
	for (size_t i = 0; i < file.n_places; i++)
		check_place(&file, i);
	return 0;
}
