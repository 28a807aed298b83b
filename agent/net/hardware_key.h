/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hardware_key.h - the device's key where it is in hardware: named by a URI, opened by an OpenSSL
 * provider, used but never seen. Net role, before its sandbox is closed.
 *
 * pkcs11:… (RFC 7512) is opened by the provider "pkcs11", handle:0x81… (a persistent object of a
 * TPM 2.0) and object:… by "tpm2". The key is made by the administrator's own tools;
 * docs/agentctl.md has the commands.
 */
#ifndef MDM_NET_HARDWARE_KEY_H
#define MDM_NET_HARDWARE_KEY_H

#include <openssl/evp.h>

#include "agent/net/failure.h"

/* The provider for a URI's scheme; NULL: we know none. */
const char *hardware_key_provider(const char *uri);

/*
 * Loads the provider and opens the private key, which must be on P-256. The provider stays loaded.
 * 0 with the key the caller's, or NET_E_FAILED.
 */
int hardware_key_open(const char *uri, EVP_PKEY **ret_key, struct failure *ret_failure);

/*
 * A simulated TPM is reached over TCP, at each command anew, where a real one is a device that
 * stays open: the port of TPM2OPENSSL_TCTI, which whoever started the agent set. 0; -ENOENT: none.
 */
int hardware_key_port(uint16_t *ret_port);

/*
 * The directory of SOFTHSM2_CONF, below which the token's files have to be; "" if it is not set.
 * 0 or -ENAMETOOLONG.
 */
int hardware_key_directory(char ret_path[256]);

#endif
