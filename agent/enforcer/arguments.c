/* SPDX-License-Identifier: Apache-2.0 */
/* arguments.c - the command line of mdm-agentd; see arguments.h. Enforcer only. */
#include "agent/enforcer/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/codec.h"

#define ARGUMENTS_MAX 32
#define ARGUMENTS_VALUE 256 /* what getopt_long() returns for the first row; above any letter */

#define AT(member) .offset = offsetof(struct enforcer_options, member)

const struct argument_row argument_rows[] = {
	{"state-dir", 0, "DIR", AT(state_dir), MDM_STATE_DIR, "what must not be forgotten"},
	{"socket", 0, "PATH", AT(socket_path), MDM_RUN_DIR "/agent.sock",
		"where agentctl finds it"},
	{"auth-socket", 0, "PATH", AT(auth_socket_path), NULL,
		"where pam_mdm.so asks (auth.sock beside --socket)"},
	{"sysroot", 0, "DIR", AT(sysroot), "/", "root file system to enforce on"},
	{"net-program", 0, "PATH", AT(net_program), MDM_LIBEXEC_DIR "/mdm-agent-net",
		"the network role"},
	{"net-user", 0, "NAME", AT(net_user), "mdm-agent", "user that the network role becomes"},
	{"identity-key", 0, "URI", AT(identity_key), NULL,
		"enrol with a key in hardware (pkcs11:..., handle:0x81...)"},
	{"admin-group", 0, "NAME", AT(admin_group), "mdm-admin",
		"group that may act through agentctl"},
	{"session-program", 0, "PATH", AT(session_program), MDM_LIBEXEC_DIR "/mdm-agent-session",
		"what shows a notification"},
	{"verify-program", 0, "PATH", AT(verify_program), MDM_LIBEXEC_DIR "/mdm-agent-verify",
		"what compares a password with its hash"},
	{"pam-check-program", 0, "PATH", AT(pam_check_program),
		MDM_LIBEXEC_DIR "/mdm-agent-pamcheck", "what tries a PAM stack out"},
	{"cryptsetup-program", 0, "PATH", AT(cryptsetup_program), NULL,
		"cryptsetup, outside of --sysroot (its own)"},
	{"wipe-program", 0, "PATH", AT(wipe_program), MDM_LIBEXEC_DIR "/mdm-agent-wipe",
		"what destroys the data on the phone"},
	{"guard-program", 0, "PATH", AT(guard_program), MDM_LIBEXEC_DIR "/mdm-agent-guard",
		"what judges the start of programs"},
	{"guard-socket", 0, "PATH", AT(guard_socket), NULL,
		"where it connects (guard.sock beside --socket)"},
	{"apps-program", 0, "PATH", AT(apps_program), MDM_LIBEXEC_DIR "/mdm-agent-apps",
		"what installs and removes apps"},
	{"apk", 0, "PATH", AT(apk_program), NULL, "apk for it (that of --sysroot)"},
	{"flatpak", 0, "PATH", AT(flatpak_program), NULL, "flatpak for it (likewise)"},
	{"runtime-dir", 0, "DIR", AT(runtime_dir), "/run/user", "where the buses of users are"},
	{"zero-touch", 0, "FILE", AT(zero_touch), MDM_SYSCONF_DIR "/mdm-agent/zero-touch.conf",
		"ticket of an image, to enrol by itself"},
	{"probe", 0, .action = ARGUMENTS_PROBE,
		.help = "show what can be enforced on this system, and end"},
	{"json", 0, .on = offsetof(struct enforcer_options, json), .help = "the same as JSON"},
	{"prepare-removal", 0, .action = ARGUMENTS_PREPARE_REMOVAL,
		.help = "put back what is left of an enrolment, and end"},
	{"may-install", 0, .action = ARGUMENTS_MAY_INSTALL,
		.help = "judge what apk is about to do, on standard input, and end"},
	{"verbose", 'v', .on = offsetof(struct enforcer_options, verbose),
		.help = "more lines in the log"},
	{"help", 'h', .action = ARGUMENTS_HELP, .help = "this text"},
	{"version", 'V', .action = ARGUMENTS_VERSION, .help = "the version"},
	{0},
};
_Static_assert(sizeof(argument_rows) / sizeof(argument_rows[0]) <= ARGUMENTS_MAX, "ARGUMENTS_MAX");

static const char **argument_at(const struct argument_row *row, struct enforcer_options *options)
{
	return (const char **)((char *)options + row->offset);
}

/* The rows as getopt_long(3) wants them. */
static void arguments_table(struct option ret_long[ARGUMENTS_MAX], char ret_letters[ARGUMENTS_MAX])
{
	size_t n_letters = 0;

	memset(ret_long, 0, sizeof(struct option) * ARGUMENTS_MAX);
	for (size_t i = 0; argument_rows[i].name; i++) {
		const struct argument_row *row = &argument_rows[i];

		ret_long[i].name = row->name;
		ret_long[i].has_arg = row->metavar ? required_argument : no_argument;
		ret_long[i].val = row->letter ? row->letter : ARGUMENTS_VALUE + (int)i;
		if (row->letter)
			ret_letters[n_letters++] = row->letter;
	}
	ret_letters[n_letters] = 0;
}

static const struct argument_row *argument_find(int c)
{
	if (c >= ARGUMENTS_VALUE)
		return &argument_rows[c - ARGUMENTS_VALUE];
	for (const struct argument_row *row = argument_rows; row->name; row++)
		if (row->letter == c)
			return row;
	return NULL;
}

/* One option that getopt_long() found. */
static int argument_take(int c, struct enforcer_options *options, enum arguments_action *action)
{
	const struct argument_row *row = argument_find(c);

	if (!row)
		return -EINVAL;
	if (row->metavar)
		*argument_at(row, options) = optarg;
	else if (row->action == ARGUMENTS_RUN)
		*(bool *)((char *)options + row->on) = true;
	else
		*action = row->action;
	if (options->identity_key &&
		(strlen(options->identity_key) > LIMIT_URL_BYTES ||
			!text_is_valid(options->identity_key, strlen(options->identity_key)) ||
			strchr(options->identity_key, ' '))) {
		fprintf(stderr,
			"mdm-agentd: the URI of --identity-key is longer than %d characters or "
			"has spaces or control characters\n",
			LIMIT_URL_BYTES);
		return -EINVAL;
	}
	return 0;
}

int arguments_parse(int argc, char **argv, struct enforcer_options *ret_options,
	enum arguments_action *ret_action)
{
	enum arguments_action action = ARGUMENTS_RUN;
	struct enforcer_options options = {0};
	struct option long_options[ARGUMENTS_MAX];
	char letters[ARGUMENTS_MAX];
	int c = 0, r = 0;

	for (const struct argument_row *row = argument_rows; row->name; row++)
		if (row->metavar)
			*argument_at(row, &options) = row->initial;
	arguments_table(long_options, letters);
	/* --help and --version end the reading, as whatever follows is not wanted. */
	while (r == 0 && action != ARGUMENTS_HELP && action != ARGUMENTS_VERSION &&
		(c = getopt_long(argc, argv, letters, long_options, NULL)) >= 0)
		r = argument_take(c, &options, &action);
	if (r == 0 && c < 0 && optind < argc) {
		fprintf(stderr, "mdm-agentd: unexpected argument '%s'\n", argv[optind]);
		r = -EINVAL;
	}
	if (r == 0 && options.json && action == ARGUMENTS_RUN) {
		fprintf(stderr, "mdm-agentd: --json goes with --probe\n");
		r = -EINVAL;
	}
	if (r < 0) {
		fprintf(stderr, "Try 'mdm-agentd --help'.\n");
		return r;
	}
	*ret_options = options;
	*ret_action = action;
	return 0;
}

int arguments_socket(const struct enforcer_options *options, const char *given, const char *name,
	char ret_path[LIMIT_SOCKET_BYTES + 1])
{
	const char *slash = strrchr(options->socket_path, '/');
	int n;

	if (given)
		n = snprintf(ret_path, LIMIT_SOCKET_BYTES + 1, "%s", given);
	else
		n = snprintf(ret_path, LIMIT_SOCKET_BYTES + 1, "%.*s%s",
			slash ? (int)(slash + 1 - options->socket_path) : 0, options->socket_path,
			name);
	return n <= LIMIT_SOCKET_BYTES ? 0 : -ENAMETOOLONG;
}

void arguments_help(struct buf *out)
{
	buf_puts(out,
		"Usage: mdm-agentd [OPTION]...\n"
		"Enforces the policy of the organisation that manages this phone. Started by the\n"
		"service manager; `agentctl` shows what it does.\n\n");
	for (const struct argument_row *row = argument_rows; row->name; row++) {
		char left[40], letter[8] = "";

		if (row->letter)
			snprintf(letter, sizeof(letter), "-%c, ", row->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, row->name,
			row->metavar ? " " : "", row->metavar ? row->metavar : "");
		buf_printf(out, "  %-22s  %s\n", left, row->help);
		if (row->initial)
			buf_printf(out, "  %-22s  (%s)\n", "", row->initial);
	}
}
