/* SPDX-License-Identifier: Apache-2.0 */
/* test_log_event.c - lines of the log of mdm-server, above all with the words of strangers. */
#include "server/log_event.h"

#include "agent/util/codec.h"
#include "server/json_scan.h"
#include "tests/lib/check.h"

static void line(enum config_log_format format, const char *value, struct log_event *event)
{
	log_event_start(event, &(struct log_event_start){
				       .format = format,
				       .level = LOG_LEVEL_WARNING,
				       .realtime_us = INT64_C(1700000000123456),
				       .name = "request",
			       });
	log_event_text(event, "path", value);
	log_event_int(event, "status", 404);
	if (format == CONFIG_LOG_JSON)
		jsonw_object_end(&event->w);
}

static void test_forms(void)
{
	struct log_event event;

	line(CONFIG_LOG_TEXT, "/v1/checkin", &event);
	CHECK_STR(event.line.data,
		"time=2023-11-14T22:13:20.123Z level=warning event=request path=/v1/checkin status=404");
	buf_done(&event.line);
	line(CONFIG_LOG_JSON, "/v1/checkin", &event);
	CHECK_STR(event.line.data,
		"{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"warning\","
		"\"event\":\"request\",\"path\":\"/v1/checkin\",\"status\":404}");
	buf_done(&event.line);
	line(CONFIG_LOG_TEXT, NULL, &event);
	CHECK(!strstr(event.line.data, "path"));
	buf_done(&event.line);
}

static void test_escapes(void)
{
	static const struct {
		const char *value, *text;
	} rows[] = {
		{"two words", " path=\"two words\" "},
		{"a=b", " path=\"a=b\" "},
		{"say \"no\"", " path=\"say \\\"no\\\"\" "},
		{"back\\slash", " path=\"back\\\\slash\" "},
		{"line\nlevel=info", " path=\"line\\\\x0alevel=info\" "},
		{"\r\t\033[2J\x7f", " path=\"\\\\x0d\\\\x09\\\\x1b[2J\\\\x7f\" "},
		{"\xc2\x9b", " path=\"\\\\xc2\\\\x9b\" "},	      /* a C1 control */
		{"\xe2\x80\xae", " path=\"\\\\xe2\\\\x80\\\\xae\" "}, /* right to left from here */
		{"\xff\xc3", " path=\"\\\\xff\\\\xc3\" "},
		{"\xc3\xa4", " path=\"\xc3\xa4\" "},
	};
	struct log_event event;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		line(CONFIG_LOG_TEXT, rows[i].value, &event);
		if (!strstr(event.line.data, rows[i].text))
			check_fail(
				__FILE__, __LINE__, "not %s in %s", rows[i].text, event.line.data);
		buf_done(&event.line);
	}
}

/* Every byte, in every place of a character: one line, of the same fields, that can be read. */
static void test_injection(void)
{
	struct log_event event;
	struct span root, path;
	uint32_t seed = 1;
	char value[40];

	for (int i = 0; i < 20000; i++) {
		size_t n = 1 + (size_t)i % (sizeof(value) - 1);

		for (size_t at = 0; at < n; at++) {
			seed = seed * 1664525 + 1013904223;
			value[at] = (char)(seed >> 24 ? seed >> 24 : 1);
		}
		value[n] = 0;
		line(CONFIG_LOG_JSON, value, &event);
		CHECK_INT(json_check(event.line.data, event.line.n_bytes, &root), 0);
		CHECK_INT(json_member(root, "path", &path), 0);
		CHECK(!memchr(event.line.data, '\n', event.line.n_bytes));
		buf_done(&event.line);
		line(CONFIG_LOG_TEXT, value, &event);
		CHECK(text_is_valid(event.line.data, event.line.n_bytes));
		CHECK_STR(strrchr(event.line.data, ' '), " status=404");
		buf_done(&event.line);
	}
}

static void test_length(void)
{
	char value[LOG_EVENT_VALUE_BYTES + 2] = "";
	struct log_event event;

	for (size_t n = LOG_EVENT_VALUE_BYTES; n <= LOG_EVENT_VALUE_BYTES + 1; n++) {
		memset(value, 'x', n);
		line(CONFIG_LOG_TEXT, value, &event);
		CHECK((strstr(event.line.data, "xx... ") != NULL) == (n > LOG_EVENT_VALUE_BYTES));
		buf_done(&event.line);
	}
}

static const struct check_test tests[] = {
	{"forms", test_forms},
	{"escapes", test_escapes},
	{"injection", test_injection},
	{"length", test_length},
};
CHECK_MAIN(tests)
