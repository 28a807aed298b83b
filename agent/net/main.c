/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - mdm-agent-net, started by the enforcer with its channel on descriptor 3. The only
 * program of the phone's agent that speaks to the network.
 */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/ipc/channel.h"
#include "agent/net/net.h"
#include "agent/sandbox/sandbox.h"
#include "agent/util/log.h"

#if SANDBOX_SANITIZED
/* The leak check forks and traces the process, which the sandbox forbids; see tests/unit/net. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static const char usage[] =
	"Usage: mdm-agent-net [--user NAME]\n"
	"\n"
	"Talks to the management server for mdm-agentd, which starts it with a channel on\n"
	"descriptor 3; it is of no use by itself.\n"
	"\n"
	"  --user NAME  become this user instead of mdm-agent (only as root)\n"
	"  --verbose    more lines on standard error\n"
	"  --version    print the version\n"
	"  --help       print this\n";

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"user", required_argument, NULL, 'u'},
		{"verbose", no_argument, NULL, 'v'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct net_options options = {.channel_fd = CHANNEL_FD};
	int c;

	log_setup("mdm-agent-net", LOG_LEVEL_WARNING);
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		switch (c) {
		case 'u':
			options.user = optarg;
			break;
		case 'v':
			log_setup("mdm-agent-net", LOG_LEVEL_DEBUG);
			break;
		case 'V':
			puts("mdm-agent-net " MDM_VERSION);
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
	/* The kernel takes back faster than the libraries do, and a resolver may still hang. */
	_exit(net_run(&options));
}
