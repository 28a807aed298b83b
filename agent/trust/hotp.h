/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hotp.h - one-time codes from a shared secret and a counter: HOTP (RFC 4226) with HMAC-SHA-1 and
 * eight digits, nothing changed, so that any HOTP program gives the same codes. Pure.
 */
#ifndef MDM_TRUST_HOTP_H
#define MDM_TRUST_HOTP_H

#include <stdint.h>

#include "agent/util/limits.h"

#define HOTP_SECRET_BYTES 32

/* 0 or -EIO (libcrypto refuses). */
int hotp_code(const uint8_t secret[HOTP_SECRET_BYTES], uint64_t counter,
	char ret_code[UNLOCK_CODE_DIGITS + 1]);

#endif
