/* SPDX-License-Identifier: Apache-2.0 */
/* command_state.c - names and arrows of the states of a command; see command_state.h. Pure. */
#include "agent/util/command_state.h"

#include <string.h>

#define BIT(state) (1U << COMMAND_##state)

/* A row: the name, and the states that may follow. A state that none follows is final. */
static const struct {
	const char *name;
	unsigned int next;
} command_states[COMMAND_STATE_MAX] = {
	[COMMAND_QUEUED] = {"queued", BIT(DELIVERED) | BIT(CANCELLED) | BIT(EXPIRED)},
	[COMMAND_DELIVERED] = {"delivered", BIT(ACCEPTED) | BIT(REFUSED) | BIT(EXPIRED)},
	[COMMAND_ACCEPTED] = {"accepted", BIT(RUNNING) | BIT(EXPIRED) | BIT(INTERRUPTED)},
	[COMMAND_RUNNING] = {"running", BIT(DONE) | BIT(FAILED) | BIT(REFUSED) | BIT(INTERRUPTED)},
	[COMMAND_DONE] = {"done", 0},
	[COMMAND_FAILED] = {"failed", 0},
	[COMMAND_REFUSED] = {"refused", 0},
	[COMMAND_EXPIRED] = {"expired", 0},
	[COMMAND_INTERRUPTED] = {"interrupted", 0},
	[COMMAND_CANCELLED] = {"cancelled", 0},
};

const char *command_state_name(enum command_state state)
{
	return command_states[state].name;
}

enum command_state command_state_find(const char *name)
{
	int state = 0;

	while (state < COMMAND_STATE_MAX && strcmp(name, command_states[state].name) != 0)
		state++;
	return (enum command_state)state;
}

bool command_state_may_follow(enum command_state from, enum command_state to)
{
	return command_states[from].next & (1U << to);
}

bool command_state_may_be_told(enum command_state from, enum command_state to)
{
	static const enum command_state between[] = {COMMAND_ACCEPTED, COMMAND_RUNNING};

	if (to == COMMAND_QUEUED || to == COMMAND_DELIVERED || to == COMMAND_CANCELLED)
		return false; /* words of the server */
	if (command_state_may_follow(from, to))
		return true;
	/* How far it is. */
	if (from == COMMAND_RUNNING && to == COMMAND_RUNNING)
		return true;
	for (size_t i = 0; i < sizeof(between) / sizeof(*between); i++)
		if (command_state_may_follow(from, between[i]) &&
			command_state_may_be_told(between[i], to))
			return true;
	return false;
}

bool command_state_is_final(enum command_state state)
{
	return command_states[state].next == 0;
}
