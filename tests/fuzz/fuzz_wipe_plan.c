/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: wipe */
/*
 * fuzz_wipe_plan.c - a plan that is accepted has one text, that one; what a disk says of its key
 * slots never leads out of the limits.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wipe/header.h"
#include "agent/wipe/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_header(const uint8_t *data, size_t size)
{
	struct wipe_header header;
	uint8_t block[WIPE_BLOCK_BYTES] = {0};

	memcpy(block, data, size < sizeof(block) ? size : sizeof(block));
	if (wipe_header_read(block, false, 0, &header) < 0)
		header = (struct wipe_header){.version = 2, .header_bytes = 0x4000};
	wipe_header_add_json(&header, (const char *)data, size);
	if (header.area_bytes > LIMIT_WIPE_AREA_BYTES)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct wipe_plan plan;
	const char *reason = NULL;

	try_header(data, size);
	if (wipe_plan_parse((const char *)data, size, &plan, &reason) < 0) {
		if (!reason)
			abort();
		return 0;
	}
	wipe_plan_write(&plan, &text);
	if (text.n_bytes != size || memcmp(text.data, data, size) != 0)
		abort();
	if (plan.test && plan.finish != WIPE_FINISH_NONE)
		abort();
	return 0;
}
