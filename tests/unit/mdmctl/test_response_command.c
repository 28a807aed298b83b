/* SPDX-License-Identifier: Apache-2.0 */
/* test_response_command.c - what a server that nobody trusts tells of commands, and its audit log.
 */
#include <stdio.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "server/ctl/audit.h"
#include "server/ctl/response_command.h"
#include "tests/lib/check.h"

#define ID "00112233445566778899aabbccddeeff"
#define ONE                                                                                        \
	"{\"id\":\"" ID "\",\"row\":7,\"device\":\"" ID "\",\"verb\":\"lock\",\"state\":\"done\"," \
	"\"created\":1800000000,\"expires\":1800086400,\"changed\":1800000009,\"reason\":\"\","    \
	"\"detail\":null,\"history\":[{\"state\":\"queued\",\"time\":1800000000},"                 \
	"{\"state\":\"done\",\"time\":1800000009,\"reason\":\"ok\",\"detail\":\"x\"}]}"

static void test_commands(void)
{
	static const char page[] = "{\"commands\":[" ONE "],\"next\":7}";
	static const char held[] = "{\"commands\":[{\"id\":\"" ID "\",\"held\":true,"
				   "\"given_by\":\"alice\",\"approved_by\":null}],\"next\":7}";
	struct response_commands commands;
	struct response_step step;
	struct fault fault = {0};

	CHECK_INT(response_commands(page, strlen(page), &commands, &fault), 0);
	CHECK_INT(commands.n_rows, 1);
	CHECK_INT(commands.next, 7);
	CHECK_STR(commands.rows[0].id, ID);
	CHECK_STR(commands.rows[0].state, "done");
	CHECK_STR(commands.rows[0].detail, "");
	CHECK_INT(commands.rows[0].changed_s, 1800000009);
	/* A server of before the brake says nothing of it. */
	CHECK(!commands.rows[0].held && !*commands.rows[0].given_by);
	response_commands_done(&commands);
	CHECK_INT(response_commands(held, strlen(held), &commands, &fault), 0);
	CHECK(commands.rows[0].held);
	CHECK_STR(commands.rows[0].given_by, "alice");
	CHECK_STR(commands.rows[0].approved_by, "");
	response_commands_done(&commands);

	CHECK_INT(response_command(ONE, strlen(ONE), &commands, &fault), 0);
	CHECK_INT(commands.n_rows, 1);
	CHECK_INT(response_step(&commands.rows[0], 1, &step, &fault), 0);
	CHECK_STR(step.state, "done");
	CHECK_STR(step.reason, "ok");
	CHECK_INT(step.time_s, 1800000009);
	CHECK_INT(response_step(&commands.rows[0], 2, &step, &fault), FAULT_FAILURE);
	response_commands_done(&commands);
}

static void test_commands_refuses(void)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"commands\":{}}",
		"{\"commands\":[1]}",
		"{\"commands\":[{\"id\":\"x\"}]}",
		"{\"commands\":[{\"id\":\"" ID "\",\"state\":1}]}",
		"{\"commands\":[{\"id\":\"" ID "\",\"state\":\"a\\nb\"}]}",
		"{\"commands\":[{\"id\":\"" ID "\",\"expires\":-1}]}",
		"{\"commands\":[{\"id\":\"" ID "\",\"history\":{}}]}",
		"{\"commands\":[{\"id\":\"" ID "\",\"held\":1}]}",
		"{\"commands\":[{\"id\":\"" ID "\",\"held\":\"true\"}]}",
		"{\"commands\":[{\"id\":\"" ID "\",\"given_by\":[]}]}",
		"{\"commands\":[],\"next\":\"7\"}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct response_commands commands = {0};
		struct fault fault = {0};

		if (!response_commands(bad[i], strlen(bad[i]), &commands, &fault))
			check_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
		CHECK(!commands.rows);
	}
}

/* An entry as the server makes it: chained to the one before. */
static void make_entry(
	int64_t n, const char *who, uint8_t chain[SHA256_BYTES], char *text, size_t size)
{
	char body[512], hex[2 * SHA256_BYTES + 1];
	uint8_t bytes[SHA256_BYTES + sizeof(body)];
	int length = snprintf(body, sizeof(body),
		"{\"n\":%lld,\"time\":1800000000,\"who\":\"%s\",\"certificate\":\"0A\","
		"\"role\":\"operator\",\"method\":\"PUT\",\"target\":\"/v1/admin/documents?type=keyset\","
		"\"body_sha256\":\"00\",\"status\":201}",
		(long long)n, who);

	memcpy(bytes, chain, SHA256_BYTES);
	memcpy(bytes + SHA256_BYTES, body, (size_t)length);
	sha256(bytes, SHA256_BYTES + (size_t)length, chain);
	hex_encode(chain, SHA256_BYTES, hex);
	snprintf(text, size, "%.*s,\"chain\":\"%s\"}", length - 1, body, hex);
}

static void make_page(char *text, size_t size, const char *third)
{
	uint8_t chain[SHA256_BYTES] = {0};
	char one[1024], two[1024], three[1024];

	make_entry(1, "Ann", chain, one, sizeof(one));
	make_entry(2, "Bo\xcc\x88 \\\"x\\\" /", chain, two, sizeof(two));
	make_entry(3, third, chain, three, sizeof(three));
	snprintf(text, size, "{\"entries\":[%s,%s,%s],\"next\":3}", one, two, three);
}

/* Follows a page; the number of entries that fit, or -1 if it could not be read. */
static int64_t follow(const char *text, struct audit_head *head, struct fault *fault)
{
	struct audit_page page;
	int r = audit_page_read(text, strlen(text), &page, fault);

	if (r)
		return -1;
	for (size_t i = 0; i < page.n_rows && !r; i++)
		r = audit_follow(head, &page.rows[i], fault);
	audit_page_done(&page);
	return head->n;
}

static void test_audit(void)
{
	struct audit_head head = {0}, again;
	char text[8192], line[96];
	struct fault fault = {0};

	make_page(text, sizeof(text), "Ann");
	CHECK_INT(follow(text, &head, &fault), 3);
	audit_head_format(&head, line);
	CHECK_INT(audit_head_parse(line, &again), 0);
	CHECK_INT(again.n, head.n);
	CHECK_INT(memcmp(again.chain, head.chain, SHA256_BYTES), 0);
}

static void test_audit_altered(void)
{
	struct audit_head head = {0};
	char text[8192], *at;
	struct fault fault = {0};

	make_page(text, sizeof(text), "Ann");
	at = strstr(text, "\"status\":201");
	CHECK(at);
	at[11] = '4';
	CHECK_INT(follow(text, &head, &fault), 0);
	CHECK(strstr(fault.text, "entry 1"));

	/* One is missing. */
	head = (struct audit_head){.n = 5};
	make_page(text, sizeof(text), "Ann");
	CHECK_INT(follow(text, &head, &fault), 5);
	CHECK(strstr(fault.text, "removed"));
}

static void test_audit_head_refuses(void)
{
	struct audit_head head;

	CHECK_INT(audit_head_parse("", &head), -22);
	CHECK_INT(audit_head_parse("1", &head), -22);
	CHECK_INT(audit_head_parse("1 00\n", &head), -22);
	CHECK_INT(audit_head_parse(
			  "0 0000000000000000000000000000000000000000000000000000000000000000\n",
			  &head),
		-22);
	CHECK_INT(audit_head_parse(
			  "9 000000000000000000000000000000000000000000000000000000000000000g\n",
			  &head),
		-22);
	CHECK_INT(audit_head_parse(
			  "9 0000000000000000000000000000000000000000000000000000000000000000x",
			  &head),
		-22);
	CHECK_INT(audit_head_parse(
			  "9 0000000000000000000000000000000000000000000000000000000000000000\n",
			  &head),
		0);
}

static const struct check_test tests[] = {
	{"commands", test_commands},
	{"commands_refuses", test_commands_refuses},
	{"audit", test_audit},
	{"audit_altered", test_audit_altered},
	{"audit_head_refuses", test_audit_head_refuses},
};
CHECK_MAIN(tests)
