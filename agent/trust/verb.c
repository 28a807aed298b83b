/* SPDX-License-Identifier: Apache-2.0 */
/* verb.c - the rows of the verbs and of their arguments; see verb.h. Any role that knows documents;
 * pure. */
#include "agent/trust/verb.h"

#include <string.h>

static const struct verb_argument verb_no_arguments[] = {{0}};

static const struct verb_argument verb_message_arguments[] = {
	{.name = "text",
		.type = VERB_TEXT,
		.min = 1,
		.max = LIMIT_COMMAND_TEXT_BYTES,
		.required = true,
		.unit = "",
		.help = "what the user is told"},
	{.name = "title",
		.type = VERB_TEXT,
		.min = 1,
		.max = 64,
		.unit = "",
		.help = "the line above it; without one, the organisation's name"},
	{0},
};

static const struct verb_argument verb_reboot_arguments[] = {
	{.name = "delay",
		.type = VERB_INT,
		.min = 0,
		.max = 3600,
		.unit = "s",
		.help = "how long the user is warned before"},
	{0},
};

const struct command_verb command_verbs[VERB_MAX] = {
#define X(id, verb_name, verb_role, default_s, table, handler, text)                               \
	[VERB_##id] = {.name = verb_name,                                                          \
		.role = verb_role,                                                                 \
		.valid_s = default_s,                                                              \
		.arguments = table,                                                                \
		.help = text},
	VERB_TABLE(X)
#undef X
};

enum verb_id command_verb_find(const char *name)
{
	for (enum verb_id id = 0; id < VERB_MAX; id++)
		if (strcmp(command_verbs[id].name, name) == 0)
			return id;
	return VERB_MAX;
}
