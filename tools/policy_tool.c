/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: policies */
/* policy_tool.c - the settings of policies and what is reported of them, for mdm-policy(5). Runs
 * while building. */
#include <inttypes.h>

#include "policies/compliance.h"
#include "policies/settings.h"
#include "tools/complete.h"

static void write_choices(const struct setting_row *row, struct buf *out)
{
	for (int64_t i = 0; i <= row->max; i++) {
		buf_puts(out, i ? ", " : " (");
		complete_scdoc_text(row->choices[i], out);
	}
	buf_puts(out, ")");
}

static void write_settings(struct buf *out)
{
	for (enum area_id area = 0; area < AREA_MAX; area++) {
		buf_puts(out, "## ");
		complete_scdoc_text(area_row(area)->name, out);
		buf_puts(out, "\n\n");
		complete_scdoc_sentence(area_row(area)->help, out);
		buf_puts(out, "\n\n");
		for (enum setting_id id = 0; id < SETTING_MAX; id++) {
			const struct setting_row *row = setting_row(id);

			if (row->area != area)
				continue;
			buf_puts(out, "*");
			complete_scdoc_text(row->name, out);
			buf_puts(out, "*");
			if (row->type == VALUE_INT)
				buf_printf(out, " (%" PRId64 " to %" PRId64 "%s%s)", row->min,
					row->max, *row->unit ? " " : "", row->unit);
			else if (row->type == VALUE_CHOICE)
				write_choices(row, out);
			else
				buf_puts(out, row->type == VALUE_BOOL ? " (true or false)"
								      : " (array of texts)");
			buf_puts(out, "\n\t");
			complete_scdoc_sentence(row->help, out);
			if (row->why) {
				buf_puts(out, " ");
				complete_scdoc_sentence(row->why, out);
			}
			buf_puts(out, "\n\n");
		}
	}
}

static void write_states(struct buf *out)
{
	for (enum compliance_state state = 0; state < COMPLIANCE_STATE_MAX; state++) {
		buf_puts(out, "*");
		complete_scdoc_text(compliance_state_name(state), out);
		buf_puts(out, "*\n\t");
		complete_scdoc_sentence(compliance_state_help(state), out);
		buf_puts(out, "\n\n");
	}
}

int main(int argc, char **argv)
{
	static const struct complete_extra extras[] = {
		{"settings", write_settings},
		{"states", write_states},
		{0},
	};
	static struct complete_program program = {.name = "policy"};

	return complete_main(argc, argv, &program, extras);
}
