/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_tell.c - what the backend "apps" saw, setting by setting: the value that is wanted, and an
 * item for everything that is not so, with the reason and what happens next. Enforcer only.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "platform/apps_backend.h"

#define ITEMS_MAX 64 /* of one setting; the rest is counted */

struct tale {
	struct backend *b;
	const struct apps_look *look;
	const struct effective *desired;
};

/* --- one item --------------------------------------------------------------------------------- */

static enum compliance_reason reason_of(enum apps_result result)
{
	static const enum compliance_reason reasons[APPS_RESULT_MAX] = {
		[APPS_DONE] = REASON_NONE,
		[APPS_NOTHING_TO_DO] = REASON_NONE,
		[APPS_E_UNKNOWN] = REASON_APP_UNKNOWN,
		[APPS_E_CONFLICT] = REASON_APP_CONFLICT,
		[APPS_E_NEEDED] = REASON_APP_CONFLICT,
		[APPS_E_NETWORK] = REASON_NO_NETWORK,
		[APPS_E_UNTRUSTED] = REASON_UNTRUSTED,
		[APPS_E_DISK_FULL] = REASON_DISK_FULL,
		[APPS_E_BUSY] = REASON_BUSY,
		[APPS_E_HOOK] = REASON_APP_FAILED,
		[APPS_E_SCRIPT] = REASON_APP_FAILED,
		[APPS_E_NO_MANAGER] = REASON_NO_MECHANISM,
		[APPS_E_READ_ONLY] = REASON_READ_ONLY_SYSTEM,
		[APPS_E_DEADLINE] = REASON_BUSY,
		[APPS_E_FAILED] = REASON_APP_FAILED,
	};

	return reasons[result];
}

/* Its own answer, else that of the whole step; NULL: none, or a good one. */
static const struct apps_outcome *find_outcome(
	const struct apps_backend *s, const struct look_item *item)
{
	const struct apps_outcome *whole = NULL;
	size_t n = strlen(item->word);

	for (size_t i = 0; i < s->n_outcomes; i++) {
		const struct apps_outcome *outcome = &s->outcomes[i];

		if (outcome->kind != item->kind || reason_of(outcome->result) == REASON_NONE)
			continue;
		/* A requirement that is pinned as well is one word, with the version. */
		if (strncmp(outcome->name, item->word, n) == 0 &&
			(!outcome->name[n] || outcome->name[n] == '='))
			return outcome;
		if (!outcome->name[0])
			whole = outcome;
	}
	return whole;
}

static void add_again(const struct apps_backend *s, char detail[LIMIT_TEXT_BYTES + 1])
{
	int64_t left_us = apps_retry_at_us(&s->retry, s->plan) - clock_boottime_us();
	char when[24], text[64];

	if (left_us <= 0)
		return;
	/* To the minute: the same attempt is told in the same words. */
	clock_format((clock_realtime_s() + left_us / USEC_PER_SEC + 30) / 60 * 60, when);
	snprintf(text, sizeof(text), "again at %s", when);
	detail_add(detail, text);
}

static void tell_pending(const struct look_item *item, struct observed_item *out)
{
	out->state = COMPLIANCE_PENDING;
	out->reason = REASON_UNDER_WAY;
	detail_add(out->detail, item->is_removal ? "is being removed"
				: item->reason == REASON_APP_VERSION
					? "is being brought to its version"
					: "is being installed");
}

static void tell_item(struct tale *t, const struct look_item *item, struct observed_item *out)
{
	const struct apps_backend *s = t->b->state;
	const struct apps_outcome *outcome = item->is_refused ? NULL : find_outcome(s, item);

	*out = (struct observed_item){.state = COMPLIANCE_NONCOMPLIANT, .reason = item->reason};
	memcpy(out->name, item->name, sizeof(out->name));
	memcpy(out->detail, item->detail, sizeof(out->detail));
	if (item->is_refused || !t->b->platform->apps_jobs)
		return;
	if (item->is_later) {
		char text[80];

		snprintf(text, sizeof(text), "waits for its turn: one of %zu", t->look->n_undone);
		detail_add(out->detail, text);
		return;
	}
	if (outcome) {
		out->reason = reason_of(outcome->result);
		detail_add(out->detail, outcome->detail);
		add_again(s, out->detail);
	} else if (s->failure[0]) {
		out->reason = REASON_APP_FAILED;
		detail_add(out->detail, s->failure);
		add_again(s, out->detail);
	} else if (s->n_outcomes && !s->policy.is_given &&
		   memcmp(s->plan, t->look->digest, sizeof(s->plan)) == 0) {
		/* It says that it was done, and it is not. */
		add_again(s, out->detail);
	} else {
		tell_pending(item, out);
	}
}

/* --- settings --------------------------------------------------------------------------------- */

/* The value that is wanted, as the one in force; items may say otherwise. */
static int tell_wanted(struct tale *t, enum setting_id id)
{
	struct observation *o = t->b->observations[id];
	struct value value;
	int r = value_copy(&t->desired->settings[id].value, &value);

	if (r < 0)
		return r;
	observation_done(o);
	*o = (struct observation){.has_value = true, .value = value, .enforced = true};
	return 0;
}

static int tell_setting(struct tale *t, enum setting_id id)
{
	struct observation *o = t->b->observations[id];
	size_t n = 0, n_more = 0;
	int r;

	for (size_t i = 0; i < t->look->n_items; i++)
		n += t->look->items[i].setting == id;
	r = tell_wanted(t, id);
	if (r < 0 || n == 0)
		return r;
	o->items = calloc(n < ITEMS_MAX ? n : ITEMS_MAX, sizeof(*o->items));
	if (!o->items)
		return -ENOMEM;
	for (size_t i = 0; i < t->look->n_items; i++) {
		if (t->look->items[i].setting != id)
			continue;
		if (o->n_items < ITEMS_MAX) {
			tell_item(t, &t->look->items[i], &o->items[o->n_items++]);
			continue;
		}
		/* That there is more than what is being done is told by one of those that wait. */
		if (t->look->items[i].is_later &&
			o->items[ITEMS_MAX - 1].state == COMPLIANCE_PENDING)
			tell_item(t, &t->look->items[i], &o->items[ITEMS_MAX - 1]);
		n_more++;
	}
	text_printf(o->detail, "%.100s%s%.140s", o->items[0].name,
		o->items[0].detail[0] ? ": " : "", o->items[0].detail);
	if (n_more) {
		char text[40];

		snprintf(text, sizeof(text), "and %zu more", n_more);
		detail_add(o->detail, text);
	}
	return 0;
}

/* Packages of a system without apk cannot be judged: that is said, whatever the Flatpaks are. */
static bool is_lost(const struct tale *t, enum setting_id id)
{
	enum apps_manager manager = t->look->snapshot->manager;

	if (manager == APPS_MANAGER_APK || (t->desired && value_demands_nothing(setting_row(id),
								  &t->desired->settings[id].value)))
		return false;
	if (id == SETTING_APPS_PINNED)
		return true;
	/* Nobody can install packages on an image: its apps are Flatpaks, and those were judged. */
	return manager != APPS_MANAGER_IMMUTABLE &&
	       (id == SETTING_APPS_MODE || id == SETTING_APPS_ALLOWED ||
		       id == SETTING_APPS_BLOCKED);
}

static void tell_lost(struct tale *t, enum setting_id id)
{
	const struct apps_snapshot *snapshot = t->look->snapshot;

	if (snapshot->manager == APPS_MANAGER_UNREADABLE)
		backend_saw_none(t->b, id, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
	else
		backend_saw_none(t->b, id, COMPLIANCE_UNSUPPORTED,
			snapshot->manager == APPS_MANAGER_IMMUTABLE ? REASON_READ_ONLY_SYSTEM
								    : REASON_NO_MECHANISM);
	text_printf(t->b->observations[id]->detail, "%s", snapshot->manager_detail);
}

/* --- updates ------------------------------------------------------------------------------------
 */

static int tell_updates(struct tale *t)
{
	const struct apps_backend *s = t->b->state;
	struct observation *o = t->b->observations[SETTING_APPS_UPDATE_EVERY];
	struct observed_item item = {.state = COMPLIANCE_COMPLIANT};
	enum apps_updates_say say;
	const char *why;
	char when[24] = "never";
	int r = tell_wanted(t, SETTING_APPS_UPDATE_EVERY);

	if (r < 0)
		return r;
	say = apps_backend_updates(t->b, t->desired, &why);
	if (s->updates.done_s)
		clock_format(s->updates.done_s, when);
	text_printf(o->detail, "last: %s", when);
	if (say == APPS_UPDATES_FRESH)
		return 0;
	text_printf(item.name, "updates");
	item.state = say == APPS_UPDATES_NEVER || say == APPS_UPDATES_OVERDUE
			     ? COMPLIANCE_NONCOMPLIANT
			     : COMPLIANCE_PENDING;
	item.reason = item.state == COMPLIANCE_PENDING ? REASON_UNDER_WAY : REASON_UPDATE_DUE;
	text_printf(item.detail, "last: %s", when);
	if (say == APPS_UPDATES_NEVER)
		detail_add(item.detail, "update_hours leaves no hour in which it may begin");
	else if (s->update.is_given)
		detail_add(item.detail, "it is being done");
	else if (*why) {
		char text[LIMIT_TEXT_BYTES + 1];

		text_printf(text, "waits %s", why);
		detail_add(item.detail, text);
	}
	if (s->updates_failure[0])
		detail_add(item.detail, s->updates_failure);
	o->items = malloc(sizeof(item));
	if (!o->items)
		return -ENOMEM;
	o->items[0] = item;
	o->n_items = 1;
	text_printf(o->detail, "%s", item.detail);
	return 0;
}

int apps_backend_tell(
	struct backend *b, const struct apps_look *look, const struct effective *desired)
{
	struct tale t = {b, look, desired};
	int r = 0;

	for (enum setting_id id = 0; r == 0 && id < SETTING_MAX; id++) {
		if (!b->ops->serves[id])
			continue;
		if (!desired && is_lost(&t, id))
			tell_lost(&t, id);
		else if (!desired)
			/* What is there is only good or bad beside what is wanted. */
			backend_saw_none(b, id, COMPLIANCE_UNKNOWN, REASON_NOT_OBSERVED);
		else if (!desired->settings[id].present)
			observation_done(b->observations[id]);
		else if (id == SETTING_APPS_UPDATE_EVERY)
			r = tell_updates(&t);
		else if (is_lost(&t, id))
			tell_lost(&t, id);
		else
			r = tell_setting(&t, id);
	}
	return r;
}
