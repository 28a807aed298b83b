/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renew.c - renewal by EST; see renew.h. Net role.
 *
 * The request for the certificate already goes over TLS that the new anchors verify. So anchors
 * that would shut the server out are never stored: the renewal fails before.
 */
#include "agent/net/renew.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "agent/net/est_client.h"
#include "agent/util/clock.h"

const char *renew_status_text(unsigned int status)
{
	switch (status) {
	case 202:
		return "accepted the renewal but has not decided yet; approve it there";
	case 400:
		return "refused the renewal as malformed; look at the EST server's log";
	case 401:
	case 403:
		return "does not renew this phone's certificate: withdrawn, or expired for too "
		       "long; look at its record there, or enrol with a new ticket";
	case 404:
	case 405:
	case 501:
		return "does not renew certificates; update it, or look at its EST service";
	}
	return est_status_text(status);
}

static bool same_key(X509 *a, X509 *b)
{
	uint8_t pin_a[SHA256_BYTES], pin_b[SHA256_BYTES];

	return certificate_pin(a, pin_a) == 0 && certificate_pin(b, pin_b) == 0 &&
	       memcmp(pin_a, pin_b, SHA256_BYTES) == 0;
}

static bool has_key(STACK_OF(X509) * certificates, X509 *certificate)
{
	for (int i = 0; i < sk_X509_num(certificates); i++)
		if (same_key(sk_X509_value(certificates, i), certificate))
			return true;
	return false;
}

static bool has(STACK_OF(X509) * certificates, X509 *certificate)
{
	for (int i = 0; i < sk_X509_num(certificates); i++)
		if (X509_cmp(sk_X509_value(certificates, i), certificate) == 0)
			return true;
	return false;
}

/* Appends, sharing, as long as a file of anchors may hold more. */
static int add(struct anchors *anchors, STACK_OF(X509) * to, X509 *certificate)
{
	if (sk_X509_num(anchors->pinned) + sk_X509_num(anchors->intermediates) >=
		LIMIT_EST_CERTIFICATES)
		return 0;
	if (X509_up_ref(certificate) != 1)
		return -ENOMEM;
	if (sk_X509_push(to, certificate) > 0)
		return 0;
	X509_free(certificate);
	return -ENOMEM;
}

static X509 *issuer_of(X509 *certificate, STACK_OF(X509) * among)
{
	for (int i = 0; i < sk_X509_num(among); i++) {
		X509 *candidate = sk_X509_value(among, i);

		if (candidate != certificate &&
			X509_check_issued(candidate, certificate) == X509_V_OK)
			return candidate;
	}
	return NULL;
}

int renew_merge_anchors(const struct identity *held, const uint8_t (*pins)[SHA256_BYTES],
	size_t n_pins, struct anchors *fetched)
{
	X509 *last = held->certificate;
	int r = 0;

	for (int i = 0; i < sk_X509_num(held->anchors.pinned) && r == 0; i++) {
		X509 *anchor = sk_X509_value(held->anchors.pinned, i);

		if (certificate_is_pinned(anchor, pins, n_pins) &&
			!has_key(fetched->pinned, anchor))
			r = add(fetched, fetched->pinned, anchor);
	}
	for (int i = 0; i < LIMIT_EST_CERTIFICATES && r == 0; i++) {
		last = issuer_of(last, held->anchors.intermediates);
		if (!last)
			break;
		if (!has(fetched->intermediates, last))
			r = add(fetched, fetched->intermediates, last);
	}
	return r;
}

static bool has_ended(STACK_OF(X509) * certificates, int64_t time_s)
{
	int64_t from_s, until_s;

	for (int i = 0; i < sk_X509_num(certificates); i++)
		if (certificate_validity(sk_X509_value(certificates, i), &from_s, &until_s) == 0 &&
			until_s <= time_s)
			return true;
	return false;
}

/*
 * Whether anybody may be asked for the CA certificates: only if what this phone itself holds cannot
 * verify the server any more. What the server shows is no reason, or whoever stands between could
 * choose to be asked.
 */
static bool may_ask_anybody(
	const struct identity *identity, const struct est_pins *pins, const struct tls *tls)
{
	for (size_t i = 0; i < pins->n_pins; i++) {
		bool held = false;

		for (int j = 0; j < sk_X509_num(identity->anchors.pinned); j++)
			held |= certificate_is_pinned(
				sk_X509_value(identity->anchors.pinned, j), &pins->pins[i], 1);
		if (!held)
			return true;
	}
	return tls->verify_error == X509_V_ERR_CERT_HAS_EXPIRED && !tls->verify_error_leaf &&
	       (has_ended(identity->anchors.pinned, tls->time_s) ||
		       has_ended(identity->anchors.intermediates, tls->time_s));
}

/*
 * The CA certificates, from a server that is verified and knows us. A phone that was away while the
 * CA was replaced cannot verify it any more; then those with a pinned key come from anybody, as at
 * enrolment, and all of them once more from the server, which is verified against these.
 */
static int fetch_anchors(const struct exchange *exchange, const struct msg_net_renew *body,
	const struct identity *identity, struct anchors *ret_anchors, struct failure *ret_failure)
{
	_cleanup_(anchors_done) struct anchors found = {0};
	const struct tls verified = {
		.anchors = &identity->anchors,
		.identity = identity,
		.host = exchange->est.host,
		.host_literal = exchange->est.literal,
		.time_s = exchange->time_s,
	};
	struct tls tls = verified;
	struct est_call call = {
		.exchange = exchange, .tls = &tls, .status_text = renew_status_text};
	struct est_pins pins = {
		.pins = (const uint8_t(*)[SHA256_BYTES])body->identity.ca_pins,
		.n_pins = body->identity.n_ca_pins,
	};
	int r = est_call_anchors(&call, &pins, ret_anchors, ret_failure);

	if (r != NET_E_FAILED || ret_failure->stage != NET_STAGE_TLS ||
		tls.verify_error == X509_V_OK || !may_ask_anybody(identity, &pins, &tls))
		return r;
	tls = (struct tls){.host = exchange->est.host, .time_s = exchange->time_s};
	pins.only = true;
	r = est_call_anchors(&call, &pins, &found, ret_failure);
	if (r != 0)
		return r;
	tls = verified;
	tls.anchors = &found;
	pins.only = false;
	return est_call_anchors(&call, &pins, ret_anchors, ret_failure);
}

/* A certificate that would leave the phone worse off than the one it has is none. */
static int check_dates(const struct exchange *exchange, const struct identity *held,
	X509 *certificate, struct msg_net_renewed *renewed, struct failure *ret_failure)
{
	int64_t from_s, until_s;
	char held_text[24], text[24];

	if (certificate_validity(certificate, &from_s, &until_s) < 0)
		return failure_set(ret_failure, NET_STAGE_EST,
			"%.80s sent a certificate without dates; look at the CA", held->device_id);
	clock_format(held->until_s, held_text);
	clock_format(until_s, text);
	if (until_s <= exchange->time_s)
		return failure_set(ret_failure, NET_STAGE_EST,
			"%.80s sent a certificate that ended at %s already; is the clock of the CA "
			"right?",
			exchange->est.host, text);
	if (until_s < held->until_s && held->until_s > exchange->time_s)
		return failure_set(ret_failure, NET_STAGE_EST,
			"%.80s sent a certificate that ends at %s, before the one held (%s), which "
			"therefore stays",
			exchange->est.host, text, held_text);
	renewed->certificate_from_s = from_s;
	renewed->certificate_until_s = until_s;
	return 0;
}

/* anchors: of the fetched and the held ones; they must verify the server from now on. */
static int request_certificate(const struct exchange *exchange, const struct identity *identity,
	const struct anchors *anchors, X509 **ret_certificate, struct msg_net_renewed *renewed,
	struct failure *ret_failure)
{
	struct tls tls = {
		.anchors = anchors,
		.identity = identity,
		.host = exchange->est.host,
		.host_literal = exchange->est.literal,
		.time_s = exchange->time_s,
	};
	struct est_call call = {
		.exchange = exchange, .tls = &tls, .status_text = renew_status_text};
	int r;

	r = est_call_certificate(&call, "simplereenroll", identity, ret_certificate, ret_failure);
	if (r != 0)
		return r;
	renewed->server_date_s = call.date_s;
	renewed->server_cert_until_s = tls.server_until_s;
	renewed->n_anchors = (uint32_t)sk_X509_num(anchors->pinned);
	return 0;
}

int renew_run(const struct exchange *exchange, const struct msg_net_renew *body, int dir_fd,
	struct msg_net_renewed *ret_renewed, struct failure *ret_failure)
{
	_cleanup_(identity_done) struct identity identity = {0};
	_cleanup_(anchors_done) struct anchors anchors = {0};
	_cleanup_(certificate_freep) X509 *certificate = NULL;
	struct identity_source source = {
		.dir_fd = dir_fd,
		.hardware = exchange->hardware,
		.pins = (const uint8_t(*)[SHA256_BYTES])body->identity.ca_pins,
		.n_pins = body->identity.n_ca_pins,
	};
	struct msg_net_renewed renewed = {0};
	struct failure unused;
	int r;

	r = identity_load(&source, &identity, ret_failure);
	if (r == 0)
		r = fetch_anchors(exchange, body, &identity, &anchors, ret_failure);
	if (r != 0)
		return r;
	r = renew_merge_anchors(&identity, (const uint8_t(*)[SHA256_BYTES])body->identity.ca_pins,
		body->identity.n_ca_pins, &anchors);
	if (r < 0)
		return failure_errno(ret_failure, NET_STAGE_EST, r, "the CA certificates");
	r = request_certificate(exchange, &identity, &anchors, &certificate, &renewed, ret_failure);
	if (r != 0)
		return r;
	r = check_dates(exchange, &identity, certificate, &renewed, ret_failure);
	if (r != 0) {
		/* They were seen to verify the server, and the keyset wants them. */
		(void)identity_store_renewed(&source, &anchors, NULL, &unused);
		return r;
	}
	r = identity_store_renewed(&source, &anchors, certificate, ret_failure);
	if (r == 0)
		*ret_renewed = renewed;
	return r;
}
