/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c - the table of verbs, help, and running one; see commands.h. */
#include "server/ctl/commands.h"

#include <string.h>

#include "agent/util/clock.h"

const struct option_row command_options[] = {
	{"org", "DIR", "organisation directory (default $MDMCTL_ORG, else ~/.config/mdmctl)"},
	{"passphrase-file", "FILE", "first line is the passphrase (or $MDMCTL_PASSPHRASE_FILE)"},
	{"json", NULL, "print JSON"},
	{"yes", NULL, "answer questions with yes", .letter = 'y'},
	{"help", NULL, "print help", .letter = 'h'},
	{"version", NULL, "print the version"},
	{0},
};

static const struct option_row init_options[] = {
	{"name", "NAME", "the organisation's name, shown on every phone"},
	{"server", "URL", "https://HOST[:PORT] that phones talk to"},
	{"admin", "URL", "https://HOST[:PORT] that mdmctl talks to"},
	{"server-dir", "DIR", "where the server's files go (default: server/ in the organisation)"},
	{"host", "NAME", "one more name or address of the server", .repeats = true},
	{"alg", "ALG", "of the signing keys: eddsa (default) or es256"},
	{"two-person", NULL, "a new keyset needs both keys, like a wipe"},
	{"admin-name", "NAME", "in the administrator's certificate (default: the user's name)"},
	{"second-passphrase-file", "FILE", "passphrase of the key \"second\""},
	{0},
};
static const struct option_row ticket_options[] = {
	{"group", "G", "the phone joins this group", .repeats = true},
	{"expires", "SPAN", "15m, 24h, 30d (default 24h)"},
	{"ownership", "WHOSE", "company (default) or personal"},
	{"user", "TEXT", "who uses the phone"},
	{"est", "URL", "another certificate authority (EST) for the phone"},
	{"key", "NAME", "signing key"},
	{"qr", NULL, "print a QR code too"},
	{"ascii", NULL, "the QR code in ASCII"},
	{"invert", NULL, "the QR code for dark text on a light terminal without colour"},
	{0},
};
static const struct option_row sign_options[] = {
	{"stream", "GROUP", "the group the policy is for"},
	{"serial", "N", "instead of the next one"},
	{"expires", "SPAN", "phones take it until then (default 365d)"},
	{"key", "NAME", "signing key, or path of a key file"},
	{"output", "FILE", "write the document there (default: standard output)", .letter = 'o'},
	{"offline", NULL, "do not ask the server for its serial"},
	{0},
};
static const struct option_row cosign_options[] = {
	{"key", "NAME", "signing key, or path of a key file"},
	{"output", "FILE", "write the document there (default: DOCUMENT itself)", .letter = 'o'},
	{0},
};
static const struct option_row assign_options[] = {
	{"group", "G", "the groups of the phone, all of them", .repeats = true},
	{"ownership", "WHOSE", "company (default) or personal"},
	{"user", "TEXT", "who uses the phone"},
	{"expires", "SPAN", "the phone takes it until then (default 365d)"},
	{"key", "NAME", "signing key"},
	{0},
};
static const struct option_row order_options[] = {
	{"device", "ID", "the phone; the beginning of its id is enough"},
	{"expires", "SPAN", "the phone takes it until then (default: 24h, destructive verbs 15m)"},
	{"fresh", NULL, "quote what the phone sent last, so that no clock makes an old order new"},
	{"key", "NAME", "signing key, or path of a key file"},
	{"output", "FILE", "write the document there, do not send it", .letter = 'o'},
	{"wait", NULL, "wait until the phone said how it ended"},
	{0},
};
static const struct option_row order_cosign_options[] = {
	{"key", "NAME", "signing key, or path of a key file"},
	{"output", "FILE", "write the document there, do not send it", .letter = 'o'},
	{"wait", NULL, "wait until the phone said how it ended"},
	{0},
};
static const struct option_row order_push_options[] = {
	{"wait", NULL, "wait until the phone said how it ended"},
	{0},
};
static const struct option_row order_list_options[] = {
	{"device", "ID", "of this phone only; the beginning of its id is enough"},
	{0},
};
static const struct option_row events_options[] = {
	{"device", "ID", "of this phone only; the beginning of its id is enough"},
	{"after", "N", "only what came after event N of the server"},
	{"follow", NULL, "go on printing new ones", .letter = 'f'},
	{0},
};

static const struct option_row key_options[] = {
	{"new-passphrase-file", "FILE", "first line is the new passphrase"},
	{0},
};

const struct command_row commands[] = {
	{"init", "", "make an organisation: CAs, certificates, signing keys",
		"Makes the organisation directory and, in another directory, exactly what the server\n"
		"needs. Signing keys stay here. Private keys are encrypted with a passphrase that is\n"
		"asked for, or read from --passphrase-file, which nobody else may be able to read.\n"
		"Two signing keys are made: \"admin\" signs everything; \"second\" is for another person,\n"
		"because wiping a phone takes the signatures of two keys.",
		0, 0, init_options, cmd_init},
	{"config show", "", "print the organisation's settings", NULL, 0, 0, NULL, cmd_config_show},
	{"config set", "server|admin URL", "change an address of the server",
		"Phones that are enrolled keep the address of their ticket.", 2, 2, NULL,
		cmd_config_set},
	{"status", "", "ask the server how it is", NULL, 0, 0, NULL, cmd_status},
	{"ticket new", "", "make a ticket, with which one phone can enrol",
		"Registers the ticket with the server and prints it as text, as mdm:// address and,\n"
		"with --qr, as QR code. With --group the phone gets a signed assignment to these\n"
		"groups.",
		0, 0, ticket_options, cmd_ticket_new},
	{"ticket list", "", "list the tickets, without their secrets", NULL, 0, 0, NULL,
		cmd_ticket_list},
	{"device list", "", "list the phones", NULL, 0, 0, NULL, cmd_device_list},
	{"device show", "ID", "show one phone, setting by setting",
		"The beginning of the id is enough if no other begins so.", 1, 1, NULL,
		cmd_device_show},
	{"assign", "ID", "put a phone into groups, by a signed assignment", NULL, 1, 1,
		assign_options, cmd_assign},
	{"policy new", "[FILE]", "write a policy to start from", NULL, 0, 1, NULL, cmd_policy_new},
	{"policy check", "FILE", "check a policy, written or signed", NULL, 1, 1, NULL,
		cmd_policy_check},
	{"policy sign", "FILE", "sign a policy for a group",
		"The serial is the one after the highest that this directory remembers or the server\n"
		"has. The signature is made here; nothing is sent.",
		1, 1, sign_options, cmd_policy_sign},
	{"policy cosign", "DOCUMENT", "add the signature of another key",
		"Shows the policy in full and asks. The document is checked before and after.", 1,
		1, cosign_options, cmd_policy_cosign},
	{"policy push", "DOCUMENT", "upload a signed policy", NULL, 1, 1, NULL, cmd_policy_push},
	{"policy show", "DOCUMENT", "print a signed policy and who signed it", NULL, 1, 1, NULL,
		cmd_policy_show},
	{"command list", "", "list the commands and what became of them", NULL, 0, 0,
		order_list_options, cmd_command_list},
	{"command show", "ID", "show one command, step by step, as the phone told",
		"The beginning of the id is enough if no other begins so.", 1, 1, NULL,
		cmd_command_show},
	{"command cosign", "DOCUMENT", "add the signature of another key to a command",
		"Shows the command and asks. Once enough have signed, it is sent.", 1, 1,
		order_cosign_options, cmd_command_cosign},
	{"command push", "DOCUMENT", "send a signed command", NULL, 1, 1, order_push_options,
		cmd_command_push},
	{"command cancel", "ID", "withdraw a command that the phone has not got yet",
		"A command that was delivered cannot be taken back; it expires.", 1, 1, NULL,
		cmd_command_cancel},
	/* Behind its namesakes of two words: the first that fits is taken. */
	{"command", "VERB [NAME=VALUE]...", "give a phone an order, signed here",
		"The command is for one phone and one enrolment, is executed at most once, and expires.\n"
		"One that needs two signatures is written to a file for the second person, whose\n"
		"'mdmctl command cosign' sends it.",
		1, 1 + LIMIT_COMMAND_ARGUMENTS, order_options, cmd_command, command_help_verbs},
	{"events", "", "print what the phones reported", NULL, 0, 0, events_options, cmd_events},
	{"key list", "", "list the signing keys", NULL, 0, 0, NULL, cmd_key_list},
	{"key give", "NAME DIR", "move a signing key to another person",
		"Makes DIR, an organisation directory for the machine of the key's new holder, with a\n"
		"passphrase of its own, and removes the key from this one. Nothing else that is\n"
		"secret goes there.",
		2, 2, key_options, cmd_key_give},
	{"key passphrase", "NAME", "change the passphrase of a key",
		"NAME is a signing key, \"administrator\" or \"root-ca\".", 1, 1, key_options,
		cmd_key_passphrase},
	{"cert renew", "FILE", "renew the server's or the administrator's certificate",
		"FILE is a copy of the server's server-chain.pem, or the word \"administrator\". Key and\n"
		"names stay; it is valid for two more years and replaces FILE.",
		1, 1, NULL, cmd_cert_renew},
	{"keyset show", "", "show the keyset: keys, roles, how many signatures", NULL, 0, 0, NULL,
		cmd_keyset_show},
	{0},
};

static void help_options(FILE *out, const struct option_row *rows)
{
	for (; rows && rows->name; rows++) {
		char left[64], letter[8] = "";

		if (rows->letter)
			snprintf(letter, sizeof(letter), "-%c, ", rows->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, rows->name,
			rows->metavar ? " " : "", rows->metavar ? rows->metavar : "");
		fprintf(out, "  %-27s %s%s\n", left, rows->help, rows->repeats ? " (repeats)" : "");
	}
}

static void help_all(FILE *out)
{
	fprintf(out, "Usage: mdmctl [OPTION]... COMMAND [ARGUMENT]...\n"
		     "Makes keys and tickets, checks and signs policies, talks to mdm-server.\n\n"
		     "Commands:\n");
	for (const struct command_row *row = commands; row->name; row++) {
		char left[64];

		snprintf(left, sizeof(left), "%s %s", row->name, row->operands);
		fprintf(out, "  %-27s %s\n", left, row->help);
	}
	fprintf(out, "\nOptions of every command:\n");
	help_options(out, command_options);
	fprintf(out, "\n'mdmctl help COMMAND' tells more.\n"
		     "Exit codes: 0 done, 1 failure, 2 wrong arguments, 3 server not reached,\n"
		     "4 refused by the server, 5 passphrase or key.\n");
}

static void help_command(FILE *out, const struct command_row *row)
{
	fprintf(out, "Usage: mdmctl %s%s%s%s\n%s.\n", row->name, row->options ? " [OPTION]..." : "",
		*row->operands ? " " : "", row->operands, row->help);
	if (row->text)
		fprintf(out, "\n%s\n", row->text);
	if (row->help_rows) {
		fputc('\n', out);
		row->help_rows(out);
	}
	if (row->options) {
		fprintf(out, "\nOptions:\n");
		help_options(out, row->options);
	}
	fprintf(out, "\nOptions of every command:\n");
	help_options(out, command_options);
}

/* The words of argv that may name a command: neither options nor their values. */
static size_t command_words(int argc, const char *const *argv, int ret_words[2])
{
	size_t n = 0;

	for (int i = 0; i < argc && n < 2; i++) {
		if (argv[i][0] != '-') {
			ret_words[n++] = i;
			continue;
		}
		/* Only options of every command can stand in front of it. */
		if (strcmp(argv[i], "--org") == 0 || strcmp(argv[i], "--passphrase-file") == 0)
			i++;
	}
	return n;
}

/* The row for one or two words; *ret_n says how many it took. */
static const struct command_row *command_find(const char *first, const char *second, size_t *ret_n)
{
	for (const struct command_row *row = commands; row->name; row++) {
		const char *space = strchr(row->name, ' ');
		size_t n = space ? (size_t)(space - row->name) : strlen(row->name);

		if (strlen(first) != n || memcmp(first, row->name, n) != 0)
			continue;
		if (space && (!second || strcmp(space + 1, second) != 0))
			continue;
		*ret_n = space ? 2 : 1;
		return row;
	}
	return NULL;
}

/* "policy" alone, or "policy sing": what there is. */
static int command_unknown(const char *first, const char *second, struct fault *fault)
{
	const char *names[64], *near;
	char typed[128], verbs[256] = "";
	size_t n_names = 0, n = 0, n_first = strlen(first);

	snprintf(typed, sizeof(typed), "%.60s%s%.60s", first, second ? " " : "",
		second ? second : "");
	for (const struct command_row *row = commands; row->name && n_names < 64; row++) {
		names[n_names++] = row->name;
		if (strncmp(row->name, first, n_first) == 0 && row->name[n_first] == ' ')
			n += (size_t)snprintf(verbs + n, n < sizeof(verbs) ? sizeof(verbs) - n : 0,
				"%s%s", n ? ", " : "", row->name + n_first + 1);
	}
	if (n && !second)
		return fault_set(fault, FAULT_USAGE, "%s what? There are: %s", first, verbs);
	near = args_nearest(typed, names, n_names);
	if (near)
		return fault_set(fault, FAULT_USAGE,
			"there is no command \"%s\"; did you mean \"mdmctl %s\"?", typed, near);
	/* "tickets": the noun alone is near enough to show one of its verbs. */
	for (const struct command_row *row = commands; row->name; row++) {
		char noun[32];
		const char *word = noun;

		snprintf(noun, sizeof(noun), "%.*s", (int)strcspn(row->name, " "), row->name);
		if (args_nearest(first, &word, 1))
			return fault_set(fault, FAULT_USAGE,
				"there is no command \"%s\"; did you mean \"mdmctl %s\"?", typed,
				row->name);
	}
	return fault_set(
		fault, FAULT_USAGE, "there is no command \"%s\"; 'mdmctl help' lists them", typed);
}

static int command_help(int argc, const char *const *argv, FILE *out, struct fault *fault)
{
	const struct command_row *row;
	size_t n;

	if (argc == 0) {
		help_all(out);
		return 0;
	}
	row = command_find(argv[0], argc > 1 ? argv[1] : NULL, &n);
	if (!row)
		return command_unknown(argv[0], argc > 1 ? argv[1] : NULL, fault);
	help_command(out, row);
	return 0;
}

static int command_check_operands(
	const struct command_row *row, const struct args *args, struct fault *fault)
{
	if (args->n_operands >= row->min_operands && args->n_operands <= row->max_operands)
		return 0;
	return fault_set(fault, FAULT_USAGE, "wrong number of arguments: mdmctl %s%s%s%s",
		row->name, row->options ? " [OPTION]..." : "", *row->operands ? " " : "",
		row->operands);
}

/* Runs a command whose words were taken out of argv. */
static int command_run(struct ctl *ctl, const struct command_row *row, int argc,
	const char *const *argv, struct fault *fault)
{
	const struct option_row *tables[] = {command_options, row->options, NULL};
	const char *org, *color = getenv("NO_COLOR");
	struct args args;
	int r = args_parse(tables, argc, argv, &args, fault);

	if (r)
		return r;
	if (args_has(&args, "help")) {
		help_command(ctl->out, row);
		return 0;
	}
	r = command_check_operands(row, &args, fault);
	if (r)
		return r;
	org = args_get(&args, "org");
	ctl->org_path = org ? strdup(org) : org_default_path();
	ctl->passphrase_file = args_get(&args, "passphrase-file");
	if (!ctl->passphrase_file)
		ctl->passphrase_file = getenv("MDMCTL_PASSPHRASE_FILE");
	if (ctl->passphrase_file && !*ctl->passphrase_file)
		ctl->passphrase_file = NULL;
	ctl->json = args_has(&args, "json");
	ctl->yes = args_has(&args, "yes");
	ctl->colour = isatty(fileno(ctl->out)) && !(color && *color);
	ctl->now_s = clock_realtime_s();
	return row->run(ctl, &args, fault);
}

static int commands_dispatch(
	struct ctl *ctl, int argc, const char *const *argv, struct fault *fault)
{
	const struct command_row *row;
	const char *rest[2 * ARGS_MAX + 4];
	size_t n_words, n_taken = 0;
	int words[2], n_rest = 0;

	if (argc - 1 >= (int)ARRAY_SIZE(rest))
		return fault_set(fault, FAULT_USAGE, "too many arguments");
	n_words = command_words(argc - 1, argv + 1, words);
	if (n_words == 0) {
		for (int i = 1; i < argc; i++) {
			if (strcmp(argv[i], "--version") == 0) {
				fprintf(ctl->out, "mdmctl %s\n", MDM_VERSION);
				return ctl_flush(ctl, fault);
			}
			if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
				help_all(ctl->out);
				return ctl_flush(ctl, fault);
			}
		}
		return fault_set(fault, FAULT_USAGE, "no command; 'mdmctl help' lists them");
	}
	if (strcmp(argv[1 + words[0]], "help") == 0)
		return command_help(argc - 2 - words[0], argv + 2 + words[0], ctl->out, fault);
	row = command_find(argv[1 + words[0]], n_words > 1 ? argv[1 + words[1]] : NULL, &n_taken);
	if (!row)
		return command_unknown(
			argv[1 + words[0]], n_words > 1 ? argv[1 + words[1]] : NULL, fault);
	for (int i = 1; i < argc; i++)
		if (i != 1 + words[0] && !(n_taken == 2 && i == 1 + words[1]))
			rest[n_rest++] = argv[i];
	return command_run(ctl, row, n_rest, rest, fault);
}

int commands_run(int argc, const char *const *argv, FILE *out, FILE *err)
{
	struct ctl ctl = {.out = out, .err = err, .org = ORG_INIT};
	struct fault fault = {0};
	int r = commands_dispatch(&ctl, argc, argv, &fault);

	if (r)
		fprintf(err, "mdmctl: %s\n", fault.text);
	ctl_done(&ctl);
	return r;
}
