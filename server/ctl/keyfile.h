/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyfile.h - private keys as files: PKCS #8, encrypted by PBES2 (RFC 8018) with scrypt (RFC 7914)
 * and AES-256-CBC. `openssl pkcs8` and every other tool of this decade opens them.
 */
#ifndef MDM_MDMCTL_KEYFILE_H
#define MDM_MDMCTL_KEYFILE_H

#include <openssl/evp.h>

#include "server/ctl/secret.h"

/*
 * N = 2^14, r = 8, p = 5: the work of N = 2^17, p = 1 in 16 MiB instead of 128; libcrypto opens
 * no file that asks for 32 MiB or more.
 */
#define KEYFILE_SCRYPT_N 16384
#define KEYFILE_SCRYPT_R 8
#define KEYFILE_SCRYPT_P 5

static inline void EVP_PKEY_freepp(EVP_PKEY **pkey)
{
	EVP_PKEY_free(*pkey);
}
#define _cleanup_pkey_ _cleanup_(EVP_PKEY_freepp)

/* A new key: "ED25519" or "P-256". */
int keyfile_generate(const char *kind, EVP_PKEY **ret_pkey, struct fault *fault);

/* PEM text, encrypted. ret_pem is the caller's (free). */
int keyfile_encrypt(
	EVP_PKEY *pkey, const struct secret *passphrase, char **ret_pem, struct fault *fault);

/* PEM text, not encrypted: for the server's own keys and for libcurl. secret_free() by the caller.
 */
int keyfile_plain(EVP_PKEY *pkey, char **ret_pem, struct fault *fault);

/*
 * Opens what keyfile_encrypt() wrote. name is for the message. FAULT_KEY with *ret_wrong true (if
 * not NULL) when the passphrase does not open it, FAULT_KEY otherwise for a damaged file.
 */
int keyfile_decrypt(const char *pem, size_t n_bytes, const struct secret *passphrase,
	const char *name, EVP_PKEY **ret_pkey, bool *ret_wrong, struct fault *fault);

#endif
