/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c - finding a verb, help, and running one; see commands.h. Runs as the administrator. */
#include "server/ctl/commands.h"

#include <string.h>
#include <sys/stat.h>

#include "agent/util/clock.h"

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
	fprintf(out, "\n'mdmctl help COMMAND' tells more.\n\nExit codes:\n");
	for (int code = 0; code < FAULT_CODE_MAX; code++)
		fprintf(out, "  %d  %s\n", code, fault_meaning(code));
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
	const char *names[COMMANDS_MAX], *near;
	char typed[128], verbs[256] = "";
	size_t n_names = 0, n = 0, n_first = strlen(first);

	snprintf(typed, sizeof(typed), "%.60s%s%.60s", first, second ? " " : "",
		second ? second : "");
	for (const struct command_row *row = commands; row->name && n_names < COMMANDS_MAX; row++) {
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
	const char *org, *output, *color = getenv("NO_COLOR");
	struct args args;
	struct stat st;
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
	/* Whatever is written replaces what is there: /dev/stdout would be a file afterwards. */
	output = args_get(&args, "output");
	if (output && lstat(output, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return fault_set(fault, FAULT_USAGE,
			"%s is there and no regular file; name another one for --output", output);
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
