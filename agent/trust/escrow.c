/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escrow.c - sealing secrets to the organisation's certificates; see escrow.h. Certificates come
 * out of a policy whose signatures were verified. The enforcer; mdmctl checks with the same code.
 */
#include "agent/trust/escrow.h"

#include <errno.h>
#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ESCROW_RSA_BITS_MIN 2048
#define ESCROW_RSA_BITS_MAX 4096 /* four of them fit into a blob */

static void x509_free(X509 *x509)
{
	X509_free(x509);
}
static void cms_free(CMS_ContentInfo *cms)
{
	CMS_ContentInfo_free(cms);
}
static void bio_free(BIO *bio)
{
	BIO_free(bio);
}
DEFINE_CLEANUP(X509 *, x509_free)
DEFINE_CLEANUP(CMS_ContentInfo *, cms_free)
DEFINE_CLEANUP(BIO *, bio_free)

/* The whole of the bytes as one certificate; NULL if it is none. */
static X509 *escrow_read(const struct escrow_certificate *certificate)
{
	const unsigned char *at = certificate->der;
	X509 *x509;

	if (certificate->n_der == 0 || certificate->n_der > ESCROW_CERTIFICATE_BYTES)
		return NULL;
	x509 = d2i_X509(NULL, &at, (long)certificate->n_der);
	ERR_clear_error();
	if (x509 && at != certificate->der + certificate->n_der) {
		X509_free(x509);
		return NULL;
	}
	return x509;
}

enum escrow_kind {
	ESCROW_NONE,
	ESCROW_EC,
	ESCROW_RSA,
};

static enum escrow_kind escrow_kind(const X509 *x509)
{
	EVP_PKEY *pkey = X509_get0_pubkey(x509);
	char group[32] = "";
	size_t n_group = 0;
	int bits;

	if (!pkey) {
		ERR_clear_error();
		return ESCROW_NONE;
	}
	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_EC:
		if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), &n_group) != 1)
			ERR_clear_error();
		return strcmp(group, SN_X9_62_prime256v1) == 0 || strcmp(group, SN_secp384r1) == 0
			       ? ESCROW_EC
			       : ESCROW_NONE;
	case EVP_PKEY_RSA:
		bits = EVP_PKEY_get_bits(pkey);
		return bits >= ESCROW_RSA_BITS_MIN && bits <= ESCROW_RSA_BITS_MAX ? ESCROW_RSA
										  : ESCROW_NONE;
	default:
		return ESCROW_NONE;
	}
}

int escrow_certificate_check(
	const struct escrow_certificate *certificate, char ret_why[LIMIT_TEXT_BYTES + 1])
{
	_cleanup_(x509_freep) X509 *x509 = escrow_read(certificate);

	if (!x509) {
		snprintf(ret_why, LIMIT_TEXT_BYTES + 1,
			"is not a certificate (DER) of at most %d bytes", ESCROW_CERTIFICATE_BYTES);
		return -EBADMSG;
	}
	if (escrow_kind(x509) == ESCROW_NONE) {
		snprintf(ret_why, LIMIT_TEXT_BYTES + 1,
			"has a key that nothing is sealed to; it has to be EC P-256 or P-384, or RSA "
			"of %d to %d bits",
			ESCROW_RSA_BITS_MIN, ESCROW_RSA_BITS_MAX);
		return -EBADMSG;
	}
	return 0;
}

int escrow_certificate_digest(
	const struct escrow_certificate *certificate, uint8_t ret_digest[SHA256_BYTES])
{
	if (certificate->n_der > ESCROW_CERTIFICATE_BYTES)
		return -EINVAL;
	return sha256(certificate->der, certificate->n_der, ret_digest);
}

/* What libcrypto takes without being asked is SHA-1 in both, which an auditor would ask about. */
static bool escrow_add(CMS_ContentInfo *cms, X509 *x509)
{
	CMS_RecipientInfo *recipient = CMS_add1_recipient_cert(cms, x509, CMS_KEY_PARAM);
	EVP_PKEY_CTX *context = recipient ? CMS_RecipientInfo_get0_pkey_ctx(recipient) : NULL;

	if (!context)
		return false;
	if (escrow_kind(x509) == ESCROW_RSA)
		return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1 &&
		       EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1;
	return EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) == 1;
}

int escrow_prepare(void)
{
	bool well = EVP_add_cipher(EVP_aes_256_gcm()) == 1 &&
		    EVP_add_cipher(EVP_aes_256_wrap()) == 1 && EVP_add_digest(EVP_sha256()) == 1;

	return well ? 0 : -EIO;
}

static int escrow_write(CMS_ContentInfo *cms, struct buf *out)
{
	unsigned char *der = NULL;
	int n = i2d_CMS_ContentInfo(cms, &der), r = 0;

	if (n <= 0)
		r = -EIO;
	else if (n > ESCROW_BLOB_BYTES)
		r = -EFBIG;
	else
		buf_append(out, der, (size_t)n);
	OPENSSL_free(der);
	return r ? r : out->error;
}

int escrow_seal(const struct escrow_certificate *certificates, size_t n_certificates,
	const void *secret, size_t n_bytes, struct buf *out)
{
	_cleanup_(cms_freep) CMS_ContentInfo *cms = NULL;
	_cleanup_(bio_freep) BIO *bio = NULL;
	char why[LIMIT_TEXT_BYTES + 1];
	bool well;
	int r;

	if (n_certificates == 0 || n_certificates > ESCROW_CERTIFICATES_MAX || n_bytes == 0 ||
		n_bytes > ESCROW_SECRET_BYTES)
		return -EINVAL;
	for (size_t i = 0; i < n_certificates; i++)
		if (escrow_certificate_check(&certificates[i], why) < 0)
			return -EINVAL;
	r = escrow_prepare();
	if (r < 0)
		return r;
	cms = CMS_encrypt(NULL, NULL, EVP_aes_256_gcm(), CMS_BINARY | CMS_PARTIAL);
	bio = BIO_new_mem_buf(secret, (int)n_bytes);
	well = cms && bio;
	for (size_t i = 0; i < n_certificates && well; i++) {
		_cleanup_(x509_freep) X509 *x509 = escrow_read(&certificates[i]);

		well = x509 && escrow_add(cms, x509);
	}
	if (!well || CMS_final(cms, bio, NULL, CMS_BINARY) != 1)
		r = -EIO;
	if (r == 0)
		r = escrow_write(cms, out);
	ERR_clear_error();
	return r;
}
