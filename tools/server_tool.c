/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: server */
/* server_tool.c - completion and manual parts of mdm-server, from its tables. Runs while building.
 */
#include <string.h>

#include "server/settings.h"
#include "tools/complete.h"

static struct complete_program program = {.name = "mdm-server"};

/* Metavars of settings are not unique; those with choices are FORMAT, LEVEL and the like. */
static const char *words(const char *command, const char *metavar)
{
	(void)command;
	for (const struct setting *s = config_settings; s->name; s++) {
		_cleanup_buf_ struct buf list = BUF_INIT;

		if (s->kind != SETTING_CHOICE || strcmp(s->metavar, metavar) != 0)
			continue;
		for (size_t i = 0; s->choices[i]; i++)
			buf_printf(&list, "%s%s", i ? " " : "", s->choices[i]);
		return complete_text(&program, &list);
	}
	return NULL;
}

static void write_setting(const struct setting *s, const char *prefix, struct buf *out)
{
	_cleanup_buf_ struct buf bounds = BUF_INIT;

	setting_write_bounds(s, &bounds);
	buf_printf(out, "*%s%s* _", prefix, s->name);
	complete_scdoc_text(s->metavar, out);
	buf_puts(out, "_\n\t");
	complete_scdoc_sentence(s->help, out);
	if (bounds.n_bytes) {
		buf_puts(out, " Value: ");
		complete_scdoc_text(bounds.data, out);
		buf_puts(out, ".");
	}
	buf_puts(out, s->needed ? " Needed to run.\n\n" : "\n\n");
}

/* For mdm-server.conf(5): what SIGHUP takes over, and the rest. */
static void write_settings(struct buf *out)
{
	for (int reloadable = 0; reloadable < 2; reloadable++) {
		buf_puts(out, reloadable ? "## Taken over by a reload\n\n"
					 : "## Taken over at the next start\n\n");
		for (const struct setting *s = config_settings; s->name; s++)
			if (s->reloadable == (reloadable == 1))
				write_setting(s, "", out);
	}
}

/* For mdm-server(8): the options that are no settings; commands have theirs. */
static void write_switches(struct buf *out)
{
	for (const struct config_option *o = config_options; o->name; o++)
		if (!o->verb)
			complete_scdoc_option(
				&(struct complete_option){o->name, 0, o->metavar, o->help, false},
				"", out);
	for (const struct setting *s = config_settings; s->name; s++)
		write_setting(s, "--", out);
}

static void add_verb(const struct config_verb *verb)
{
	struct complete_command command = {.operands = "", .help = verb->help};
	_cleanup_buf_ struct buf name = BUF_INIT;

	buf_printf(&name, "%s%s%s", verb->words[0], verb->words[1] ? " " : "",
		verb->words[1] ? verb->words[1] : "");
	command.name = complete_text(&program, &name);
	for (const struct config_option *o = config_options; o->name; o++)
		if (o->verb == verb)
			complete_add_option(command.options, &command.n_options,
				&(struct complete_option){o->name, 0, o->metavar, o->help, false});
	complete_add_command(&program, &command);
}

int main(int argc, char **argv)
{
	static const struct complete_extra extras[] = {
		{"settings", write_settings},
		{"switches", write_switches},
		{0},
	};
	int r;

	program.words = words;
	for (const struct config_verb *v = config_verbs; v->words[0]; v++)
		add_verb(v);
	for (const struct config_option *o = config_options; o->name; o++)
		if (!o->verb)
			complete_add_option(program.options, &program.n_options,
				&(struct complete_option){o->name, 0, o->metavar, o->help, false});
	for (const struct setting *s = config_settings; s->name; s++)
		complete_add_option(program.options, &program.n_options,
			&(struct complete_option){
				s->name, 0, s->metavar, s->help, s->kind == SETTING_LIST});
	for (size_t code = 0; code < CONFIG_EXITS; code++)
		program.exits[program.n_exits++] = config_exits[code];
	r = complete_main(argc, argv, &program, extras);
	complete_done(&program);
	return r;
}
