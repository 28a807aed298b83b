/* SPDX-License-Identifier: Apache-2.0 */
/* est.c - requests, certificates and answers of EST; see est.h. Pure; mdm-server only. */
#include "server/est.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <strings.h>

#include "agent/util/codec.h"
#include "agent/util/digest.h"

/* A phone's clock may be behind ours; nothing is lost by a certificate that began an hour ago. */
#define EST_BACKDATE_S 3600

/* SubjectPublicKeyInfo of an uncompressed P-256 key (RFC 5480) up to the 64 bytes of X and Y. */
static const uint8_t est_p256_prefix[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
	0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03,
	0x42, 0x00, 0x04};
#define EST_P256_BYTES (sizeof(est_p256_prefix) + 64)

const char *est_problem_text(enum est_problem problem)
{
	static const char *const texts[EST_PROBLEM_MAX] = {
		[EST_E_BASE64] = "the request is not base64",
		[EST_E_SIZE] = "the request is too large",
		[EST_E_CSR] = "the request is not a PKCS #10 certificate request",
		[EST_E_KEY] = "the key must be on curve P-256 (uncompressed)",
		[EST_E_SIGNATURE] = "the request is not signed with its own key",
	};

	return texts[problem];
}

int est_credentials_parse(const char *value, struct est_credentials *ret_credentials)
{
	char text[BOUND_AUTHORIZATION_BYTES];
	size_t n, n_secret;
	int r = -EBADMSG;
	char *colon;

	if (strncasecmp(value, "Basic ", 6) != 0)
		return -EBADMSG;
	if (base64_decode_unpadded(value + 6, strlen(value + 6), text, sizeof(text) - 1, &n) < 0)
		goto finish;
	text[n] = 0;
	colon = memchr(text, ':', n);
	if (!colon || strlen(text) != n)
		goto finish;
	*colon = 0;
	n_secret = strlen(colon + 1);
	if (!hex_is_valid(text, 16) || n_secret == 0 || n_secret > BOUND_SECRET_BYTES)
		goto finish;
	memcpy(ret_credentials->id, text, sizeof(ret_credentials->id));
	memcpy(ret_credentials->secret, colon + 1, n_secret + 1);
	r = 0;
finish:
	explicit_bzero(text, sizeof(text));
	return r;
}

/* --- the request ------------------------------------------------------------------------- */

static int est_check_key(X509_REQ *request)
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request), &der);
	bool ok = n == EST_P256_BYTES && memcmp(der, est_p256_prefix, sizeof(est_p256_prefix)) == 0;

	OPENSSL_free(der);
	/* Decoding it checks that the point is on the curve. */
	return ok && X509_REQ_get0_pubkey(request) ? 0 : EST_E_KEY;
}

int est_csr_parse(const char *body, size_t n_body, struct est_csr *ret_csr)
{
	_cleanup_(X509_REQ_freep) X509_REQ *request = NULL;
	uint8_t der[LIMIT_SERVER_CSR_BYTES];
	const uint8_t *at = der;
	size_t n_der;
	int r;

	if (n_body > LIMIT_SERVER_CSR_BYTES)
		return EST_E_SIZE;
	if (base64_decode_unpadded(body, n_body, der, sizeof(der), &n_der) < 0 || n_der == 0)
		return EST_E_BASE64;
	request = d2i_X509_REQ(NULL, &at, (long)n_der);
	if (!request || at != der + n_der)
		r = EST_E_CSR;
	else
		r = est_check_key(request);
	if (r == 0 && X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) != 1)
		r = EST_E_SIGNATURE;
	ERR_clear_error();
	if (r)
		return r;
	r = pki_device_id(X509_REQ_get_X509_PUBKEY(request), ret_csr->device);
	if (r < 0)
		return r;
	ret_csr->request = TAKE_PTR(request);
	return 0;
}

void est_csr_done(struct est_csr *csr)
{
	X509_REQ_free(csr->request);
	*csr = (struct est_csr){0};
}

/* --- the certificate --------------------------------------------------------------------- */

static bool est_add_extensions(X509 *x509, X509 *issuer)
{
	static const struct {
		int nid;
		const char *value;
	} rows[] = {
		{NID_basic_constraints, "critical,CA:FALSE"},
		{NID_key_usage, "critical,digitalSignature"},
		{NID_ext_key_usage, "clientAuth"},
		{NID_subject_key_identifier, "hash"},
		{NID_authority_key_identifier, "keyid:always"},
	};
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, rows[i].nid, rows[i].value);
		bool ok = e && X509_add_ext(x509, e, -1) == 1;

		X509_EXTENSION_free(e);
		if (!ok)
			return false;
	}
	return true;
}

/* 16 random bytes, positive and never short (RFC 5280, 4.1.2.2). */
static bool est_set_serial(X509 *x509)
{
	uint8_t bytes[16];
	BIGNUM *number;
	bool ok;

	if (random_bytes(bytes, sizeof(bytes)) < 0)
		return false;
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
	BN_free(number);
	return ok;
}

static bool est_set_subject(X509 *x509, const char *device)
{
	return X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
		       (const unsigned char *)device, -1, -1, 0) == 1;
}

static bool est_fill(X509 *x509, const struct pki *pki, const struct est_csr *csr, int64_t from_s,
	int64_t until_s)
{
	return X509_set_version(x509, X509_VERSION_3) == 1 && est_set_serial(x509) &&
	       est_set_subject(x509, csr->device) &&
	       X509_set_issuer_name(x509, X509_get_subject_name(pki->device_ca)) == 1 &&
	       X509_set_pubkey(x509, X509_REQ_get0_pubkey(csr->request)) == 1 &&
	       ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)from_s) &&
	       ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)until_s) &&
	       est_add_extensions(x509, pki->device_ca);
}

bool est_can_issue(const struct pki *pki, int64_t now_s)
{
	return pki_until(pki->device_ca) > now_s;
}

int est_issue(const struct pki *pki, const struct est_csr *csr, struct est_validity validity,
	struct buf *ret_der, int64_t *ret_until_s)
{
	_cleanup_(X509_freep) X509 *x509 = X509_new();
	int64_t until_s = validity.now_s + validity.days * 86400, ca_until_s;
	/* RSA and ECDSA sign a digest we choose; Ed25519 has its own. */
	const EVP_MD *digest =
		EVP_PKEY_get_base_id(pki->device_ca_key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	unsigned char *der = NULL;
	int n;

	ca_until_s = pki_until(pki->device_ca);
	if (until_s > ca_until_s)
		until_s = ca_until_s;
	if (!est_can_issue(pki, validity.now_s))
		return -EINVAL; /* it would be worth nothing from its first moment */
	if (!x509 || !est_fill(x509, pki, csr, validity.now_s - EST_BACKDATE_S, until_s) ||
		X509_sign(x509, pki->device_ca_key, digest) <= 0) {
		ERR_clear_error();
		return -EIO;
	}
	n = i2d_X509(x509, &der);
	if (n <= 0)
		return -EIO;
	buf_append(ret_der, der, (size_t)n);
	OPENSSL_free(der);
	if (ret_der->error)
		return ret_der->error;
	*ret_until_s = until_s;
	return 0;
}

/* --- the answer -------------------------------------------------------------------------- */

int est_certs_only(X509 *const *certs, size_t n_certs, struct buf *out)
{
	PKCS7 *pkcs7 = PKCS7_new();
	unsigned char *der = NULL;
	bool ok;
	int n = -1;

	ok = pkcs7 && PKCS7_set_type(pkcs7, NID_pkcs7_signed) == 1 &&
	     PKCS7_content_new(pkcs7, NID_pkcs7_data) == 1 && PKCS7_set_detached(pkcs7, 1) == 1;
	for (size_t i = 0; ok && i < n_certs; i++)
		ok = PKCS7_add_certificate(pkcs7, certs[i]) == 1;
	if (ok)
		n = i2d_PKCS7(pkcs7, &der);
	PKCS7_free(pkcs7);
	if (n <= 0) {
		ERR_clear_error();
		return -EIO;
	}
	base64_write(der, (size_t)n, "\n", out);
	OPENSSL_free(der);
	return out->error;
}
