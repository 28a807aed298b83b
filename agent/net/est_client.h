/* SPDX-License-Identifier: Apache-2.0 */
/*
 * est_client.h - the two requests of an EST client (RFC 7030): cacerts, and a certificate for a
 * PKCS #10. Whom to believe and how to show oneself is the caller's tls. Net role.
 */
#ifndef MDM_NET_EST_CLIENT_H
#define MDM_NET_EST_CLIENT_H

#include "agent/net/est.h"
#include "agent/net/exchange.h"

struct est_call {
	const struct exchange *exchange;
	struct tls *tls;
	const char *(*status_text)(unsigned int status); /* as est_status_text() */
	const char *user, *secret;			 /* HTTP Basic; NULL: none */
	const struct identity_numbers *numbers;		 /* in the request; NULL: none */
	int64_t date_s; /* found: the server's date of the last answer; 0: none */
};

struct est_pins {
	const uint8_t (*pins)[SHA256_BYTES];
	size_t n_pins;
	bool only; /* the pinned ones and nothing else: the server is anybody */
};

/* The CA certificates of the server, sorted by the pins. 0; NET_E_FAILED; -ECANCELED. */
int est_call_anchors(struct est_call *call, const struct est_pins *pins,
	struct anchors *ret_anchors, struct failure *ret_failure);

/* A certificate for the identity's key, which is the caller's. 0; NET_E_FAILED; -ECANCELED. */
int est_call_certificate(struct est_call *call, const char *operation,
	const struct identity *identity, X509 **ret_certificate, struct failure *ret_failure);

/* The failure for an answer. NET_E_FAILED. */
int est_call_failed(
	const struct est_call *call, enum est_answer answer, struct failure *ret_failure);

#endif
