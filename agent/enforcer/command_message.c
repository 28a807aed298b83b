/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_message.c - the command "message": a notification in the name of the organisation for
 * whoever is in front of the screen. The text itself is kept nowhere but in the ledger. Enforcer.
 */
#include "agent/enforcer/command_verbs.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/enforcer.h"

static void message_on_done(const struct session_answer *answer, void *userdata)
{
	struct enforcer *e = userdata;
	enum command_state state = effects_state(answer->result);

	effects_finish(e, state, state == COMMAND_DONE ? "" : session_result_name(answer->result),
		answer->detail);
}

void command_message(struct enforcer *e, const struct command *command)
{
	const struct command_value *text = command_argument(command, "text");
	const struct command_value *title = command_argument(command, "title");
	struct session_note note = {
		.application = effects_organisation(e),
		.title = title && title->has ? title->text : effects_organisation(e),
		.text = text ? text->text : "",
	};
	struct session_start start;
	int r;

	effects_stop(e);
	effects_fill(e, &start, message_on_done);
	r = effects_ops(e)->notify(&start, &note);
	if (r < 0)
		effects_failed(e, r);
}
