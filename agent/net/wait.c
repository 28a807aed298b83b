/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait.c - one long poll; see wait.h. Net role. Nothing that the server says but "there is news"
 * gets through, and that only makes the phone check in.
 */
#include "agent/net/wait.h"

#include <inttypes.h>
#include <stdio.h>

#include "agent/net/checkin.h"

#define WAIT_PATH "/v1/wait?mark="
/* Of a refusal, which is thrown away; news have no body at all. */
#define WAIT_BODY_BYTES 4096
/* Middleboxes forget an idle connection after minutes, at the earliest after about two. */
#define WAIT_KEEPALIVE_S 100

const char *wait_status_text(unsigned int status)
{
	if (status == 404 || status == 405)
		return "cannot be waited at; it is older than this agent";
	return checkin_status_text(status);
}

int wait_run(const struct exchange *exchange, const struct msg_net_wait *body, int identity_fd,
	struct msg_net_woken *ret_woken, struct failure *ret_failure)
{
	_cleanup_(identity_done) struct identity identity = {0};
	char url[sizeof(body->server) + sizeof(WAIT_PATH) + 20];
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
		.body_fd = -1,
		.response_fd = -1,
		.response_max = WAIT_BODY_BYTES,
		.deadline_us = exchange->deadline_us,
		.cancel_fd = exchange->cancel_fd,
		.keepalive_s = WAIT_KEEPALIVE_S,
	};
	struct identity_source source = {
		.dir_fd = identity_fd,
		.hardware = exchange->hardware,
		.pins = (const uint8_t(*)[SHA256_BYTES])body->identity.ca_pins,
		.n_pins = body->identity.n_ca_pins,
	};
	struct http_response response;
	unsigned int status;
	int r;

	r = identity_load(&source, &identity, ret_failure);
	if (r != 0)
		return r;
	snprintf(url, sizeof(url), "%s" WAIT_PATH "%" PRId64, body->server, body->mark);
	r = http_exchange(&request, &response, ret_failure);
	if (r == NET_E_FAILED && ret_failure->hung_up) {
		/* So ends the patience of a server that keeps nothing of TLS for those who wait; a
		 * box on the way that forgets them looks the same and calls for the same. */
		*ret_woken = (struct msg_net_woken){.retry_after_s = -1};
		return 0;
	}
	if (r != 0)
		return r;
	status = response.headers.status;
	if (status != 200 && status != 204)
		return exchange_refused(NET_STAGE_HTTP, exchange->server.host,
			wait_status_text(status), &response.headers, ret_failure);
	*ret_woken = (struct msg_net_woken){
		.news = status == 200,
		.retry_after_s = response.headers.retry_after_s,
		.bytes_up = response.bytes_up,
		.bytes_down = response.bytes_down,
	};
	return 0;
}
