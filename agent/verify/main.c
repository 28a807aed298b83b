/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - mdm-agent-verify, started by mdm-agentd with its channel on descriptor 3, once for each
 * password. The only program of the agent that ever holds one.
 */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/ipc/channel.h"
#include "agent/sandbox/sandbox.h"
#include "agent/util/log.h"
#include "agent/verify/verify.h"

#if SANDBOX_SANITIZED
/* The leak check forks and traces the process, which the sandbox forbids. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static const char usage[] =
	"Usage: mdm-agent-verify [--user NAME]\n"
	"\n"
	"Compares one password with its hash and the rules of the policy for mdm-agentd, which\n"
	"starts it with a channel on descriptor 3; it is of no use by itself.\n"
	"\n"
	"  --user NAME  become this user instead of mdm-agent (only as root)\n"
	"  --version    print the version\n"
	"  --help       print this\n";

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"user", required_argument, NULL, 'u'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *user = NULL;
	int c;

	log_setup("mdm-agent-verify", LOG_LEVEL_WARNING);
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		switch (c) {
		case 'u':
			user = optarg;
			break;
		case 'V':
			puts("mdm-agent-verify " MDM_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc || !channel_is_there(CHANNEL_FD)) {
		fputs(usage, stderr);
		return 2;
	}
	/* Nothing that was opened for a password is to be closed in order: it may be a user's. */
	_exit(verify_run(CHANNEL_FD, user));
}
