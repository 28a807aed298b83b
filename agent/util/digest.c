/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c - SHA-256; see digest.h. Any role but the guard. */
#include "agent/util/digest.h"

#include <errno.h>
#include <openssl/evp.h>

#include "agent/util/mem.h"

DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

int sha256_pair(
	const void *a, size_t n_a, const void *b, size_t n_b, uint8_t ret_digest[SHA256_BYTES])
{
	_cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1 ||
		EVP_DigestUpdate(context, a, n_a) != 1 || EVP_DigestUpdate(context, b, n_b) != 1 ||
		EVP_DigestFinal_ex(context, ret_digest, NULL) != 1)
		return -EIO;
	return 0;
}

int sha256(const void *data, size_t n_bytes, uint8_t ret_digest[SHA256_BYTES])
{
	return sha256_pair(data, n_bytes, "", 0, ret_digest);
}
