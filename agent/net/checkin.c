/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkin.c - one check-in; see checkin.h. Net role. Report and answer are opaque here: what the
 * documents are worth is the enforcer's business.
 */
#include "agent/net/checkin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHECKIN_PATH "/v1/checkin"
#define TYPE_DOCUMENTS "application/jose"

const char *checkin_status_text(unsigned int status)
{
	switch (status) {
	case 400:
		return "calls the report malformed; agent and server do not fit together, update both";
	case 401:
	case 403:
		return "does not know this phone; what is in force stays, enrol it again if it is "
		       "to be managed there";
	case 404:
	case 405:
		return "has no check-in service; is it an mdm-server?";
	case 413:
		return "finds the report too large; look at the limits of a proxy before it";
	}
	if (status >= 300 && status < 400)
		return "redirects, which is not followed; the ticket must name the final address";
	if (status == 429 || status == 503)
		return "is overloaded and asks to come back later";
	if (status >= 500)
		return "is broken; look at its log";
	return "gave an unexpected HTTP status; look at its log";
}

static int check_response(const struct exchange *exchange, const struct http_response *response,
	struct failure *ret_failure)
{
	const struct http_headers *headers = &response->headers;

	if (headers->status != 200 && headers->status != 204)
		return exchange_refused(NET_STAGE_HTTP, exchange->server.host,
			checkin_status_text(headers->status), headers, ret_failure);
	if (response->n_body && strcmp(headers->content_type, TYPE_DOCUMENTS) != 0)
		return exchange_refused(NET_STAGE_RESPONSE, exchange->server.host,
			"answered with something else than documents; is it an mdm-server?",
			headers, ret_failure);
	return 0;
}

int checkin_run(const struct exchange *exchange, const struct msg_net_checkin *body,
	const struct checkin_fds *fds, struct msg_net_exchanged *ret_exchanged,
	struct failure *ret_failure)
{
	_cleanup_(identity_done) struct identity identity = {0};
	char url[sizeof(body->server) + sizeof(CHECKIN_PATH)];
	struct tls tls = {
		.anchors = &identity.anchors,
		.identity = &identity,
		.host = exchange->server.host,
		.host_literal = exchange->server.literal,
		.time_s = exchange->time_s,
	};
	struct http_request request = {
		.url = url,
		.host = exchange->server.host,
		.tls = &tls,
		.headers = {"Content-Type: application/json"},
		.post = true,
		.body_fd = fds->report,
		.n_body = body->report_bytes,
		.response_fd = fds->response,
		.response_max = body->response_max,
		.response_status = 200,
		.deadline_us = exchange->deadline_us,
		.cancel_fd = exchange->cancel_fd,
	};
	struct identity_source source = {
		.dir_fd = fds->identity,
		.candidate = body->candidate == 1,
		.hardware = exchange->hardware,
		.pins = (const uint8_t(*)[SHA256_BYTES])body->identity.ca_pins,
		.n_pins = body->identity.n_ca_pins,
	};
	struct http_response response;
	int r;

	r = identity_load(&source, &identity, ret_failure);
	if (r != 0)
		return r;
	snprintf(url, sizeof(url), "%s" CHECKIN_PATH, body->server);
	r = http_exchange(&request, &response, ret_failure);
	if (r == 0)
		r = check_response(exchange, &response, ret_failure);
	if (r != 0)
		return r;
	*ret_exchanged = (struct msg_net_exchanged){
		.http_status = response.headers.status,
		.response_bytes = (uint32_t)response.n_body,
		.retry_after_s = response.headers.retry_after_s,
		.next_checkin_s = response.headers.next_checkin_s,
		.ack_seq = response.headers.ack_seq,
		.mark = response.headers.mark,
		.server_date_s = response.headers.date_s,
		.server_cert_until_s = tls.server_until_s,
		.certificate_from_s = identity.from_s,
		.certificate_until_s = identity.until_s,
		.bytes_up = response.bytes_up,
		.bytes_down = response.bytes_down,
	};
	memcpy(ret_exchanged->resend, response.headers.resend, sizeof(ret_exchanged->resend));
	return 0;
}
