/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_reboot.c - the command "reboot": warns the user, waits, restarts the phone. That it is
 * never done twice is the ledger's promise; whether it happened, the boot id tells. Enforcer.
 */
#include <inttypes.h>

#include "agent/enforcer/command_verbs.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/enforcer.h"

/* The order was taken, and the phone still runs. */
static int reboot_on_nothing(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct enforcer *e = userdata;

	(void)source;
	(void)usec;
	e->effects.timer = sd_event_source_unref(e->effects.timer);
	effects_finish(e, COMMAND_FAILED, "no_reboot",
		"the order to restart was taken, but the phone still runs");
	return 0;
}

static void reboot_on_done(const struct session_answer *answer, void *userdata)
{
	struct enforcer *e = userdata;
	int r;

	if (answer->result != SESSION_DONE) {
		effects_finish(e, effects_state(answer->result),
			session_result_name(answer->result), answer->detail);
		return;
	}
	/* Nothing is done until the phone has started again. */
	r = effects_after(e, EFFECTS_REBOOT_WAIT_S, reboot_on_nothing);
	if (r < 0)
		effects_failed(e, r);
}

static void reboot_now(struct enforcer *e)
{
	struct session_start start;
	int r;

	effects_fill(e, &start, reboot_on_done);
	r = effects_ops(e)->reboot(&start);
	if (r < 0)
		effects_failed(e, r);
}

static int reboot_on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct enforcer *e = userdata;

	(void)source;
	(void)usec;
	e->effects.timer = sd_event_source_unref(e->effects.timer);
	reactions_hold(e, REACTIONS_COMMAND);
	reboot_now(e);
	return 0;
}

/* Somebody who cannot be told does not stop it. */
static void reboot_on_warned(const struct session_answer *answer, void *userdata)
{
	(void)answer;
	(void)userdata;
}

static void reboot_warn(struct enforcer *e, int64_t delay_s)
{
	struct session_start start;
	char text[LIMIT_TEXT_BYTES + 1];
	struct session_note note = {
		.application = effects_organisation(e),
		.title = "This phone is about to restart",
		.text = text,
	};

	if (delay_s < 120)
		snprintf(text, sizeof(text),
			"It restarts in %" PRId64 " seconds. Save what you are working on.",
			delay_s);
	else
		snprintf(text, sizeof(text),
			"It restarts in %" PRId64 " minutes. Save what you are working on.",
			delay_s / 60);
	effects_fill(e, &start, reboot_on_warned);
	start.slot = &e->effects.notice;
	(void)effects_ops(e)->notify(&start, &note);
}

void command_reboot(struct enforcer *e, const struct command *command)
{
	const struct command_value *delay = command_argument(command, "delay");
	int r;

	effects_stop(e);
	if (!delay || !delay->has || delay->number == 0) {
		reboot_now(e);
		return;
	}
	reboot_warn(e, delay->number);
	r = effects_after(e, delay->number, reboot_on_time);
	if (r < 0)
		effects_failed(e, r);
}

void command_reboot_resume(struct enforcer *e, const struct command *command, bool same_boot,
	struct command_result *ret_result)
{
	(void)e;
	(void)command;
	*ret_result =
		same_boot ? (struct command_result){.state = COMMAND_INTERRUPTED,
				    .reason = "same_boot",
				    .detail = "the agent was started again before the phone was"}
			  : (struct command_result){.state = COMMAND_DONE,
				    .reason = "",
				    .detail = "the phone has started again"};
}
