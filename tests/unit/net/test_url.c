/* SPDX-License-Identifier: Apache-2.0 */
/* test_url.c - https URLs taken apart, and the requests of the enforcer that carry them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/net/exchange.h"
#include "agent/net/url.h"
#include "agent/util/clock.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

static void test_accepts(void)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
		bool literal, path;
	} rows[] = {
		{"https://mdm.example.org", "mdm.example.org", 443, false, false},
		{"https://mdm.example.org:1", "mdm.example.org", 1, false, false},
		{"https://MDM_1.example.org:65535", "MDM_1.example.org", 65535, false, false},
		{"https://192.0.2.1:8443", "192.0.2.1", 8443, true, false},
		{"https://[2001:db8::1]", "2001:db8::1", 443, true, false},
		{"https://[2001:db8::1]:44/x", "2001:db8::1", 44, true, true},
		{"https://h/.well-known/est/a%20b", "h", 443, false, true},
		{"https://h/", "h", 443, false, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct url url;

		if (url_parse(rows[i].text, &url) != 0) {
			check_fail(__FILE__, __LINE__, "refused %s", rows[i].text);
			continue;
		}
		CHECK_STR(url.host, rows[i].host);
		CHECK_INT(url.port, rows[i].port);
		CHECK_INT(url.literal, rows[i].literal);
		CHECK_INT(url.has_path, rows[i].path);
	}
}

static void test_refuses(void)
{
	static const char *const rows[] = {
		"",
		"https://",
		"http://h",
		"HTTPS://h",
		"h",
		"https:///path",
		"https://user@h",
		"https://h:443:443",
		"https://h:",
		"https://h:0",
		"https://h:65536",
		"https://h:+1",
		"https://h:0x50",
		"https://h?q",
		"https://h/a?q",
		"https://h/a#f",
		"https://h/a b",
		"https://h/a\\b",
		"https://h/\xc3\xa4",
		"https://h\n",
		"https://a..b",
		"https://.a",
		"https://a.",
		"https://-a",
		"https://a-.b",
		"https://127.1",
		"https://0x7f000001",
		"https://2130706433",
		"https://1.2.3.4.5",
		"https://[::1",
		"https://[::1]x",
		"https://[h]",
		"https://[127.0.0.1]",
		"https://[fe80::1%eth0]",
		"https://[]",
		"https://::1",
		"https://h%00",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct url url = {.port = 7};

		if (url_parse(rows[i], &url) != -EINVAL || url.port != 7)
			check_fail(__FILE__, __LINE__, "accepted \"%s\"", rows[i]);
	}
}

static void test_limits(void)
{
	char text[LIMIT_URL_BYTES + 2], label[80];
	struct url url;

	memset(text, 'a', sizeof(text));
	memcpy(text, "https://h/", 10);
	text[LIMIT_URL_BYTES] = 0;
	CHECK_INT(url_parse(text, &url), 0);
	text[LIMIT_URL_BYTES] = 'a';
	text[LIMIT_URL_BYTES + 1] = 0;
	CHECK_INT(url_parse(text, &url), -EINVAL);
	snprintf(label, sizeof(label), "https://%063d", 0);
	memset(label + 8, 'a', 63);
	CHECK_INT(url_parse(label, &url), 0);
	strcat(label, "a");
	CHECK_INT(url_parse(label, &url), -EINVAL);
}

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
	{"accepts", test_accepts},
	{"refuses", test_refuses},
	{"limits", test_limits},
	{"enrol request", test_enrol_request},
	{"enrol refused", test_enrol_refused},
	{"check-in request", test_checkin_request},
};

CHECK_MAIN(tests)
