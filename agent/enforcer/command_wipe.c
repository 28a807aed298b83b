/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_wipe.c - the command "wipe". Scope "device" is wipe.h's; scope "corporate" is leaving the
 * organisation (command_unenroll.c): what it brought is given back or removed, with the phone's key
 * and everything that was kept for it, and what is the user's stays as it is. Enforcer only.
 */
#include <string.h>

#include "agent/enforcer/command_verbs.h"
#include "agent/enforcer/commands_private.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/wipe.h"

static const char *text_argument(const struct command *command, const char *name)
{
	const struct command_value *value = command_argument(command, name);

	return value && value->has ? value->text : "";
}

bool command_wipe_is_corporate(const struct command *command)
{
	return command->verb == VERB_WIPE &&
	       strcmp(text_argument(command, "scope"), "corporate") == 0;
}

void command_wipe(struct enforcer *e, const struct command *command)
{
	const char *finish = text_argument(command, "finish");

	effects_stop(e);
	if (command_wipe_is_corporate(command)) {
		command_unenroll(e, command);
		return;
	}
	wipe_by_command(e, command->id,
		strcmp(finish, "reboot") == 0 ? WIPE_FINISH_REBOOT : WIPE_FINISH_POWEROFF);
}

void command_wipe_resume(struct enforcer *e, const struct command *command, bool same_boot,
	struct command_result *ret_result)
{
	(void)same_boot;
	if (wipe_is_of(e, command->id))
		*ret_result = (struct command_result){.state = COMMAND_RUNNING};
	else if (!wipe_look_back(e, command->id, ret_result))
		*ret_result = (struct command_result){COMMAND_INTERRUPTED, "restarted",
			"the agent was started again before anything was destroyed"};
}
