/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - mdm-agentd: arguments, then enforcer_run(). */
#include <errno.h>
#include <getopt.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/enforcer/enforcer.h"
#include "agent/util/log.h"

enum option_id {
	OPTION_STATE_DIR = 256,
	OPTION_SOCKET,
	OPTION_SYSROOT,
	OPTION_NET_PROGRAM,
	OPTION_NET_USER,
	OPTION_IDENTITY_KEY,
	OPTION_ADMIN_GROUP,
	OPTION_SESSION_PROGRAM,
	OPTION_RUNTIME_DIR,
	OPTION_ZERO_TOUCH,
};

static const struct option long_options[] = {
	{"state-dir", required_argument, NULL, OPTION_STATE_DIR},
	{"socket", required_argument, NULL, OPTION_SOCKET},
	{"sysroot", required_argument, NULL, OPTION_SYSROOT},
	{"net-program", required_argument, NULL, OPTION_NET_PROGRAM},
	{"net-user", required_argument, NULL, OPTION_NET_USER},
	{"identity-key", required_argument, NULL, OPTION_IDENTITY_KEY},
	{"admin-group", required_argument, NULL, OPTION_ADMIN_GROUP},
	{"session-program", required_argument, NULL, OPTION_SESSION_PROGRAM},
	{"runtime-dir", required_argument, NULL, OPTION_RUNTIME_DIR},
	{"zero-touch", required_argument, NULL, OPTION_ZERO_TOUCH},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

static void print_help(void)
{
	printf("Usage: mdm-agentd [OPTION]…\n"
	       "Enforces the policy of the organisation that manages this phone. Started by the\n"
	       "service manager; `agentctl` shows what it does.\n\n"
	       "  --state-dir DIR     what must not be forgotten (%s)\n"
	       "  --socket PATH       where agentctl finds it (%s/agent.sock)\n"
	       "  --sysroot DIR       root file system to enforce on (/)\n"
	       "  --net-program PATH  the network role (%s/mdm-agent-net)\n"
	       "  --net-user NAME     user that the network role becomes (mdm-agent)\n"
	       "  --identity-key URI  enrol with a key in hardware (pkcs11:..., handle:0x81...)\n"
	       "  --admin-group NAME  group that may act through agentctl (mdm-admin)\n"
	       "  --session-program PATH  what shows a notification (%s/mdm-agent-session)\n"
	       "  --runtime-dir DIR   where the buses of users are (/run/user)\n"
	       "  --zero-touch FILE   ticket of an image, to enrol by itself\n"
	       "                      (%s/mdm-agent/zero-touch.conf)\n"
	       "  -v, --verbose       more lines in the log\n"
	       "  -h, --help          this text\n"
	       "  -V, --version       the version\n",
		MDM_STATE_DIR, MDM_RUN_DIR, MDM_LIBEXEC_DIR, MDM_LIBEXEC_DIR, MDM_SYSCONF_DIR);
}

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
#if defined(__GLIBC__)
	/* What a round or an exchange needed goes back to the kernel; other C libraries do so. */
	mallopt(M_TOP_PAD, 4096);
	mallopt(M_TRIM_THRESHOLD, 16384);
	mallopt(M_MMAP_THRESHOLD, 16384);
#endif
}

int main(int argc, char **argv)
{
	struct enforcer_options options = {
		.state_dir = MDM_STATE_DIR,
		.socket_path = MDM_RUN_DIR "/agent.sock",
		.sysroot = "/",
		.net_program = MDM_LIBEXEC_DIR "/mdm-agent-net",
		.net_user = "mdm-agent",
		.admin_group = "mdm-admin",
		.session_program = MDM_LIBEXEC_DIR "/mdm-agent-session",
		.runtime_dir = "/run/user",
		.zero_touch = MDM_SYSCONF_DIR "/mdm-agent/zero-touch.conf",
	};
	int c;

	log_setup("mdm-agentd", LOG_LEVEL_INFO);
	while ((c = getopt_long(argc, argv, "vhV", long_options, NULL)) >= 0) {
		switch (c) {
		case OPTION_STATE_DIR:
			options.state_dir = optarg;
			break;
		case OPTION_SOCKET:
			options.socket_path = optarg;
			break;
		case OPTION_SYSROOT:
			options.sysroot = optarg;
			break;
		case OPTION_NET_PROGRAM:
			options.net_program = optarg;
			break;
		case OPTION_NET_USER:
			options.net_user = optarg;
			break;
		case OPTION_IDENTITY_KEY:
			if (strlen(optarg) > LIMIT_URL_BYTES) {
				fprintf(stderr,
					"mdm-agentd: the URI of --identity-key is longer "
					"than %d characters\n",
					LIMIT_URL_BYTES);
				return 2;
			}
			options.identity_key = optarg;
			break;
		case OPTION_ADMIN_GROUP:
			options.admin_group = optarg;
			break;
		case OPTION_SESSION_PROGRAM:
			options.session_program = optarg;
			break;
		case OPTION_RUNTIME_DIR:
			options.runtime_dir = optarg;
			break;
		case OPTION_ZERO_TOUCH:
			options.zero_touch = optarg;
			break;
		case 'v':
			options.verbose = true;
			break;
		case 'h':
			print_help();
			return 0;
		case 'V':
			printf("mdm-agentd %s\n", MDM_VERSION);
			return 0;
		default:
			fprintf(stderr, "Try 'mdm-agentd --help'.\n");
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "mdm-agentd: unexpected argument '%s'\nTry 'mdm-agentd --help'.\n",
			argv[optind]);
		return 2;
	}
	log_setup("mdm-agentd", options.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	umask(077);
	be_small();
	/* The directory of the socket is ours where the service manager has not made it. */
	if (strcmp(options.socket_path, MDM_RUN_DIR "/agent.sock") == 0)
		if (mkdir(MDM_RUN_DIR, 0755) == 0)
			chmod(MDM_RUN_DIR, 0755);
	return enforcer_run(&options);
}
