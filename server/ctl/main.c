/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - mdmctl, the administrator's program. Runs as the administrator, on the administrator's
 * machine; signing keys are used here and nowhere else.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "server/ctl/commands.h"

int main(int argc, char **argv)
{
	struct rlimit no_core = {0};

	/* Keys and passphrases are in this memory: it must not be written to a disk. */
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)umask(077);
	signal(SIGPIPE, SIG_IGN);
	return commands_run(argc, (const char *const *)argv, stdout, stderr);
}
