/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - mdm-agentd: arguments, then enforcer_run(). */
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "agent/enforcer/apps_rules.h"
#include "agent/enforcer/arguments.h"
#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/probe.h"
#include "agent/enforcer/removal.h"
#include "agent/trust/escrow.h"
#include "agent/util/log.h"
#include "agent/util/process.h"

/*
 * What stays resident for weeks should be little. libcrypto comes without its tables of names and
 * of texts for people, which nobody here asks for, and without the system's openssl.cnf, which
 * could name code to load.
 */
static void be_small(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
				    OPENSSL_INIT_NO_ADD_ALL_CIPHERS |
				    OPENSSL_INIT_NO_ADD_ALL_DIGESTS,
		NULL);
	/* But for the few that sealing finds by number. What lacks them shows when it is used. */
	(void)escrow_prepare();
#if defined(__GLIBC__)
	/* What a round or an exchange needed goes back to the kernel; other C libraries do so. */
	mallopt(M_TOP_PAD, 4096);
	mallopt(M_TRIM_THRESHOLD, 16384);
	mallopt(M_MMAP_THRESHOLD, 16384);
#endif
}

static int print_help(void)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	arguments_help(&out);
	if (out.error || fputs(out.data, stdout) < 0 || fflush(stdout) != 0)
		return 1;
	return 0;
}

int main(int argc, char **argv)
{
	struct enforcer_options options;
	enum arguments_action action;

	log_setup("mdm-agentd", LOG_LEVEL_INFO);
	if (arguments_parse(argc, argv, &options, &action) < 0)
		return 2;
	if (action == ARGUMENTS_HELP)
		return print_help();
	if (action == ARGUMENTS_VERSION) {
		printf("mdm-agentd %s\n", MDM_VERSION);
		return 0;
	}
	log_setup("mdm-agentd", options.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	umask(077);
	be_small();
	/* No set-uid program is among those that it starts. */
	if (process_gain_nothing() < 0) {
		log_error("the kernel does not let this process give up privileges to come; "
			  "mdm-agentd needs Linux 3.5 or later");
		return 1;
	}
	/* Passphrases pass through it. */
	if (process_leave_no_core() < 0) {
		log_error("the kernel does not let this process go without core dumps");
		return 1;
	}
	if (action == ARGUMENTS_PREPARE_REMOVAL)
		return removal_prepare(&options);
	if (action == ARGUMENTS_MAY_INSTALL)
		return apps_rules_ask(&options);
	if (action == ARGUMENTS_PROBE)
		return probe_run(&options);
	/* The directory of the socket is ours where the service manager has not made it. */
	if (strcmp(options.socket_path, MDM_RUN_DIR "/agent.sock") == 0)
		if (mkdir(MDM_RUN_DIR, 0755) == 0)
			chmod(MDM_RUN_DIR, 0755);
	return enforcer_run(&options);
}
