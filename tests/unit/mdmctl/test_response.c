/* SPDX-License-Identifier: Apache-2.0 */
/* test_response.c - answers of a server that nobody trusts; finding a device by the start of its
 * id. */
#include <errno.h>
#include <string.h>

#include "server/ctl/device.h"
#include "tests/lib/check.h"

#define ID "00112233445566778899aabbccddeeff"

static void test_devices(void)
{
	static const char text[] =
		"{\"devices\":[{\"id\":\"" ID "\",\"enrolment\":\"" ID "\",\"ticket\":null,"
		"\"enrolled\":1800000000,\"last_seen\":1800000100,\"agent\":\"0.1.0\","
		"\"groups\":[\"staff\",\"kiosk\"],\"have\":{\"keyset\":1,\"assignment\":3,"
		"\"policy\":{\"staff\":7}},\"state\":\"compliant\",\"certificate_until\":1810000000,"
		"\"new_member\":[1]}],\"next\":\"" ID "\"}";
	struct response_devices devices;
	struct fault fault = {0};

	CHECK_INT(response_devices(text, strlen(text), &devices, &fault), 0);
	CHECK_INT(devices.n_rows, 1);
	CHECK_STR(devices.rows[0].id, ID);
	CHECK_STR(devices.rows[0].ticket, "");
	CHECK_STR(devices.rows[0].groups, "staff, kiosk");
	CHECK_STR(devices.rows[0].state, "compliant");
	CHECK_INT(devices.rows[0].have_assignment, 3);
	CHECK_INT(devices.rows[0].last_seen_s, 1800000100);
	CHECK_STR(devices.next, ID);
	response_devices_done(&devices);
	CHECK_INT(response_devices("{\"devices\":[],\"next\":null}", 26, &devices, &fault), 0);
	CHECK_INT(devices.n_rows, 0);
	CHECK_STR(devices.next, "");
	response_devices_done(&devices);
}

static void test_devices_refuses(void)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"devices\":{}}",
		"{\"devices\":[1]}",
		"{\"devices\":[{}]}",
		"{\"devices\":[{\"id\":\"x\"}]}",
		"{\"devices\":[{\"id\":\"" ID "0\"}]}",
		"{\"devices\":[{\"id\":\"" ID "\",\"groups\":\"staff\"}]}",
		"{\"devices\":[{\"id\":\"" ID "\",\"groups\":[\"a\\u001b[31m\"]}]}",
		"{\"devices\":[{\"id\":\"" ID "\",\"groups\":[1]}]}",
		"{\"devices\":[{\"id\":\"" ID "\",\"last_seen\":-1}]}",
		"{\"devices\":[{\"id\":\"" ID "\",\"last_seen\":1.5}]}",
		"{\"devices\":[{\"id\":\"" ID "\",\"state\":\"a\\nb\"}]}",
		"{\"devices\":[{\"id\":\"" ID "\",\"have\":[]}]}",
		"{\"devices\":[],\"next\":\"..\"}",
		"{\"devices\":[{\"id\":\"" ID
		"\",\"groups\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\","
		"\"h\",\"i\",\"j\",\"k\",\"l\",\"m\",\"n\",\"o\",\"p\",\"q\"]}]}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct response_devices devices = {.n_rows = 77};
		struct fault fault = {0};

		if (response_devices(bad[i], strlen(bad[i]), &devices, &fault) != FAULT_FAILURE)
			check_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
		CHECK_INT(devices.n_rows, 77);
		CHECK(*fault.text);
	}
}

/* Rows one above the limit of a page. */
static void test_devices_limit(void)
{
	for (size_t n = LIMIT_SERVER_PAGE; n <= LIMIT_SERVER_PAGE + 1; n++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct response_devices devices = {0};
		struct fault fault = {0};

		buf_puts(&text, "{\"devices\":[");
		for (size_t i = 0; i < n; i++)
			buf_printf(&text, "%s{\"id\":\"" ID "\"}", i ? "," : "");
		buf_puts(&text, "]}");
		CHECK_INT(response_devices(text.data, text.n_bytes, &devices, &fault),
			n > LIMIT_SERVER_PAGE ? FAULT_FAILURE : 0);
		response_devices_done(&devices);
	}
}

static void check_settings(const char *text, size_t n_expected)
{
	struct response_devices devices;
	struct response_setting setting;
	struct fault fault = {0};
	size_t n = 0;
	int r;

	CHECK_INT(response_device(text, strlen(text), &devices, &fault), 0);
	while ((r = response_setting(&devices.rows[0], n, &setting, &fault)) == 0) {
		CHECK_STR(setting.area, "screen_lock");
		CHECK_STR(setting.reason, "weaker");
		CHECK_STR(setting.desired, "300 s");
		n++;
	}
	CHECK_INT(r, -ENOENT);
	CHECK_INT(n, n_expected);
	response_devices_done(&devices);
}

static void test_settings(void)
{
	check_settings("{\"id\":\"" ID "\"}", 0);
	check_settings("{\"id\":\"" ID "\",\"sections\":{}}", 0);
	check_settings("{\"id\":\"" ID "\",\"sections\":{\"compliance\":{\"digest\":\"00\"}}}", 0);
	check_settings("{\"id\":\"" ID
		       "\",\"sections\":{\"compliance\":{\"digest\":\"00\",\"body\":"
		       "{\"settings\":[{\"area\":\"screen_lock\",\"setting\":\"idle_delay\","
		       "\"reason\":\"weaker\",\"desired\":300,\"desired_text\":\"300 s\","
		       "\"observed\":null,\"observed_text\":null,\"items\":[]}]}}}}",
		1);
	check_settings("{\"id\":\"" ID "\",\"sections\":{\"compliance\":"
		       "{\"settings\":[{\"area\":\"screen_lock\",\"reason\":\"weaker\","
		       "\"desired_text\":\"300 s\"}]}}}",
		1);
}

static void test_settings_refuses(void)
{
	static const char *const bad[] = {
		"{\"id\":\"" ID "\",\"sections\":[]}",
		"{\"id\":\"" ID "\",\"sections\":{\"compliance\":1}}",
		"{\"id\":\"" ID "\",\"sections\":{\"compliance\":{\"settings\":{}}}}",
		"{\"id\":\"" ID "\",\"sections\":{\"compliance\":{\"settings\":[1]}}}",
		"{\"id\":\"" ID "\",\"sections\":{\"compliance\":{\"settings\":[{\"area\":1}]}}}",
		"{\"id\":\"" ID "\",\"sections\":{\"compliance\":{\"body\":[]}}}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct response_devices devices;
		struct response_setting setting;
		struct fault fault = {0};

		CHECK_INT(response_device(bad[i], strlen(bad[i]), &devices, &fault), 0);
		if (response_setting(&devices.rows[0], 0, &setting, &fault) != FAULT_FAILURE)
			check_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
		response_devices_done(&devices);
	}
}

static void test_events(void)
{
	static const char text[] =
		"{\"events\":[{\"row\":5,\"device\":\"" ID "\",\"seq\":12,\"time\":1800000000,"
		"\"boot\":\"00112233\",\"type\":\"drift_repaired\",\"data\":{\"a\":1}},"
		"{\"seq\":13,\"type\":\"x\"}],\"next\":6}";
	struct response_events events = {0}, none = {.n_rows = 77};
	struct fault fault = {0};

	CHECK_INT(response_events(text, strlen(text), &events, &fault), 0);
	CHECK_INT(events.n_rows, 2);
	CHECK_STR(events.rows[0].type, "drift_repaired");
	CHECK_STR(events.rows[0].device, ID);
	CHECK(events.rows[0].data && !events.rows[1].data);
	CHECK_INT(events.next, 6);
	response_events_done(&events);
	CHECK_INT(response_events("{\"events\":[{\"type\":1}]}", 23, &none, &fault), FAULT_FAILURE);
	CHECK_INT(response_events("{\"events\":[],\"next\":\"6\"}", 24, &none, &fault),
		FAULT_FAILURE);
	CHECK_INT(none.n_rows, 77);
}

static void test_tickets(void)
{
	static const char text[] =
		"{\"tickets\":[{\"id\":\"" ID "\",\"created\":1800000000,\"expires\":1800086400,"
		"\"groups\":[\"staff\"],\"used\":null,\"device\":null}],\"next\":null}";
	static const char *const bad[] = {"{\"tickets\":[{\"id\":\"x\"}]}",
		"{\"tickets\":[{\"used\":true}]}", "{\"tickets\":[{\"groups\":[\"a b\"]}]}",
		"{\"tickets\":7}", "{\"tickets\":[],\"next\":7}"};
	struct response_tickets tickets = {0};
	struct fault fault = {0};

	CHECK_INT(response_tickets(text, strlen(text), &tickets, &fault), 0);
	CHECK_INT(tickets.n_rows, 1);
	CHECK_STR(tickets.rows[0].groups, "staff");
	CHECK_STR(tickets.rows[0].device, "");
	CHECK_INT(tickets.rows[0].used_s, 0);
	CHECK_INT(tickets.rows[0].expires_s, 1800086400);
	response_tickets_done(&tickets);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_INT(
			response_tickets(bad[i], strlen(bad[i]), &tickets, &fault), FAULT_FAILURE);
}

static void test_error(void)
{
	char words[LIMIT_TEXT_BYTES + 1];
	static const struct {
		const char *text, *words;
	} rows[] = {
		{"{\"error\":\"stale\",\"message\":\"a higher one is here\"}",
			"stale: a higher one is here"},
		{"{\"error\":\"stale\"}", "stale"},
		{"{\"message\":\"only words\"}", "only words"},
		{"{\"error\":\"\\u001b[2J\",\"message\":7}", ""},
		{"<html>", ""},
		{"", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		response_error(rows[i].text, strlen(rows[i].text), words, sizeof(words));
		CHECK_STR(words, rows[i].words);
	}
}

/* The id right below all those that begin with a prefix. */
static void test_before(void)
{
	char id[33];

	CHECK_INT(device_before("1", id), 0);
	CHECK_STR(id, "0fffffffffffffffffffffffffffffff");
	CHECK_INT(device_before("a0", id), 0);
	CHECK_STR(id, "9fffffffffffffffffffffffffffffff");
	CHECK_INT(device_before("0", id), 0);
	CHECK_STR(id, "");
	CHECK_INT(device_before(ID, id), 0);
	CHECK_STR(id, "00112233445566778899aabbccddeefe");
	CHECK_INT(device_before("", id), -EINVAL);
	CHECK_INT(device_before("A", id), -EINVAL);
	CHECK_INT(device_before("xyz", id), -EINVAL);
	CHECK_INT(device_before("0/../", id), -EINVAL);
	CHECK_INT(device_before(ID "0", id), -EINVAL);
}

static const struct check_test tests[] = {
	{"devices", test_devices},
	{"devices_refuses", test_devices_refuses},
	{"devices_limit", test_devices_limit},
	{"settings", test_settings},
	{"settings_refuses", test_settings_refuses},
	{"events", test_events},
	{"tickets", test_tickets},
	{"error", test_error},
	{"before", test_before},
};
CHECK_MAIN(tests)
