/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: guard */
/*
 * fuzz_guard_mounts.c - arbitrary bytes as a line of /proc/self/mountinfo: whatever is taken ends
 * within its arrays and is an absolute path; and bytes as a text that people read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/mounts.h"
#include "agent/guard/shared.h"
#include "agent/util/codec.h"
#include "agent/util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guard_mount mount;
	_cleanup_free_ char *line = malloc(size + 1);

	if (!line)
		return 0;
	if (size)
		memcpy(line, data, size);
	if (guard_mount_parse(line, size, &mount) == 0) {
		if (mount.path[0] != '/' || strlen(mount.path) >= sizeof(mount.path) ||
			strlen(mount.type) >= sizeof(mount.type) ||
			guard_mount_kind(mount.type) >= GUARD_MOUNT_KIND_MAX)
			abort();
	}
	line[size] = 0;
	guard_text_clean(line, size + 1);
	if (!text_is_valid(line, strlen(line)))
		abort();
	return 0;
}
