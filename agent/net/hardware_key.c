/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hardware_key.c - keys in a TPM or a token; see hardware_key.h. Net role.
 *
 * The provider and its key live in a library context of their own. In the one that TLS uses, a
 * provider for hardware would take part in everything, and a TPM is slow at hashing, refuses what
 * TLS does with its digests, and knows no foreign certificates; OpenSSL 3.0 chooses a provider by
 * name of the algorithm, not by key. What TLS gets is a key of the ordinary kind with the public
 * half, whose signing is ours. That needs EC_KEY_METHOD, which is deprecated and without successor.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "agent/net/hardware_key.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/mem.h"

static const struct {
	const char *scheme, *provider, *package;
} hardware_schemes[] = {
	{"pkcs11:", "pkcs11", "pkcs11-provider"},
	{"handle:", "tpm2", "tpm2-openssl"},
	{"object:", "tpm2", "tpm2-openssl"},
};

/* Otherwise the library tries one way after the other, daemons on D-Bus first. */
#define HARDWARE_TCTI_VARIABLE "TPM2OPENSSL_TCTI"
#define HARDWARE_TCTI "device:/dev/tpmrm0"

#define HARDWARE_P256_BITS 256
#define EC_POINT_BYTES 65 /* uncompressed, P-256 */

DEFINE_CLEANUP(OSSL_STORE_CTX *, OSSL_STORE_close)
DEFINE_CLEANUP(OSSL_STORE_INFO *, OSSL_STORE_INFO_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(EC_KEY *, EC_KEY_free)

static size_t scheme_of(const char *uri)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hardware_schemes); i++)
		if (strncmp(uri, hardware_schemes[i].scheme, strlen(hardware_schemes[i].scheme)) ==
			0)
			break;
	return i;
}

const char *hardware_key_provider(const char *uri)
{
	size_t i = scheme_of(uri);

	return i < ARRAY_SIZE(hardware_schemes) ? hardware_schemes[i].provider : NULL;
}

/* PINs come from the file that pin-source of the URI names; nobody is there to be asked. */
static int no_passphrase(char *buffer, int size, int writing, void *userdata)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)userdata;
	return -1;
}

/* The first private key that the URI names. */
static EVP_PKEY *open_key(OSSL_LIB_CTX *library, const char *uri)
{
	UI_METHOD *silent = UI_UTIL_wrap_read_pem_callback(no_passphrase, 0);
	_cleanup_(OSSL_STORE_closep) OSSL_STORE_CTX *store =
		OSSL_STORE_open_ex(uri, library, NULL, silent, NULL, NULL, NULL, NULL);
	EVP_PKEY *key = NULL;

	if (store && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1)
		while (!key && !OSSL_STORE_eof(store)) {
			_cleanup_(OSSL_STORE_INFO_freep) OSSL_STORE_INFO *info =
				OSSL_STORE_load(store);

			if (!info)
				break;
			if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
				key = OSSL_STORE_INFO_get1_PKEY(info);
		}
	/* The key may ask through it for as long as it lives, which is as long as the process. */
	return key;
}

static bool is_p256(const EVP_PKEY *key)
{
	char curve[32] = "";
	size_t n;

	return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) == HARDWARE_P256_BITS &&
	       EVP_PKEY_get_group_name(key, curve, sizeof(curve), &n) == 1 &&
	       (strcmp(curve, "prime256v1") == 0 || strcmp(curve, "P-256") == 0);
}

/* --- a key of the ordinary kind that signs with it ---------------------------------------- */

struct hardware {
	OSSL_LIB_CTX *library;
	EVP_PKEY *key;
};

static int hardware_index(void)
{
	static int index = -1;

	if (index < 0)
		index = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	return index;
}

static int hardware_sign(int type, const unsigned char *digest, int n_digest, unsigned char *sig,
	unsigned int *n_sig, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *key)
{
	const struct hardware *hardware = EC_KEY_get_ex_data(key, hardware_index());
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(hardware->library, hardware->key, NULL);
	size_t n = (size_t)ECDSA_size(key);
	bool ok;

	(void)type;
	(void)kinv;
	(void)r;
	ok = n_digest == 32 && context && EVP_PKEY_sign_init(context) == 1 &&
	     EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
	     EVP_PKEY_sign(context, sig, &n, digest, (size_t)n_digest) == 1;
	EVP_PKEY_CTX_free(context);
	*n_sig = ok ? (unsigned int)n : 0;
	return ok;
}

static ECDSA_SIG *hardware_sign_sig(
	const unsigned char *digest, int n_digest, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *key)
{
	unsigned char sig[128];
	const unsigned char *at = sig;
	unsigned int n;

	if ((size_t)ECDSA_size(key) > sizeof(sig) ||
		!hardware_sign(0, digest, n_digest, sig, &n, kinv, r, key))
		return NULL;
	return d2i_ECDSA_SIG(NULL, &at, n);
}

/* The public half as a key of the default kind: by its point or, where that is not told, in DER. */
static EC_KEY *public_half(EVP_PKEY *key)
{
	_cleanup_(EC_KEY_freep) EC_KEY *half = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	unsigned char point[EC_POINT_BYTES], *der = NULL;
	_cleanup_(EC_KEY_freep) EC_KEY *decoded = NULL;
	const unsigned char *at;
	size_t n = 0;
	int n_der;

	if (half &&
		EVP_PKEY_get_octet_string_param(
			key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &n) == 1 &&
		EC_KEY_oct2key(half, point, n, NULL) == 1)
		return TAKE_PTR(half);
	n_der = i2d_PUBKEY(key, &der);
	if (!half || n_der <= 0)
		return NULL;
	at = der;
	decoded = d2i_EC_PUBKEY(NULL, &at, n_der);
	OPENSSL_free(der);
	/* Some write out the curve in numbers, which no certificate may; ours has its name. */
	if (!decoded || EC_KEY_set_public_key(half, EC_KEY_get0_public_key(decoded)) != 1)
		return NULL;
	return TAKE_PTR(half);
}

/* Hardware lives as long as the process. */
static EVP_PKEY *wrap(OSSL_LIB_CTX *library, EVP_PKEY *key)
{
	static struct hardware hardware;
	_cleanup_(EC_KEY_freep) EC_KEY *half = public_half(key);
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *wrapped = EVP_PKEY_new();
	EC_KEY_METHOD *method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());

	if (!half || !wrapped || !method || hardware_index() < 0)
		return NULL;
	hardware = (struct hardware){.library = library, .key = key};
	EC_KEY_METHOD_set_sign(method, hardware_sign, NULL, hardware_sign_sig);
	if (EC_KEY_set_method(half, method) != 1 ||
		EC_KEY_set_ex_data(half, hardware_index(), &hardware) != 1 ||
		EVP_PKEY_assign_EC_KEY(wrapped, half) != 1)
		return NULL;
	(void)TAKE_PTR(half);
	return TAKE_PTR(wrapped);
}

int hardware_key_open(const char *uri, EVP_PKEY **ret_key, struct failure *ret_failure)
{
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
	size_t i = scheme_of(uri);
	EVP_PKEY *wrapped;

	if (i == ARRAY_SIZE(hardware_schemes))
		return failure_set(ret_failure, NET_STAGE_IDENTITY,
			"the device key \"%.80s\" is of no kind that is known here; it must begin "
			"with pkcs11:, handle: or object:",
			uri);
	(void)setenv(HARDWARE_TCTI_VARIABLE, HARDWARE_TCTI, 0);
	/* The hardware's first: of two that can sign, OpenSSL takes the first. */
	if (!library || !OSSL_PROVIDER_load(library, hardware_schemes[i].provider) ||
		!OSSL_PROVIDER_load(library, "default")) {
		ERR_clear_error();
		return failure_set(ret_failure, NET_STAGE_IDENTITY,
			"the OpenSSL provider \"%s\" of the device key cannot be loaded; install %s, "
			"and look whether the agent's user may use the hardware",
			hardware_schemes[i].provider, hardware_schemes[i].package);
	}
	key = open_key(library, uri);
	ERR_clear_error();
	if (!key)
		return failure_set(ret_failure, NET_STAGE_IDENTITY,
			"the device key \"%.80s\" cannot be opened; is the hardware there, may the "
			"agent's user use it, is the PIN file readable?",
			uri);
	if (!is_p256(key))
		return failure_set(ret_failure, NET_STAGE_IDENTITY,
			"the device key \"%.80s\" is not on curve P-256; make another one", uri);
	wrapped = wrap(library, key);
	if (!wrapped)
		return failure_set(ret_failure, NET_STAGE_IDENTITY,
			"the public half of the device key \"%.80s\" cannot be read", uri);
	(void)TAKE_PTR(key);
	*ret_key = wrapped;
	return 0;
}

int hardware_key_port(uint16_t *ret_port)
{
	const char *tcti = getenv(HARDWARE_TCTI_VARIABLE);
	const char *text = tcti ? strstr(tcti, "port=") : NULL;
	int64_t port;

	if (!text || parse_int64(text + strlen("port="), 1, UINT16_MAX - 1, &port) < 0)
		return -ENOENT;
	*ret_port = (uint16_t)port;
	return 0;
}

int hardware_key_directory(char ret_path[256])
{
	const char *conf = getenv("SOFTHSM2_CONF"), *slash = conf ? strrchr(conf, '/') : NULL;
	size_t n = slash ? (size_t)(slash - conf) : 0;

	if (n >= 256)
		return -ENAMETOOLONG;
	if (n)
		memcpy(ret_path, conf, n);
	ret_path[n] = 0;
	return 0;
}
