/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: trust */
/*
 * fuzz_escrow.c - a certificate that a policy names. One that is accepted can be sealed to, within
 * the bounds; one that is refused says why.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/trust/escrow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void require(bool truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct escrow_certificate certificate = {.n_der = n_bytes};
	_cleanup_buf_ struct buf blob = BUF_INIT;
	char why[LIMIT_TEXT_BYTES + 1] = "";
	int r;

	if (n_bytes > sizeof(certificate.der))
		return 0;
	memcpy(certificate.der, data, n_bytes);
	if (escrow_certificate_check(&certificate, why) < 0) {
		require(*why && strlen(why) <= LIMIT_TEXT_BYTES);
		require(escrow_seal(&certificate, 1, "x", 1, &blob) < 0 && blob.n_bytes == 0);
		return 0;
	}
	/* RSA with a modulus that nobody would use is libcrypto's to refuse. */
	r = escrow_seal(&certificate, 1, "x", 1, &blob);
	require(r == 0 ? blob.n_bytes > 0 && blob.n_bytes <= ESCROW_BLOB_BYTES : blob.n_bytes == 0);
	return 0;
}
