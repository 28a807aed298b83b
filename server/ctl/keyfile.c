/* SPDX-License-Identifier: Apache-2.0 */
/* keyfile.c - encrypted private keys; see keyfile.h. */
#include "server/ctl/keyfile.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

static void x509_sig_free(X509_SIG *sig)
{
	X509_SIG_free(sig);
}
static void p8info_free(PKCS8_PRIV_KEY_INFO *info)
{
	PKCS8_PRIV_KEY_INFO_free(info);
}
static void bio_free(BIO *bio)
{
	BIO_free(bio);
}
static void algor_free(X509_ALGOR *algor)
{
	X509_ALGOR_free(algor);
}
DEFINE_CLEANUP(X509_SIG *, x509_sig_free)
DEFINE_CLEANUP(PKCS8_PRIV_KEY_INFO *, p8info_free)
DEFINE_CLEANUP(BIO *, bio_free)
DEFINE_CLEANUP(X509_ALGOR *, algor_free)

static int keyfile_trouble(struct fault *fault, const char *what)
{
	char reason[160];

	ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
	ERR_clear_error();
	return fault_set(fault, FAULT_KEY, "%s: libcrypto says: %s", what, reason);
}

int keyfile_generate(const char *kind, EVP_PKEY **ret_pkey, struct fault *fault)
{
	EVP_PKEY *pkey = strcmp(kind, "P-256") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
						    : EVP_PKEY_Q_keygen(NULL, NULL, kind);

	if (!pkey)
		return keyfile_trouble(fault, "cannot make a key");
	*ret_pkey = pkey;
	return 0;
}

/* What a memory BIO holds, as text of the caller's. */
static int keyfile_text(BIO *bio, char **ret_pem, struct fault *fault)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);
	char *pem = malloc((size_t)n + 1);

	if (!pem)
		return fault_errno(fault, ENOMEM, "key file");
	memcpy(pem, data, (size_t)n);
	pem[n] = 0;
	*ret_pem = pem;
	return 0;
}

int keyfile_encrypt(
	EVP_PKEY *pkey, const struct secret *passphrase, char **ret_pem, struct fault *fault)
{
	_cleanup_(p8info_freep) PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	_cleanup_(algor_freep) X509_ALGOR *algor = NULL;
	_cleanup_(x509_sig_freep) X509_SIG *sig = NULL;
	_cleanup_(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
	unsigned char salt[16];

	if (!info || !bio || RAND_bytes(salt, sizeof(salt)) != 1)
		return keyfile_trouble(fault, "cannot encrypt a key");
	algor = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt, sizeof(salt), NULL, KEYFILE_SCRYPT_N,
		KEYFILE_SCRYPT_R, KEYFILE_SCRYPT_P);
	if (!algor)
		return keyfile_trouble(fault, "cannot encrypt a key");
	sig = PKCS8_set0_pbe(passphrase->text, (int)passphrase->n_bytes, info, algor);
	if (!sig)
		return keyfile_trouble(fault, "cannot encrypt a key");
	/* Owned by sig from here on. */
	algor = NULL;
	if (PEM_write_bio_PKCS8(bio, sig) != 1)
		return keyfile_trouble(fault, "cannot encrypt a key");
	return keyfile_text(bio, ret_pem, fault);
}

int keyfile_plain(EVP_PKEY *pkey, char **ret_pem, struct fault *fault)
{
	_cleanup_(bio_freep) BIO *bio = BIO_new(BIO_s_secmem());

	if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) != 1)
		return keyfile_trouble(fault, "cannot write a key");
	return keyfile_text(bio, ret_pem, fault);
}

int keyfile_decrypt(const char *pem, size_t n_bytes, const struct secret *passphrase,
	const char *name, EVP_PKEY **ret_pkey, bool *ret_wrong, struct fault *fault)
{
	_cleanup_(bio_freep) BIO *bio = BIO_new_mem_buf(pem, (int)n_bytes);
	_cleanup_(p8info_freep) PKCS8_PRIV_KEY_INFO *info = NULL;
	_cleanup_(x509_sig_freep) X509_SIG *sig = NULL;
	EVP_PKEY *pkey;

	if (ret_wrong)
		*ret_wrong = false;
	if (!bio)
		return fault_errno(fault, ENOMEM, "key file %s", name);
	sig = PEM_read_bio_PKCS8(bio, NULL, NULL, NULL);
	if (!sig) {
		ERR_clear_error();
		return fault_set(fault, FAULT_KEY,
			"%s is not an encrypted key file (BEGIN ENCRYPTED PRIVATE KEY); "
			"is it damaged? Restore it from your copy",
			name);
	}
	info = PKCS8_decrypt(sig, passphrase->text, (int)passphrase->n_bytes);
	pkey = info ? EVP_PKCS82PKEY(info) : NULL;
	ERR_clear_error();
	if (!pkey) {
		if (ret_wrong)
			*ret_wrong = true;
		return fault_set(fault, FAULT_KEY, "the passphrase does not open %s", name);
	}
	*ret_pkey = pkey;
	return 0;
}
