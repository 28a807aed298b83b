/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: trust */
/*
 * fuzz_keyset.c - keysets. One that is taken has different keys, reachable thresholds, and keys
 * under which nothing is signed by accident; written again it is the same keyset.
 */
#include <errno.h>

#include "tests/lib/signer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void check_key(const struct keyset *keyset, size_t index)
{
	const struct keyset_key *k = &keyset->keys[index];
	uint8_t signature[LIMIT_SIGNATURE_BYTES] = {0};

	expect(strlen(k->key.kid) == KEY_ID_LENGTH && k->key.pkey);
	expect(k->roles != 0 && k->roles >> TRUST_ROLE_MAX == 0);
	expect(name_is_valid(k->name));
	/* Finds the first of several, so that a duplicate would not find itself. */
	expect(keyset_find(keyset, k->key.kid) == k);
	expect(key_verify(&k->key, "x", 1, signature) == 0);
	/* R = the neutral point, S = 0: valid for any message under a key of small order. */
	signature[0] = 1;
	expect(key_verify(&k->key, "x", 1, signature) == 0);
}

static void check_again(const struct keyset *keyset)
{
	struct signer_key keys[LIMIT_KEYSET_KEYS];
	struct signer_keyset copy = {
		.org = keyset->org,
		.version = keyset->version,
		.issued_s = keyset->issued_s,
		.expires_s = keyset->expires_s,
		.keys = keys,
		.n_keys = keyset->n_keys,
		.ca_pins = (const uint8_t(*)[SHA256_BYTES])keyset->ca_pins,
		.n_ca_pins = keyset->n_ca_pins,
	};
	_cleanup_(keyset_freep) struct keyset *again = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (size_t i = 0; i < keyset->n_keys; i++)
		keys[i] = (struct signer_key){
			keyset->keys[i].key, keyset->keys[i].roles, keyset->keys[i].name};
	memcpy(copy.threshold, keyset->threshold, sizeof(copy.threshold));
	signer_write_keyset(&copy, &text);
	expect(keyset_parse(text.data, text.n_bytes, &again, NULL) == 0);
	expect(again->version == keyset->version && again->n_keys == keyset->n_keys);
	expect(again->n_ca_pins == keyset->n_ca_pins);
	expect(memcmp(again->ca_pins, keyset->ca_pins, keyset->n_ca_pins * SHA256_BYTES) == 0);
	for (size_t i = 0; i < keyset->n_keys; i++)
		expect(strcmp(again->keys[i].key.kid, keyset->keys[i].key.kid) == 0 &&
			again->keys[i].roles == keyset->keys[i].roles);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_(keyset_freep) struct keyset *keyset = NULL;
	struct json_error error = {0};
	int r = keyset_parse((const char *)data, n_bytes, &keyset, &error);

	if (r < 0) {
		expect(r == -EBADMSG && !keyset && *error.message);
		return 0;
	}
	expect(keyset->n_keys >= 1 && keyset->n_keys <= LIMIT_KEYSET_KEYS);
	expect(keyset->version >= 1 && keyset->expires_s > keyset->issued_s);
	expect(keyset->n_ca_pins <= LIMIT_TICKET_PINS);
	expect(keyset->n_ca_pins < 2 ||
		memcmp(keyset->ca_pins[0], keyset->ca_pins[1], SHA256_BYTES) != 0);
	for (size_t i = 0; i < keyset->n_keys; i++)
		check_key(keyset, i);
	for (enum trust_role role = 0; role < TRUST_ROLE_MAX; role++) {
		uint32_t n = 0;

		for (size_t i = 0; i < keyset->n_keys; i++)
			n += keyset->keys[i].roles >> role & 1;
		expect(keyset->threshold[role] >= 1 && keyset->threshold[role] <= n);
	}
	check_again(keyset);
	return 0;
}
