/* SPDX-License-Identifier: Apache-2.0 */
/* test_est.c - requests as phones and strangers send them, and the certificates that come back. */
#include "server/est.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/pkcs7.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "agent/util/codec.h"
#include "tests/lib/check.h"

#define NOW INT64_C(1800000000)

static X509 *make_ca(EVP_PKEY *key, int64_t until_s)
{
	X509 *x509 = X509_new();
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
		(const unsigned char *)"devices", -1, -1, 0);
	X509_set_issuer_name(x509, X509_get_subject_name(x509));
	X509_set_pubkey(x509, key);
	ASN1_TIME_set(X509_getm_notBefore(x509), NOW - 86400);
	ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)until_s);
	X509V3_set_ctx(&ctx, x509, x509, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
	X509_add_ext(x509, e, -1);
	X509_EXTENSION_free(e);
	e = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_key_identifier, "hash");
	X509_add_ext(x509, e, -1);
	X509_EXTENSION_free(e);
	X509_sign(x509, key, EVP_sha256());
	return x509;
}

/* A request in base64, signed with signer (usually the key itself). */
static char *make_csr(EVP_PKEY *key, EVP_PKEY *signer)
{
	X509_REQ *request = X509_REQ_new();
	unsigned char *der = NULL;
	char *text;
	int n;

	X509_REQ_set_version(request, 0);
	X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_ASC,
		(const unsigned char *)"somebody else", -1, -1, 0);
	X509_REQ_set_pubkey(request, key);
	X509_REQ_sign(request, signer, EVP_sha256());
	n = i2d_X509_REQ(request, &der);
	text = malloc((size_t)n * 2);
	EVP_EncodeBlock((unsigned char *)text, der, n);
	OPENSSL_free(der);
	X509_REQ_free(request);
	return text;
}

static void test_credentials(void)
{
	struct est_credentials c = {.id = "untouched"};
	char header[BOUND_AUTHORIZATION_BYTES * 2], plain[BOUND_AUTHORIZATION_BYTES + 64];

	for (int extra = 0; extra < 2; extra++) {
		int n = snprintf(plain, sizeof(plain), "00112233445566778899aabbccddeeff:%0*d",
			BOUND_SECRET_BYTES + extra, 7);

		strcpy(header, "bAsIc ");
		EVP_EncodeBlock((unsigned char *)header + 6, (unsigned char *)plain, n);
		CHECK_INT(est_credentials_parse(header, &c), extra ? -EBADMSG : 0);
	}
	CHECK_STR(c.id, "00112233445566778899aabbccddeeff");
	CHECK_INT(strlen(c.secret), BOUND_SECRET_BYTES);

	static const char *const bad[] = {"", "Basic", "Basic ", "Bearer QQ==", "Basic !",
		"Basic Og==",
		/* no colon; empty secret; short id; NUL inside */
		"Basic MDAxMTIyMzM0NDU1NjY3Nzg4OTlhYWJiY2NkZGVlZmY=",
		"Basic MDAxMTIyMzM0NDU1NjY3Nzg4OTlhYWJiY2NkZGVlZmY6",
		"Basic MDA6YQ==", "Basic MDAxMTIyMzM0NDU1NjY3Nzg4OTlhYWJiY2NkZGVlZmY6YQBi"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (est_credentials_parse(bad[i], &c) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
	/* Senders that leave out the padding are understood. */
	CHECK_INT(est_credentials_parse("Basic MDAxMTIyMzM0NDU1NjY3Nzg4OTlhYWJiY2NkZGVlZmY6YQ", &c),
		0);
	CHECK_STR(c.secret, "a");
	memset(header + 6, 'A', sizeof(header) - 7);
	header[sizeof(header) - 1] = 0;
	CHECK_INT(est_credentials_parse(header, &c), -EBADMSG);
}

static void test_csr(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	char *good = make_csr(key, key), *forged = make_csr(key, other), id[DEVICE_ID_LENGTH + 1];
	struct est_csr csr = {0}, untouched = {0};
	X509_PUBKEY *spki = NULL;
	size_t n = strlen(good);

	CHECK_INT(est_csr_parse(good, n, &csr), 0);
	X509_PUBKEY_set(&spki, key);
	CHECK_INT(pki_device_id(spki, id), 0);
	CHECK_STR(csr.device, id);
	est_csr_done(&csr);
	CHECK_INT(est_csr_parse(forged, strlen(forged), &untouched), EST_E_SIGNATURE);
	CHECK_INT(est_csr_parse("", 0, &untouched), EST_E_BASE64);
	CHECK_INT(est_csr_parse("MAA=", 4, &untouched), EST_E_CSR);
	for (size_t i = 4; i < n; i += 4)
		CHECK(est_csr_parse(good, i, &untouched) > 0);
	/* Every single changed character is noticed by form or signature. */
	for (size_t i = 0; i < n && good[i] != '='; i++) {
		char old = good[i];

		good[i] = old == 'A' ? 'B' : 'A';
		if (est_csr_parse(good, n, &untouched) <= 0)
			check_fail(__FILE__, __LINE__, "change at %zu of %zu accepted", i, n);
		good[i] = old;
	}
	CHECK(!untouched.request);
	free(good);
	free(forged);
	X509_PUBKEY_free(spki);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

static void test_keys(void)
{
	EVP_PKEY *keys[] = {EVP_EC_gen("P-384"), EVP_RSA_gen(2048), EVP_EC_gen("P-256"),
		EVP_EC_gen("P-256"), EVP_EC_gen("secp256k1")};
	struct est_csr csr = {0};

	/* The same curve in spellings that would give one key two ids. */
	EVP_PKEY_set_utf8_string_param(keys[2], "point-format", "compressed");
	EVP_PKEY_set_utf8_string_param(keys[3], "encoding", "explicit");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		char *text = make_csr(keys[i], keys[i]);

		if (est_csr_parse(text, strlen(text), &csr) != EST_E_KEY)
			check_fail(__FILE__, __LINE__, "key %zu accepted", i);
		free(text);
		EVP_PKEY_free(keys[i]);
	}
	CHECK(!csr.request);
}

static void test_csr_size(void)
{
	static char text[LIMIT_SERVER_CSR_BYTES + 1];
	struct est_csr csr = {0};

	memset(text, 'A', sizeof(text));
	CHECK_INT(est_csr_parse(text, LIMIT_SERVER_CSR_BYTES, &csr), EST_E_CSR);
	CHECK_INT(est_csr_parse(text, LIMIT_SERVER_CSR_BYTES + 1, &csr), EST_E_SIZE);
}

static void check_extension(X509 *x509, int nid, bool critical)
{
	int at = X509_get_ext_by_NID(x509, nid, -1);

	CHECK(at >= 0);
	CHECK_INT(X509_EXTENSION_get_critical(X509_get_ext(x509, at)), critical);
	CHECK_INT(X509_get_ext_by_NID(x509, nid, at), -1);
}

static void check_issued(X509 *x509, struct pki *pki, const struct est_csr *csr)
{
	char name[65], id[DEVICE_ID_LENGTH + 1];

	CHECK_INT(X509_verify(x509, pki->device_ca_key), 1);
	CHECK_INT(X509_check_issued(pki->device_ca, x509), X509_V_OK);
	CHECK_INT(X509_NAME_entry_count(X509_get_subject_name(x509)), 1);
	X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, name, sizeof(name));
	CHECK_STR(name, csr->device);
	CHECK_INT(pki_device_id(X509_get_X509_PUBKEY(x509), id), 0);
	CHECK_STR(id, csr->device);
	CHECK_INT(X509_check_ca(x509), 0);
	CHECK_INT(X509_get_key_usage(x509), KU_DIGITAL_SIGNATURE);
	CHECK_INT(X509_get_extended_key_usage(x509), XKU_SSL_CLIENT);
	check_extension(x509, NID_basic_constraints, true);
	check_extension(x509, NID_key_usage, true);
	check_extension(x509, NID_ext_key_usage, false);
	check_extension(x509, NID_subject_key_identifier, false);
	check_extension(x509, NID_authority_key_identifier, false);
	CHECK_INT(X509_get_ext_count(x509), 5);
}

static X509 *issue(struct pki *pki, const struct est_csr *csr, int64_t days, int64_t *ret_until_s)
{
	_cleanup_buf_ struct buf der = BUF_INIT;
	const unsigned char *at;

	if (est_issue(pki, csr, (struct est_validity){NOW, days}, &der, ret_until_s) != 0)
		return NULL;
	at = (const unsigned char *)der.data;
	return d2i_X509(NULL, &at, (long)der.n_bytes);
}

static void test_issue(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct pki pki = {.device_ca_key = EVP_EC_gen("P-256")};
	char *text = make_csr(key, key);
	struct est_csr csr;
	int64_t until_s;
	X509 *one, *two;

	pki.device_ca = make_ca(pki.device_ca_key, NOW + 100 * 86400);
	CHECK_INT(est_csr_parse(text, strlen(text), &csr), 0);
	one = issue(&pki, &csr, 90, &until_s);
	CHECK(one);
	CHECK_INT(until_s, NOW + 90 * 86400);
	CHECK_INT(pki_until(one), until_s);
	check_issued(one, &pki, &csr);
	/* Not beyond the CA; another serial number each time. */
	two = issue(&pki, &csr, 365, &until_s);
	CHECK(two);
	CHECK_INT(until_s, NOW + 100 * 86400);
	CHECK_INT(pki_until(two), until_s);
	CHECK(ASN1_INTEGER_cmp(X509_get0_serialNumber(one), X509_get0_serialNumber(two)) != 0);
	CHECK_INT(ASN1_STRING_length(X509_get0_serialNumber(one)), 16);
	X509_free(one);
	X509_free(two);
	est_csr_done(&csr);
	pki_done(&pki);
	EVP_PKEY_free(key);
	free(text);
}

/* A CA that ends while the server runs issues nothing more. */
static void test_ended(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct pki pki = {.device_ca_key = EVP_EC_gen("P-256")};
	_cleanup_buf_ struct buf der = BUF_INIT;
	char *text = make_csr(key, key);
	int64_t until_s = -1;
	struct est_csr csr;

	CHECK_INT(est_csr_parse(text, strlen(text), &csr), 0);
	pki.device_ca = make_ca(pki.device_ca_key, NOW);
	CHECK(est_can_issue(&pki, NOW - 1) && !est_can_issue(&pki, NOW));
	CHECK_INT(est_issue(&pki, &csr, (struct est_validity){NOW, 90}, &der, &until_s), -EINVAL);
	CHECK(der.n_bytes == 0 && until_s == -1);
	CHECK_INT(est_issue(&pki, &csr, (struct est_validity){NOW - 1, 90}, &der, &until_s), 0);
	CHECK_INT(until_s, NOW);
	est_csr_done(&csr);
	pki_done(&pki);
	EVP_PKEY_free(key);
	free(text);
}

static void test_certs_only(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certs[2] = {make_ca(key, NOW), make_ca(key, NOW + 1)};
	_cleanup_buf_ struct buf text = BUF_INIT;
	unsigned char der[4096];
	const unsigned char *at = der;
	PKCS7 *pkcs7;
	size_t n;

	CHECK_INT(est_certs_only(certs, 2, &text), 0);
	for (char *line = text.data; *line; line += strcspn(line, "\n") + 1)
		CHECK(strcspn(line, "\n") <= 64);
	CHECK_INT(base64_decode(text.data, text.n_bytes, der, sizeof(der), &n), 0);
	pkcs7 = d2i_PKCS7(NULL, &at, (long)n);
	CHECK(pkcs7 && at == der + n && PKCS7_type_is_signed(pkcs7));
	CHECK_INT(sk_X509_num(pkcs7->d.sign->cert), 2);
	CHECK_INT(X509_cmp(sk_X509_value(pkcs7->d.sign->cert, 1), certs[1]), 0);
	CHECK(!pkcs7->d.sign->signer_info ||
		sk_PKCS7_SIGNER_INFO_num(pkcs7->d.sign->signer_info) == 0);
	PKCS7_free(pkcs7);
	X509_free(certs[0]);
	X509_free(certs[1]);
	EVP_PKEY_free(key);
}

static void test_problems_have_texts(void)
{
	for (int i = 1; i < EST_PROBLEM_MAX; i++)
		CHECK(est_problem_text((enum est_problem)i));
}

static const struct check_test tests[] = {
	{"credentials", test_credentials},
	{"csr", test_csr},
	{"keys", test_keys},
	{"csr_size", test_csr_size},
	{"issue", test_issue},
	{"ended", test_ended},
	{"certs_only", test_certs_only},
	{"problems_have_texts", test_problems_have_texts},
};
CHECK_MAIN(tests)
