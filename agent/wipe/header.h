/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header.h - where the keys of a LUKS container are. LUKS1 On-Disk Format 1.2.3, LUKS2 On-Disk
 * Format 1.1.1. Reads what may be half destroyed, on the C library alone, and believes no number
 * in it beyond the limits; policies/ judges whole ones. Pure.
 */
#ifndef MDM_WIPE_HEADER_H
#define MDM_WIPE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/wipe/plan.h"

#define WIPE_BLOCK_BYTES 4096 /* the binary header of LUKS2; that of LUKS1 is shorter */

/* Where the second header of LUKS2 can be: the sizes that a header may have. */
#define WIPE_HEADER_SIZES 9
extern const uint64_t wipe_header_sizes[WIPE_HEADER_SIZES];

struct wipe_header {
	unsigned int version; /* 1 or 2 */
	char uuid[WIPE_UUID_BYTES + 1];
	/* LUKS2: of the binary header with its JSON, of which there are two. LUKS1: 4096. */
	uint64_t header_bytes;
	/* From 0 to the end of all key slots, as far as these bytes tell. */
	uint64_t area_bytes;
};

/*
 * The first block, or that of the second header (is_second, at the offset that its size must be).
 * 0; -ENODATA: this is none.
 */
int wipe_header_read(const uint8_t block[WIPE_BLOCK_BYTES], bool is_second, uint64_t offset,
	struct wipe_header *ret_header);

/*
 * What the JSON of LUKS2 knows of the area is added: up to where the data begin, and no less than
 * the key slots. 0; -EBADMSG: it is none, or destroyed; then the area is the usual one, 16 MiB.
 */
int wipe_header_add_json(struct wipe_header *header, const char *json, size_t n_bytes);

#endif
