/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_unenroll.c - the verb "unenroll", and "wipe" with the scope corporate: tells the server
 * that it runs, gives back everything, tells the server how that ended, forgets the enrolment.
 * Enforcer only.
 *
 * The phone leaves whether or not the server can be reached: each step that waits for it has a
 * deadline. That it leaves is in the ledger, in the record that says "running", until the enrolment
 * is forgotten; a restart in between begins again with giving back, which does no harm twice.
 */
#include <string.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/checkin_private.h"
#include "agent/enforcer/command_verbs.h"
#include "agent/enforcer/commands_private.h"
#include "agent/enforcer/places.h"
#include "agent/util/log.h"

/* One exchange, and the look at the phone before it. */
#define UNENROLL_REPORT_S (LIMIT_EXCHANGE_SECONDS + 30)
#define UNENROLL_LAST_WORDS_S 30

static void unenroll_set_stage(struct enforcer *e, enum unenroll_stage stage)
{
	struct commands *c = e->commands;

	c->unenroll = stage;
	c->unenroll_timer = sd_event_source_unref(c->unenroll_timer);
}

/* The enrolment ends here, whatever was heard. */
static void unenroll_leave(struct enforcer *e)
{
	unenroll_set_stage(e, UNENROLL_NONE);
	exchange_free(e->exchange);
	/* Nobody else will: what is freed does not end. */
	reactions_release(e, REACTIONS_EXCHANGE);
	checkin_left(e, e->commands->unenroll_failed);
}

static void unenroll_revert(struct enforcer *e)
{
	unenroll_set_stage(e, UNENROLL_REVERTING);
	checkin_revert(e);
}

static int unenroll_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct enforcer *e = userdata;

	(void)source;
	(void)usec;
	if (e->commands->unenroll == UNENROLL_REPORTING)
		unenroll_revert(e);
	else if (e->commands->unenroll == UNENROLL_LAST_WORDS)
		unenroll_leave(e);
	return 0;
}

/* Enters a stage that waits for the server, but no longer than that. */
static bool unenroll_wait(struct enforcer *e, enum unenroll_stage stage, int64_t seconds)
{
	unenroll_set_stage(e, stage);
	return sd_event_add_time(e->event, &e->commands->unenroll_timer, CLOCK_BOOTTIME,
		       (uint64_t)(clock_boottime_us() + seconds * USEC_PER_SEC), USEC_PER_SEC,
		       unenroll_on_timer, e) >= 0;
}

bool command_leaves(const struct command *command)
{
	return command->verb == VERB_UNENROLL || command_wipe_is_corporate(command);
}

void command_unenroll(struct enforcer *e, const struct command *command)
{
	(void)command;
	e->commands->unenroll_seq = e->journal ? journal_last_seq(e->journal) : 0;
	if (!unenroll_wait(e, UNENROLL_REPORTING, UNENROLL_REPORT_S)) {
		unenroll_revert(e);
		return;
	}
	pacing_request(&e->pacing, clock_boottime_us(), 0, true);
	checkin_begin(e);
}

void command_unenroll_resume(struct enforcer *e)
{
	log_info("leaving the organisation, as ordered before the agent stopped");
	unenroll_revert(e);
}

void command_unenroll_exchanged(struct enforcer *e, bool answered)
{
	struct commands *c = e->commands;

	if (c->unenroll == UNENROLL_REPORTING) {
		/* A report that was written before, or whose events did not all fit. */
		if (answered && e->report.sent_seq < c->unenroll_seq) {
			pacing_request(&e->pacing, clock_boottime_us(), 0, true);
			checkin_begin(e);
			return;
		}
		unenroll_revert(e);
	} else if (c->unenroll == UNENROLL_LAST_WORDS) {
		if (answered && e->report.more_events &&
			checkin_last_words(e, UNENROLL_LAST_WORDS_S) == 0)
			return;
		unenroll_leave(e);
	}
}

bool commands_is_leaving(const struct enforcer *e)
{
	return e->commands && (e->commands->unenroll == UNENROLL_REVERTING ||
				      e->commands->unenroll == UNENROLL_LAST_WORDS);
}

bool commands_reverted(struct enforcer *e, bool failed)
{
	const struct command_result done = {COMMAND_DONE, "",
		"every setting is what it was before; the phone has left the organisation and kept "
		"nothing of it"};
	const struct command_result partly = {COMMAND_FAILED, "not_restored",
		"the phone has left the organisation, but not every setting could be restored"};
	struct commands *c = e->commands;
	struct ledger_entry *entry;

	/* agentctl may have been asked for the same while the server was told. */
	if (c->unenroll == UNENROLL_NONE)
		return false;
	c->unenroll_failed = failed;
	/* A policy may have ordered it, beside a command that has nothing to do with it. */
	entry = ledger_find(&c->ledger, c->running);
	if (entry && entry->command && command_leaves(entry->command))
		commands_finish(e, failed ? &partly : &done);
	commands_interrupt(e);
	if (!unenroll_wait(e, UNENROLL_LAST_WORDS, UNENROLL_LAST_WORDS_S) ||
		checkin_last_words(e, UNENROLL_LAST_WORDS_S) < 0)
		unenroll_set_stage(e, UNENROLL_NONE);
	/* No round may enforce anew what was just given back. What says that the phone leaves stays
	 * until it has. */
	places_release(e);
	documents_forget(&e->documents);
	return c->unenroll == UNENROLL_LAST_WORDS;
}
