/* SPDX-License-Identifier: Apache-2.0 */
/* test_config.c - the command line of mdm-server. */
#include "server/config.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/check.h"

static int parse(const char *const *args, struct config *ret_config, char problem[256])
{
	char copies[16][64], *argv[18];
	int argc = 0;

	argv[argc++] = strcpy(copies[0], "mdm-server");
	for (; *args; args++, argc++)
		argv[argc] = strcpy(copies[argc], *args);
	argv[argc] = NULL;
	return config_parse(argc, argv, ret_config, problem);
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NEEDED "--state", "x", "--listen", "127.0.0.1:1", "--admin-listen", "[::1]:0"

static void test_defaults(void)
{
	struct config config;
	char problem[256];

	CHECK_INT(parse(ARGS(NEEDED), &config, problem), 0);
	CHECK_INT(config.certificate_days, 90);
	CHECK(!config.client_ca && !config.verbose && config.action == CONFIG_RUN);
	CHECK_INT(parse(ARGS("--help"), &config, problem), 0);
	CHECK_INT(config.action, CONFIG_HELP);
}

static void test_refused(void)
{
	struct config config;
	char problem[256];

	CHECK_INT(parse(ARGS(NEEDED, "extra"), &config, problem), -EINVAL);
	CHECK(strstr(problem, "extra"));
	CHECK_INT(parse(ARGS(NEEDED, "--bogus"), &config, problem), -EINVAL);
	CHECK(strstr(problem, "--bogus"));
	CHECK_INT(parse(ARGS("--state", "x"), &config, problem), -EINVAL);
	for (const char *const *days = ARGS("0", "826", "x", "", "1x"); *days; days++)
		CHECK_INT(parse(ARGS(NEEDED, "--certificate-days", *days), &config, problem),
			-EINVAL);
	CHECK(strstr(problem, "--certificate-days"));
	CHECK_INT(parse(ARGS(NEEDED, "--certificate-days", "825"), &config, problem), 0);
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
	{"defaults", test_defaults},
	{"refused", test_refused},
	{"addresses", test_addresses},
};
CHECK_MAIN(tests)
