/* SPDX-License-Identifier: Apache-2.0 */
/* pki.c - loads and checks the keys and certificates; see pki.h. mdm-server only. */
#include "server/pki.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <time.h>

#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "agent/util/limits.h"

#define PKI_ADVICE                                                                                 \
	"run \"mdmctl init\" on the administrator's machine and copy its server directory here"

static int _printf_(2, 3) pki_fail(struct pki_problem *ret_problem, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret_problem->message, sizeof(ret_problem->message), format, args);
	va_end(args);
	ERR_clear_error();
	return -EINVAL;
}

static BIO *pki_open(const char *directory, const char *name, struct pki_problem *ret_problem)
{
	char path[4096];
	BIO *bio;
	int n = directory ? snprintf(path, sizeof(path), "%s/%s", directory, name)
			  : snprintf(path, sizeof(path), "%s", name);

	if (n < 0 || (size_t)n >= sizeof(path)) {
		pki_fail(ret_problem, "the path of %.100s is too long", name);
		return NULL;
	}
	errno = 0;
	bio = BIO_new_file(path, "re");
	if (!bio)
		pki_fail(ret_problem, "cannot read %.200s: %s; %s", path,
			errno ? strerror(errno) : "out of memory",
			errno == EACCES
				? "give the directory to the user that runs mdm-server (chown -R)"
				: PKI_ADVICE);
	return bio;
}

/* A passphrase would have to lie beside the key: keys here are plain, the directory is 0700. */
static int pki_no_passphrase(char *out, int size, int writing, void *userdata)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)userdata;
	return -1;
}

static int pki_read_key(const char *directory, const char *name, EVP_PKEY **ret_key,
	struct pki_problem *ret_problem)
{
	_cleanup_(BIO_free_allp) BIO *bio = pki_open(directory, name, ret_problem);
	EVP_PKEY *key;

	if (!bio)
		return -EINVAL;
	key = PEM_read_bio_PrivateKey(bio, NULL, pki_no_passphrase, NULL);
	if (!key)
		return pki_fail(ret_problem,
			"%s is not a private key in PEM without passphrase; " PKI_ADVICE, name);
	*ret_key = key;
	return 0;
}

/* All certificates of a PEM file, at least one. */
static int pki_read_certs(const char *directory, const char *name, STACK_OF(X509) * *ret_certs,
	struct pki_problem *ret_problem)
{
	_cleanup_(BIO_free_allp) BIO *bio = pki_open(directory, name, ret_problem);
	STACK_OF(X509) * certs;
	X509 *x509;

	if (!bio)
		return -EINVAL;
	certs = sk_X509_new_null();
	while (certs && (x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		if (!sk_X509_push(certs, x509))
			X509_free(x509);
	/* The end of the file is an error of its own kind; any other is a damaged certificate. */
	if (sk_X509_num(certs) < 1 ||
		ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
		sk_X509_pop_free(certs, X509_free);
		return pki_fail(
			ret_problem, "%s does not hold certificates in PEM; " PKI_ADVICE, name);
	}
	ERR_clear_error();
	*ret_certs = certs;
	return 0;
}

static int pki_read_cert(
	const char *directory, const char *name, X509 **ret_x509, struct pki_problem *ret_problem)
{
	STACK_OF(X509) *certs = NULL;
	int r = pki_read_certs(directory, name, &certs, ret_problem);

	if (r < 0)
		return r;
	*ret_x509 = sk_X509_shift(certs);
	sk_X509_pop_free(certs, X509_free);
	return 0;
}

static bool pki_is_root(X509 *x509)
{
	return X509_self_signed(x509, 1) == 1;
}

bool pki_is_own_device_ca(const struct pki *pki, X509 *x509)
{
	if (X509_cmp(x509, pki->device_ca) == 0)
		return true;
	for (int i = 0; i < sk_X509_num(pki->other_cas); i++) {
		X509 *other = sk_X509_value(pki->other_cas, i);

		if (!pki_is_root(other) && X509_cmp(other, x509) == 0)
			return true;
	}
	return false;
}

/* Adds the certificates of a file that need not be there. */
static int pki_read_others(
	struct pki *pki, const char *directory, const char *name, struct pki_problem *ret_problem)
{
	STACK_OF(X509) *certs = NULL;
	char path[4096];
	X509 *x509;
	int r;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	r = pki_read_certs(directory, name, &certs, ret_problem);
	if (r < 0)
		return r;
	if (!pki->other_cas)
		pki->other_cas = sk_X509_new_null();
	while ((x509 = sk_X509_shift(certs)))
		if (!pki->other_cas || !sk_X509_push(pki->other_cas, x509)) {
			X509_free(x509);
			r = pki_fail(ret_problem, "out of memory");
		}
	sk_X509_pop_free(certs, X509_free);
	return r;
}

/* Whether a root that we know signed it. */
static bool pki_is_of_known_root(const struct pki *pki, X509 *x509)
{
	if (X509_verify(x509, X509_get0_pubkey(pki->root)) == 1)
		return true;
	for (int i = 0; i < sk_X509_num(pki->other_cas); i++) {
		X509 *other = sk_X509_value(pki->other_cas, i);

		if (pki_is_root(other) && X509_verify(x509, X509_get0_pubkey(other)) == 1)
			return true;
	}
	ERR_clear_error();
	return false;
}

static int pki_check_others(struct pki *pki, struct pki_problem *ret_problem)
{
	/* With root.pem and device-ca.pem they are the answer of cacerts. */
	if (sk_X509_num(pki->other_cas) + 2 > LIMIT_EST_CERTIFICATES)
		return pki_fail(ret_problem,
			PKI_PREVIOUS_FILE " and " PKI_NEXT_FILE " hold more than %d certificates, "
					  "which phones would not take; leave the oldest out",
			LIMIT_EST_CERTIFICATES - 2);
	for (int i = 0; i < sk_X509_num(pki->other_cas); i++) {
		X509 *other = sk_X509_value(pki->other_cas, i);

		if (X509_check_ca(other) != 1 || !pki_is_of_known_root(pki, other))
			return pki_fail(ret_problem,
				"certificate %d of " PKI_PREVIOUS_FILE " and " PKI_NEXT_FILE
				" is no root CA, and no CA that one of the roots signed; put the "
				"earlier root.pem and device-ca.pem there, nothing else",
				i + 1);
	}
	return 0;
}

static int pki_split_chain(struct pki *pki, STACK_OF(X509) * certs, struct pki_problem *ret_problem)
{
	X509 *x509;

	pki->server_cert = sk_X509_shift(certs);
	pki->server_chain = sk_X509_new_null();
	if (!pki->server_chain)
		return pki_fail(ret_problem, "out of memory");
	while ((x509 = sk_X509_shift(certs))) {
		if (pki_is_root(x509) || !sk_X509_push(pki->server_chain, x509))
			X509_free(x509);
	}
	return 0;
}

/* Does the certificate verify up to root, now, for this purpose (0: for whatever it says)? */
static bool pki_verifies(struct pki *pki, X509 *x509, int purpose, const char **ret_why)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool ok = store && ctx && X509_STORE_add_cert(store, pki->root) == 1 &&
		  X509_STORE_CTX_init(ctx, store, x509, pki->server_chain) == 1 &&
		  (purpose == 0 || X509_STORE_CTX_set_purpose(ctx, purpose) == 1);

	if (!ok)
		*ret_why = "out of memory";
	else if (X509_verify_cert(ctx) != 1)
		ok = false, *ret_why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return ok;
}

static int pki_check(struct pki *pki, int64_t now_s, struct pki_problem *ret_problem)
{
	time_t now = (time_t)now_s;
	const char *why = "";

	if (X509_check_private_key(pki->server_cert, pki->server_key) != 1)
		return pki_fail(ret_problem,
			"server-key.pem is not the key of the first certificate in server-chain.pem; " PKI_ADVICE);
	if (X509_check_private_key(pki->device_ca, pki->device_ca_key) != 1)
		return pki_fail(ret_problem,
			"device-ca-key.pem is not the key of device-ca.pem; " PKI_ADVICE);
	if (!pki_is_root(pki->root) || X509_check_ca(pki->root) != 1)
		return pki_fail(ret_problem, "root.pem is not a root CA certificate; " PKI_ADVICE);
	if (X509_cmp_time(X509_get0_notAfter(pki->device_ca), &now) < 0)
		return pki_fail(ret_problem,
			"device-ca.pem has expired; make a new one with mdmctl and copy it here");
	if (X509_check_ca(pki->device_ca) != 1 || pki_is_root(pki->device_ca) ||
		!pki_verifies(pki, pki->device_ca, 0, &why))
		return pki_fail(ret_problem,
			"device-ca.pem is not a CA that root.pem signed%s%s; " PKI_ADVICE,
			*why ? ": " : "", why);
	if (!pki_verifies(pki, pki->server_cert, X509_PURPOSE_SSL_SERVER, &why))
		return pki_fail(ret_problem,
			"server-chain.pem does not verify up to root.pem: %s; " PKI_ADVICE, why);
	for (int i = 0; i < sk_X509_num(pki->client_cas); i++)
		/* The root signs administrators: as an anchor it would let them in as devices. */
		if (X509_cmp(sk_X509_value(pki->client_cas, i), pki->root) == 0)
			return pki_fail(ret_problem,
				"the file of --client-ca holds our own root, which signs "
				"administrators; leave it out, devices of our own CA are accepted anyway");
	return 0;
}

int pki_load(const char *directory, const char *client_ca, int64_t now_s, struct pki *ret_pki,
	struct pki_problem *ret_problem)
{
	STACK_OF(X509) *chain = NULL;
	struct pki pki = {0};
	int r;

	r = pki_read_cert(directory, "root.pem", &pki.root, ret_problem);
	if (r == 0)
		r = pki_read_key(directory, "server-key.pem", &pki.server_key, ret_problem);
	if (r == 0)
		r = pki_read_certs(directory, "server-chain.pem", &chain, ret_problem);
	if (r == 0)
		r = pki_split_chain(&pki, chain, ret_problem);
	if (r == 0)
		r = pki_read_key(directory, "device-ca-key.pem", &pki.device_ca_key, ret_problem);
	if (r == 0)
		r = pki_read_cert(directory, "device-ca.pem", &pki.device_ca, ret_problem);
	if (r == 0 && client_ca)
		r = pki_read_certs(NULL, client_ca, &pki.client_cas, ret_problem);
	if (r == 0)
		r = pki_read_others(&pki, directory, PKI_PREVIOUS_FILE, ret_problem);
	if (r == 0)
		r = pki_read_others(&pki, directory, PKI_NEXT_FILE, ret_problem);
	if (r == 0)
		r = pki_check(&pki, now_s, ret_problem);
	if (r == 0)
		r = pki_check_others(&pki, ret_problem);
	sk_X509_pop_free(chain, X509_free);
	if (r < 0) {
		pki_done(&pki);
		return r;
	}
	*ret_pki = pki;
	return 0;
}

void pki_done(struct pki *pki)
{
	EVP_PKEY_free(pki->server_key);
	EVP_PKEY_free(pki->device_ca_key);
	X509_free(pki->server_cert);
	X509_free(pki->device_ca);
	X509_free(pki->root);
	sk_X509_pop_free(pki->server_chain, X509_free);
	sk_X509_pop_free(pki->client_cas, X509_free);
	sk_X509_pop_free(pki->other_cas, X509_free);
	*pki = (struct pki){0};
}

int pki_device_id(X509_PUBKEY *key, char ret_id[DEVICE_ID_LENGTH + 1])
{
	uint8_t digest[SHA256_BYTES];
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(key, &der);
	int r = n > 0 ? sha256(der, (size_t)n, digest) : -EIO;

	OPENSSL_free(der);
	if (r < 0)
		return -EIO;
	hex_encode(digest, DEVICE_ID_LENGTH / 2, ret_id);
	return 0;
}

int64_t pki_until(const X509 *x509)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(x509), &tm) != 1)
		return 0;
	return (int64_t)timegm(&tm);
}
