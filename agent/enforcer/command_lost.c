/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_lost.c - the command "lost": the organisation counts the phone as lost, or no more. What
 * follows is the policy's to say (location.report when_lost); the user reads it in agentctl status.
 * Enforcer.
 */
#include "agent/enforcer/command_verbs.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/location_report.h"

void command_lost(struct enforcer *e, const struct command *command)
{
	const struct command_value *is = command_argument(command, "is");
	bool is_lost = is && is->has && is->truth;
	int r = location_report_set_lost(e, is_lost);

	if (r < 0) {
		effects_failed(e, r);
		return;
	}
	effects_finish(e, COMMAND_DONE, "",
		!is_lost ? "the phone does not count as lost"
		: location_report_is_told(e)
			? "the phone counts as lost; reports say where it is"
			: "the phone counts as lost; no policy lets it tell where it is");
}
