/* SPDX-License-Identifier: Apache-2.0 */
/*
 * est.h - what EST servers answer (RFC 7030, RFC 8951), taken apart under limits: base64 of a
 * PKCS #7 with certificates only. Net role; pure, so that it can be fuzzed.
 */
#ifndef MDM_NET_EST_H
#define MDM_NET_EST_H

#include "agent/net/certificates.h"

enum est_answer {
	EST_OK,
	EST_E_EMPTY,
	EST_E_LARGE, /* above LIMIT_EST_BYTES */
	EST_E_BASE64,
	EST_E_PKCS7, /* not certs-only PKCS #7, or bytes behind it */
	EST_E_NO_CERTIFICATE,
	EST_E_MANY,	/* above LIMIT_EST_CERTIFICATES */
	EST_E_NO_PIN,	/* no certificate has a pinned key */
	EST_E_NOT_CA,	/* one has, but it is no CA */
	EST_E_NO_MATCH, /* no certificate is for our key */
	EST_E_MEMORY,
	EST_ANSWER_MAX,
};

/* What is wrong and what to do, as the end of a sentence that begins with the server's name. */
const char *est_answer_text(enum est_answer answer);

/* The body of an answer: base64 with any line breaks. EST_OK with at least one certificate. */
enum est_answer est_parse(const char *body, size_t n_bytes, STACK_OF(X509) * *ret_certificates);

/* Sorts by the pins: EST_OK with at least one pinned CA; the certificates are shared. */
enum est_answer est_select_anchors(STACK_OF(X509) * certificates,
	const uint8_t (*pins)[SHA256_BYTES], size_t n_pins, struct anchors *ret_anchors);

/*
 * The same for an answer from anybody: nothing but the pinned CAs is taken, and what has no pinned
 * key is not looked at beyond that.
 */
enum est_answer est_select_pinned(STACK_OF(X509) * certificates,
	const uint8_t (*pins)[SHA256_BYTES], size_t n_pins, struct anchors *ret_anchors);

/* The first certificate for the key, borrowed from the stack. */
enum est_answer est_select_certificate(
	STACK_OF(X509) * certificates, EVP_PKEY *key, X509 **ret_certificate);

/* What an HTTP status other than 200 means, in the same form as est_answer_text(). */
const char *est_status_text(unsigned int status);

#endif
