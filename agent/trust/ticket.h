/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ticket.h - what a phone needs to enrol: where the server is, a one-time secret, the CA key to
 * trust, the keyset to pin, an expiry.
 *
 * Two spellings of the same fields: an mdm:// URI (also the content of the QR code) and text of
 * "name value" lines (also the format of zero-touch.conf). docs/protocol.md has both in full.
 */
#ifndef MDM_TRUST_TICKET_H
#define MDM_TRUST_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/buf.h"
#include "agent/util/digest.h"
#include "agent/util/limits.h"

struct ticket {
	char server[LIMIT_URL_BYTES + 1]; /* https://host[:port], no path, no trailing slash */
	char est[LIMIT_URL_BYTES + 1];	  /* EST base URL; "" = server + "/.well-known/est" */
	char id[33];			  /* 32 hexadecimal digits; HTTP Basic user for EST */
	char secret[44];		  /* 16..43 base64url characters; HTTP Basic password */
	uint8_t ca_pins[LIMIT_TICKET_PINS][SHA256_BYTES]; /* SPKI SHA-256 (RFC 7469, 2.4) */
	size_t n_ca_pins;				  /* 1..2 */
	uint8_t keyset_sha256[SHA256_BYTES];
	int64_t expires_s;
};

struct ticket_error {
	char message[200]; /* what is wrong and what to do; never the secret */
};

/* Either spelling; white space around it is ignored. 0 or -EBADMSG with ret_error filled. */
int ticket_parse(const char *text, size_t n_bytes, struct ticket *ret_ticket,
	struct ticket_error *ret_error);
void ticket_write_uri(const struct ticket *ticket, struct buf *out);
void ticket_write_text(const struct ticket *ticket, struct buf *out);

#endif
