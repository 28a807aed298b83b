/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: mdmctl */
/* mdmctl_tool.c - completion and manual parts of mdmctl, from its tables. Runs while building. */
#include <stdio.h>
#include <string.h>

#include "agent/trust/verb.h"
#include "server/ctl/commands.h"
#include "server/ctl/order.h"
#include "tools/complete.h"

static const char *words(const char *command, const char *metavar)
{
	static char roles[128];

	if (strcmp(metavar, "WHOSE") == 0)
		return "company personal";
	if (strcmp(metavar, "ALG") == 0)
		return "eddsa es256";
	if (strcmp(metavar, "ROLE") != 0)
		return NULL;
	if (strcmp(command, "admin new") == 0)
		return "operator viewer";
	*roles = 0;
	for (enum trust_role role = 0; role < TRUST_ROLE_MAX; role++) {
		size_t n = strlen(roles);

		snprintf(roles + n, sizeof(roles) - n, "%s%s", n ? " " : "", trust_role_name(role));
	}
	return roles;
}

static void options(const struct option_row *rows, struct complete_option *to, size_t *n_to)
{
	for (; rows && rows->name; rows++)
		complete_add_option(to, n_to,
			&(struct complete_option){rows->name, rows->letter, rows->metavar,
				rows->help, rows->repeats});
}

/* Behind the word "command" the verbs are words like the others. */
static void verbs(struct complete_program *program, const struct command_row *row)
{
	for (enum verb_id id = 0; id < VERB_MAX; id++) {
		struct complete_command command = {.help = command_verbs[id].help, .hidden = true};
		_cleanup_buf_ struct buf name = BUF_INIT, operands = BUF_INIT;

		buf_printf(&name, "command %s", command_verbs[id].name);
		for (const struct verb_argument *a = command_verbs[id].arguments; a->name; a++)
			buf_printf(&operands, "%s%s=", operands.n_bytes ? "|" : "[", a->name);
		buf_puts(&operands, operands.n_bytes ? "]..." : "");
		command.name = complete_text(program, &name);
		command.operands = complete_text(program, &operands);
		options(row->options, command.options, &command.n_options);
		complete_add_command(program, &command);
	}
}

/* For the manual: the verbs of "mdmctl command" with their arguments. */
static void write_verbs(struct buf *out)
{
	for (enum verb_id id = 0; id < VERB_MAX; id++) {
		_cleanup_buf_ struct buf synopsis = BUF_INIT;

		order_synopsis(id, &synopsis);
		buf_printf(out, "*%s*", command_verbs[id].name);
		if (synopsis.n_bytes) {
			buf_puts(out, " ");
			complete_scdoc_text(synopsis.data, out);
		}
		buf_puts(out, "\n\tThe phone ");
		complete_scdoc_text(command_verbs[id].help, out);
		buf_puts(out, command_verbs[id].role == TRUST_ROLE_DESTROY ? " (signed by two).\n\n"
									   : ".\n\n");
		for (const struct verb_argument *a = command_verbs[id].arguments; a->name; a++) {
			buf_printf(out, "\t*%s* (%s", a->name,
				a->type == VERB_TEXT  ? "bytes of text, "
				: a->type == VERB_INT ? "number, "
						      : "true or false");
			if (a->type != VERB_BOOL)
				buf_printf(
					out, "%lld to %lld", (long long)a->min, (long long)a->max);
			buf_printf(out, "%s%s%s)\n\t\t", *a->unit ? " " : "", a->unit,
				a->required ? ", required" : "");
			complete_scdoc_sentence(a->help, out);
			buf_puts(out, "\n\n");
		}
	}
}

int main(int argc, char **argv)
{
	static const struct complete_extra extras[] = {{"verbs", write_verbs}, {0}};
	static struct complete_program program = {.name = "mdmctl", .words = words};
	int r;

	for (const struct command_row *row = commands; row->name; row++) {
		struct complete_command command = {
			.name = row->name,
			.operands = row->operands,
			.help = row->help,
			.text = row->text,
		};

		options(row->options, command.options, &command.n_options);
		complete_add_command(&program, &command);
		if (strcmp(row->name, "command") == 0)
			verbs(&program, row);
	}
	complete_add_command(
		&program, &(struct complete_command){.name = "help",
				  .operands = "[COMMAND]",
				  .help = "print help, for all commands or in full for one"});
	options(command_options, program.options, &program.n_options);
	for (int code = 0; code < FAULT_CODE_MAX; code++)
		program.exits[program.n_exits++] = fault_meaning(code);
	r = complete_main(argc, argv, &program, extras);
	complete_done(&program);
	return r;
}
