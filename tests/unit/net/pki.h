/* SPDX-License-Identifier: Apache-2.0 */
/* pki.h - keys, certificates and EST answers for the tests of this layer, made on the spot. */
#ifndef MDM_TESTS_NET_PKI_H
#define MDM_TESTS_NET_PKI_H

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/net/est.h"
#include "agent/util/buf.h"
#include "agent/util/codec.h"

struct pki_spec {
	const char *name;
	EVP_PKEY *key;
	X509 *issuer; /* NULL: self-signed */
	EVP_PKEY *issuer_key;
	int ca;		 /* basicConstraints CA:TRUE */
	const char *san; /* NULL: none */
	int64_t from_s, until_s;
};

static inline void pki_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	if (!extension || !X509_add_ext(certificate, extension, -1))
		abort();
	X509_EXTENSION_free(extension);
}

static inline X509 *pki_certificate(const struct pki_spec *spec)
{
	static long serial;
	X509 *certificate = X509_new();
	X509 *issuer = spec->issuer ? spec->issuer : certificate;
	X509_NAME *name = X509_NAME_new();

	if (!certificate || !name || !X509_set_version(certificate, X509_VERSION_3) ||
		!ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial) ||
		!X509_NAME_add_entry_by_txt(
			name, "CN", MBSTRING_ASC, (const unsigned char *)spec->name, -1, -1, 0) ||
		!X509_set_subject_name(certificate, name) ||
		!X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) ||
		!ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)spec->from_s) ||
		!ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)spec->until_s) ||
		!X509_set_pubkey(certificate, spec->key))
		abort();
	X509_NAME_free(name);
	pki_extension(certificate, issuer, NID_basic_constraints,
		spec->ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (spec->san)
		pki_extension(certificate, issuer, NID_subject_alt_name, spec->san);
	if (!X509_sign(certificate, spec->issuer ? spec->issuer_key : spec->key, EVP_sha256()))
		abort();
	return certificate;
}

/* An EST body with these certificates, NULL-terminated; free() it. */
static inline char *pki_body(X509 **certificates, size_t *ret_n_bytes)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	PKCS7 *pkcs7 = PKCS7_new();
	unsigned char *der = NULL;
	char *text;
	int n;

	if (!pkcs7 || !PKCS7_set_type(pkcs7, NID_pkcs7_signed) ||
		!PKCS7_content_new(pkcs7, NID_pkcs7_data))
		abort();
	for (; *certificates; certificates++)
		if (!PKCS7_add_certificate(pkcs7, *certificates))
			abort();
	n = i2d_PKCS7(pkcs7, &der);
	if (n <= 0)
		abort();
	base64_write(der, (size_t)n, "\r\n", &out);
	if (buf_take(&out, &text, ret_n_bytes) < 0)
		abort();
	OPENSSL_free(der);
	PKCS7_free(pkcs7);
	return text;
}

#endif
