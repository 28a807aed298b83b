/* SPDX-License-Identifier: Apache-2.0 */
/* test_command.c - commands that are taken and refused, and the table of verbs; no role, plain
 * process. */
#include "agent/trust/command.h"

#include <errno.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "tests/lib/check.h"

#define ID "00112233445566778899aabbccddeeff"
#define NONCE "AAECAwQFBgcICQoLDA0ODw"
#define DAY 86400

#define HEAD "{\"type\":\"command\",\"org\":\"" ID "\",\"serial\":1,"
#define TARGET ",\"target\":{\"device\":\"" ID "\",\"enrolment\":\"" ID "\"}"
#define DATES "\"issued\":1800000000,\"expires\":1800086400"
#define COMMAND(rest) HEAD DATES TARGET ",\"id\":\"" ID "\"," rest "}"
#define MESSAGE(arguments) COMMAND("\"verb\":\"message\",\"arguments\":{" arguments "}")
#define REBOOT(arguments) COMMAND("\"verb\":\"reboot\",\"arguments\":{" arguments "}")

static int parse(const char *text, struct command *ret_command, struct json_error *error)
{
	_cleanup_json_ struct json_object *json = NULL;
	int r = json_parse(text, strlen(text), &json, error);

	return r < 0 ? r : command_parse(json, ret_command, error);
}

static void test_taken(void)
{
	struct json_error error = {0};
	struct command c;

	CHECK_INT(parse(COMMAND("\"verb\":\"sync\""), &c, &error), 0);
	CHECK_STR(c.id, ID);
	CHECK_INT(c.verb, VERB_SYNC);
	CHECK_STR(c.nonce, "");
	CHECK_INT(c.issued_s, 1800000000);
	CHECK_INT(c.expires_s, 1800086400);
	CHECK_INT(parse(COMMAND("\"verb\":\"lock\",\"arguments\":{},\"nonce\":\"" NONCE "\""), &c,
			  &error),
		0);
	CHECK_INT(c.verb, VERB_LOCK);
	CHECK_STR(c.nonce, NONCE);
	CHECK_INT(parse(MESSAGE("\"title\":\"IT\",\"text\":\"Gr\xc3\xbc\xc3\x9f"
				"e\""),
			  &c, &error),
		0);
	CHECK_STR(command_argument(&c, "text")->text, "Gr\xc3\xbc\xc3\x9f"
						      "e");
	CHECK_STR(command_argument(&c, "title")->text, "IT");
	CHECK(!command_argument(&c, "delay"));
	CHECK_INT(parse(MESSAGE("\"text\":\"x\""), &c, &error), 0);
	CHECK(command_argument(&c, "text")->has && !command_argument(&c, "title")->has);
	CHECK_INT(parse(REBOOT("\"delay\":3600"), &c, &error), 0);
	CHECK_INT(command_argument(&c, "delay")->number, 3600);
	CHECK_INT(parse(COMMAND("\"verb\":\"reboot\""), &c, &error), 0);
	CHECK(!command_argument(&c, "delay")->has);
	CHECK_INT(parse(HEAD DATES ",\"not_before\":1800000001" TARGET ",\"id\":\"" ID
				   "\",\"verb\":\"unenroll\"}",
			  &c, &error),
		0);
}

static void test_refused(void)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		/* what is not understood may be a restriction */
		{COMMAND("\"verb\":\"sync\",\"only_if\":\"locked\""), ""},
		{COMMAND("\"verb\":\"sync\",\"arguments\":{\"force\":true}"), "arguments"},
		{REBOOT("\"delay\":5,\"force\":true"), "arguments"},
		{COMMAND("\"verb\":\"erase\""), "verb"},
		{COMMAND("\"verb\":\"wipe\""), "arguments.scope"},
		{COMMAND("\"verb\":\"wipe\",\"arguments\":{\"scope\":\"everything\"}"),
			"arguments"},
		{COMMAND("\"verb\":\"wipe\",\"arguments\":{\"scope\":\"device\",\"finish\":\"halt\"}"),
			"arguments"},
		{COMMAND("\"verb\":\"SYNC\""), "verb"},
		{COMMAND("\"verb\":\"\""), ""},
		{COMMAND("\"verb\":7"), "verb"},
		{COMMAND("\"arguments\":{}"), "verb"},
		{COMMAND("\"verb\":\"sync\",\"arguments\":[]"), "arguments"},
		{COMMAND("\"verb\":\"sync\",\"arguments\":null"), "arguments"},
		/* arguments */
		{COMMAND("\"verb\":\"message\""), "arguments.text"},
		{MESSAGE("\"title\":\"x\""), "arguments.text"},
		{MESSAGE("\"text\":\"\""), "arguments"},
		{MESSAGE("\"text\":\"a\\nb\""), "arguments.text"},
		{MESSAGE("\"text\":7"), "arguments.text"},
		{MESSAGE("\"text\":null"), "arguments.text"},
		{MESSAGE("\"text\":\"x\",\"title\":\"\""), "arguments"},
		{REBOOT("\"delay\":-1"), "arguments.delay"},
		{REBOOT("\"delay\":3601"), "arguments.delay"},
		{REBOOT("\"delay\":1.0"), "arguments.delay"},
		{REBOOT("\"delay\":\"5\""), "arguments.delay"},
		{REBOOT("\"delay\":true"), "arguments.delay"},
		/* id, serial, nonce */
		{HEAD DATES TARGET ",\"verb\":\"sync\"}", "id"},
		{HEAD DATES TARGET ",\"id\":\"00\",\"verb\":\"sync\"}", ""},
		{HEAD DATES TARGET
			",\"id\":\"00112233445566778899AABBCCDDEEFF\",\"verb\":\"sync\"}",
			""},
		{"{\"serial\":2," DATES ",\"id\":\"" ID "\",\"verb\":\"sync\"}", "serial"},
		{"{" DATES ",\"id\":\"" ID "\",\"verb\":\"sync\"}", "serial"},
		{COMMAND("\"verb\":\"sync\",\"nonce\":\"\""), "nonce"},
		{COMMAND("\"verb\":\"sync\",\"nonce\":\"AAECAwQFBgcICQoLDA0OD\""), "nonce"},
		{COMMAND("\"verb\":\"sync\",\"nonce\":\"AAECAwQFBgcICQoLDA0ODwA\""), "nonce"},
		{COMMAND("\"verb\":\"sync\",\"nonce\":\"AAECAwQFBgcICQoLDA0OD/\""), "nonce"},
		/* trailing bits that encode nothing */
		{COMMAND("\"verb\":\"sync\",\"nonce\":\"AAECAwQFBgcICQoLDA0ODx\""), "nonce"},
		{COMMAND("\"verb\":\"sync\",\"nonce\":null"), "nonce"},
		/* dates */
		{HEAD "\"issued\":1800000000" TARGET ",\"id\":\"" ID "\",\"verb\":\"sync\"}",
			"expires"},
		{HEAD "\"issued\":1800000000,\"expires\":1800000000" TARGET ",\"id\":\"" ID
		      "\",\"verb\":\"sync\"}",
			"expires"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct command c = {.issued_s = 77};
		struct json_error error = {0};
		int r = parse(rows[i].text, &c, &error);

		if (r != -EBADMSG || c.issued_s != 77 || !*error.message)
			check_fail(__FILE__, __LINE__, "row %zu: %d", i, r);
		else if (strcmp(error.path, rows[i].path) != 0)
			check_fail(__FILE__, __LINE__, "row %zu: path \"%s\"", i, error.path);
	}
}

static int parse_text(size_t n_text, size_t n_title)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct json_error error = {0};
	struct command c;

	buf_puts(&text, HEAD DATES TARGET ",\"id\":\"" ID
					  "\",\"verb\":\"message\",\"arguments\":{\"text\":\"");
	while (n_text--)
		buf_puts(&text, "a");
	buf_puts(&text, "\",\"title\":\"");
	while (n_title--)
		buf_puts(&text, "b");
	buf_puts(&text, "\"}}");
	return parse(text.data, &c, &error);
}

static int parse_valid(int64_t valid_s)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct json_error error = {0};
	struct command c;

	buf_printf(&text,
		HEAD "\"issued\":1800000000,\"expires\":%lld" TARGET ",\"id\":\"" ID
		     "\",\"verb\":\"sync\"}",
		(long long)(1800000000 + valid_s));
	return parse(text.data, &c, &error);
}

static void test_limits(void)
{
	CHECK_INT(parse_text(LIMIT_COMMAND_TEXT_BYTES, 64), 0);
	CHECK_INT(parse_text(LIMIT_COMMAND_TEXT_BYTES + 1, 64), -EBADMSG);
	CHECK_INT(parse_text(LIMIT_COMMAND_TEXT_BYTES, 65), -EBADMSG);
	CHECK_INT(parse_valid(LIMIT_COMMAND_VALID_S), 0);
	CHECK_INT(parse_valid(LIMIT_COMMAND_VALID_S + 1), -EBADMSG);
}

/* No verb destroys yet; the rule is there for the first that does. */
static void test_destructive(void)
{
	const struct command_verb destroy = {.name = "destroy", .role = TRUST_ROLE_DESTROY};
	struct command c = {
		.issued_s = 1800000000,
		.expires_s = 1800000000 + LIMIT_DESTRUCTIVE_VALID_S,
		.nonce = NONCE,
	};
	struct json_error error = {0};

	CHECK_INT(command_check(&c, &destroy, &error), 0);
	c.expires_s++;
	CHECK_INT(command_check(&c, &destroy, &error), -EBADMSG);
	CHECK_STR(error.path, "expires");
	c.expires_s--;
	c.nonce[0] = 0;
	CHECK_INT(command_check(&c, &destroy, &error), -EBADMSG);
	CHECK_STR(error.path, "nonce");
	CHECK_INT(command_check(&c, &command_verbs[VERB_SYNC], &error), 0);
}

/* What every row has to be, so that whoever adds one hears of it. */
static void test_verbs(void)
{
	CHECK_INT(command_verb_find("none"), VERB_MAX);
	CHECK_INT(command_verb_find(""), VERB_MAX);
	for (enum verb_id id = 0; id < VERB_MAX; id++) {
		const struct command_verb *verb = &command_verbs[id];
		size_t n = 0;

		CHECK(name_is_valid(verb->name));
		CHECK_INT(command_verb_find(verb->name), id);
		CHECK(verb->role == TRUST_ROLE_COMMAND || verb->role == TRUST_ROLE_DESTROY);
		CHECK(verb->valid_s > 0 && verb->valid_s <= LIMIT_COMMAND_VALID_S);
		CHECK(verb->role != TRUST_ROLE_DESTROY ||
			verb->valid_s <= LIMIT_DESTRUCTIVE_VALID_S);
		CHECK(verb->help && *verb->help);
		for (const struct verb_argument *a = verb->arguments; a->name; a++) {
			n++;
			CHECK(name_is_valid(a->name) && a->unit && a->help && *a->help);
			CHECK(a->type < VERB_ARGUMENT_TYPE_MAX && a->min <= a->max);
			if (a->type == VERB_TEXT)
				CHECK(a->min >= 0 && a->max <= LIMIT_COMMAND_TEXT_BYTES);
		}
		CHECK(n <= LIMIT_COMMAND_ARGUMENTS);
	}
}

static const struct check_test tests[] = {
	{"taken", test_taken},
	{"refused", test_refused},
	{"limits", test_limits},
	{"destructive", test_destructive},
	{"verbs", test_verbs},
};
CHECK_MAIN(tests)
