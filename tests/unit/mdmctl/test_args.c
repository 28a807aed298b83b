/* SPDX-License-Identifier: Apache-2.0 */
/* test_args.c - command lines by tables; the nearest word; the table of commands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/ctl/commands.h"
#include "tests/lib/check.h"

static const struct option_row rows[] = {
	{"group", "G", "a group", .repeats = true},
	{"output", "FILE", "a file", .letter = 'o'},
	{"follow", NULL, "go on", .letter = 'f'},
	{0},
};
static const struct option_row *const tables[] = {rows, NULL};

static int parse(const char *const *argv, struct args *ret_args, struct fault *fault)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	return args_parse(tables, argc, argv, ret_args, fault);
}

static void test_parse(void)
{
	const char *argv[] = {
		"--group", "a", "file", "--group=b", "-oX", "-f", "--", "--group", NULL};
	struct fault fault = {0};
	struct args args;

	CHECK_INT(parse(argv, &args, &fault), 0);
	CHECK_STR(args_nth(&args, "group", 0), "a");
	CHECK_STR(args_nth(&args, "group", 1), "b");
	CHECK_STR(args_nth(&args, "group", 2), NULL);
	CHECK_STR(args_get(&args, "output"), "X");
	CHECK(args_has(&args, "follow"));
	CHECK_INT(args.n_operands, 2);
	CHECK_STR(args.operands[0], "file");
	CHECK_STR(args.operands[1], "--group");
}

static void test_dash_and_empty(void)
{
	const char *argv[] = {"-", "--output", "-", "--group=", NULL};
	struct fault fault = {0};
	struct args args;

	CHECK_INT(parse(argv, &args, &fault), 0);
	CHECK_INT(args.n_operands, 1);
	CHECK_STR(args.operands[0], "-");
	CHECK_STR(args_get(&args, "output"), "-");
	CHECK_STR(args_get(&args, "group"), "");
}

static void test_refuses(void)
{
	static const char *const bad[][4] = {
		{"--grup", "a"},
		{"--group"},
		{"-o"},
		{"-x"},
		{"-fo"},
		{"--follow=yes"},
		{"--output", "a", "--output=b"},
		{"--follow", "-f"},
		{"--=x"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct args args = {.n_operands = 99};
		struct fault fault = {0};

		if (parse(bad[i], &args, &fault) != FAULT_USAGE)
			check_fail(__FILE__, __LINE__, "row %zu was taken", i);
		CHECK_INT(args.n_operands, 99);
		CHECK(*fault.text);
	}
}

/* One more than fits. */
static void test_limits(void)
{
	const char *argv[ARGS_MAX + 3];
	struct fault fault = {0};
	struct args args;

	for (size_t i = 0; i <= ARGS_MAX; i++)
		argv[i] = "x";
	argv[ARGS_MAX] = NULL;
	CHECK_INT(parse(argv, &args, &fault), 0);
	CHECK_INT(args.n_operands, ARGS_MAX);
	argv[ARGS_MAX] = "x";
	argv[ARGS_MAX + 1] = NULL;
	CHECK_INT(parse(argv, &args, &fault), FAULT_USAGE);
	for (size_t i = 0; i <= ARGS_MAX; i++)
		argv[i] = "--group=x";
	CHECK_INT(parse(argv, &args, &fault), FAULT_USAGE);
}

static void test_nearest(void)
{
	static const char *const words[] = {"policy sign", "policy show", "ticket new", "events"};

	CHECK_STR(args_nearest("polcy sign", words, 4), "policy sign");
	CHECK_STR(args_nearest("event", words, 4), "events");
	CHECK_STR(args_nearest("tiket new", words, 4), "ticket new");
	CHECK_STR(args_nearest("bicycle", words, 4), NULL);
	CHECK_STR(args_nearest("", words, 4), NULL);
}

static int run(const char *const *argv, char **ret_out, char **ret_err)
{
	size_t n_out, n_err;
	FILE *out = open_memstream(ret_out, &n_out), *err = open_memstream(ret_err, &n_err);
	int argc = 0, r;

	while (argv[argc])
		argc++;
	r = commands_run(argc, argv, out, err);
	fclose(out);
	fclose(err);
	return r;
}

/* Help is there for each row, within 80 columns, and every row is whole. */
static void test_table(void)
{
	for (const struct command_row *row = commands; row->name; row++) {
		_cleanup_free_ char *out = NULL, *err = NULL;
		char words[64], *second;
		const char *argv[] = {"mdmctl", "help", words, NULL, NULL};

		snprintf(words, sizeof(words), "%s", row->name);
		second = strchr(words, ' ');
		if (second) {
			*second = 0;
			argv[3] = second + 1;
		}
		CHECK(row->run && row->help && *row->help && row->operands);
		CHECK(row->min_operands <= row->max_operands);
		CHECK_INT(run(argv, &out, &err), 0);
		CHECK(strstr(out, row->name));
		CHECK_STR(err, "");
		for (const char *line = out; *line;
			line += strcspn(line, "\n"), line += *line == '\n')
			if (strcspn(line, "\n") > 100)
				check_fail(__FILE__, __LINE__, "%s: a line is too long: %.100s",
					row->name, line);
	}
}

static void test_wrong_commands(void)
{
	static const struct {
		const char *argv[6];
		const char *says;
	} bad[] = {
		{{"mdmctl"}, "no command"},
		{{"mdmctl", "polcy", "sign"}, "mdmctl policy sign"},
		{{"mdmctl", "policy"}, "check"},
		{{"mdmctl", "policy", "sing"}, "mdmctl policy sign"},
		{{"mdmctl", "help", "xyzzyxyzzy"}, "xyzzyxyzzy"},
		{{"mdmctl", "policy", "check"}, "FILE"},
		{{"mdmctl", "policy", "check", "a", "b"}, "FILE"},
		{{"mdmctl", "device", "list", "--grop"}, "--grop"},
		{{"mdmctl", "--nothing"}, "no command"},
		{{"mdmctl", "--org"}, "no command"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		_cleanup_free_ char *out = NULL, *err = NULL;

		CHECK_INT(run(bad[i].argv, &out, &err), FAULT_USAGE);
		if (!strstr(err, bad[i].says))
			check_fail(__FILE__, __LINE__, "row %zu says \"%s\"", i, err);
		CHECK_STR(out, "");
	}
}

static const struct check_test tests[] = {
	{"parse", test_parse},
	{"dash_and_empty", test_dash_and_empty},
	{"refuses", test_refuses},
	{"limits", test_limits},
	{"nearest", test_nearest},
	{"table", test_table},
	{"wrong_commands", test_wrong_commands},
};
CHECK_MAIN(tests)
