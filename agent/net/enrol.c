/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol.c - enrolment by EST (RFC 7030); see enrol.h. Net role. The secret is sent only over TLS
 * that was verified against the pinned CA; the first request goes to nobody in particular.
 */
#include "agent/net/enrol.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/net/est.h"
#include "agent/util/buf.h"
#include "agent/util/codec.h"

#define TYPE_CERTIFICATES "application/pkcs7-mime"

static int est_failed(
	const struct exchange *exchange, enum est_answer answer, struct failure *ret_failure)
{
	return failure_set(ret_failure, NET_STAGE_EST, "%.80s %s", exchange->est.host,
		est_answer_text(answer));
}

/* One request of the EST client; 0 with the certificates of the answer. */
static int est_request(const struct exchange *exchange, struct http_request *request,
	struct http_response *ret_response, STACK_OF(X509) * *ret_certificates,
	struct failure *ret_failure)
{
	_cleanup_buf_ struct buf body = {.max_bytes = LIMIT_EST_BYTES};
	enum est_answer answer;
	int r;

	request->host = exchange->est.host;
	request->response = &body;
	request->response_max = LIMIT_EST_BYTES;
	request->response_status = 200;
	request->deadline_us = exchange->deadline_us;
	request->cancel_fd = exchange->cancel_fd;
	request->body_fd = request->response_fd = -1;
	r = http_exchange(request, ret_response, ret_failure);
	if (r != 0)
		return r;
	if (ret_response->headers.status != 200)
		return exchange_refused(NET_STAGE_EST, exchange->est.host,
			est_status_text(ret_response->headers.status), &ret_response->headers,
			ret_failure);
	if (body.n_bytes == 0)
		return est_failed(exchange, EST_E_EMPTY, ret_failure);
	if (strcmp(ret_response->headers.content_type, TYPE_CERTIFICATES) != 0)
		return exchange_refused(NET_STAGE_EST, exchange->est.host,
			"did not answer as an EST server but with another content type; is the "
			"address in the ticket right?",
			&ret_response->headers, ret_failure);
	answer = est_parse(body.data, body.n_bytes, ret_certificates);
	return answer == EST_OK ? 0 : est_failed(exchange, answer, ret_failure);
}

static int fetch_anchors(const struct exchange *exchange, const struct msg_net_enrol *body,
	struct anchors *ret_anchors, struct failure *ret_failure)
{
	_cleanup_(certificates_freep) STACK_OF(X509) *certificates = NULL;
	char url[sizeof(exchange->est_base) + 16];
	struct tls tls = {.host = exchange->est.host, .time_s = exchange->time_s};
	struct http_request request = {.url = url, .tls = &tls};
	struct http_response response;
	enum est_answer answer;
	int r;

	snprintf(url, sizeof(url), "%s/cacerts", exchange->est_base);
	r = est_request(exchange, &request, &response, &certificates, ret_failure);
	if (r != 0)
		return r;
	answer = est_select_anchors(certificates, (const uint8_t(*)[SHA256_BYTES])body->ca_pins,
		body->n_ca_pins, ret_anchors);
	return answer == EST_OK ? 0 : est_failed(exchange, answer, ret_failure);
}

/* Asks for the certificate; identity has the key and the anchors. */
static int request_certificate(const struct exchange *exchange, const struct msg_net_enrol *body,
	struct identity *identity, struct msg_net_enrolled *enrolled, struct failure *ret_failure)
{
	_cleanup_(certificates_freep) STACK_OF(X509) *certificates = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	char url[sizeof(exchange->est_base) + 16];
	struct tls tls = {
		.anchors = &identity->anchors,
		.host = exchange->est.host,
		.host_literal = exchange->est.literal,
		.time_s = exchange->time_s,
	};
	struct http_request request = {
		.url = url,
		.tls = &tls,
		.headers = {"Content-Type: application/pkcs10",
			/* RFC 8951 lets servers ignore it; older ones insist. */
			"Content-Transfer-Encoding: base64"},
		.post = true,
		.user = body->user,
		.secret = body->secret,
	};
	struct http_response response;
	enum est_answer answer;
	unsigned char *der;
	X509 *certificate;
	size_t n_der;
	int r;

	snprintf(url, sizeof(url), "%s/simpleenroll", exchange->est_base);
	r = identity_request(identity, &der, &n_der, ret_failure);
	if (r != 0)
		return r;
	/* Mail's line ends: servers of others may read MIME and nothing else. */
	base64_write(der, n_der, "\r\n", &text);
	OPENSSL_free(der);
	if (text.error)
		return failure_errno(
			ret_failure, NET_STAGE_EST, text.error, "the certificate request");
	request.body = text.data;
	request.n_body = text.n_bytes;
	r = est_request(exchange, &request, &response, &certificates, ret_failure);
	if (r != 0)
		return r;
	answer = est_select_certificate(certificates, identity->key, &certificate);
	if (answer == EST_OK && identity_set_certificate(identity, certificate) < 0)
		answer = EST_E_NO_MATCH;
	if (answer != EST_OK)
		return est_failed(exchange, answer, ret_failure);
	enrolled->server_date_s = response.headers.date_s;
	enrolled->server_cert_until_s = tls.server_until_s;
	return 0;
}

int enrol_run(const struct exchange *exchange, const struct msg_net_enrol *body, int dir_fd,
	struct msg_net_enrolled *ret_enrolled, struct failure *ret_failure)
{
	_cleanup_(identity_done) struct identity identity = {0};
	struct msg_net_enrolled enrolled = {0};
	int r;

	r = identity_generate(&identity, ret_failure);
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
	*ret_enrolled = enrolled;
	return 0;
}
