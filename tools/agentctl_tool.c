/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: ctl */
/* agentctl_tool.c - completion and manual parts of agentctl, from its tables. Runs while building.
 */
#include <string.h>

#include "agent/ctl/verbs.h"
#include "policies/settings.h"
#include "tools/complete.h"

static struct complete_program program = {.name = "agentctl"};

/* "policy explain" takes an area or one of its settings. */
static const char *words(const char *command, const char *metavar)
{
	_cleanup_buf_ struct buf list = BUF_INIT;
	static const char *areas;

	(void)command;
	if (strcmp(metavar, "AREA.SETTING") != 0)
		return NULL;
	if (areas)
		return areas;
	for (enum area_id id = 0; id < AREA_MAX; id++)
		buf_printf(&list, "%s ", area_row(id)->name);
	for (enum setting_id id = 0; id < SETTING_MAX; id++)
		buf_printf(&list, "%s.%s ", area_row(setting_row(id)->area)->name,
			setting_row(id)->name);
	areas = complete_text(&program, &list);
	return areas;
}

static void add(const struct option_row *row, struct complete_option *to, size_t *n_to)
{
	complete_add_option(to, n_to,
		&(struct complete_option){row->name, row->letter, row->argument, row->help, false});
}

int main(int argc, char **argv)
{
	int r;

	program.words = words;
	for (size_t i = 0; i < verb_count(); i++) {
		const struct verb *verb = verb_at(i);
		struct complete_command command = {
			.name = verb->name,
			.operands = verb->arguments,
			.help = verb->help,
			.text = verb->details,
		};

		for (enum option_id id = 0; id < OPTION_MAX; id++)
			if (verb->options & OPTION_BIT(id))
				add(option_row(id), command.options, &command.n_options);
		complete_add_command(&program, &command);
	}
	for (enum option_id id = 0; id < OPTION_MAX; id++)
		if (option_row(id)->global)
			add(option_row(id), program.options, &program.n_options);
	for (enum ctl_exit code = 0; code < CTL_EXIT_MAX; code++)
		program.exits[program.n_exits++] = ctl_exit_help(code);
	r = complete_main(argc, argv, &program, NULL);
	complete_done(&program);
	return r;
}
