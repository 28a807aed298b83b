/* SPDX-License-Identifier: Apache-2.0 */
/* escrow_holders.h - an organisation's escrow keys, and what is sealed to them opened again. */
#ifndef MDM_TESTS_ESCROW_HOLDERS_H
#define MDM_TESTS_ESCROW_HOLDERS_H

#include <openssl/cms.h>
#include <openssl/x509.h>

#include "policies/policy.h"
#include "tests/lib/signer.h"

#define HOLDERS 5

struct holder {
	EVP_PKEY *key;
	X509 *x509;
	struct policy_certificate certificate;
};

/* The same ones for the life of the program. */
static inline struct holder *escrow_holders(void)
{
	static struct holder holders[HOLDERS];

	for (size_t i = 0; i < HOLDERS && !holders[i].key; i++) {
		X509 *x509 = holders[i].x509 = X509_new();
		unsigned char *at = holders[i].certificate.der;
		X509_NAME *name = X509_get_subject_name(x509);
		int n;

		holders[i].key = EVP_EC_gen("P-256");
		X509_set_version(x509, X509_VERSION_3);
		X509_NAME_add_entry_by_txt(
			name, "CN", MBSTRING_UTF8, (const unsigned char *)"escrow", -1, -1, 0);
		X509_set_issuer_name(x509, name);
		ASN1_INTEGER_set_int64(X509_get_serialNumber(x509), (int64_t)i + 1);
		ASN1_TIME_set(X509_getm_notBefore(x509), 1);
		ASN1_TIME_set(X509_getm_notAfter(x509), 2);
		X509_set_pubkey(x509, holders[i].key);
		signer_must(X509_sign(x509, holders[i].key, EVP_sha256()) > 0);
		n = i2d_X509(x509, &at);
		signer_must(n > 0 && n <= POLICY_CERTIFICATE_BYTES);
		holders[i].certificate.n_der = (size_t)n;
	}
	return holders;
}

/* As mdmctl does. False: it is not sealed to that holder. The text ends with NUL. */
static inline bool escrow_holder_open(const struct holder *holder, const unsigned char *der,
	size_t n_der, char *ret_text, size_t size_bytes)
{
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &der, (long)n_der);
	BIO *out = BIO_new(BIO_s_mem());
	bool opens = cms && CMS_decrypt(cms, holder->key, holder->x509, NULL, out, CMS_BINARY) == 1;
	int n = opens ? BIO_read(out, ret_text, (int)size_bytes - 1) : 0;

	signer_must(!opens || n > 0);
	ret_text[n > 0 ? n : 0] = 0;
	CMS_ContentInfo_free(cms);
	BIO_free(out);
	return opens;
}

#endif
