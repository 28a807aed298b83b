/* SPDX-License-Identifier: Apache-2.0 */
/* test_order.c - payloads of commands from what the administrator typed: every verb, every bound.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/buf.h"
#include "server/ctl/order.h"
#include "tests/lib/check.h"

#define ID "00112233445566778899aabbccddeeff"
#define NOW INT64_C(1800000000)

static struct order an_order(enum verb_id verb, const char *const *arguments, size_t n)
{
	return (struct order){
		.org = ID,
		.id = "ffeeddccbbaa99887766554433221100",
		.device = ID,
		.enrolment = ID,
		.verb = verb,
		.issued_s = NOW,
		.expires_s = NOW + 600,
		.arguments = arguments,
		.n_arguments = n,
	};
}

/* The phone's parser sees what was meant. */
static void check_round_trip(const struct order *order, const struct command *expected)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	_cleanup_json_ struct json_object *json = NULL;
	struct command command;
	struct fault fault = {0};

	CHECK_INT(order_payload(order, &payload, &command, &fault), 0);
	CHECK_INT(json_parse(payload.data, payload.n_bytes, &json, NULL), 0);
	CHECK_INT(command_parse(json, &command, NULL), 0);
	CHECK_INT(command.verb, expected->verb);
	CHECK_STR(command.id, order->id);
	CHECK_STR(command.nonce, expected->nonce);
	CHECK_INT(command.expires_s, order->expires_s);
	for (size_t i = 0; i < LIMIT_COMMAND_ARGUMENTS; i++) {
		CHECK_INT(command.values[i].has, expected->values[i].has);
		CHECK_INT(command.values[i].number, expected->values[i].number);
		CHECK_STR(command.values[i].text, expected->values[i].text);
	}
}

static void test_round_trips(void)
{
	static const char *const message[] = {"title=A=B", "text=Please call \"us\" \\ now, Zoë"};
	static const char *const delay[] = {"delay=3600"};
	static const char nonce[] = "AAAAAAAAAAAAAAAAAAAAAA";
	struct command expected = {.verb = VERB_MESSAGE};
	struct order order = an_order(VERB_MESSAGE, message, 2);

	expected.values[0].has = expected.values[1].has = true;
	snprintf(expected.values[0].text, sizeof(expected.values[0].text), "%s", message[1] + 5);
	snprintf(expected.values[1].text, sizeof(expected.values[1].text), "A=B");
	check_round_trip(&order, &expected);

	expected = (struct command){.verb = VERB_REBOOT};
	expected.values[0].has = true;
	expected.values[0].number = 3600;
	memcpy(expected.nonce, nonce, sizeof(nonce));
	order = an_order(VERB_REBOOT, delay, 1);
	order.nonce = expected.nonce;
	check_round_trip(&order, &expected);

	for (enum verb_id verb = 0; verb < VERB_MAX; verb++) {
		bool required = false;

		for (const struct verb_argument *row = command_verbs[verb].arguments; row->name;
			row++)
			required |= row->required;
		if (required)
			continue;
		expected = (struct command){.verb = verb};
		order = an_order(verb, NULL, 0);
		if (command_verbs[verb].role == TRUST_ROLE_DESTROY) {
			memcpy(expected.nonce, nonce, sizeof(nonce));
			order.nonce = expected.nonce;
		}
		check_round_trip(&order, &expected);
	}
}

static void check_refused(enum verb_id verb, const char *argument, const char *words)
{
	const char *arguments[] = {argument, argument};
	struct order order = an_order(verb, arguments, 1);
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct command command;
	struct fault fault = {0};

	CHECK_INT(order_payload(&order, &payload, &command, &fault), FAULT_USAGE);
	if (!strstr(fault.text, words))
		check_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", fault.text, words);
	CHECK_INT(payload.n_bytes, 0);
}

static void test_refuses(void)
{
	char longest[5 + LIMIT_COMMAND_TEXT_BYTES + 2] = "text=";

	memset(longest + 5, 'x', LIMIT_COMMAND_TEXT_BYTES + 1);
	check_refused(VERB_MESSAGE, longest, "it has 513");
	check_refused(VERB_MESSAGE, "text=", "1 to 512");
	check_refused(VERB_MESSAGE, "text=a\nb", "one line");
	check_refused(VERB_MESSAGE, "text=a\xff", "UTF-8");
	check_refused(VERB_MESSAGE, "text", "its arguments: text=TEXT");
	check_refused(VERB_MESSAGE, "subject=x", "its arguments: text=TEXT");
	check_refused(VERB_MESSAGE, "title=x", "text"); /* the required one is missing */
	check_refused(
		VERB_MESSAGE, "title=x", "message needs text, which is what the user is told");
	check_refused(VERB_INSTALL, "htop", "install takes no \"htop\"; its arguments: name=TEXT");
	check_refused(
		VERB_INSTALL, "source=flathub", "install needs name, which is the name of the");
	check_refused(VERB_INSTALL, "name=--x", "name does not look right: it is the name of the");
	check_refused(VERB_LOCK, "delay=1", "its arguments: none");
	check_refused(VERB_REBOOT, "delay=3601", "from 0 to 3600 s");
	check_refused(VERB_REBOOT, "delay=-1", "from 0 to 3600 s");
	check_refused(VERB_REBOOT, "delay=1s", "from 0 to 3600 s");
}

static void test_refuses_repeats(void)
{
	static const char *const twice[] = {"text=a", "text=b"};
	struct order order = an_order(VERB_MESSAGE, twice, 2);
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct command command;
	struct fault fault = {0};

	CHECK_INT(order_payload(&order, &payload, &command, &fault), FAULT_USAGE);
	CHECK(strstr(fault.text, "twice"));
}

static void test_refuses_what_the_phone_would(void)
{
	struct order order = an_order(VERB_LOCK, NULL, 0);
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct command command;
	struct fault fault = {0};

	order.expires_s = NOW + LIMIT_COMMAND_VALID_S + 1;
	CHECK_INT(order_payload(&order, &payload, &command, &fault), FAULT_USAGE);
	CHECK(strstr(fault.text, "phones would refuse"));
	order.expires_s--;
	CHECK_INT(order_payload(&order, &payload, &command, &fault), 0);
}

static void test_synopsis(void)
{
	_cleanup_buf_ struct buf message = BUF_INIT, reboot = BUF_INIT, lock = BUF_INIT;

	order_synopsis(VERB_MESSAGE, &message);
	CHECK_STR(message.data, "text=TEXT [title=TEXT]");
	order_synopsis(VERB_REBOOT, &reboot);
	CHECK_STR(reboot.data, "[delay=SECONDS]");
	order_synopsis(VERB_LOCK, &lock);
	CHECK_INT(lock.n_bytes, 0);
}

static const struct check_test tests[] = {
	{"round_trips", test_round_trips},
	{"refuses", test_refuses},
	{"refuses_repeats", test_refuses_repeats},
	{"refuses_what_the_phone_would", test_refuses_what_the_phone_would},
	{"synopsis", test_synopsis},
};
CHECK_MAIN(tests)
