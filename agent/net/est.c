/* SPDX-License-Identifier: Apache-2.0 */
/* est.c - answers of EST servers; see est.h. Net role; pure. */
#include "agent/net/est.h"

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/limits.h"

static const char *const answer_texts[EST_ANSWER_MAX] = {
	[EST_OK] = "answered well",
	[EST_E_EMPTY] = "answered with nothing; is the EST address in the ticket right?",
	[EST_E_LARGE] = "sent far more than certificates need; is the EST address right?",
	[EST_E_BASE64] = "did not answer in base64 (RFC 7030); is the EST address right?",
	[EST_E_PKCS7] = "did not answer with PKCS #7 certificates; is the EST address right?",
	[EST_E_NO_CERTIFICATE] = "sent no certificate; look at the CA of the EST server",
	[EST_E_MANY] = "sent more certificates than a chain has; look at the EST server's CA list",
	[EST_E_NO_PIN] =
		"has no CA that the ticket names: another organisation's server, an attack, "
		"or a CA replaced since; make a new ticket if it was replaced",
	[EST_E_NOT_CA] =
		"sent a certificate with the pinned key that is no CA; the ticket must pin a "
		"CA key",
	[EST_E_NO_MATCH] = "sent a certificate for another key; look at the CA's log",
	[EST_E_MEMORY] = "could not be understood because memory is short; try again",
};

const char *est_answer_text(enum est_answer answer)
{
	return answer < EST_ANSWER_MAX ? answer_texts[answer] : "";
}

const char *est_status_text(unsigned int status)
{
	switch (status) {
	case 202:
		return "accepted the request but has not decided yet; approve it there, then enrol "
		       "again";
	case 204:
		return "answered with nothing; is the EST address in the ticket right?";
	case 400:
		return "refused the certificate request as malformed; look at the EST server's log";
	case 401:
	case 403:
		return "refused the ticket: it was used, has expired or was withdrawn; make a new one";
	case 404:
	case 405:
	case 501:
		return "has no EST service at that address; check server and est in the ticket";
	}
	if (status >= 300 && status < 400)
		return "redirects, which is not followed; put the final address into the ticket";
	if (status == 429 || status >= 500)
		return "is overloaded or broken; try again later or look at its log";
	return "gave an unexpected HTTP status; look at its log";
}

static void pkcs7_freep(PKCS7 **pkcs7)
{
	PKCS7_free(*pkcs7);
}

/* The order of the checks is that of the work they cost. */
enum est_answer est_parse(const char *body, size_t n_bytes, STACK_OF(X509) * *ret_certificates)
{
	_cleanup_free_ unsigned char *der = NULL;
	_cleanup_(pkcs7_freep) PKCS7 *pkcs7 = NULL;
	const unsigned char *p;
	STACK_OF(X509) * certificates;
	size_t n_der;

	if (n_bytes > LIMIT_EST_BYTES)
		return EST_E_LARGE;
	der = malloc(n_bytes + 1);
	if (!der)
		return EST_E_MEMORY;
	if (base64_decode(body, n_bytes, der, n_bytes, &n_der) < 0)
		return EST_E_BASE64;
	if (n_der == 0)
		return EST_E_EMPTY;
	p = der;
	pkcs7 = d2i_PKCS7(NULL, &p, (long)n_der);
	ERR_clear_error();
	if (!pkcs7 || p != der + n_der || !PKCS7_type_is_signed(pkcs7) || !pkcs7->d.sign)
		return EST_E_PKCS7;
	certificates = pkcs7->d.sign->cert;
	if (sk_X509_num(certificates) <= 0)
		return EST_E_NO_CERTIFICATE;
	if (sk_X509_num(certificates) > LIMIT_EST_CERTIFICATES)
		return EST_E_MANY;
	certificates = X509_chain_up_ref(certificates);
	if (!certificates)
		return EST_E_MEMORY;
	*ret_certificates = certificates;
	return EST_OK;
}

static bool push(STACK_OF(X509) * into, X509 *certificate)
{
	if (!X509_up_ref(certificate))
		return false;
	if (sk_X509_push(into, certificate) > 0)
		return true;
	X509_free(certificate);
	return false;
}

enum est_answer est_select_anchors(STACK_OF(X509) * certificates,
	const uint8_t (*pins)[SHA256_BYTES], size_t n_pins, struct anchors *ret_anchors)
{
	_cleanup_(anchors_done) struct anchors anchors = {
		.pinned = sk_X509_new_null(),
		.intermediates = sk_X509_new_null(),
	};
	bool not_ca = false;

	if (!anchors.pinned || !anchors.intermediates)
		return EST_E_MEMORY;
	for (int i = 0; i < sk_X509_num(certificates); i++) {
		X509 *certificate = sk_X509_value(certificates, i);
		bool ca = X509_check_ca(certificate) == 1; /* version 3 with CA:TRUE */
		bool pinned = certificate_is_pinned(certificate, pins, n_pins);

		ERR_clear_error();
		not_ca |= pinned && !ca;
		/* A root that is not pinned would be of no use to anybody. */
		if (!ca || (!pinned && X509_get_extension_flags(certificate) & EXFLAG_SS))
			continue;
		if (!push(pinned ? anchors.pinned : anchors.intermediates, certificate))
			return EST_E_MEMORY;
	}
	if (sk_X509_num(anchors.pinned) == 0)
		return not_ca ? EST_E_NOT_CA : EST_E_NO_PIN;
	*ret_anchors = anchors;
	anchors = (struct anchors){0};
	return EST_OK;
}

enum est_answer est_select_pinned(STACK_OF(X509) * certificates,
	const uint8_t (*pins)[SHA256_BYTES], size_t n_pins, struct anchors *ret_anchors)
{
	STACK_OF(X509) *pinned = sk_X509_new_null();
	enum est_answer answer = pinned ? EST_OK : EST_E_MEMORY;

	for (int i = 0; i < sk_X509_num(certificates) && answer == EST_OK; i++) {
		X509 *certificate = sk_X509_value(certificates, i);

		if (certificate_is_pinned(certificate, pins, n_pins) &&
			sk_X509_push(pinned, certificate) <= 0)
			answer = EST_E_MEMORY;
	}
	if (answer == EST_OK)
		answer = est_select_anchors(pinned, pins, n_pins, ret_anchors);
	sk_X509_free(pinned); /* they are borrowed */
	return answer;
}

enum est_answer est_select_certificate(
	STACK_OF(X509) * certificates, EVP_PKEY *key, X509 **ret_certificate)
{
	for (int i = 0; i < sk_X509_num(certificates); i++) {
		X509 *certificate = sk_X509_value(certificates, i);
		EVP_PKEY *theirs = X509_get0_pubkey(certificate);

		if (theirs && EVP_PKEY_eq(theirs, key) == 1) {
			*ret_certificate = certificate;
			return EST_OK;
		}
	}
	ERR_clear_error();
	return EST_E_NO_MATCH;
}
