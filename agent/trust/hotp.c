/* SPDX-License-Identifier: Apache-2.0 */
/* hotp.c - HOTP (RFC 4226); see hotp.h. The enforcer and mdmctl. Pure. */
#include "agent/trust/hotp.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#define HOTP_MAC_BYTES 20 /* HMAC-SHA-1 */

_Static_assert(UNLOCK_CODE_DIGITS == 8, "the modulus below has as many digits");

int hotp_code(const uint8_t secret[HOTP_SECRET_BYTES], uint64_t counter,
	char ret_code[UNLOCK_CODE_DIGITS + 1])
{
	uint8_t moving[8], mac[EVP_MAX_MD_SIZE], *at;
	unsigned int n_mac = 0;
	uint32_t number;

	for (size_t i = 0; i < sizeof(moving); i++)
		moving[i] = (uint8_t)(counter >> (8 * (sizeof(moving) - 1 - i)));
	if (!HMAC(EVP_sha1(), secret, HOTP_SECRET_BYTES, moving, sizeof(moving), mac, &n_mac) ||
		n_mac != HOTP_MAC_BYTES) {
		explicit_bzero(mac, sizeof(mac));
		return -EIO;
	}
	/* Dynamic truncation (RFC 4226, section 5.3). */
	at = mac + (mac[HOTP_MAC_BYTES - 1] & 0x0f);
	number = (uint32_t)(at[0] & 0x7f) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
		 (uint32_t)at[3];
	snprintf(ret_code, UNLOCK_CODE_DIGITS + 1, "%08" PRIu32, number % 100000000);
	explicit_bzero(mac, sizeof(mac));
	number = 0;
	return 0;
}
