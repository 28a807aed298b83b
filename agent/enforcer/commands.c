/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.c - from a verified command to its end, at most once; see commands.h. Runs as root in
 * the enforcer. What a verb does is its handler's; here is when it may, and what is remembered.
 *
 * The order is what keeps a power cut from doing anything twice: accepted is on the disk before the
 * command is looked at again, running before its handler is called. What was running when the agent
 * stopped is never run again.
 */
#include "agent/enforcer/commands.h"

#include <errno.h>
#include <string.h>

#include "agent/enforcer/apps_work.h"
#include "agent/enforcer/checkin.h"
#include "agent/enforcer/checkin_private.h"
#include "agent/enforcer/commands_private.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/wipe.h"
#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"
#include "agent/util/log.h"

/* --- the record -------------------------------------------------------------------------- */

int commands_save(struct enforcer *e)
{
	_cleanup_buf_ struct buf text = {.max_bytes = LIMIT_STATE_BYTES};
	int r = ledger_write(&e->commands->ledger, &text);

	if (r == 0)
		r = state_write(&e->state, COMMANDS_FILE, text.data, text.n_bytes);
	if (r < 0)
		enforcer_problem(e, PROBLEM_COMMANDS,
			"Free space or make it writable; until then no command is carried out.",
			"commands cannot be recorded in %s: %s", e->options.state_dir,
			strerror(-r));
	else
		enforcer_problem(e, PROBLEM_COMMANDS, NULL, NULL);
	return r;
}

void commands_journal(struct enforcer *e, const struct ledger_entry *entry)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "id", entry->id);
	jsonw_string(&w, "verb", entry->verb);
	jsonw_string(&w, "state", command_state_name(entry->state));
	jsonw_string(&w, "reason", entry->reason);
	jsonw_string(&w, "detail", entry->detail);
	jsonw_object_end(&w);
	enforcer_journal(e, JOURNAL_COMMAND, &payload);
}

/*
 * The number that the next record will get. It stands in the ledger, so that a state whose record a
 * power cut prevented is told after the restart.
 */
static int64_t commands_next_seq(const struct enforcer *e)
{
	return e->journal ? (int64_t)journal_last_seq(e->journal) + 1 : 0;
}

/*
 * Whoever signed it waits for its end: at once while there are tokens, else rate-limited. The first
 * exchange of a boot might be the better part of an hour away: an end is told once, and few phones
 * have one to tell.
 */
static void commands_tell(struct enforcer *e)
{
	pacing_wake(&e->pacing, clock_boottime_us(), checkin_random());
	pacing_request(&e->pacing, clock_boottime_us(), checkin_random(),
		e->pacing.ended_us == 0 && e->pacing.failures == 0);
	checkin_schedule(e);
}

bool commands_is_beside(enum verb_id verb)
{
	return verb == VERB_INSTALL || verb == VERB_REMOVE || verb == VERB_UPDATE;
}

/*
 * The one place where a state changes: durable, then journalled, then told. What has ended has
 * ended even if that cannot be recorded: it is journalled, and after a restart it counts as
 * interrupted. Nothing else goes on without a record. 0; -EINVAL: no such arrow; -errno.
 */
static int commands_set_state(
	struct enforcer *e, struct ledger_entry *entry, const struct command_result *result)
{
	enum command_state before = entry->state;
	bool final = command_state_is_final(result->state);
	bool is_beside = entry->command && commands_is_beside(entry->command->verb);
	uint8_t boot[BOOT_ID_BYTES] = {0};
	int r;

	if (!command_state_may_follow(before, result->state))
		return -EINVAL;
	ledger_set(entry, result->state, result->reason ? result->reason : "",
		result->detail ? result->detail : "");
	entry->changed_s = clock_realtime_s();
	entry->seq = commands_next_seq(e);
	if (result->state == COMMAND_RUNNING) {
		(void)clock_boot_id(boot);
		hex_encode(boot, sizeof(boot), entry->boot);
	}
	r = commands_save(e);
	if (r < 0 && !final) {
		ledger_set(entry, before, "", "");
		entry->boot[0] = 0;
		return r;
	}
	/* Awake from the start of the work to its end; what installs sees to that by itself. */
	if (result->state == COMMAND_RUNNING && !is_beside)
		reactions_hold(e, REACTIONS_COMMAND);
	else if (before == COMMAND_RUNNING && !is_beside)
		reactions_release(e, REACTIONS_COMMAND);
	commands_journal(e, entry);
	log_info("command %s (%s): %s%s%s", entry->id, entry->verb,
		command_state_name(entry->state), entry->detail[0] ? ": " : "", entry->detail);
	if (final)
		commands_tell(e);
	return 0;
}

void commands_end(struct enforcer *e, struct ledger_entry *entry, enum command_state state,
	const char *reason, const char *detail)
{
	const struct command_result result = {state, reason, detail};

	/* Only arrows of the machine are asked for here, and an end is an end. */
	(void)commands_set_state(e, entry, &result);
}

void commands_note(struct enforcer *e, const char *reason, const char *detail)
{
	struct ledger_entry *entry = ledger_find(&e->commands->ledger, e->commands->running);

	if (!entry)
		return;
	ledger_set(entry, COMMAND_RUNNING, reason, detail);
	entry->changed_s = clock_realtime_s();
	entry->seq = commands_next_seq(e);
	(void)commands_save(e);
	commands_journal(e, entry);
}

/* --- running ----------------------------------------------------------------------------- */

static int64_t commands_now(const struct enforcer *e)
{
	return highwater_document_now(&e->state.facts.highwater, clock_realtime_s());
}

/* A handler that took too long. It gets as long again for its last word, so that this is not taken
 * for that of the next command. */
static int commands_on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct enforcer *e = userdata;
	struct commands *c = e->commands;
	struct ledger_entry *entry = ledger_find(&c->ledger, c->running);

	(void)source;
	(void)usec;
	c->deadline = sd_event_source_unref(c->deadline);
	if (entry && !c->overdue) {
		const struct command_handler *handler =
			&command_handlers[command_verb_find(entry->verb)];

		c->overdue = true;
		if (sd_event_add_time(e->event, &c->deadline, CLOCK_BOOTTIME,
			    (uint64_t)(clock_boottime_us() + handler->deadline_s * USEC_PER_SEC),
			    USEC_PER_SEC, commands_on_deadline, e) < 0)
			c->running[0] = 0;
		commands_end(e, entry, COMMAND_FAILED, "timeout",
			"it had not ended after as long as it may take");
	} else {
		/* Its last word is not waited for any longer, and it must not do anything any more.
		 */
		effects_stop(e);
		c->running[0] = 0;
	}
	commands_schedule(e);
	return 0;
}

enum verb_id commands_running(const struct enforcer *e)
{
	struct ledger_entry *entry = ledger_find(&e->commands->ledger, e->commands->running);

	return entry && entry->command ? entry->command->verb : VERB_MAX;
}

/* Whether it can be started now. */
static bool commands_has_room(const struct commands *c, const struct ledger_entry *entry)
{
	if (entry->state != COMMAND_ACCEPTED)
		return false;
	return entry->command && commands_is_beside(entry->command->verb) ? !c->beside[0]
									  : !c->running[0];
}

/* False: it could not be recorded that it runs, so it does not. */
static bool commands_run(struct enforcer *e, struct ledger_entry *entry)
{
	const struct command_result running = {.state = COMMAND_RUNNING};
	const struct command_handler *handler;
	struct commands *c = e->commands;

	if (!entry->command) {
		commands_end(e, entry, COMMAND_INTERRUPTED, "unknown_verb",
			"this version of the agent cannot carry it out any more");
		return true;
	}
	handler = &command_handlers[entry->command->verb];
	/* In the same record: a phone that began to leave goes on after a power cut. */
	if (command_leaves(entry->command))
		memcpy(c->ledger.leaving, e->state.facts.enrolment_id, sizeof(c->ledger.leaving));
	if (handler->deadline_s > 0 &&
		sd_event_add_time(e->event, &c->deadline, CLOCK_BOOTTIME,
			(uint64_t)(clock_boottime_us() + handler->deadline_s * USEC_PER_SEC),
			USEC_PER_SEC, commands_on_deadline, e) < 0)
		return false;
	if (commands_set_state(e, entry, &running) < 0) {
		c->deadline = sd_event_source_unref(c->deadline);
		c->ledger.leaving[0] = 0;
		return false;
	}
	if (commands_is_beside(entry->command->verb)) {
		memcpy(c->beside, entry->id, sizeof(c->beside));
	} else {
		c->overdue = false;
		memcpy(c->running, entry->id, sizeof(c->running));
	}
	handler->run(e, entry->command);
	return true;
}

static int commands_on_defer(sd_event_source *source, void *userdata)
{
	struct enforcer *e = userdata;
	struct commands *c = e->commands;

	(void)source;
	c->defer = sd_event_source_unref(c->defer);
	for (size_t i = 0; i < c->ledger.n_entries; i++) {
		struct ledger_entry *entry = &c->ledger.entries[i];

		if (!commands_has_room(c, entry))
			continue;
		if (entry->expires_s < commands_now(e)) {
			commands_end(e, entry, COMMAND_EXPIRED, "expired",
				"its time was over before it could be started");
			continue;
		}
		/* What cannot be recorded is tried again after the next exchange. */
		if (commands_run(e, entry))
			commands_schedule(e);
		break;
	}
	return 0;
}

/* From the loop, so that an answer is taken completely first. */
void commands_schedule(struct enforcer *e)
{
	struct commands *c = e->commands;

	if (c->defer || c->unenroll != UNENROLL_NONE)
		return;
	for (size_t i = 0; i < c->ledger.n_entries; i++)
		if (commands_has_room(c, &c->ledger.entries[i])) {
			(void)sd_event_add_defer(e->event, &c->defer, commands_on_defer, e);
			return;
		}
}

void commands_finish(struct enforcer *e, const struct command_result *result)
{
	struct commands *c = e->commands;
	struct ledger_entry *entry = ledger_find(&c->ledger, c->running);
	bool overdue = c->overdue;

	c->deadline = sd_event_source_unref(c->deadline);
	c->overdue = false;
	c->running[0] = 0;
	if (entry && !overdue && commands_set_state(e, entry, result) == -EINVAL)
		commands_end(e, entry, COMMAND_FAILED, "internal", "it ended in no known way");
	commands_schedule(e);
}

void commands_finish_beside(struct enforcer *e, const struct command_result *result)
{
	struct commands *c = e->commands;
	struct ledger_entry *entry = ledger_find(&c->ledger, c->beside);

	c->beside[0] = 0;
	if (entry && !command_state_is_final(entry->state))
		commands_end(e, entry, result->state, result->reason, result->detail);
	commands_schedule(e);
}

/* --- taking ------------------------------------------------------------------------------ */

bool commands_knows(const struct enforcer *e, const char *id)
{
	return ledger_find(&e->commands->ledger, id);
}

void commands_make_nonce(struct commands *c)
{
	uint8_t random[16];

	/* Without randomness the old one is better than a guessable one; at first there is none. */
	if (random_bytes(random, sizeof(random)) == 0)
		command_nonce_make(&c->nonces, random, clock_boottime_us());
}

const char *commands_nonce(struct enforcer *e)
{
	struct commands *c = e->commands;

	if (command_nonce_is_old(&c->nonces, clock_boottime_us()))
		commands_make_nonce(c);
	return c->nonces.current;
}

/* Durable, or as if it had not come. 0; -EBUSY: no room; -errno. */
static int commands_record(struct enforcer *e, const struct command *command)
{
	struct ledger *ledger = &e->commands->ledger;
	struct ledger_entry *entry;
	int r;

	/* The floor first: should the ledger be lost, nothing issued before can come again. */
	if (highwater_signed(&e->state.facts.highwater, command->issued_s)) {
		r = state_save_facts(&e->state);
		if (r < 0)
			return enforcer_note_written(e, r);
	}
	r = ledger_add(ledger, command, commands_now(e), &entry);
	if (r < 0)
		return r;
	memcpy(ledger->enrolment, e->state.facts.enrolment_id, sizeof(ledger->enrolment));
	entry->accepted_s = entry->changed_s = clock_realtime_s();
	entry->seq = commands_next_seq(e);
	r = commands_save(e);
	if (r < 0) {
		ledger_drop_newest(ledger);
		return r;
	}
	commands_journal(e, entry);
	return 0;
}

int commands_take(
	struct enforcer *e, const struct document *document, struct document_refusal *ret_refusal)
{
	struct commands *c = e->commands;
	struct document_refusal why = {.reason = DOCUMENT_E_MEANING};
	struct json_error error = {0};
	struct command command;
	const struct command_judge judge = {
		.keyset = e->documents.keyset,
		.ledger = &c->ledger,
		.nonces = &c->nonces,
		.now_us = clock_boottime_us(),
	};
	int r;

	if (document->command_id[0] && commands_knows(e, document->command_id)) {
		commands_schedule(e);
		return DOCUMENTS_COMMAND_KNOWN;
	}
	snprintf(why.type, sizeof(why.type), "%s", document_type_name(DOCUMENT_COMMAND));
	memcpy(why.command_id, document->command_id, sizeof(why.command_id));
	r = command_parse(document->json, &command, &error);
	if (r == -EBADMSG) {
		snprintf(why.detail, sizeof(why.detail), "%s%s%s", error.path,
			*error.path ? ": " : "", error.message);
		*ret_refusal = why;
		return 1;
	}
	if (r < 0)
		return r;
	snprintf(
		why.command_verb, sizeof(why.command_verb), "%s", command_verbs[command.verb].name);
	r = command_judge(&judge, document, &command, &command_verbs[command.verb], &why);
	if (r == 0)
		r = commands_record(e, &command);
	if (r == -EBUSY) {
		why.reason = DOCUMENT_E_BUSY;
		snprintf(why.detail, sizeof(why.detail),
			"%d commands are remembered, and none of them has expired", LIMIT_COMMANDS);
		r = 1;
	}
	if (r == 1)
		*ret_refusal = why;
	if (r != 0)
		return r;
	if (command.nonce[0])
		commands_make_nonce(c);
	commands_schedule(e);
	return 0;
}

void commands_refused(struct enforcer *e, const struct document_refusal *why)
{
	struct ledger_entry entry = {.state = COMMAND_REFUSED};

	/* It comes again, and may be taken then. */
	if (why->reason == DOCUMENT_E_NOT_YET)
		return;
	memcpy(entry.id, why->command_id, sizeof(entry.id));
	memcpy(entry.verb, why->command_verb, sizeof(entry.verb));
	ledger_set(&entry, why->reason == DOCUMENT_E_EXPIRED ? COMMAND_EXPIRED : COMMAND_REFUSED,
		document_reason_name(why->reason), why->detail);
	commands_journal(e, &entry);
}

void commands_exchanged(struct enforcer *e, bool answered)
{
	command_sync_exchanged(e, answered);
	command_unenroll_exchanged(e, answered);
	wipe_exchanged(e, answered);
	crypto_lock_exchanged(e, answered);
	commands_schedule(e);
}

/* --- the end ------------------------------------------------------------------------------- */

void commands_free(struct commands *c)
{
	if (!c)
		return;
	sd_event_source_unref(c->defer);
	sd_event_source_unref(c->deadline);
	sd_event_source_unref(c->unenroll_timer);
	ledger_done(&c->ledger);
	free(c);
}

void commands_interrupt(struct enforcer *e)
{
	struct ledger *ledger = &e->commands->ledger;

	for (size_t i = 0; i < ledger->n_entries; i++)
		if (!command_state_is_final(ledger->entries[i].state))
			commands_end(e, &ledger->entries[i], COMMAND_INTERRUPTED, "unenrolled",
				"the phone left the organisation before it had ended");
}

void commands_forget(struct enforcer *e)
{
	struct commands *c = e->commands;

	c->defer = sd_event_source_unref(c->defer);
	c->deadline = sd_event_source_unref(c->deadline);
	c->unenroll_timer = sd_event_source_unref(c->unenroll_timer);
	c->unenroll = UNENROLL_NONE;
	commands_interrupt(e);
	command_apps_forget(e);
	c->running[0] = c->beside[0] = 0;
	c->overdue = false;
	if (c->ledger.n_entries == 0 && !c->ledger.leaving[0])
		return;
	ledger_forget(&c->ledger);
	(void)commands_save(e);
}
