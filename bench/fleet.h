/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fleet.h - the devices that load_bench, herd_bench and wait_bench play: pairs of key and
 * certificate in one PEM file, made and checked by fleet_tool. Benchmarks only.
 */
#ifndef MDM_BENCH_FLEET_H
#define MDM_BENCH_FLEET_H

#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/codec.h"
#include "server/pki.h"

#define FLEET_DEVICES 20000 /* at most */
#define FLEET_NONCE_BYTES 16
#define FLEET_GROUP "bench" /* whose policy the server holds, serial above 0 */

struct fleet_device {
	EVP_PKEY *key;
	X509 *certificate;
	char id[DEVICE_ID_LENGTH + 1];
};

/* The nonce of a device's report in a round, so that what the server stored can be told. */
static inline void fleet_nonce(
	const char *id, uint64_t round, char ret_text[BASE64URL_LENGTH(FLEET_NONCE_BYTES) + 1])
{
	uint8_t bytes[FLEET_NONCE_BYTES];

	memcpy(bytes, id, 8);
	for (int i = 0; i < 8; i++)
		bytes[8 + i] = (uint8_t)(round >> (56 - 8 * i));
	base64url_encode(bytes, sizeof(bytes), ret_text);
}

/* Reads at most FLEET_DEVICES; their number, or -1. */
static inline int fleet_read(const char *path, struct fleet_device *ret_devices)
{
	FILE *file = fopen(path, "re");
	int n = 0;

	if (!file)
		return -1;
	for (; n < FLEET_DEVICES; n++) {
		struct fleet_device *d = &ret_devices[n];

		d->key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
		if (!d->key)
			break;
		d->certificate = PEM_read_X509(file, NULL, NULL, NULL);
		if (!d->certificate ||
			pki_device_id(X509_get_X509_PUBKEY(d->certificate), d->id) < 0) {
			n = -1;
			break;
		}
	}
	fclose(file);
	return n;
}

#endif
