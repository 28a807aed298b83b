/* SPDX-License-Identifier: Apache-2.0 */
/* point.h - whether 32 bytes are a usable Ed25519 public key. Private to agent/trust. Pure. */
#ifndef MDM_TRUST_POINT_H
#define MDM_TRUST_POINT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * True for the canonical encoding of a point on edwards25519 (RFC 8032, 5.1.3) that is not of
 * small order. libcrypto takes any 32 bytes; under a key of small order one signature fits every
 * message, so whoever proposes such a key would give away a vote of the keyset.
 */
bool point_ed25519_is_valid(const uint8_t encoded[32]);

#endif
