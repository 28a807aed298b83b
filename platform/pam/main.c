/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - mdm-agent-pamcheck: tries PAM service files out before they go live. Started by
 * mdm-agentd as root, by administrators for their own stacks; changes nothing.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "platform/pam/check.h"

#define USAGE                                                                                      \
	"Usage: mdm-agent-pamcheck [--user NAME] [--against DIRECTORY] DIRECTORY SERVICE...\n"     \
	"\n"                                                                                       \
	"Tries the services of a directory of PAM service files, which must have every file\n"     \
	"that one of them includes, beside those that are in force. Changes nothing.\n"            \
	"\n"                                                                                       \
	"  --user NAME           an account that cannot log in (mdm-agent)\n"                      \
	"  --against DIRECTORY   what counts as in force; otherwise /etc/pam.d, /usr/lib/pam.d\n"  \
	"\n"                                                                                       \
	"Exit status: 0 the services are fit to be used, 1 they are not, 2 it could not be told.\n"

static bool option_take(const char *name, int argc, char **argv, int *index, const char **ret_value)
{
	if (*index + 1 >= argc || strcmp(argv[*index], name) != 0)
		return false;
	*ret_value = argv[*index + 1];
	*index += 2;
	return true;
}

int main(int argc, char **argv)
{
	struct check_order order = {.user = "mdm-agent"};
	int i = 1, r;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(USAGE, stdout);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("mdm-agent-pamcheck " MDM_VERSION);
		return 0;
	}
	while (option_take("--user", argc, argv, &i, &order.user) ||
		option_take("--against", argc, argv, &i, &order.live))
		;
	if (i + 2 > argc || argv[i][0] == '-') {
		fputs(USAGE, stderr);
		return 2;
	}
	order.staged = argv[i++];
	order.services = (const char *const *)argv + i;
	order.n_services = (size_t)(argc - i);
	for (; i < argc; i++)
		if (argv[i][0] == '.' || strchr(argv[i], '/')) {
			fprintf(stderr, "mdm-agent-pamcheck: \"%s\" is no name of a service\n",
				argv[i]);
			return 2;
		}
	r = check_run(&order);
	return r < 0 ? 2 : r;
}
