/* SPDX-License-Identifier: Apache-2.0 */
/* hardware_key.c - keys in a TPM or a token; see hardware_key.h. Net role. */
#include "agent/net/hardware_key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <stdlib.h>
#include <string.h>

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

DEFINE_CLEANUP(OSSL_STORE_CTX *, OSSL_STORE_close)
DEFINE_CLEANUP(OSSL_STORE_INFO *, OSSL_STORE_INFO_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)

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
static EVP_PKEY *open_key(const char *uri)
{
	UI_METHOD *silent = UI_UTIL_wrap_read_pem_callback(no_passphrase, 0);
	_cleanup_(OSSL_STORE_closep) OSSL_STORE_CTX *store =
		OSSL_STORE_open(uri, silent, NULL, NULL, NULL);
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

int hardware_key_open(const char *uri, EVP_PKEY **ret_key, struct failure *ret_failure)
{
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	size_t i = scheme_of(uri);

	if (i == ARRAY_SIZE(hardware_schemes))
		return failure_set(ret_failure, NET_STAGE_IDENTITY,
			"the device key \"%.80s\" is of no kind that is known here; it must begin "
			"with pkcs11:, handle: or object:",
			uri);
	(void)setenv(HARDWARE_TCTI_VARIABLE, HARDWARE_TCTI, 0);
	/* A provider that is loaded by name takes the place of the default one. */
	if (!OSSL_PROVIDER_load(NULL, "default") ||
		!OSSL_PROVIDER_load(NULL, hardware_schemes[i].provider)) {
		ERR_clear_error();
		return failure_set(ret_failure, NET_STAGE_IDENTITY,
			"the OpenSSL provider \"%s\" of the device key cannot be loaded; install %s, "
			"and look whether %s may use the hardware",
			hardware_schemes[i].provider, hardware_schemes[i].package,
			"the agent's user");
	}
	key = open_key(uri);
	ERR_clear_error();
	if (!key)
		return failure_set(ret_failure, NET_STAGE_IDENTITY,
			"the device key \"%.80s\" cannot be opened; is the hardware there, may the "
			"agent's user use it, is the PIN file readable?",
			uri);
	if (!is_p256(key))
		return failure_set(ret_failure, NET_STAGE_IDENTITY,
			"the device key \"%.80s\" is not on curve P-256; make another one", uri);
	*ret_key = TAKE_PTR(key);
	return 0;
}
