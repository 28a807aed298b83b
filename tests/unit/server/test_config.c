/* SPDX-License-Identifier: Apache-2.0 */
/* test_config.c - the command line and the configuration file of mdm-server. */
#include "server/config.h"

#include <errno.h>
#include <string.h>

#include "agent/util/log.h"
#include "server/settings.h"
#include "tests/lib/check.h"

/* Reads text (NULL: no file) and arguments; problems is for the caller to look at. */
static int parse(
	const char *text, const char *const *args, struct config *ret_config, struct buf *problems)
{
	static char copies[24][96], *argv[25];
	struct config_input input = {
		.argc = 1,
		.argv = argv,
		.file = "f.conf",
		.text = text,
		.n_text = text ? strlen(text) : 0,
	};

	argv[0] = strcpy(copies[0], "mdm-server");
	for (; *args; args++, input.argc++)
		argv[input.argc] = strcpy(copies[input.argc], *args);
	buf_reset(problems);
	return config_read(&input, ret_config, problems);
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NEEDED "--state", "x", "--listen", "127.0.0.1:1", "--admin-listen", "[::1]:0"
#define NEEDED_LINES "state x\nlisten 127.0.0.1:1\nadmin-listen [::1]:0\n"

static int parse_command(const char *const *args, struct config_command *ret_command)
{
	static char copies[24][96], *argv[25];
	char problem[256] = "";
	int argc = 1, r;

	argv[0] = strcpy(copies[0], "mdm-server");
	for (; *args; args++, argc++)
		argv[argc] = strcpy(copies[argc], *args);
	r = config_command_parse(argc, argv, ret_command, problem);
	if ((r < 0) != (*problem != 0))
		check_fail(__FILE__, __LINE__, "answer %d with \"%s\"", r, problem);
	return r;
}

static void test_command(void)
{
	struct config_command command;

	CHECK_INT(parse_command(ARGS(NEEDED), &command), 0);
	CHECK(command.action == CONFIG_RUN && !command.file);
	CHECK_INT(parse_command(ARGS("run", NEEDED, "--config=a"), &command), 0);
	CHECK(command.action == CONFIG_RUN);
	CHECK_STR(command.file, "a");
	CHECK_INT(parse_command(ARGS("config", "check", "--config", "b"), &command), 0);
	CHECK(command.action == CONFIG_CHECK);
	CHECK_STR(command.file, "b");
	CHECK_INT(parse_command(ARGS("config", "--verbose", "show"), &command), 0);
	CHECK(command.action == CONFIG_SHOW);
	CHECK_INT(parse_command(ARGS("--state", "x", "--help"), &command), 0);
	CHECK(command.action == CONFIG_HELP);
	for (const char *const *bad = ARGS("extra", "--bogus", "--state", "--config",
		     "--config=", "config", "--help=1", "--", "-v", "--stat=x");
		*bad; bad++)
		if (parse_command(ARGS(*bad), &command) != -EINVAL)
			check_fail(__FILE__, __LINE__, "accepted: %s", *bad);
	CHECK_INT(parse_command(ARGS("run", "run"), &command), -EINVAL);
	CHECK_INT(parse_command(ARGS("config", "check", "x"), &command), -EINVAL);
	CHECK_INT(parse_command(ARGS("--config", "a", "--config", "a"), &command), -EINVAL);
	CHECK_INT(parse_command(ARGS("--output", "a", NEEDED), &command), -EINVAL);
}

static void test_defaults(void)
{
	_cleanup_buf_ struct buf problems = BUF_INIT;
	struct config config;

	CHECK_INT(parse(NULL, ARGS(NEEDED), &config, &problems), 0);
	CHECK_INT(config.certificate_days, 90);
	CHECK(!config.client_ca && config.log_level == LOG_LEVEL_INFO && !config.metrics_listen.n);
	config_done(&config);
	CHECK_INT(parse(NULL, ARGS(NEEDED, "--verbose"), &config, &problems), 0);
	CHECK_INT(config.log_level, LOG_LEVEL_DEBUG);
	config_done(&config);
}

static void test_refused_arguments(void)
{
	_cleanup_buf_ struct buf problems = BUF_INIT;
	struct config config;

	CHECK_INT(parse(NULL, ARGS("--state", "x"), &config, &problems), -EINVAL);
	CHECK(strstr(problems.data, "--listen is needed") &&
		strstr(problems.data, "--admin-listen is needed") &&
		!strstr(problems.data, "--state is needed"));
	for (const char *const *days = ARGS("0", "826", "x", "", "1x", "-1", " 1", "1 "); *days;
		days++) {
		CHECK_INT(
			parse(NULL, ARGS(NEEDED, "--certificate-days", *days), &config, &problems),
			-EINVAL);
		CHECK(strstr(problems.data, "--certificate-days"));
	}
	CHECK_INT(parse(NULL, ARGS(NEEDED, "--certificate-days", "825"), &config, &problems), 0);
	config_done(&config);
	CHECK_INT(parse(NULL, ARGS(NEEDED, "--idle-timeout", "5", "--idle-timeout", "5"), &config,
			  &problems),
		-EINVAL);
	CHECK(strstr(problems.data, "twice"));
	CHECK_INT(parse(NULL, ARGS(NEEDED, "--log-level", "loud"), &config, &problems), -EINVAL);
	CHECK(strstr(problems.data, "error warning info debug"));
	CHECK_INT(parse(NULL, ARGS(NEEDED, "--log-level", "info", "--verbose"), &config, &problems),
		-EINVAL);
}

static void test_file(void)
{
	_cleanup_buf_ struct buf problems = BUF_INIT;
	struct config config;

	CHECK_INT(
		parse("# all\n" NEEDED_LINES "\n\t idle-timeout\t 7 # seven\n  #\nclient-ca a b#c",
			ARGS("--idle-timeout", "9"), &config, &problems),
		0);
	CHECK_INT(config.idle_seconds, 9);
	CHECK_STR(config.client_ca, "a b#c");
	CHECK_INT(config.origins[0].source, CONFIG_FROM_FILE);
	CHECK_INT(config.origins[0].line, 2);
	config_done(&config);
	/* One step before and one step beyond the length of a line. */
	for (int n = BOUND_CONFIG_LINE_BYTES; n <= BOUND_CONFIG_LINE_BYTES + 1; n++) {
		char text[2000];

		snprintf(text, sizeof(text), "%sclient-ca %0*d\n", NEEDED_LINES, n - 10, 0);
		CHECK_INT(parse(text, ARGS("--verbose"), &config, &problems),
			n > BOUND_CONFIG_LINE_BYTES ? -EINVAL : 0);
		if (n == BOUND_CONFIG_LINE_BYTES)
			config_done(&config);
	}
	CHECK(strstr(problems.data, "f.conf:4: "));
}

/* Every error is reported, with its line, and nothing comes of it. */
static void test_refused_file(void)
{
	static const struct {
		const char *text, *problem;
	} rows[] = {
		{"bogus 1\n", "f.conf:4: there is no setting bogus"},
		{"state\n", "f.conf:4: state has no value"},
		{"state y\n", "f.conf:4: state was set in line 1 already"},
		{"\n\nidle-timeout 601\n",
			"f.conf:6: idle-timeout \"601\" must be a number from 1 to 600"},
		{"idle-timeout 5 6\n", "must be a number"},
		{"idle-timeout=5\n", "there is no setting idle-timeout=5"},
		{"--idle-timeout 5\n", "there is no setting --idle-timeout"},
		{"Idle-Timeout 5\n", "there is no setting"},
		{"idle-timeout 5\r\n", "Unix line ends"},
		{"client-ca a\033[2Jb\n", "control character"},
		{"client-ca \xff\n", "control characters"},
		{"\xff x\n", "UTF-8"},
		{"metrics-listen localhost:1\n", "127.0.0.1:8443"},
		{"bogus 1\nlog-format xml\n",
			"f.conf:5: log-format \"xml\" must be one of text json"},
	};
	_cleanup_buf_ struct buf problems = BUF_INIT;
	struct config config;
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(text, sizeof(text), "%s%s", NEEDED_LINES, rows[i].text);
		CHECK_INT(parse(text, ARGS("--verbose"), &config, &problems), -EINVAL);
		if (!strstr(problems.data, rows[i].problem))
			check_fail(__FILE__, __LINE__, "%s: %s", rows[i].text, problems.data);
	}
	CHECK(strstr(problems.data, "f.conf:4: there is no setting bogus"));
}

/* A setting that may be repeated: as often as there is room, and not once more. */
static void test_list(void)
{
	_cleanup_buf_ struct buf problems = BUF_INIT, text = BUF_INIT;
	struct config config;

	buf_puts(&text, NEEDED_LINES);
	for (int i = 0; i < BOUND_CONFIG_ITEMS; i++)
		buf_printf(&text, "push-endpoint https://push%d.example.org/\n", i);
	CHECK_INT(parse(text.data, ARGS("--verbose"), &config, &problems), 0);
	CHECK_INT(config.push_endpoints.n, BOUND_CONFIG_ITEMS);
	config_done(&config);
	/* The command line takes the place of all lines of the file. */
	CHECK_INT(parse(text.data, ARGS("--push-endpoint", "https://a.example.org/"), &config,
			  &problems),
		0);
	CHECK_INT(config.push_endpoints.n, 1);
	CHECK_STR(config.push_endpoints.items[0], "https://a.example.org/");
	config_done(&config);
	buf_puts(&text, "push-endpoint https://more.example.org/\n");
	CHECK_INT(parse(text.data, ARGS("--verbose"), &config, &problems), -EINVAL);
	CHECK(strstr(problems.data, "f.conf:20: push-endpoint"));
}

static void test_many_problems(void)
{
	_cleanup_buf_ struct buf problems = BUF_INIT, text = BUF_INIT;
	struct config config;
	size_t lines = 0;

	for (int i = 0; i < BOUND_CONFIG_PROBLEMS + 1; i++)
		buf_puts(&text, "bogus\n");
	CHECK_INT(parse(text.data, ARGS("--verbose"), &config, &problems), -EINVAL);
	for (const char *p = problems.data; *p; p++)
		lines += *p == '\n';
	CHECK_INT(lines, BOUND_CONFIG_PROBLEMS + 1);
	CHECK(strstr(problems.data, "f.conf: 1 more\n"));
}

/* What `config show` prints is a configuration file of the same values. */
static void test_show(void)
{
	_cleanup_buf_ struct buf problems = BUF_INIT, shown = BUF_INIT;
	struct config config, copy;

	CHECK_INT(parse(NEEDED_LINES "log-format json\n", ARGS("--client-ca", "/x y"), &config,
			  &problems),
		0);
	config_show(&config, "f.conf", &shown);
	CHECK(strstr(shown.data, "state x  # f.conf:1\n"));
	CHECK(strstr(shown.data, "log-format json  # f.conf:4\n"));
	CHECK(strstr(shown.data, "client-ca /x y  # command line\n"));
	CHECK(strstr(shown.data, "idle-timeout 15  # default\n"));
	CHECK(strstr(shown.data, "# metrics-listen is not set\n"));
	CHECK_INT(parse(shown.data, (const char *const[]){NULL}, &copy, &problems), 0);
	for (const struct setting *s = config_settings; s->name; s++)
		if (!setting_equal(s, &config, &copy))
			check_fail(__FILE__, __LINE__, "%s differs", s->name);
	config_done(&config);
	config_done(&copy);
}

static void test_reload(void)
{
	_cleanup_buf_ struct buf problems = BUF_INIT, kept = BUF_INIT;
	struct config config, with;

	CHECK_INT(parse(NULL, ARGS(NEEDED, "--client-ca", "a"), &config, &problems), 0);
	CHECK_INT(parse("idle-timeout 3\nkeep-events-days 5\n",
			  ARGS("--state", "y", "--listen", "127.0.0.1:2", "--admin-listen",
				  "[::1]:0"),
			  &with, &problems),
		0);
	CHECK_INT(config_reload(&config, &with, &kept), 0);
	CHECK_STR(kept.data, "state, listen");
	CHECK_INT(config.idle_seconds, 3);
	CHECK_INT(config.keep_events_days, 5);
	CHECK_STR(config.state, "x");
	CHECK(!config.client_ca);
	config_done(&config);
	config_done(&with);
}

/* The table itself: every row can be shown, found and has a default within its bounds. */
static void test_table(void)
{
	_cleanup_buf_ struct buf help = BUF_INIT;
	size_t n = 0;

	config_help(&help);
	for (const struct setting *s = config_settings; s->name; s++, n++) {
		char option[80];

		snprintf(option, sizeof(option), "  --%s %s", s->name, s->metavar);
		CHECK(setting_find(s->name, strlen(s->name)) == s);
		CHECK(strstr(help.data, option));
		CHECK(s->help && !strchr(s->help, '\n'));
		CHECK(s->kind != SETTING_NUMBER || (s->min <= s->initial && s->initial <= s->max));
	}
	CHECK(n > 20 && n <= BOUND_CONFIG_SETTINGS);
	for (const char *line = help.data; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		CHECK(strcspn(line, "\n") <= 92);
	}
}

static void test_addresses(void)
{
	static const char *const good[] = {"127.0.0.1:0", "0.0.0.0:65535", "[::1]:8443", "[::]:1"};
	static const char *const bad[] = {"", ":", "1", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x", "localhost:1",
		"::1:80", "[::1]", "[::1]80", "[]:1", "[127.0.0.1]:1", "[::1:1", "1.2.3.4.5:1",
		":80", "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1"};
	struct config_address address;
	char text[64];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CHECK_INT(config_parse_address(good[i], &address), 0);
		config_format_address(&address.address, text);
		CHECK_STR(text, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (config_parse_address(bad[i], &address) != -EINVAL)
			check_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
}

static const struct check_test tests[] = {
	{"command", test_command},
	{"defaults", test_defaults},
	{"refused_arguments", test_refused_arguments},
	{"file", test_file},
	{"refused_file", test_refused_file},
	{"list", test_list},
	{"many_problems", test_many_problems},
	{"show", test_show},
	{"reload", test_reload},
	{"table", test_table},
	{"addresses", test_addresses},
};
CHECK_MAIN(tests)
