/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: platform */
/*
 * fuzz_mountinfo.c - tables of mounts and swaps: what is accepted is within the limits, complete,
 * and every mount is found again by its own mount point.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "platform/mountinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct swap swaps[SWAPS_MAX];
	struct mount_table table;
	size_t n_swaps = 0;

	if (swaps_parse((const char *)data, size, swaps, &n_swaps) == 0) {
		if (n_swaps > SWAPS_MAX)
			abort();
		for (size_t i = 0; i < n_swaps; i++)
			if (swaps[i].path[0] != '/' || strlen(swaps[i].path) > LIMIT_TEXT_BYTES)
				abort();
	}
	if (mountinfo_parse((const char *)data, size, &table) < 0)
		return 0;
	if (table.n_mounts > LIMIT_MOUNTS)
		abort();
	for (size_t i = 0; i < table.n_mounts; i++) {
		const struct mount *mount = &table.mounts[i], *found;

		if (!mount->point || !mount->type || !mount->source || !mount->options ||
			mount->class >= MOUNT_CLASS_MAX || mount->class == MOUNT_PSEUDO)
			abort();
		found = mount_table_find(&table, mount->point);
		if (!found || strcmp(found->point, mount->point) != 0)
			abort();
	}
	mount_table_done(&table);
	return 0;
}
