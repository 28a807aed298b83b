/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: enforcer */
/* agentd_tool.c - completion and manual parts of mdm-agentd, and the types of journal records, from
 * their tables. Runs while building. */
#include "agent/enforcer/arguments.h"
#include "agent/enforcer/journal.h"
#include "tools/complete.h"

static void write_types(struct buf *out)
{
	for (enum journal_type type = 0; type < JOURNAL_TYPE_MAX; type++) {
		buf_puts(out, "- *");
		complete_scdoc_text(journal_type_name(type), out);
		buf_printf(out, "* (%d)%s\n", (int)type,
			journal_type_is_security(type) ? ", of security" : "");
	}
	buf_puts(out, "\n");
}

int main(int argc, char **argv)
{
	static const struct complete_extra extras[] = {{"types", write_types}, {0}};
	static struct complete_program program = {.name = "mdm-agentd"};
	int r;

	for (const struct argument_row *row = argument_rows; row->name; row++) {
		_cleanup_buf_ struct buf help = BUF_INIT;

		buf_puts(&help, row->help);
		if (row->initial)
			buf_printf(&help, "; default %s", row->initial);
		complete_add_option(program.options, &program.n_options,
			&(struct complete_option){row->name, row->letter, row->metavar,
				complete_text(&program, &help), false});
	}
	r = complete_main(argc, argv, &program, extras);
	complete_done(&program);
	return r;
}
