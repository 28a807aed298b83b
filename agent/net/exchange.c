/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.c - what the exchanges share; see exchange.h. Net role; pure but for the
 * clocks. */
#include "agent/net/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/clock.h"

#define EST_PATH "/.well-known/est"

static int set_times(
	int64_t floor_s, uint32_t timeout_s, uint32_t limit_s, struct exchange *exchange)
{
	int64_t now_s = clock_realtime_s();

	if (floor_s < 0 || timeout_s == 0)
		return -EBADMSG;
	if (timeout_s > limit_s)
		timeout_s = limit_s;
	exchange->time_s = now_s > floor_s ? now_s : floor_s;
	exchange->deadline_us = clock_boottime_us() + timeout_s * USEC_PER_SEC;
	exchange->cancel_fd = -1;
	return 0;
}

static int set_server(const char *text, struct exchange *exchange)
{
	return url_parse(text, &exchange->server) < 0 || exchange->server.has_path ? -EBADMSG : 0;
}

static int set_est(const char *est, const char *server, struct exchange *exchange)
{
	int n;

	if (!est[0]) {
		exchange->est = exchange->server;
		snprintf(exchange->est_base, sizeof(exchange->est_base), "%s%s", server, EST_PATH);
		return 0;
	}
	if (url_parse(est, &exchange->est) < 0)
		return -EBADMSG;
	n = (int)strlen(est);
	while (n && est[n - 1] == '/')
		n--;
	snprintf(exchange->est_base, sizeof(exchange->est_base), "%.*s", n, est);
	return 0;
}

int exchange_of_enrol(const struct msg_net_enrol *body, struct exchange *ret_exchange)
{
	struct exchange exchange = {0};

	if (body->n_ca_pins < 1 || body->n_ca_pins > LIMIT_TICKET_PINS || !body->user[0] ||
		!body->secret[0] || strchr(body->user, ':') ||
		set_times(body->floor_s, body->timeout_s, LIMIT_EXCHANGE_SECONDS, &exchange) < 0 ||
		set_server(body->server, &exchange) < 0 ||
		set_est(body->est, body->server, &exchange) < 0)
		return -EBADMSG;
	*ret_exchange = exchange;
	return 0;
}

int exchange_of_renew(const struct msg_net_renew *body, struct exchange *ret_exchange)
{
	struct exchange exchange = {0};

	if (body->identity.n_ca_pins < 1 || body->identity.n_ca_pins > LIMIT_TICKET_PINS ||
		set_times(body->floor_s, body->timeout_s, LIMIT_EXCHANGE_SECONDS, &exchange) < 0 ||
		set_server(body->server, &exchange) < 0 ||
		set_est(body->est, body->server, &exchange) < 0)
		return -EBADMSG;
	*ret_exchange = exchange;
	return 0;
}

int exchange_of_checkin(const struct msg_net_checkin *body, struct exchange *ret_exchange)
{
	struct exchange exchange = {0};

	if (body->report_bytes < 1 || body->report_bytes > LIMIT_REPORT_BYTES ||
		body->response_max < 1 || body->response_max > LIMIT_RESPONSE_BYTES ||
		body->candidate > 1 || body->identity.n_ca_pins > LIMIT_TICKET_PINS ||
		set_times(body->floor_s, body->timeout_s, LIMIT_EXCHANGE_SECONDS, &exchange) < 0 ||
		set_server(body->server, &exchange) < 0)
		return -EBADMSG;
	*ret_exchange = exchange;
	return 0;
}

int exchange_of_wait(const struct msg_net_wait *body, struct exchange *ret_exchange)
{
	struct exchange exchange = {0};

	if (body->mark < 0 || body->mark > INT64_C(1) << 53 ||
		body->identity.n_ca_pins > LIMIT_TICKET_PINS ||
		set_times(body->floor_s, body->timeout_s, LIMIT_WAIT_SECONDS, &exchange) < 0 ||
		set_server(body->server, &exchange) < 0)
		return -EBADMSG;
	*ret_exchange = exchange;
	return 0;
}

int exchange_refused(enum net_stage stage, const char *host, const char *text,
	const struct http_headers *headers, struct failure *ret_failure)
{
	failure_set(ret_failure, stage, "%.100s %s (HTTP %u)", host, text, headers->status);
	ret_failure->http_status = headers->status;
	ret_failure->retry_after_s = headers->retry_after_s;
	return NET_E_FAILED;
}
