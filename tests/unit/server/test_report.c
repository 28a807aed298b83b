/* SPDX-License-Identifier: Apache-2.0 */
/* test_report.c - bodies of check-ins: shapes, limits, digests over the bytes as sent. */
#include "server/report.h"

#include <errno.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "tests/lib/check.h"

#define DEVICE "00112233445566778899aabbccddeeff"
#define HEAD                                                                                       \
	"{\"v\":1,\"device\":\"" DEVICE "\",\"enrolment\":\"ab\",\"agent\":\"0.1.0\","             \
	"\"nonce\":\"AAAAAAAAAAAAAAAAAAAAAA\""

static struct report report;

/* HEAD, then these members, then the closing brace. */
static int parse(const char *members)
{
	static struct buf text; /* the spans of report point into it */
	const char *problem = NULL;
	int r;

	buf_reset(&text);
	buf_printf(&text, "%s%s}", HEAD, members);
	r = report_parse(text.data, text.n_bytes, &report, &problem);
	return r == -EBADMSG && !problem ? -EFAULT : r;
}

static void write_section(struct buf *out, const char *name, const char *body)
{
	char text[2 * SHA256_BYTES + 1];
	uint8_t digest[SHA256_BYTES];

	sha256(body, strlen(body), digest);
	hex_encode(digest, sizeof(digest), text);
	buf_printf(out, "%s\"%s\":{\"digest\":\"%.16s\",\"body\":%s}",
		out->data[out->n_bytes - 1] == '{' ? "" : ",", name, text, body);
}

static void test_smallest(void)
{
	CHECK_INT(parse(""), 0);
	CHECK_STR(report.device, DEVICE);
	CHECK_STR(report.ticket, "");
	CHECK_STR(report.agent, "0.1.0");
	CHECK_INT(report.n_sections, 0);
	CHECK_INT(report.n_events, 0);
	CHECK_INT(report.have_keyset, 0);
	CHECK(!report.has_state && !report.have.at);
	CHECK_INT(parse(",\"ticket\":\"\""), 0);
	CHECK_INT(parse(",\"later\":{\"version\":[2]}"), 0);
}

static void test_have(void)
{
	CHECK_INT(parse(",\"have\":{\"keyset\":2,\"assignment\":3, \"policy\":{\"a\":7,\"b\":0}}"),
		0);
	CHECK_INT(report.have_keyset, 2);
	CHECK_INT(report.have_assignment, 3);
	CHECK_INT(report_have_policy(&report, "a"), 7);
	CHECK_INT(report_have_policy(&report, "c"), 0);
	CHECK(memcmp(report.have.at, "{\"keyset\":2,\"assignment\":3, ", 28) == 0);
	CHECK_INT(parse(",\"have\":{\"policy\":{\"a\":7,\"a\":8}}"), -EBADMSG);
	CHECK_INT(parse(",\"have\":{},\"have\":{}"), -EBADMSG);
	CHECK_INT(parse(",\"have\":{\"keyset\":9007199254740991}"), 0);
	CHECK_INT(parse(",\"have\":{\"keyset\":9007199254740992}"), -EBADMSG);
}

static void test_have_limits(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (int extra = 0; extra < 2; extra++) {
		buf_reset(&text);
		buf_puts(&text, ",\"have\":{\"policy\":{");
		for (int i = 0; i < BOUND_HAVE_STREAMS + extra; i++)
			buf_printf(&text, "%s\"p%d\":%d", i ? "," : "", i, i);
		buf_puts(&text, "}}");
		CHECK_INT(parse(text.data), extra ? -EBADMSG : 0);
	}
	for (int extra = 0; extra < 2; extra++) {
		buf_reset(&text);
		buf_puts(&text, ",\"have\":{\"x\":\"");
		for (int i = 0; i < BOUND_HAVE_BYTES - 8 + extra; i++)
			buf_puts(&text, "x");
		buf_puts(&text, "\"}");
		CHECK_INT(parse(text.data), extra ? -EBADMSG : 0);
	}
}

static void test_sections(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	static const char body[] = "{ \"state\" : \"pending\",\"x\":[1.50]\n}";

	buf_puts(&text, ",\"sections\":{");
	write_section(&text, "compliance", body);
	write_section(&text, "inventory", "{}");
	buf_puts(&text, ",\"agent\":{\"digest\":\"0123456789abcdef\"}}");
	CHECK_INT(parse(text.data), 0);
	CHECK_INT(report.n_sections, 3);
	CHECK(report.sections[0].body.n == strlen(body) &&
		memcmp(report.sections[0].body.at, body, strlen(body)) == 0);
	CHECK(!report.sections[2].body.at);
	CHECK_STR(report.sections[2].digest, "0123456789abcdef");
	CHECK(report.has_state);
	CHECK_STR(report.state, "pending");
	/* One byte more than was digested, one space only. */
	text.data[strcspn(text.data, "\n")] = ' ';
	CHECK_INT(parse(text.data), -EBADMSG);
}

static void test_state_of_strange_compliance(void)
{
	static const char *const bodies[] = {
		"{}", "{\"state\":1}", "{\"state\":\"a b\"}", "{\"state\":\"a\",\"state\":\"b\"}"};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;

		buf_puts(&text, ",\"sections\":{");
		write_section(&text, "compliance", bodies[i]);
		buf_puts(&text, "}");
		CHECK_INT(parse(text.data), 0);
		CHECK_STR(report.state, "unknown");
	}
}

static void test_refused_sections(void)
{
	static const char *const bad[] = {"[]", "{\"a\":1}", "{\"a\":{}}", "{\"a\":{\"digest\":1}}",
		"{\"a\":{\"digest\":\"0123456789abcde\"}}",
		"{\"a\":{\"digest\":\"0123456789ABCDEF\"}}",
		"{\"a\":{\"digest\":\"0123456789abcdef\",\"body\":{}}}",
		"{\"\":{\"digest\":\"0123456789abcdef\"}}",
		"{\"a,b\":{\"digest\":\"0123456789abcdef\"}}",
		"{\"a\":{\"digest\":\"0123456789abcdef\"},\"a\":{\"digest\":\"0123456789abcdef\"}}"};
	char text[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), ",\"sections\":%s", bad[i]);
		if (parse(text) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
	}
}

static void test_section_limit(void)
{
	for (int extra = 0; extra < 2; extra++) {
		_cleanup_buf_ struct buf text = BUF_INIT;

		buf_puts(&text, ",\"sections\":{");
		for (int i = 0; i < BOUND_SECTIONS + extra; i++) {
			char name[16];

			snprintf(name, sizeof(name), "s%d", i);
			write_section(&text, name, "{}");
		}
		buf_puts(&text, "}");
		CHECK_INT(parse(text.data), extra ? -EBADMSG : 0);
	}
}

static void test_events(void)
{
	static const char good[] = "{\"seq\":12,\"time\":-5,\"boot\":\"0a1b2c3d\",\"type\":\"a_b\","
				   "\"data\":{ \"x\" : 1 }}";
	static const char *const bad[] = {"{}", "1", "[1]", "[{}]", "[null]",
		"[{\"seq\":0,\"time\":1,\"boot\":\"00\",\"type\":\"a\"}]",
		"[{\"seq\":1,\"time\":\"1\",\"boot\":\"00\",\"type\":\"a\"}]",
		"[{\"seq\":1,\"time\":1,\"boot\":\"0g\",\"type\":\"a\"}]",
		"[{\"seq\":1,\"time\":1,\"boot\":\"00\",\"type\":\"\"}]",
		"[{\"seq\":1,\"time\":1,\"boot\":\"00\",\"type\":\"a\",\"data\":1}]",
		"[{\"seq\":1,\"seq\":2,\"time\":1,\"boot\":\"00\",\"type\":\"a\"}]"};
	char text[512];

	snprintf(text, sizeof(text), ",\"events\":[%s]", good);
	CHECK_INT(parse(text), 0);
	CHECK_INT(report.n_events, 1);
	CHECK_INT(report.events[0].seq, 12);
	CHECK(report.events[0].json.n == strlen(good) &&
		memcmp(report.events[0].json.at, good, strlen(good)) == 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), ",\"events\":%s", bad[i]);
		if (parse(text) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
	}
}

static void test_event_limit(void)
{
	for (int extra = 0; extra < 2; extra++) {
		_cleanup_buf_ struct buf text = BUF_INIT;

		buf_puts(&text, ",\"events\":[");
		for (int i = 0; i < LIMIT_REPORT_EVENTS + extra; i++)
			buf_printf(&text,
				"%s{\"seq\":%d,\"time\":1,\"boot\":\"00\",\"type\":\"a\"}",
				i ? "," : "", i + 1);
		buf_puts(&text, "]");
		CHECK_INT(parse(text.data), extra ? -EBADMSG : 0);
	}
}

static void test_size_limit(void)
{
	static char text[LIMIT_REPORT_BYTES + 1];
	const char *problem;

	memset(text, ' ', sizeof(text));
	memcpy(text, HEAD "}", strlen(HEAD) + 1);
	CHECK_INT(report_parse(text, LIMIT_REPORT_BYTES, &report, &problem), 0);
	CHECK_INT(report_parse(text, LIMIT_REPORT_BYTES + 1, &report, &problem), -EBADMSG);
}

static void test_number_and_push(void)
{
	static const char *const bad[] = {"-1", "\"1\"", "1.0", "9007199254740992", "null", "[]"};
	static const char *const bad_push[] = {"http://a/", "https://", "https://a/ b",
		"https://a/#x", "https://a/<", "https://u@a/", "ftp://a", "https://a:99999/", "a"};
	char members[2 * LIMIT_URL_BYTES];
	int n;

	CHECK_INT(parse(""), 0);
	CHECK(report.number == 0 && !report.push[0]);
	CHECK_INT(parse(",\"report\":9007199254740991"), 0);
	CHECK(report.number == 9007199254740991);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(members, sizeof(members), ",\"report\":%s", bad[i]);
		CHECK_INT(parse(members), -EBADMSG);
	}
	CHECK_INT(parse(",\"report\":1,\"report\":1"), -EBADMSG);
	CHECK_INT(parse(",\"push\":\"\""), 0);
	CHECK_INT(parse(",\"push\":\"https://push.example:8443/up/x?token=a%20b&c=1\""), 0);
	CHECK_STR(report.push, "https://push.example:8443/up/x?token=a%20b&c=1");
	for (size_t i = 0; i < ARRAY_SIZE(bad_push); i++) {
		snprintf(members, sizeof(members), ",\"push\":\"%s\"", bad_push[i]);
		if (parse(members) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "taken: %s", bad_push[i]);
	}
	/* The longest, and one more. */
	n = snprintf(members, sizeof(members), ",\"push\":\"https://a/");
	memset(members + n, 'x', LIMIT_URL_BYTES - 10);
	strcpy(members + n + LIMIT_URL_BYTES - 10, "\"");
	CHECK_INT(parse(members), 0);
	CHECK_INT(strlen(report.push), LIMIT_URL_BYTES);
	strcpy(members + n + LIMIT_URL_BYTES - 10, "x\"");
	CHECK_INT(parse(members), -EBADMSG);
}

#define COMMAND_ID "ffeeddccbbaa99887766554433221100"

static int parse_command(const char *data, struct report_command *ret_command)
{
	static struct buf text;

	buf_reset(&text);
	buf_printf(&text,
		",\"events\":[{\"seq\":1,\"time\":2,\"boot\":\"ab\",\"type\":\"command\","
		"\"data\":%s}]",
		data);
	return parse(text.data) == 0 ? report_command_parse(report.events[0].data, ret_command)
				     : -EFAULT;
}

static void test_command_events(void)
{
	static const char *const bad[] = {
		"{}",
		"{\"id\":\"" COMMAND_ID "\",\"verb\":\"lock\"}",
		"{\"id\":\"" COMMAND_ID "0\",\"verb\":\"lock\",\"state\":\"done\"}",
		"{\"id\":7,\"verb\":\"lock\",\"state\":\"done\"}",
		"{\"id\":\"" COMMAND_ID "\",\"verb\":\"lo ck\",\"state\":\"done\"}",
		"{\"id\":\"" COMMAND_ID "\",\"verb\":\"lock\",\"state\":\"queued\"}",
		"{\"id\":\"" COMMAND_ID "\",\"verb\":\"lock\",\"state\":\"delivered\"}",
		"{\"id\":\"" COMMAND_ID "\",\"verb\":\"lock\",\"state\":\"cancelled\"}",
		"{\"id\":\"" COMMAND_ID "\",\"verb\":\"lock\",\"state\":\"ready\"}",
		"{\"id\":\"" COMMAND_ID
		"\",\"verb\":\"lock\",\"state\":\"done\",\"state\":\"done\"}",
		"{\"id\":\"" COMMAND_ID
		"\",\"verb\":\"lock\",\"state\":\"done\",\"reason\":\"a b\"}",
		"{\"id\":\"" COMMAND_ID
		"\",\"verb\":\"lock\",\"state\":\"done\",\"detail\":\"\\n\"}",
		"{\"id\":\"" COMMAND_ID "\",\"verb\":\"lock\",\"state\":\"done\",\"detail\":[]}",
	};
	static const char head[] =
		"{\"id\":\"" COMMAND_ID "\",\"verb\":\"lock\",\"state\":\"failed\",\"detail\":\"";
	char data[BOUND_DETAIL_BYTES + sizeof(head) + 8];
	struct report_command said;

	CHECK_INT(parse_command("{\"id\":\"" COMMAND_ID "\",\"verb\":\"lock\",\"state\":\"done\","
				"\"reason\":\"locked\",\"detail\":null,\"later\":1}",
			  &said),
		0);
	CHECK_STR(said.id, COMMAND_ID);
	CHECK_INT(said.state, COMMAND_DONE);
	CHECK_STR(said.reason, "locked");
	CHECK_STR(said.detail, "");
	CHECK_INT(parse_command("{\"id\":\"" COMMAND_ID
				"\",\"verb\":\"\",\"state\":\"refused\",\"reason\":\"meaning\"}",
			  &said),
		0);
	CHECK_STR(said.verb, "");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse_command(bad[i], &said) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
	snprintf(data, sizeof(data), "%s%0*d\"}", head, BOUND_DETAIL_BYTES, 0);
	CHECK_INT(parse_command(data, &said), 0);
	CHECK_INT(strlen(said.detail), BOUND_DETAIL_BYTES);
	snprintf(data, sizeof(data), "%s%0*d\"}", head, BOUND_DETAIL_BYTES + 1, 0);
	CHECK_INT(parse_command(data, &said), -EBADMSG);
	/* Of no other type of event, and without data there is nothing to read. */
	CHECK_INT(parse(",\"events\":[{\"seq\":1,\"time\":2,\"boot\":\"ab\",\"type\":\"other\","
			"\"data\":{}}]"),
		0);
	CHECK(!report.events[0].data.at);
	CHECK_INT(
		parse(",\"events\":[{\"seq\":1,\"time\":2,\"boot\":\"ab\",\"type\":\"command\"}]"),
		0);
	CHECK_INT(report_command_parse(report.events[0].data, &said), -EBADMSG);
}

/* What changed of the apps: only there, only in place of a body, and said of which digest. */
static void test_delta(void)
{
#define APPS(section) parse(",\"sections\":{\"apps\":{\"digest\":\"0011223344556677\"" section "}}")
	CHECK_INT(APPS(",\"delta\":{\"from\":\"8899aabbccddeeff\",\"put\":[]}"), 0);
	CHECK(!report.sections[0].body.at);
	CHECK(memcmp(report.sections[0].delta.at, "{\"from\":\"8899", 13) == 0);
	CHECK_INT(APPS(""), 0);
	CHECK(!report.sections[0].delta.at);
	CHECK_INT(APPS(",\"delta\":{}"), -EBADMSG);
	CHECK_INT(APPS(",\"delta\":[]"), -EBADMSG);
	CHECK_INT(APPS(",\"delta\":{\"from\":\"8899aabbccddeef\"}"), -EBADMSG);
	CHECK_INT(APPS(",\"delta\":{\"from\":\"8899aabbccddeeff0\"}"), -EBADMSG);
	CHECK_INT(APPS(",\"delta\":{\"from\":\"8899AABBCCDDEEFF\"}"), -EBADMSG);
	CHECK_INT(APPS(",\"delta\":{\"from\":\"8899aabbccddeeff\",\"from\":\"8899aabbccddeeff\"}"),
		-EBADMSG);
	CHECK_INT(parse(",\"sections\":{\"agent\":{\"digest\":\"0011223344556677\",\"delta\":1}}"),
		0);
	CHECK(!report.sections[0].delta.at);
}

static const struct check_test tests[] = {
	{"smallest", test_smallest},
	{"have", test_have},
	{"have_limits", test_have_limits},
	{"sections", test_sections},
	{"state_of_strange_compliance", test_state_of_strange_compliance},
	{"refused_sections", test_refused_sections},
	{"section_limit", test_section_limit},
	{"events", test_events},
	{"event_limit", test_event_limit},
	{"size_limit", test_size_limit},
	{"number_and_push", test_number_and_push},
	{"command_events", test_command_events},
	{"delta", test_delta},
};
CHECK_MAIN(tests)
