/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol.c - enrolment by EST (RFC 7030); see enrol.h. Net role. The secret is sent only over TLS
 * that was verified against the pinned CA; the first request goes to nobody in particular.
 */
#include "agent/net/enrol.h"

#include <string.h>

#include "agent/net/est_client.h"

static int fetch_anchors(const struct exchange *exchange, const struct msg_net_enrol *body,
	struct anchors *ret_anchors, struct failure *ret_failure)
{
	struct tls tls = {.host = exchange->est.host, .time_s = exchange->time_s};
	struct est_call call = {.exchange = exchange, .tls = &tls, .status_text = est_status_text};
	struct est_pins pins = {
		.pins = (const uint8_t(*)[SHA256_BYTES])body->ca_pins,
		.n_pins = body->n_ca_pins,
	};

	return est_call_anchors(&call, &pins, ret_anchors, ret_failure);
}

/* Asks for the certificate; identity has the key and the anchors. */
static int request_certificate(const struct exchange *exchange, const struct msg_net_enrol *body,
	struct identity *identity, struct msg_net_enrolled *enrolled, struct failure *ret_failure)
{
	_cleanup_(certificate_freep) X509 *certificate = NULL;
	struct tls tls = {
		.anchors = &identity->anchors,
		.host = exchange->est.host,
		.host_literal = exchange->est.literal,
		.time_s = exchange->time_s,
	};
	struct identity_numbers numbers = {.serial = body->serial, .imei = body->imei};
	struct est_call call = {
		.exchange = exchange,
		.tls = &tls,
		.status_text = est_status_text,
		.user = body->user,
		.secret = body->secret,
		.numbers = &numbers,
	};
	int r;

	r = est_call_certificate(&call, "simpleenroll", identity, &certificate, ret_failure);
	if (r != 0)
		return r;
	if (identity_set_certificate(identity, certificate) < 0)
		return est_call_failed(&call, EST_E_NO_MATCH, ret_failure);
	enrolled->server_date_s = call.date_s;
	enrolled->server_cert_until_s = tls.server_until_s;
	return 0;
}

int enrol_run(const struct exchange *exchange, const struct msg_net_enrol *body, int dir_fd,
	struct msg_net_enrolled *ret_enrolled, struct failure *ret_failure)
{
	_cleanup_(identity_done) struct identity identity = {0};
	struct msg_net_enrolled enrolled = {0};
	int r;

	r = exchange->hardware ? identity_adopt(&identity, exchange->hardware, ret_failure)
			       : identity_generate(&identity, ret_failure);
	if (r == 0)
		r = fetch_anchors(exchange, body, &identity.anchors, ret_failure);
	if (r == 0)
		r = request_certificate(exchange, body, &identity, &enrolled, ret_failure);
	if (r == 0)
		r = identity_store(dir_fd, &identity, ret_failure);
	if (r != 0)
		return r;
	memcpy(enrolled.device_id, identity.device_id, sizeof(enrolled.device_id));
	enrolled.certificate_from_s = identity.from_s;
	enrolled.certificate_until_s = identity.until_s;
	enrolled.n_anchors = (uint32_t)sk_X509_num(identity.anchors.pinned);
	*ret_enrolled = enrolled;
	return 0;
}
