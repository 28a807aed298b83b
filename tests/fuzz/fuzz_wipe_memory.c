/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: wipe */
/*
 * fuzz_wipe_memory.c - what a wipe remembers over a restart, by arbitrary bytes: nothing of it
 * leads out of the limits, and it says the same when it is read once more.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/mem.h"
#include "agent/wipe/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wipe_plan plan = {.id = "x", .n_devices = 3};
	struct wipe_memory memories[LIMIT_WIPE_DEVICES] = {0};
	_cleanup_free_ char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	wipe_memory_parse(text, &plan, memories);
	for (size_t i = 0; i < LIMIT_WIPE_DEVICES; i++) {
		if (i >= plan.n_devices &&
			(memories[i].is_gone || memories[i].is_left || memories[i].is_found ||
				memories[i].written_bytes))
			abort();
		if (memories[i].is_gone && memories[i].is_left)
			abort();
	}
	return 0;
}
