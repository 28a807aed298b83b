/* SPDX-License-Identifier: Apache-2.0 */
/* sha256.h - SHA-256 (FIPS 180-4) in pieces, without a library: the guard links none. Pure. */
#ifndef MDM_GUARD_SHA256_H
#define MDM_GUARD_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "agent/util/digest.h"

struct guard_sha256 {
	uint32_t state[8];
	uint64_t n_bytes;
	uint8_t block[64];
};

void guard_sha256_begin(struct guard_sha256 *sha);
void guard_sha256_add(struct guard_sha256 *sha, const void *data, size_t n_bytes);
/* Once; then guard_sha256_begin() again. */
void guard_sha256_end(struct guard_sha256 *sha, uint8_t ret_digest[SHA256_BYTES]);

#endif
