/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h - SHA-256 (FIPS 180-4) by libcrypto; with it, for who hashes draws as well, random.h. */
#ifndef MDM_UTIL_DIGEST_H
#define MDM_UTIL_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "agent/util/random.h"

#define SHA256_BYTES 32

/* 0, or -EIO if libcrypto refuses (out of memory, FIPS policy). */
int sha256(const void *data, size_t n_bytes, uint8_t ret_digest[SHA256_BYTES]);

/* Digest of a || b, without joining them. */
int sha256_pair(
	const void *a, size_t n_a, const void *b, size_t n_b, uint8_t ret_digest[SHA256_BYTES]);

#endif
