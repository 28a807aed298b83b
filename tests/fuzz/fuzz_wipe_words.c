/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: enforcer
 * fuzz_wipe_words.c - what mdm-agent-wipe says, by arbitrary bytes: a plan only ever gets shorter.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/wipe_words.h"
#include "agent/util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wipe_plan plan = {.n_devices = 2};
	_cleanup_free_ char *text = malloc(size + 1);
	char detail[LIMIT_TEXT_BYTES + 1];

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	snprintf(plan.devices[0].path, sizeof(plan.devices[0].path), "/dev/a");
	snprintf(plan.devices[1].path, sizeof(plan.devices[1].path), "/b c");
	(void)wipe_words_progress(text, &plan, detail);
	if (strlen(detail) > LIMIT_TEXT_BYTES)
		abort();
	(void)wipe_words_check(text, &plan, detail);
	if (plan.n_devices > 2 || strlen(detail) > LIMIT_TEXT_BYTES)
		abort();
	return 0;
}
