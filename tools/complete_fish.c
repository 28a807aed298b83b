/* SPDX-License-Identifier: Apache-2.0 */
/* complete_fish.c - completion for fish: one "complete" line for each word of the tables. Runs
 * while building. */
#include <stdio.h>
#include <string.h>

#include "tools/complete.h"

/* -r: wants a value, -f: no file, -F: files, -a: words. */
static void fish_kind(
	const struct complete_program *p, const char *command, const char *metavar, struct buf *out)
{
	_cleanup_buf_ struct buf words = BUF_INIT;

	switch (complete_kind_of(p, command, metavar, &words)) {
	case COMPLETE_FREE:
		buf_puts(out, " -f");
		break;
	case COMPLETE_FILE:
		buf_puts(out, " -F");
		break;
	case COMPLETE_DIR:
		buf_puts(out, " -f -a '(__fish_complete_directories)'");
		break;
	case COMPLETE_WORDS:
		buf_puts(out, " -f -a ");
		complete_quote(words.data ? words.data : "", false, out);
		break;
	}
}

static void fish_option(const struct complete_program *p, const char *command,
	const struct complete_option *option, struct buf *out)
{
	buf_printf(out, "complete -c %s", p->name);
	if (command) {
		complete_template(p, " -n \"__~_is '", out);
		buf_printf(out, "%s'\"", command);
	}
	buf_printf(out, " -l %s", option->name);
	if (option->letter)
		buf_printf(out, " -s %c", option->letter);
	if (option->metavar) {
		buf_puts(out, " -r");
		fish_kind(p, command ? command : "", option->metavar, out);
	}
	buf_puts(out, " -d ");
	complete_quote(option->help, false, out);
	buf_puts(out, "\n");
}

static void fish_words(const struct complete_program *p, struct buf *out)
{
	for (size_t i = 0; i < p->n_commands; i++) {
		const char *name = p->commands[i].name, *space = strchr(name, ' ');

		if (!complete_first_seen(p, i)) {
			buf_printf(out, "complete -c %s", p->name);
			complete_template(p, " -n __~_first -a ", out);
			buf_printf(out, "%.*s -d ", (int)strcspn(name, " "), name);
			complete_quote(space ? "..." : p->commands[i].help, false, out);
			buf_puts(out, "\n");
		}
		if (!space)
			continue;
		buf_printf(out, "complete -c %s", p->name);
		complete_template(p, " -n '__~_second ", out);
		buf_printf(out, "%.*s' -a %s -d ", (int)(space - name), name, space + 1);
		complete_quote(p->commands[i].help, false, out);
		buf_puts(out, "\n");
	}
}

static void fish_operands(
	const struct complete_program *p, const struct complete_command *command, struct buf *out)
{
	for (size_t n = 0;; n++) {
		_cleanup_buf_ struct buf metavar = BUF_INIT;
		bool repeats;

		if (!complete_operand(command, n, &metavar, &repeats))
			return;
		buf_printf(out, "complete -c %s", p->name);
		complete_template(p, " -n \"__~_operand '", out);
		buf_printf(out, "%s' %s %zu\"", command->name, repeats ? "-ge" : "-eq", n);
		fish_kind(p, command->name, metavar.data ? metavar.data : "", out);
		buf_puts(out, "\n");
	}
}

static const char fish_engine[] =
	"\n"
	"# What stands before the cursor: the command, and the words behind it.\n"
	"function __~_scan\n"
	"\tset -g __~_command ''\n"
	"\tset -g __~_said\n"
	"\tset -l skip 0\n"
	"\tfor word in (commandline -opc)[2..-1]\n"
	"\t\tif test $skip = 1\n"
	"\t\t\tset skip 0\n"
	"\t\telse if contains -- $word $__~_takes\n"
	"\t\t\tset skip 1\n"
	"\t\telse if not string match -q -- '-*' $word\n"
	"\t\t\tset -a __~_said $word\n"
	"\t\tend\n"
	"\tend\n"
	"\tif test \"$__~_said[1]\" = help; and contains help $__~_commands\n"
	"\t\tset __~_command help\n"
	"\t\tset -e __~_said[1]\n"
	"\tend\n"
	"\tset -g __~_count (count $__~_said)\n"
	"\tset -g __~_group \"$__~_said[1]\"\n"
	"\tif test -n \"$__~_command\"\n"
	"\t\treturn\n"
	"\telse if contains -- \"$__~_said[1] $__~_said[2]\" $__~_commands\n"
	"\t\tset __~_command \"$__~_said[1] $__~_said[2]\"\n"
	"\t\tset -e __~_said[1..2]\n"
	"\telse if contains -- \"$__~_said[1]\" $__~_commands\n"
	"\t\tset __~_command $__~_said[1]\n"
	"\t\tset -e __~_said[1]\n"
	"\tend\n"
	"end\n"
	"function __~_first\n"
	"\t__~_scan\n"
	"\ttest $__~_count = 0\n"
	"end\n"
	"function __~_second\n"
	"\t__~_scan\n"
	"\ttest $__~_count = 1; and test $__~_group = $argv[1]\n"
	"end\n"
	"function __~_is\n"
	"\t__~_scan\n"
	"\ttest \"$__~_command\" = $argv[1]\n"
	"end\n"
	"function __~_operand\n"
	"\t__~_is $argv[1]; and test (count $__~_said) $argv[2] $argv[3]\n"
	"end\n"
	"\n";

static void fish_takes(const struct complete_option *options, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		if (options[i].metavar)
			buf_printf(out, " --%s", options[i].name);
		if (options[i].metavar && options[i].letter)
			buf_printf(out, " -%c", options[i].letter);
	}
}

void complete_fish(const struct complete_program *p, struct buf *out)
{
	buf_printf(out,
		"# SPDX-License-Identifier: Apache-2.0\n"
		"# Completion of %s for fish, made from the program's tables; do not edit.\n\n",
		p->name);
	complete_template(p, "set -g __~_commands", out);
	for (size_t i = 0; i < p->n_commands; i++)
		buf_printf(out, " '%s'", p->commands[i].name);
	complete_template(p, "\nset -g __~_takes", out);
	for (size_t i = 0; i < p->n_commands; i++)
		fish_takes(p->commands[i].options, p->commands[i].n_options, out);
	fish_takes(p->options, p->n_options, out);
	buf_puts(out, "\n");
	complete_template(p, fish_engine, out);
	buf_printf(out, "complete -c %s -f\n", p->name);
	fish_words(p, out);
	for (size_t i = 0; i < p->n_commands; i++) {
		const struct complete_command *command = &p->commands[i];

		for (size_t j = 0; j < command->n_options; j++)
			fish_option(p, command->name, &command->options[j], out);
		fish_operands(p, command, out);
	}
	for (size_t i = 0; i < p->n_options; i++)
		fish_option(p, NULL, &p->options[i], out);
}
