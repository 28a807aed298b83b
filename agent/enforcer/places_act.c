/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places_act.c - what profiles do once when their condition comes true; see places_private.h. That
 * something was begun is on the disk before it is, so that neither a power cut nor a restart does
 * it twice; what was begun and cannot be seen to have happened is not done again. Leaving the
 * organisation is the exception: begun once, it goes on until it is over. Enforcer.
 */
#include <errno.h>
#include <string.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/checkin_private.h"
#include "agent/enforcer/command_verbs.h"
#include "agent/enforcer/commands_private.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/places_private.h"
#include "agent/enforcer/wipe.h"
#include "agent/util/log.h"

#define ACT_RETRY_US (60 * USEC_PER_SEC)
/* Reports that come oftener wait for their turn like everything else that changes. */
#define ACT_REPORT_PAUSE_US (60 * USEC_PER_SEC)

/* --- what is due ------------------------------------------------------------------------- */

static int places_on_act(sd_event_source *source, void *userdata);

/* Nothing is begun on a phone that leaves or is being erased. */
static bool may_act(const struct places *p)
{
	const struct enforcer *e = p->e;

	return e->state.facts.enrolled && !checkin_is_leaving(e) && e->commands &&
	       e->commands->unenroll == UNENROLL_NONE && !wipe_is_underway(e) && !p->call &&
	       !p->crypto_locking;
}

void places_act_soon(struct places *p)
{
	struct places_policies policies;
	struct activation_due due;

	places_policies(p, &policies);
	if (!p->leave_stream[0] && !activation_next(&p->activation, policies.all, policies.n, &due))
		return;
	p->act = sd_event_source_unref(p->act);
	/* Without memory the next round tries again. */
	(void)sd_event_add_defer(p->e->event, &p->act, places_on_act, p);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	places_act_soon(userdata);
	return 0;
}

static void act_later(struct places *p)
{
	p->act = sd_event_source_unref(p->act);
	(void)sd_event_add_time(p->e->event, &p->act, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + ACT_RETRY_US), USEC_PER_SEC, on_retry, p);
}

void places_go_on(struct enforcer *e)
{
	if (e->places)
		places_act_soon(e->places);
}

void places_act_stop(struct places *p)
{
	p->act = sd_event_source_unref(p->act);
	session_call_free(TAKE_PTR(p->call));
	p->crypto_locking = false;
}

/* It is due still: it could not be begun now. */
static void due_restore(struct places *p)
{
	struct activation *a = &p->activation;

	for (size_t i = 0; i < a->n_entries; i++)
		if (a->entries[i].active && strcmp(a->entries[i].stream, p->due_stream) == 0 &&
			strcmp(a->entries[i].id, p->due_id) == 0)
			a->entries[i].due |= 1u << p->due_kind;
}

/* --- doing it ---------------------------------------------------------------------------- */

static void act_ended(struct places *p, bool done, const char *reason, const char *detail)
{
	places_tell_action(p, done ? "done" : "failed", reason, detail);
	places_act_soon(p);
}

static void act_failed(struct places *p, int error)
{
	char detail[LIMIT_TEXT_BYTES + 1];

	snprintf(detail, sizeof(detail), "it could not be begun: %s", strerror(-error));
	act_ended(p, false, "trouble", detail);
}

static void on_session(const struct session_answer *answer, void *userdata)
{
	struct enforcer *e = userdata;
	struct places *p = e->places;
	bool done = effects_state(answer->result) == COMMAND_DONE;

	act_ended(p, done, done ? "" : session_result_name(answer->result), answer->detail);
}

static void act_lock(struct places *p)
{
	struct session_start start;
	int r;

	effects_fill(p->e, &start, on_session);
	start.slot = &p->call;
	r = effects_ops(p->e)->lock(&start);
	if (r < 0)
		act_failed(p, r);
}

static void act_notify(struct places *p, const struct action *action)
{
	const char *organisation = effects_organisation(p->e);
	const struct session_note note = {
		.application = organisation,
		.title = action->title[0] ? action->title : organisation,
		.text = action->text,
	};
	struct session_start start;
	int r;

	effects_fill(p->e, &start, on_session);
	start.slot = &p->call;
	r = effects_ops(p->e)->notify(&start, &note);
	if (r < 0)
		act_failed(p, r);
}

static void act_report(struct places *p)
{
	struct enforcer *e = p->e;
	int64_t now_us = clock_boottime_us();
	bool at_once = !p->reported_us || now_us - p->reported_us >= ACT_REPORT_PAUSE_US;

	p->reported_us = at_once ? now_us : p->reported_us;
	/* Before the report, so that it is in it. */
	places_tell_action(p, "done", "", "");
	pacing_request(&e->pacing, now_us, checkin_random(), at_once);
	checkin_schedule(e);
	places_act_soon(p);
}

static void act_crypto_lock(struct places *p)
{
	int r;

	p->crypto_locking = true;
	r = crypto_lock_by_policy(p->e);
	if (r == 0)
		return;
	p->crypto_locking = false;
	if (r == -EBUSY) {
		/* Somebody else's work on the disks has to end first. */
		due_restore(p);
		(void)activations_store(p);
		act_later(p);
	} else if (r == -ENODEV)
		act_ended(p, false, "not_encrypted", "nothing of this phone lies on LUKS");
	else if (r == -ENOENT)
		act_ended(p, false, "no_program", "there is no cryptsetup on this phone");
	else
		act_failed(p, r);
}

void places_crypto_locked(struct enforcer *e, const char *failure)
{
	struct places *p = e->places;

	if (!p || !p->crypto_locking)
		return;
	p->crypto_locking = false;
	act_ended(p, !failure, failure ? "trouble" : "", failure ? failure : "");
}

/* As the command does it: the server is told first, if it can be reached. */
static void act_leave(struct places *p)
{
	places_tell_action(p, "begun", "", "the phone leaves the organisation");
	command_unenroll(p->e, NULL);
}

static void act(struct places *p, const struct action *action)
{
	switch (action->kind) {
	case ACTION_LOCK:
		act_lock(p);
		return;
	case ACTION_NOTIFY:
		act_notify(p, action);
		return;
	case ACTION_REPORT:
		act_report(p);
		return;
	case ACTION_CRYPTO_LOCK:
		act_crypto_lock(p);
		return;
	case ACTION_WIPE:
		act_leave(p);
		return;
	case ACTION_MAX:
		return;
	}
}

/* --- marking it -------------------------------------------------------------------------- */

static int places_on_act(sd_event_source *source, void *userdata)
{
	struct places *p = userdata;
	struct places_policies policies;
	struct activation_due due;

	(void)source;
	p->act = sd_event_source_unref(p->act);
	if (!may_act(p))
		return 0;
	if (p->leave_stream[0]) {
		command_unenroll_resume(p->e);
		return 0;
	}
	places_policies(p, &policies);
	if (!activation_next(&p->activation, policies.all, policies.n, &due))
		return 0;
	activation_mark(&p->activation, &due);
	memcpy(p->due_stream, due.policy->stream, sizeof(p->due_stream));
	memcpy(p->due_id, due.profile->id, sizeof(p->due_id));
	p->due_kind = due.action->kind;
	if (p->due_kind == ACTION_WIPE) {
		memcpy(p->leave_stream, p->due_stream, sizeof(p->leave_stream));
		memcpy(p->leave_id, p->due_id, sizeof(p->leave_id));
	}
	if (activations_store(p) < 0) {
		p->leave_stream[0] = p->leave_id[0] = 0;
		due_restore(p);
		act_later(p);
		return 0;
	}
	act(p, due.action);
	return 0;
}

/* --- conditions were judged -------------------------------------------------------------- */

/* Rows of what applies, and of nothing else. */
static void settle_since(struct places *p)
{
	struct since_list *list = &p->since_profiles;

	for (size_t i = 0; i < p->activation.n_entries; i++) {
		const struct activation_entry *entry = &p->activation.entries[i];
		struct places_since row = {.since_s = clock_realtime_s(), .cause = "start"};

		if (entry->truth != TRUTH_TRUE ||
			places_since_of(list->rows, list->n, entry->stream, entry->id))
			continue;
		memcpy(row.stream, entry->stream, sizeof(row.stream));
		memcpy(row.name, entry->id, sizeof(row.name));
		since_set(list, &row);
	}
	for (size_t i = list->n; i-- > 0;) {
		const struct places_since row = list->rows[i];
		bool applies = false;

		for (size_t k = 0; !applies && k < p->activation.n_entries; k++)
			applies = p->activation.entries[k].truth == TRUTH_TRUE &&
				  strcmp(p->activation.entries[k].stream, row.stream) == 0 &&
				  strcmp(p->activation.entries[k].id, row.name) == 0;
		if (!applies)
			since_drop(list, row.stream, row.name);
	}
}

void places_activate(struct places *p, const struct when_facts *facts)
{
	struct places_policies policies;
	int r;

	/* What it gives back is not what conditions want. */
	if (checkin_is_leaving(p->e))
		return;
	places_policies(p, &policies);
	if (p->adopts)
		r = activation_adopt(&p->activation, policies.all, policies.n, facts);
	else
		r = activation_update(
			&p->activation, policies.all, policies.n, facts, places_on_activation, p);
	if (r < 0)
		return; /* out of memory: the next round sees the same change */
	p->adopts = false;
	settle_since(p);
	/* A phone that never had a condition has no file but that of its enrolment. */
	if (activations_store(p) < 0)
		log_warning("what profiles did is not kept; nothing is done until it can be");
	places_act_soon(p);
}
