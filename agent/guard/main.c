/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - mdm-agent-guard: judges the start of programs by a table of the enforcer. A service of
 * its own, in the mount namespace of the system.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/guard/keeper.h"
#include "agent/util/log.h"
#include "agent/util/process.h"

static const char usage[] =
	"Usage: mdm-agent-guard [OPTION]...\n"
	"\n"
	"Decides which programs may be started, by a table that mdm-agentd makes. It watches\n"
	"nothing before it has one, and goes on with the last one when mdm-agentd ends.\n"
	"\n"
	"  --socket PATH    where mdm-agentd listens (" MDM_RUN_DIR "/guard.sock)\n"
	"  --mounts LIST    watch the file systems mounted there only: /a:/b\n"
	"  --detach         go on in a session and a control group of its own\n"
	"  --version        print the version\n"
	"  --help           print this\n"
	"\n"
	"Ends with 3 where the kernel does not ask about the start of programs.\n";

/*
 * Whoever reads our lines may be waiting for an answer of ours to start a program. A line that does
 * not fit is lost.
 */
static void say_without_waiting(enum log_level level, const char *line)
{
	struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
	char text[512];
	int n;

	n = snprintf(text, sizeof(text), "mdm-agent-guard: %s%s\n",
		level == LOG_LEVEL_ERROR     ? "error: "
		: level == LOG_LEVEL_WARNING ? "warning: "
					     : "",
		line);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(text)) {
		n = sizeof(text) - 1;
		text[n - 1] = '\n';
	}
	if (send(STDERR_FILENO, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
		errno == ENOTSOCK && poll(&ready, 1, 0) == 1 && ready.revents & POLLOUT)
		(void)!write(STDERR_FILENO, text, (size_t)n);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"socket", required_argument, NULL, 's'},
		{"mounts", required_argument, NULL, 'm'},
		{"detach", no_argument, NULL, 'd'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct guard_options options = {.socket_path = MDM_RUN_DIR "/guard.sock"};
	bool is_detached = false;
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		switch (c) {
		case 's':
			options.socket_path = optarg;
			break;
		case 'm':
			options.only = optarg;
			break;
		case 'd':
			is_detached = true;
			break;
		case 'V':
			puts("mdm-agent-guard " MDM_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return GUARD_EXIT_USAGE;
		}
	}
	if (optind != argc || strlen(options.socket_path) > LIMIT_SOCKET_BYTES) {
		fputs(usage, stderr);
		return GUARD_EXIT_USAGE;
	}
	if (geteuid() != 0) {
		fputs("mdm-agent-guard: only root can do this\n", stderr);
		return GUARD_EXIT_USAGE;
	}
	/* Its limit is 0 bytes: a line to a log that is a file is lost, and that is all. */
	signal(SIGXFSZ, SIG_IGN);
	log_redirect(say_without_waiting);
	if (is_detached && process_detach(0, GUARD_EXIT_FAILED) < 0)
		return GUARD_EXIT_FAILED;
	return guard_keeper_run(&options);
}
