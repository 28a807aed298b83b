/* SPDX-License-Identifier: Apache-2.0 */
/* test_requests.c - the requests of the enforcer, as the net role understands them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/net/exchange.h"
#include "agent/util/clock.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

static struct msg_net_enrol enrol_body(void)
{
	return (struct msg_net_enrol){
		.server = "https://mdm.example.org:8443",
		.user = "ticket",
		.secret = "secret",
		.n_ca_pins = 1,
		.floor_s = 1000,
		.timeout_s = 30,
	};
}

static void test_enrol_request(void)
{
	struct msg_net_enrol body = enrol_body();
	struct exchange e;

	CHECK_INT(exchange_of_enrol(&body, &e), 0);
	CHECK_STR(e.est_base, "https://mdm.example.org:8443/.well-known/est");
	CHECK_INT(e.est.port, 8443);
	CHECK(e.time_s > 1000);
	body.floor_s = INT64_MAX;
	strcpy(body.est, "https://est.example.org/base//");
	CHECK_INT(exchange_of_enrol(&body, &e), 0);
	CHECK_STR(e.est_base, "https://est.example.org/base");
	CHECK_STR(e.est.host, "est.example.org");
	CHECK_INT(e.time_s, INT64_MAX);
}

static void test_enrol_refused(void)
{
	struct msg_net_enrol body;
	struct exchange e;

#define REFUSED(change)                                                                            \
	do {                                                                                       \
		body = enrol_body();                                                               \
		change;                                                                            \
		CHECK_INT(exchange_of_enrol(&body, &e), -EBADMSG);                                 \
	} while (0)
	REFUSED(body.n_ca_pins = 0);
	REFUSED(body.n_ca_pins = LIMIT_TICKET_PINS + 1);
	REFUSED(body.floor_s = -1);
	REFUSED(body.timeout_s = 0);
	REFUSED(body.user[0] = 0);
	REFUSED(body.user[1] = ':');
	REFUSED(body.secret[0] = 0);
	REFUSED(strcpy(body.server, "https://h/path"));
	REFUSED(strcpy(body.server, ""));
	REFUSED(strcpy(body.est, "http://h/est"));
#undef REFUSED
}

static void test_wait_request(void)
{
	const struct msg_net_wait good = {
		.server = "https://mdm.example.org:8443", .timeout_s = 100000, .mark = 7};
	struct msg_net_wait body = good;
	int64_t now_us = clock_boottime_us();
	struct exchange e;

	CHECK_INT(exchange_of_wait(&body, &e), 0);
	CHECK_INT(e.server.port, 8443);
	CHECK(e.deadline_us - now_us > LIMIT_EXCHANGE_SECONDS * USEC_PER_SEC);
	CHECK(e.deadline_us - now_us <= (LIMIT_WAIT_SECONDS + 60) * USEC_PER_SEC);
#define REFUSED(change)                                                                            \
	do {                                                                                       \
		body = good;                                                                       \
		change;                                                                            \
		CHECK_INT(exchange_of_wait(&body, &e), -EBADMSG);                                  \
	} while (0)
	REFUSED(body.identity.n_ca_pins = LIMIT_TICKET_PINS + 1);
	REFUSED(body.mark = -1);
	REFUSED(body.mark = (INT64_C(1) << 53) + 1);
	REFUSED(body.timeout_s = 0);
	REFUSED(body.floor_s = -1);
	REFUSED(strcpy(body.server, "https://h/path"));
	REFUSED(strcpy(body.server, "http://h"));
#undef REFUSED
}

static void test_checkin_request(void)
{
	struct msg_net_checkin good = {
		.server = "https://192.0.2.7",
		.timeout_s = 100000,
		.report_bytes = LIMIT_REPORT_BYTES,
		.response_max = LIMIT_RESPONSE_BYTES,
	};
	struct msg_net_checkin body = good;
	int64_t now_us = clock_boottime_us();
	struct exchange e;

	CHECK_INT(exchange_of_checkin(&body, &e), 0);
	CHECK(e.server.literal);
	CHECK(e.deadline_us - now_us <= (LIMIT_EXCHANGE_SECONDS + 60) * USEC_PER_SEC);
	body.report_bytes++;
	CHECK_INT(exchange_of_checkin(&body, &e), -EBADMSG);
	body = good;
	body.identity.n_ca_pins = LIMIT_TICKET_PINS + 1;
	CHECK_INT(exchange_of_checkin(&body, &e), -EBADMSG);
	body = good;
	body.response_max++;
	CHECK_INT(exchange_of_checkin(&body, &e), -EBADMSG);
	body = good;
	body.report_bytes = 0;
	CHECK_INT(exchange_of_checkin(&body, &e), -EBADMSG);
	body = good;
	body.response_max = 0;
	CHECK_INT(exchange_of_checkin(&body, &e), -EBADMSG);
	body = good;
	strcpy(body.server, "https://192.0.2.7/");
	CHECK_INT(exchange_of_checkin(&body, &e), -EBADMSG);
}

static const struct check_test tests[] = {
	{"enrol request", test_enrol_request},
	{"enrol refused", test_enrol_refused},
	{"check-in request", test_checkin_request},
	{"wait request", test_wait_request},
};

CHECK_MAIN(tests)
