/* SPDX-License-Identifier: Apache-2.0 */
/* test_arguments.c - the command line of mdm-agentd: defaults, every option of the table, errors.
 */
#include <getopt.h>
#include <string.h>

#include "agent/enforcer/arguments.h"
#include "tests/lib/check.h"

static int parse(char **argv, struct enforcer_options *options, enum arguments_action *action)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	/* Both libraries take this for "from the beginning". */
	optind = 1;
	opterr = 0;
	return arguments_parse(argc, argv, options, action);
}
#define ARGS(...) ((char *[]){(char *)"mdm-agentd", ##__VA_ARGS__, NULL})

static const char *value(const struct argument_row *row, const struct enforcer_options *options)
{
	return *(const char *const *)((const char *)options + row->offset);
}

static void test_defaults(void)
{
	struct enforcer_options options;
	enum arguments_action action;

	CHECK_INT(parse(ARGS(), &options, &action), 0);
	CHECK_INT(action, ARGUMENTS_RUN);
	CHECK(!options.verbose && !options.identity_key);
	for (const struct argument_row *row = argument_rows; row->name; row++)
		if (row->metavar && row->initial)
			CHECK_STR(value(row, &options), row->initial);
}

/* Each row fills its own member and no other. */
static void test_every_row(void)
{
	for (const struct argument_row *row = argument_rows; row->name; row++) {
		struct enforcer_options options;
		enum arguments_action action;
		char option[64];

		if (!row->metavar)
			continue;
		snprintf(option, sizeof(option), "--%s=given", row->name);
		CHECK_INT(parse(ARGS(option), &options, &action), 0);
		for (const struct argument_row *other = argument_rows; other->name; other++) {
			if (other == row)
				CHECK_STR(value(other, &options), "given");
			else if (other->metavar && other->initial)
				CHECK_STR(value(other, &options), other->initial);
		}
	}
}

static void test_switches(void)
{
	struct enforcer_options options;
	enum arguments_action action;

	CHECK_INT(parse(ARGS((char *)"-v"), &options, &action), 0);
	CHECK(options.verbose && action == ARGUMENTS_RUN);
	CHECK_INT(parse(ARGS((char *)"-h"), &options, &action), 0);
	CHECK_INT(action, ARGUMENTS_HELP);
	CHECK_INT(parse(ARGS((char *)"--version"), &options, &action), 0);
	CHECK_INT(action, ARGUMENTS_VERSION);
	/* What is asked for instead of running keeps the options before and behind it. */
	CHECK_INT(parse(ARGS((char *)"--sysroot=/a", (char *)"--prepare-removal",
				(char *)"--state-dir=/b"),
			  &options, &action),
		0);
	CHECK_INT(action, ARGUMENTS_PREPARE_REMOVAL);
	CHECK_STR(options.sysroot, "/a");
	CHECK_STR(options.state_dir, "/b");
	CHECK_INT(parse(ARGS((char *)"--json", (char *)"--probe"), &options, &action), 0);
	CHECK(action == ARGUMENTS_PROBE && options.json && !options.verbose);
}

static void test_errors(void)
{
	static char uri[LIMIT_URL_BYTES + 2];
	struct enforcer_options options = {.verbose = true};
	enum arguments_action action = ARGUMENTS_VERSION;

	memset(uri, 'x', LIMIT_URL_BYTES);
	CHECK_INT(parse(ARGS((char *)"--identity-key", uri), &options, &action), 0);
	CHECK_STR(options.identity_key, uri);
	options = (struct enforcer_options){.verbose = true};
	action = ARGUMENTS_VERSION;
	uri[LIMIT_URL_BYTES] = 'x';
	CHECK(parse(ARGS((char *)"--identity-key", uri), &options, &action) < 0);
	CHECK(parse(ARGS((char *)"--identity-key", (char *)"pkcs11:token=a b"), &options, &action) <
		0);
	CHECK(parse(ARGS((char *)"--identity-key", (char *)"handle:1\n"), &options, &action) < 0);
	CHECK(parse(ARGS((char *)"--bogus"), &options, &action) < 0);
	CHECK(parse(ARGS((char *)"word"), &options, &action) < 0);
	CHECK(parse(ARGS((char *)"--prepare-removal", (char *)"word"), &options, &action) < 0);
	CHECK(parse(ARGS((char *)"--json"), &options, &action) < 0);
	CHECK(parse(ARGS((char *)"--socket"), &options, &action) < 0);
	CHECK(parse(ARGS((char *)"--verbose=1"), &options, &action) < 0);
	/* Outputs are as they were. */
	CHECK(options.verbose && !options.state_dir && action == ARGUMENTS_VERSION);
}

static void test_help(void)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	arguments_help(&out);
	for (const struct argument_row *row = argument_rows; row->name; row++) {
		char option[64];

		snprintf(option, sizeof(option), "--%s%s%s ", row->name, row->metavar ? " " : "",
			row->metavar ? row->metavar : "");
		CHECK(strstr(out.data, option));
		CHECK(strstr(out.data, row->help));
	}
}

static const struct check_test tests[] = {
	{"defaults", test_defaults},
	{"every row", test_every_row},
	{"switches", test_switches},
	{"errors", test_errors},
	{"help", test_help},
};
CHECK_MAIN(tests)
