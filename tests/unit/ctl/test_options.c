/* SPDX-License-Identifier: Apache-2.0 */
/* test_options.c - the command line, and that the tables behind it are complete. */
#include "agent/ctl/options.h"

#include <errno.h>

#include "agent/ctl/exit.h"
#include "agent/ctl/help.h"
#include "agent/ctl/verbs.h"
#include "agent/json/json_read.h"
#include "tests/lib/check.h"

/* Splits at spaces; an element of '' stands for an empty word. */
static int parse(const char *line, struct options *ret_options, struct options_error *ret_error)
{
	static char text[512], empty[1];
	static char *argv[16];
	int argc = 0;

	snprintf(text, sizeof(text), "agentctl %s", line);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = strcmp(word, "''") == 0 ? empty : word;
	memset(ret_error, 0, sizeof(*ret_error));
	return options_parse(argc, argv, ret_options, ret_error);
}

static void test_good_lines(void)
{
	static const struct {
		const char *line, *verb;
		size_t n_arguments;
		uint32_t given;
	} cases[] = {
		{"status", "status", 0, 0},
		{"--json status", "status", 0, OPTION_BIT(OPTION_JSON)},
		{"policy --json show", "policy show", 0, OPTION_BIT(OPTION_JSON)},
		{"policy explain", "policy explain", 0, 0},
		{"policy explain screen_lock", "policy explain", 1, 0},
		{"enroll - --yes", "enroll", 1, OPTION_BIT(OPTION_YES)},
		{"enroll -y -- -file", "enroll", 1, OPTION_BIT(OPTION_YES)},
		{"journal show -n 5 --after=7 -f", "journal show", 0,
			OPTION_BIT(OPTION_LINES) | OPTION_BIT(OPTION_AFTER) |
				OPTION_BIT(OPTION_FOLLOW)},
		{"journal show -n5", "journal show", 0, OPTION_BIT(OPTION_LINES)},
		{"journal show --lines 5 --socket /x", "journal show", 0,
			OPTION_BIT(OPTION_LINES) | OPTION_BIT(OPTION_SOCKET)},
		{"help policy show", "help", 2, 0},
		{"enroll --help", "enroll", 0, OPTION_BIT(OPTION_HELP)},
		/* A verb that is a group as well. */
		{"escrow", "escrow", 0, 0},
		{"escrow --new", "escrow", 0, OPTION_BIT(OPTION_NEW)},
		{"escrow --help", "escrow", 0, OPTION_BIT(OPTION_HELP)},
		{"escrow verify", "escrow verify", 0, 0},
		{"policy schema --markdown", "policy schema", 0, OPTION_BIT(OPTION_MARKDOWN)},
	};
	struct options_error error;
	struct options options;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = parse(cases[i].line, &options, &error);

		CHECK_STR(error.message, "");
		CHECK_INT(r, 0);
		CHECK_STR(options.verb->name, cases[i].verb);
		CHECK_INT(options.n_arguments, cases[i].n_arguments);
		CHECK_INT(options.given, cases[i].given);
	}
}

static void test_values(void)
{
	struct options_error error;
	struct options options;

	CHECK_INT(parse("journal show -n 100000 --after 9007199254740992 --socket=/a=b", &options,
			  &error),
		0);
	CHECK_INT(options.lines, 100000);
	CHECK_INT(options.after, INT64_C(9007199254740992));
	CHECK_STR(options.socket, "/a=b");
}

static void test_no_verb_is_fine_with_help(void)
{
	struct options_error error;
	struct options options;

	CHECK_INT(parse("--help", &options, &error), 0);
	CHECK(!options.verb);
	CHECK_INT(parse("--version", &options, &error), 0);
	CHECK_INT(parse("policy --help", &options, &error), 0);
	CHECK(!options.verb);
}

static void test_bad_lines(void)
{
	static const struct {
		const char *line, *part;
	} cases[] = {
		{"", "What shall be done"},
		{"frobnicate", "no command"},
		{"stauts", "did you mean \"status\""},
		{"enrol", "did you mean \"enroll\""},
		{"polixy show", "no command \"polixy\""},
		{"policy", "second word"},
		{"policy shwo", "did you mean \"policy show\""},
		{"policy ''", "no command"},
		{"escrow verfy", "did you mean \"escrow verify\""},
		{"escrow verify --new", "does not know --new"},
		{"''", "no command"},
		{"status now", "does not take the argument"},
		{"enroll", "wants an argument"},
		{"enroll a b", "does not take the argument"},
		{"a b c d e", "Too many"},
		{"status --frob", "no option --frob"},
		{"status -x", "no option -x"},
		{"status --yes", "does not know --yes"},
		{"status --json=1", "takes no value"},
		{"status -hh", "takes no value"},
		{"status --socket", "wants a value"},
		{"status --socket=", "wants a path"},
		{"journal show -n", "wants a value"},
		{"journal show -n 0", "from 1 to 100000"},
		{"journal show -n 100001", "from 1 to 100000"},
		{"journal show -n 5x", "whole number"},
		{"journal show -n -5", "whole number"},
		{"journal show --after 9007199254740993", "whole number"},
		{"journal show --after -1", "whole number"},
	};
	struct options_error error;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct options options = {.lines = 77};

		if (parse(cases[i].line, &options, &error) != -EINVAL ||
			!strstr(error.message, cases[i].part))
			check_fail(__FILE__, __LINE__, "\"%s\": %s", cases[i].line, error.message);
		/* Outputs stay as they were. */
		CHECK_INT(options.lines, 77);
	}
}

static void test_verbs_are_complete(void)
{
	for (size_t i = 0; i < verb_count(); i++) {
		const struct verb *verb = verb_at(i);
		size_t n = strlen(verb->help);
		char first[32];
		const char *space = strchr(verb->name, ' ');

		CHECK(verb->run && verb->arguments && verb->details);
		CHECK(n > 10 && verb->help[n - 1] == '.');
		CHECK(verb->max_arguments <= OPTIONS_ARGUMENTS);
		CHECK(verb->min_arguments <= verb->max_arguments);
		CHECK_INT(verb->max_arguments > 0, verb->arguments[0] != 0);
		for (int j = 0; j < OPTION_MAX; j++)
			CHECK(!option_row((enum option_id)j)->global ||
				!(verb->options & OPTION_BIT(j)));
		snprintf(first, sizeof(first), "%.*s",
			(int)(space ? space - verb->name : (ptrdiff_t)strlen(verb->name)),
			verb->name);
		CHECK(verb_find(first, space ? space + 1 : NULL) == verb);
		/* A verb may begin a group only if it takes no word itself. */
		CHECK(verb_is_group(first) ? space || verb->max_arguments == 0 : !space);
	}
}

static void test_options_are_complete(void)
{
	for (int i = 0; i < OPTION_MAX; i++) {
		const struct option_row *row = option_row((enum option_id)i);
		bool used = row->global;

		CHECK_INT(row->id, i);
		CHECK(row->name && row->help && row->help[strlen(row->help) - 1] == '.');
		for (size_t j = 0; j < verb_count(); j++)
			used = used || (verb_at(j)->options & OPTION_BIT(i));
		CHECK(used);
		for (int j = 0; j < i; j++) {
			CHECK(strcmp(row->name, option_row((enum option_id)j)->name) != 0);
			CHECK(!row->letter || row->letter != option_row((enum option_id)j)->letter);
		}
	}
}

static void test_exit_codes_are_complete(void)
{
	for (int i = 0; i < CTL_EXIT_MAX; i++) {
		CHECK(ctl_exit_name((enum ctl_exit)i) && ctl_exit_help((enum ctl_exit)i));
		for (int j = 0; j < i; j++)
			CHECK(strcmp(ctl_exit_name((enum ctl_exit)i),
				      ctl_exit_name((enum ctl_exit)j)) != 0);
	}
	for (uint32_t code = 0; code < CTL_CODE_MAX + 2; code++) {
		CHECK_INT(ctl_exit_of(code) == CTL_EXIT_OK, code == CTL_OK);
		CHECK(ctl_exit_of(code) < CTL_EXIT_MAX);
	}
	CHECK_INT(ctl_exit_of(CTL_E_DENIED), 4);
	CHECK_INT(ctl_exit_of(CTL_E_STATE), 5);
	CHECK_INT(ctl_exit_of(CTL_E_INPUT), 7);
	CHECK_INT(ctl_exit_of(CTL_E_UNREACHABLE), 6);
	CHECK_INT(ctl_exit_of(CTL_E_REFUSED), 7);
	CHECK_INT(ctl_exit_of(CTL_E_BUSY), 1);
	CHECK_INT(ctl_exit_of(UINT32_MAX), 1);
}

static void test_help_names_everything(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT, markdown = BUF_INIT, json = BUF_INIT;
	_cleanup_json_ struct json_object *object = NULL;
	_cleanup_(page_done) struct page p = {0};

	page_init(&p, &text, 100, false);
	help_overview(&p);
	help_markdown(&markdown);
	help_json(&json);
	for (size_t i = 0; i < verb_count(); i++) {
		CHECK(strstr(text.data, verb_at(i)->name));
		CHECK(strstr(markdown.data, verb_at(i)->name));
	}
	for (int i = 0; i < OPTION_MAX; i++)
		CHECK(strstr(markdown.data, option_row((enum option_id)i)->name));
	for (int i = 0; i < CTL_EXIT_MAX; i++)
		CHECK(strstr(markdown.data, ctl_exit_help((enum ctl_exit)i)));
	CHECK_INT(json_parse(json.data, json.n_bytes, &object, NULL), 0);
}

static const struct check_test tests[] = {
	{"good_lines", test_good_lines},
	{"values", test_values},
	{"no_verb_is_fine_with_help", test_no_verb_is_fine_with_help},
	{"bad_lines", test_bad_lines},
	{"verbs_are_complete", test_verbs_are_complete},
	{"options_are_complete", test_options_are_complete},
	{"exit_codes_are_complete", test_exit_codes_are_complete},
	{"help_names_everything", test_help_names_everything},
};
CHECK_MAIN(tests)
