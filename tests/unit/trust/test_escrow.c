/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_escrow.c - sealing to certificates: every one of them opens it, nobody else does, one bit
 * changed and nobody does. No role, plain process. tests/interop/escrow.py has `openssl cms`.
 */
#include "agent/trust/escrow.h"

#include <errno.h>
#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "tests/lib/check.h"

/* libcrypto as mdm-agentd starts it (agent/enforcer/main.c): nothing is there that was not asked
 * for. */
__attribute__((constructor)) static void start_as_the_agent(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
				    OPENSSL_INIT_NO_ADD_ALL_CIPHERS |
				    OPENSSL_INIT_NO_ADD_ALL_DIGESTS,
		NULL);
	(void)escrow_prepare();
}

struct holder {
	EVP_PKEY *key;
	X509 *x509;
	struct escrow_certificate certificate;
};

static void holder_done(struct holder *holder)
{
	EVP_PKEY_free(holder->key);
	X509_free(holder->x509);
}

/* A public key of so many bits, for checks of sizes: nobody has to wait for primes. */
static EVP_PKEY *rsa_of(int bits)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_new(), *e = BN_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
	BN_set_word(e, 65537);
	if (OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		params = OSSL_PARAM_BLD_to_param(build);
	if (EVP_PKEY_fromdata_init(context) != 1 ||
		EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	BN_free(e);
	EVP_PKEY_CTX_free(context);
	return key;
}

/* Takes the key. Nobody looks at the signature: an escrow certificate is a key. */
static bool holder_make(EVP_PKEY *key, struct holder *ret_holder)
{
	static int64_t serial;
	struct holder holder = {.key = key, .x509 = X509_new()};
	EVP_PKEY *signer = EVP_EC_gen("P-256");
	unsigned char *der = NULL;
	X509_NAME *name;
	int n = 0;

	if (key && holder.x509) {
		name = X509_get_subject_name(holder.x509);
		X509_set_version(holder.x509, X509_VERSION_3);
		X509_NAME_add_entry_by_txt(
			name, "CN", MBSTRING_UTF8, (const unsigned char *)"escrow", -1, -1, 0);
		X509_set_issuer_name(holder.x509, name);
		ASN1_INTEGER_set_int64(X509_get_serialNumber(holder.x509), ++serial);
		ASN1_TIME_set(X509_getm_notBefore(holder.x509), 1);
		ASN1_TIME_set(X509_getm_notAfter(holder.x509), 2); /* long ago: not judged */
		X509_set_pubkey(holder.x509, key);
		if (X509_sign(holder.x509, signer, EVP_sha256()) > 0)
			n = i2d_X509(holder.x509, &der);
	}
	EVP_PKEY_free(signer);
	if (n <= 0 || (size_t)n > sizeof(holder.certificate.der)) {
		OPENSSL_free(der);
		holder_done(&holder);
		return false;
	}
	memcpy(holder.certificate.der, der, (size_t)n);
	holder.certificate.n_der = (size_t)n;
	OPENSSL_free(der);
	*ret_holder = holder;
	return true;
}

/* How many bytes it opens to; -1: it does not. */
static int holder_open(const struct holder *holder, const struct buf *blob, char ret_secret[64])
{
	const unsigned char *at = (const unsigned char *)blob->data;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)blob->n_bytes);
	BIO *out = BIO_new(BIO_s_mem());
	int n = -1;

	if (cms && CMS_decrypt(cms, holder->key, holder->x509, NULL, out, CMS_BINARY) == 1)
		n = BIO_read(out, ret_secret, 64);
	ERR_clear_error();
	CMS_ContentInfo_free(cms);
	BIO_free(out);
	return n;
}

static void test_each_opens(void)
{
	static const char secret[] = "a secret\0of the phone's";
	struct holder holders[4] = {{0}}, stranger = {0};
	struct escrow_certificate certificates[4];
	_cleanup_buf_ struct buf blob = BUF_INIT;
	char opened[64];

	CHECK(holder_make(EVP_EC_gen("P-256"), &holders[0]));
	CHECK(holder_make(EVP_EC_gen("P-384"), &holders[1]));
	CHECK(holder_make(EVP_RSA_gen(2048), &holders[2]));
	CHECK(holder_make(EVP_EC_gen("P-384"), &holders[3]));
	CHECK(holder_make(EVP_EC_gen("P-256"), &stranger));
	for (size_t n = 1; n <= 4; n++) {
		certificates[n - 1] = holders[n - 1].certificate;
		buf_reset(&blob);
		CHECK_INT(escrow_seal(certificates, n, secret, sizeof(secret), &blob), 0);
		CHECK(blob.n_bytes <= ESCROW_BLOB_BYTES);
		for (size_t i = 0; i < n; i++) {
			CHECK_INT(holder_open(&holders[i], &blob, opened), sizeof(secret));
			CHECK(memcmp(opened, secret, sizeof(secret)) == 0);
		}
		CHECK_INT(holder_open(&stranger, &blob, opened), -1);
	}
	for (size_t i = 0; i < 4; i++)
		holder_done(&holders[i]);
	holder_done(&stranger);
}

static void test_changed_is_refused(void)
{
	struct holder holder = {0};
	_cleanup_buf_ struct buf blob = BUF_INIT;
	char opened[64];
	int n_opened = 0;

	CHECK(holder_make(EVP_EC_gen("P-256"), &holder));
	CHECK_INT(escrow_seal(&holder.certificate, 1, "secret", 6, &blob), 0);
	for (size_t i = 0; i < blob.n_bytes; i++) {
		int n;

		blob.data[i] ^= 0x10;
		n = holder_open(&holder, &blob, opened);
		/* Fields that say who it is for may have another reading; the secret has not. */
		if (n >= 0) {
			n_opened++;
			CHECK(n == 6 && memcmp(opened, "secret", 6) == 0);
		}
		blob.data[i] ^= 0x10;
	}
	CHECK(n_opened < 64);
	holder_done(&holder);
}

static void test_two_are_different(void)
{
	struct holder holder = {0};
	_cleanup_buf_ struct buf first = BUF_INIT, second = BUF_INIT;

	CHECK(holder_make(EVP_EC_gen("P-256"), &holder));
	CHECK_INT(escrow_seal(&holder.certificate, 1, "secret", 6, &first), 0);
	CHECK_INT(escrow_seal(&holder.certificate, 1, "secret", 6, &second), 0);
	CHECK(first.n_bytes != second.n_bytes ||
		memcmp(first.data, second.data, first.n_bytes) != 0);
	holder_done(&holder);
}

static void test_limits(void)
{
	struct holder holder = {0};
	struct escrow_certificate many[ESCROW_CERTIFICATES_MAX + 1];
	char secret[ESCROW_SECRET_BYTES + 1] = {1};
	_cleanup_buf_ struct buf blob = BUF_INIT;

	/* The largest there can be: four of the largest keys, the longest secret. */
	CHECK(holder_make(rsa_of(4096), &holder));
	for (size_t i = 0; i <= ESCROW_CERTIFICATES_MAX; i++)
		many[i] = holder.certificate;
	CHECK_INT(escrow_seal(many, ESCROW_CERTIFICATES_MAX + 1, secret, 1, &blob), -EINVAL);
	CHECK_INT(escrow_seal(many, 0, secret, 1, &blob), -EINVAL);
	CHECK_INT(escrow_seal(many, 1, secret, 0, &blob), -EINVAL);
	CHECK_INT(escrow_seal(many, 1, secret, sizeof(secret), &blob), -EINVAL);
	CHECK_INT(blob.n_bytes, 0);
	CHECK_INT(escrow_seal(many, 4, secret, sizeof(secret) - 1, &blob), 0);
	many[0].der[0] ^= 1;
	CHECK_INT(escrow_seal(many, 1, secret, 1, &blob), -EINVAL);
	holder_done(&holder);
}

static void test_certificates(void)
{
	struct holder holder = {0};
	struct escrow_certificate certificate = {.n_der = 0};
	uint8_t digest[SHA256_BYTES], expected[SHA256_BYTES];
	char why[LIMIT_TEXT_BYTES + 1] = "";

	CHECK_INT(escrow_certificate_check(&certificate, why), -EBADMSG);
	CHECK(*why);
	CHECK(holder_make(EVP_EC_gen("P-256"), &holder));
	certificate = holder.certificate;
	CHECK_INT(escrow_certificate_check(&certificate, why), 0);
	CHECK_INT(escrow_certificate_digest(&certificate, digest), 0);
	CHECK_INT(sha256(certificate.der, certificate.n_der, expected), 0);
	CHECK(memcmp(digest, expected, sizeof(digest)) == 0);
	/* One byte behind it, one too few, more than there is room for. */
	certificate.der[certificate.n_der++] = 0;
	CHECK_INT(escrow_certificate_check(&certificate, why), -EBADMSG);
	certificate.n_der -= 2;
	CHECK_INT(escrow_certificate_check(&certificate, why), -EBADMSG);
	certificate.n_der = ESCROW_CERTIFICATE_BYTES + 1;
	CHECK_INT(escrow_certificate_check(&certificate, why), -EBADMSG);
	CHECK_INT(escrow_certificate_digest(&certificate, digest), -EINVAL);
	holder_done(&holder);
}

/* Keys that are too weak, too large, or that cannot be sealed to. */
static void test_other_keys(void)
{
	EVP_PKEY *keys[] = {rsa_of(2040), rsa_of(4104), EVP_EC_gen("P-521"), EVP_EC_gen("P-224"),
		EVP_EC_gen("secp256k1"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
	char why[LIMIT_TEXT_BYTES + 1];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct holder holder = {0};

		CHECK(holder_make(keys[i], &holder));
		why[0] = 0;
		CHECK_INT(escrow_certificate_check(&holder.certificate, why), -EBADMSG);
		CHECK(strstr(why, "P-256"));
		holder_done(&holder);
	}
}

static const struct check_test tests[] = {
	{"each of the certificates opens it, another does not", test_each_opens},
	{"a changed bit is noticed", test_changed_is_refused},
	{"the same secret twice is two texts", test_two_are_different},
	{"numbers and sizes", test_limits},
	{"the form of certificates", test_certificates},
	{"kinds of keys", test_other_keys},
};
CHECK_MAIN(tests)
