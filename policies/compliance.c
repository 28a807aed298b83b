/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compliance.c - observed against wanted; see compliance.h.
 *
 * Pure: no system calls, files or clocks. Used by the enforcer.
 */
#include "policies/compliance.h"

#include <errno.h>

#include "agent/util/jsonw.h"

struct word {
	const char *name, *help;
};

static const struct word states[COMPLIANCE_STATE_MAX] = {
	[COMPLIANCE_COMPLIANT] = {"compliant",
		"What is in force is at least as strict as the policy."},
	[COMPLIANCE_NONCOMPLIANT] = {"noncompliant", "What is in force is weaker than the policy."},
	[COMPLIANCE_PENDING] = {"pending",
		"Applied, but not yet seen in force; of apps, not done yet."},
	[COMPLIANCE_UNSUPPORTED] = {"unsupported", "This phone has no mechanism for it."},
	[COMPLIANCE_ERROR] = {"error", "Looking or applying failed."},
	[COMPLIANCE_UNKNOWN] = {"unknown", "Not looked at yet, or it could not be found out."},
};

static const struct word reasons[COMPLIANCE_REASON_MAX] = {
	[REASON_NONE] = {"ok", "Nothing to complain about."},
	[REASON_WEAKER] = {"weaker", "The value in force is weaker than the policy."},
	[REASON_NOT_ENFORCED] = {"not_enforced", "The value is right, but the user can change it."},
	[REASON_NO_MECHANISM] = {"no_mechanism", "The phone lacks the program or interface."},
	[REASON_NO_LOCKER] = {"no_locker",
		"The user interface has no lock screen that asks for a passcode."},
	[REASON_OBSERVE_FAILED] = {"observe_failed", "The value in force could not be read."},
	[REASON_APPLY_FAILED] = {"apply_failed", "The value could not be set."},
	[REASON_NOT_OBSERVED] = {"not_observed", "Nobody has looked yet."},
	[REASON_NEEDS_SESSION] = {"needs_session_restart",
		"Takes effect when the user's session starts again."},
	[REASON_PLAIN_STORAGE] = {"plain_storage",
		"Readable data lies on a disk of the phone. What is in use cannot be encrypted in "
		"place: back up, install the system again with encryption."},
	[REASON_ENCRYPTED] = {"encrypted", "Lies on LUKS."},
	[REASON_MEMORY] = {"memory", "Lives in memory only and is gone without power."},
	[REASON_REMOTE] = {"remote", "Not storage of this phone."},
	[REASON_BOOT_EXEMPT] = {"boot_exempt", "Must be readable for the phone to start."},
	[REASON_VERIFIED_READONLY] = {"verified_readonly",
		"Read-only system with public contents, protected by dm-verity."},
	[REASON_UNTRACEABLE] = {"untraceable", "The devices below it could not be followed."},
	[REASON_UNKNOWN_SETTING] = {"unknown_setting", "The policy is newer than the agent."},
	[REASON_PASSWORD_WEAK] = {"password_weak", "A passcode in use breaks the rule."},
	[REASON_PASSWORD_UNSEEN] = {"password_unseen",
		"Nobody has unlocked the phone with it yet; known at the next unlock."},
	[REASON_PASSWORD_EMPTY] = {"password_empty", "An account lets people in without one."},
	[REASON_PASSWORD_OLD] = {"password_old", "A change of the passcode is overdue."},
	[REASON_PASSWORD_TEMPORARY] = {"password_temporary",
		"The organisation set the passcode; its user has to change it."},
	[REASON_PASSWORD_HASH] = {"password_hash", "A passcode is hashed by a weaker method."},
	[REASON_AUTOLOGIN] = {"autologin", "Somebody is logged in without being asked."},
	[REASON_ESCROW_MISSING] = {"escrow_missing",
		"The organisation has no recovery key of an encrypted disk."},
	[REASON_ESCROW_UNTOLD] = {"escrow_untold",
		"There is a recovery key that the server does not have yet."},
	[REASON_ESCROW_SEEN] = {"escrow_seen",
		"Somebody has seen the recovery key that the organisation has."},
	[REASON_ESCROW_OLD] = {"escrow_old", "A new recovery key is overdue."},
	[REASON_ESCROW_OTHER_KEY] = {"escrow_other_key",
		"The recovery key is sealed to other escrow certificates than the policy names."},
	[REASON_ESCROW_BROKEN] = {"escrow_broken",
		"The recovery key that the organisation has no longer opens its disk."},
	[REASON_EMPTY_PASSPHRASE] = {"empty_passphrase",
		"A container opens with an empty passphrase."},
	[REASON_STACK_INVALID] = {"stack_invalid",
		"The way into the phone was left as it is: a trial of the changed one failed."},
	[REASON_APP_PRESENT] = {"app_present", "An app is there that may not be."},
	[REASON_APP_MISSING] = {"app_missing", "An app that is required is not there."},
	[REASON_APP_PROTECTED] = {"app_protected",
		"It belongs to the system, or the system needs it, and stays."},
	[REASON_APP_UNKNOWN] = {"app_unknown", "No repository of the phone has it."},
	[REASON_APP_CONFLICT] = {"app_conflict",
		"Something that is installed or demanded is against it."},
	[REASON_APP_VERSION] = {"app_version", "It is not the version that it has to be."},
	[REASON_APP_FAILED] = {"app_failed", "The package manager could not do it."},
	[REASON_NO_NETWORK] = {"no_network",
		"Repositories could not be reached; it is tried again."},
	[REASON_UNTRUSTED] = {"untrusted", "An index or package lacks a signature that counts."},
	[REASON_DISK_FULL] = {"disk_full", "There is no room for it."},
	[REASON_BUSY] = {"busy", "Another program works on it; it is tried again."},
	[REASON_FOREIGN_SOURCE] = {"foreign_source",
		"A repository, key or remote is there that the policy does not list."},
	[REASON_USER_PROGRAM] = {"user_program", "A program lies where people can write."},
	[REASON_UPDATE_DUE] = {"update_due", "Updates are overdue."},
	[REASON_EXEC_MOUNT] = {"exec_mount", "Programs can be run from there."},
	[REASON_READ_ONLY_SYSTEM] = {"read_only_system", "The system cannot be changed in place."},
	[REASON_GUARD_ABSENT] = {"guard_absent",
		"The kernel cannot ask about the start of programs."},
	[REASON_GUARD_DOWN] = {"guard_down", "The guard does not run."},
	[REASON_UNDER_WAY] = {"under_way", "It is being done, or begins soon."},
	[REASON_IN_USE] = {"in_use",
		"Somebody used it before it was forbidden, and does so until he ends it."},
};

const char *compliance_state_name(enum compliance_state state)
{
	return states[state].name;
}

const char *compliance_state_help(enum compliance_state state)
{
	return states[state].help;
}

const char *compliance_reason_name(enum compliance_reason reason)
{
	return reasons[reason].name;
}

const char *compliance_reason_help(enum compliance_reason reason)
{
	return reasons[reason].help;
}

/* Order from best to worst. */
static unsigned int state_rank(enum compliance_state state)
{
	static const unsigned int ranks[COMPLIANCE_STATE_MAX] = {
		[COMPLIANCE_UNSUPPORTED] = 0,
		[COMPLIANCE_COMPLIANT] = 1,
		[COMPLIANCE_UNKNOWN] = 2,
		[COMPLIANCE_PENDING] = 3,
		[COMPLIANCE_NONCOMPLIANT] = 4,
		[COMPLIANCE_ERROR] = 5,
	};

	return ranks[state];
}

void observation_done(struct observation *observation)
{
	value_done(&observation->value);
	free(observation->items);
	*observation = (struct observation){0};
}

void observation_keep_items(
	struct observation *observation, struct observed_item *items, size_t n_items)
{
	struct observed_item *fitting = NULL;

	if (n_items == 0) {
		free(items);
		items = NULL;
	} else {
		fitting = realloc(items, n_items * sizeof(*items));
	}
	observation->items = fitting ? fitting : items;
	observation->n_items = n_items;
}

void observation_move(struct observation *to, struct observation *from)
{
	struct observation taken = *from;

	*from = (struct observation){0};
	observation_done(to);
	*to = taken;
}

/* A state and why; detail and items come from the observation. */
struct judgement {
	enum compliance_state state;
	enum compliance_reason reason;
};

/* What an item means follows from its reason where that is unambiguous; a backend cannot call
 * readable storage compliant by forgetting to set the state. */
static enum compliance_state item_state(const struct observed_item *item)
{
	switch (item->reason) {
	case REASON_ENCRYPTED:
	case REASON_MEMORY:
	case REASON_REMOTE:
	case REASON_BOOT_EXEMPT:
	case REASON_VERIFIED_READONLY:
		return COMPLIANCE_COMPLIANT;
	case REASON_PLAIN_STORAGE:
	case REASON_WEAKER:
	case REASON_NOT_ENFORCED:
	case REASON_PASSWORD_WEAK:
	case REASON_PASSWORD_EMPTY:
	case REASON_PASSWORD_OLD:
	case REASON_PASSWORD_TEMPORARY:
	case REASON_PASSWORD_HASH:
	case REASON_AUTOLOGIN:
	case REASON_EMPTY_PASSPHRASE:
	case REASON_ESCROW_MISSING:
	case REASON_ESCROW_SEEN:
	case REASON_ESCROW_OLD:
	case REASON_ESCROW_OTHER_KEY:
	case REASON_ESCROW_BROKEN:
	case REASON_APP_PRESENT:
	case REASON_APP_MISSING:
	case REASON_APP_PROTECTED:
	case REASON_APP_UNKNOWN:
	case REASON_APP_CONFLICT:
	case REASON_APP_VERSION:
	case REASON_FOREIGN_SOURCE:
	case REASON_USER_PROGRAM:
	case REASON_UPDATE_DUE:
	case REASON_EXEC_MOUNT:
	case REASON_IN_USE:
		return COMPLIANCE_NONCOMPLIANT;
	case REASON_PASSWORD_UNSEEN:
	case REASON_ESCROW_UNTOLD:
	case REASON_NO_NETWORK:
	case REASON_BUSY:
	case REASON_UNDER_WAY:
		return COMPLIANCE_PENDING;
	case REASON_UNTRACEABLE:
	case REASON_NOT_OBSERVED:
	case REASON_OBSERVE_FAILED:
		return item->state == COMPLIANCE_COMPLIANT ? COMPLIANCE_UNKNOWN : item->state;
	case REASON_NONE:
	case REASON_NO_MECHANISM:
	case REASON_NO_LOCKER:
	case REASON_APPLY_FAILED:
	case REASON_NEEDS_SESSION:
	case REASON_UNKNOWN_SETTING:
	case REASON_STACK_INVALID:
	case REASON_APP_FAILED:
	case REASON_UNTRUSTED:
	case REASON_DISK_FULL:
	case REASON_READ_ONLY_SYSTEM:
	case REASON_GUARD_ABSENT:
	case REASON_GUARD_DOWN:
	case COMPLIANCE_REASON_MAX:
		break;
	}
	/* A part that could not be looked at makes the whole unknown, not fine. */
	return item->state == COMPLIANCE_UNSUPPORTED ? COMPLIANCE_UNKNOWN : item->state;
}

static bool reason_is_good(enum compliance_reason reason)
{
	return reason == REASON_NONE || reason == REASON_ENCRYPTED || reason == REASON_MEMORY ||
	       reason == REASON_REMOTE || reason == REASON_BOOT_EXEMPT ||
	       reason == REASON_VERIFIED_READONLY;
}

/* The reason of a backend that gave a state without one. */
static enum compliance_reason default_reason(enum compliance_state state)
{
	static const enum compliance_reason defaults[COMPLIANCE_STATE_MAX] = {
		[COMPLIANCE_COMPLIANT] = REASON_NONE,
		[COMPLIANCE_NONCOMPLIANT] = REASON_WEAKER,
		[COMPLIANCE_PENDING] = REASON_NEEDS_SESSION,
		[COMPLIANCE_UNSUPPORTED] = REASON_NO_MECHANISM,
		[COMPLIANCE_ERROR] = REASON_OBSERVE_FAILED,
		[COMPLIANCE_UNKNOWN] = REASON_NOT_OBSERVED,
	};

	return defaults[state];
}

static struct judgement judgement_new(enum compliance_state state, enum compliance_reason reason)
{
	/* A good reason explains a good state only, and the other way round. */
	if (reason_is_good(reason) != (state == COMPLIANCE_COMPLIANT))
		reason = default_reason(state);
	return (struct judgement){state, reason};
}

static bool observation_is_empty(const struct observation *o)
{
	return o->state == COMPLIANCE_COMPLIANT && !o->has_value && o->n_items == 0;
}

/* Whether the reason that a backend gives with a value says what is wrong with a weaker one. */
static bool reason_explains_weaker(enum compliance_reason reason)
{
	return reason == REASON_PLAIN_STORAGE || reason == REASON_PASSWORD_OLD ||
	       reason == REASON_PASSWORD_HASH || reason == REASON_EMPTY_PASSPHRASE ||
	       reason == REASON_ESCROW_MISSING || reason == REASON_ESCROW_SEEN ||
	       reason == REASON_ESCROW_OLD || reason == REASON_ESCROW_OTHER_KEY ||
	       reason == REASON_ESCROW_BROKEN;
}

/* The value alone. Where there are items, they say who could change what. */
static struct judgement judge_value(
	const struct setting_row *row, const struct value *desired, const struct observation *o)
{
	if (o->value.type != row->type)
		return judgement_new(COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
	if (!value_satisfies(row, &o->value, desired))
		return judgement_new(COMPLIANCE_NONCOMPLIANT,
			reason_explains_weaker(o->reason) ? o->reason : REASON_WEAKER);
	if (!o->enforced && o->n_items == 0)
		return judgement_new(COMPLIANCE_NONCOMPLIANT, REASON_NOT_ENFORCED);
	return judgement_new(COMPLIANCE_COMPLIANT, o->reason);
}

/* The worst of the items and of what the observation says as a whole; an item explains better. */
static struct judgement judge_observation(
	const struct setting_row *row, const struct value *desired, const struct observation *o)
{
	struct judgement own = judgement_new(o->state, o->reason);
	struct judgement worst = judgement_new(COMPLIANCE_COMPLIANT, o->reason);

	if (o->state == COMPLIANCE_UNSUPPORTED)
		return own;
	if (o->state == COMPLIANCE_COMPLIANT && o->has_value)
		own = judge_value(row, desired, o);
	for (size_t i = 0; i < o->n_items; i++) {
		enum compliance_state state = item_state(&o->items[i]);

		if (state_rank(state) > state_rank(worst.state))
			worst = judgement_new(state, o->items[i].reason);
	}
	return state_rank(own.state) > state_rank(worst.state) ? own : worst;
}

/* Of two backends without a mechanism the one that can say why counts. */
static bool is_worse(const struct judgement *a, const struct judgement *b)
{
	if (a->state != b->state)
		return state_rank(a->state) > state_rank(b->state);
	if (a->state != COMPLIANCE_UNSUPPORTED || a->reason == b->reason)
		return false;
	return a->reason == REASON_NO_LOCKER ||
	       (b->reason == REASON_NO_MECHANISM && a->reason != REASON_NO_MECHANISM);
}

static int result_take(
	struct compliance_result *result, const char *backend, const struct observation *o)
{
	int r;

	snprintf(result->backend, sizeof(result->backend), "%s", backend);
	memcpy(result->detail, o->detail, sizeof(result->detail));
	if (o->has_value) {
		r = value_copy(&o->value, &result->observed);
		if (r < 0)
			return r;
		result->has_observed = true;
	}
	if (o->n_items == 0)
		return 0;
	result->items = malloc(o->n_items * sizeof(*o->items));
	if (!result->items)
		return -ENOMEM;
	memcpy(result->items, o->items, o->n_items * sizeof(*o->items));
	result->n_items = o->n_items;
	for (size_t i = 0; i < result->n_items; i++)
		result->items[i].state = item_state(&result->items[i]);
	return 0;
}

/* What was filled until a failure is released by compliance_done(). */
static int evaluate_setting(const struct setting_row *row, const struct value *desired,
	const struct compliance_input *inputs, size_t n_inputs, struct compliance_result *result)
{
	struct judgement worst = {COMPLIANCE_UNKNOWN, REASON_NOT_OBSERVED};
	const struct compliance_input *decider = NULL;
	int r;

	for (size_t i = 0; i < n_inputs; i++) {
		const struct observation *o = inputs[i].observations[row->id];
		struct judgement judgement;

		if (!o || observation_is_empty(o))
			continue;
		judgement = judge_observation(row, desired, o);
		if (decider && !is_worse(&judgement, &worst))
			continue;
		decider = &inputs[i];
		worst = judgement;
	}
	if (value_demands_nothing(row, desired))
		worst = (struct judgement){COMPLIANCE_COMPLIANT, REASON_NONE};
	result->present = true;
	result->state = worst.state;
	result->reason = worst.reason;
	r = value_copy(desired, &result->desired);
	if (r < 0 || !decider)
		return r;
	return result_take(result, decider->backend, decider->observations[row->id]);
}

/* The summary of an area, or of everything for AREA_MAX. */
static enum compliance_state summarise(const struct compliance *compliance, enum area_id area)
{
	enum compliance_state worst = COMPLIANCE_UNSUPPORTED;
	bool any = false;

	for (size_t id = 0; id < SETTING_MAX; id++) {
		const struct compliance_result *result = compliance->results[id];

		if (!result || (area != AREA_MAX && setting_row(id)->area != area))
			continue;
		any = true;
		if (state_rank(result->state) > state_rank(worst))
			worst = result->state;
	}
	if (any)
		return worst;
	/* A policy of which this agent understands nothing is not one that asks for nothing. */
	return area == AREA_MAX && compliance->n_unsupported > 0 ? COMPLIANCE_UNSUPPORTED
								 : COMPLIANCE_COMPLIANT;
}

int compliance_evaluate(const struct effective *effective, const struct compliance_input *inputs,
	size_t n_inputs, const struct compliance *previous, int64_t now_s,
	struct compliance *ret_compliance)
{
	struct compliance compliance = {.n_unsupported = effective->n_unsupported};

	for (size_t id = 0; id < SETTING_MAX; id++) {
		const struct effective_setting *setting = &effective->settings[id];
		const struct compliance_result *before = previous ? previous->results[id] : NULL;
		struct compliance_result *result;
		int r = -ENOMEM;

		if (!setting->present)
			continue;
		result = compliance.results[id] = calloc(1, sizeof(*result));
		if (result)
			r = evaluate_setting(
				setting_row(id), &setting->value, inputs, n_inputs, result);
		if (r < 0) {
			compliance_done(&compliance);
			return r;
		}
		if (before && before->state == result->state && before->reason == result->reason)
			result->since_s = before->since_s;
		else
			result->since_s = now_s;
	}
	for (size_t area = 0; area < AREA_MAX; area++)
		compliance.area[area] = summarise(&compliance, area);
	compliance.overall = summarise(&compliance, AREA_MAX);
	*ret_compliance = compliance;
	return 0;
}

const struct compliance_result *compliance_result(
	const struct compliance *compliance, enum setting_id id)
{
	static const struct compliance_result absent;

	return compliance->results[id] ? compliance->results[id] : &absent;
}

void compliance_done(struct compliance *compliance)
{
	for (size_t id = 0; id < SETTING_MAX; id++) {
		struct compliance_result *result = compliance->results[id];

		if (!result)
			continue;
		value_done(&result->desired);
		value_done(&result->observed);
		free(result->items);
		free(result);
	}
	*compliance = (struct compliance){0};
}

static bool items_equal(const struct compliance_result *a, const struct compliance_result *b)
{
	if (a->n_items != b->n_items)
		return false;
	for (size_t i = 0; i < a->n_items; i++) {
		const struct observed_item *ia = &a->items[i], *ib = &b->items[i];

		if (ia->state != ib->state || ia->reason != ib->reason ||
			strcmp(ia->name, ib->name) != 0 || strcmp(ia->detail, ib->detail) != 0)
			return false;
	}
	return true;
}

static bool results_equal(const struct compliance_result *a, const struct compliance_result *b)
{
	if (!a || !b)
		return a == b;
	if (a->state != b->state || a->reason != b->reason ||
		!value_equal(&a->desired, &b->desired) || a->has_observed != b->has_observed)
		return false;
	return (!a->has_observed || value_equal(&a->observed, &b->observed)) && items_equal(a, b);
}

bool compliance_equal(const struct compliance *a, const struct compliance *b)
{
	for (size_t id = 0; id < SETTING_MAX; id++)
		if (!results_equal(a->results[id], b->results[id]))
			return false;
	return a->n_unsupported == b->n_unsupported;
}

static void write_result(
	const struct setting_row *row, const struct compliance_result *result, struct jsonw *w)
{
	const struct value *observed = result->has_observed ? &result->observed : NULL;

	jsonw_object(w, NULL);
	jsonw_string(w, "area", area_row(row->area)->name);
	jsonw_string(w, "setting", row->name);
	jsonw_string(w, "state", compliance_state_name(result->state));
	jsonw_string(w, "reason", compliance_reason_name(result->reason));
	value_write(row, &result->desired, w, "desired");
	value_write_text(row, &result->desired, w, "desired_text");
	value_write(row, observed, w, "observed");
	value_write_text(row, observed, w, "observed_text");
	jsonw_string(w, "backend", result->backend);
	jsonw_string(w, "detail", result->detail);
	jsonw_int(w, "since", result->since_s);
	jsonw_array(w, "items");
	for (size_t i = 0; i < result->n_items; i++) {
		const struct observed_item *item = &result->items[i];

		jsonw_object(w, NULL);
		jsonw_string(w, "name", item->name);
		jsonw_string(w, "state", compliance_state_name(item->state));
		jsonw_string(w, "reason", compliance_reason_name(item->reason));
		jsonw_string(w, "detail", item->detail);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What several policies do not know in common is named once, in an order that is always the same.
 */
static void write_unsupported(struct policy *const *policies, size_t n_policies, struct jsonw *w)
{
	_cleanup_free_ const char **names = NULL;
	size_t n = 0, n_max = 0;

	for (size_t i = 0; i < n_policies; i++)
		n_max += policies[i]->n_unsupported;
	names = calloc(n_max ? n_max : 1, sizeof(*names));
	if (!names) {
		w->out->error = w->out->error ? w->out->error : -ENOMEM;
		return;
	}
	for (size_t i = 0; i < n_policies; i++)
		for (size_t k = 0; k < policies[i]->n_unsupported; k++)
			names[n++] = policies[i]->unsupported[k];
	qsort(names, n, sizeof(*names), compare_names);
	jsonw_array(w, "unsupported");
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(names[i - 1], names[i]) != 0)
			jsonw_string(w, NULL, names[i]);
	jsonw_array_end(w);
}

void compliance_write(const struct compliance *compliance, struct policy *const *policies,
	size_t n_policies, struct jsonw *w, const char *key)
{
	jsonw_object(w, key);
	jsonw_string(w, "state", compliance_state_name(compliance->overall));
	jsonw_array(w, "settings");
	for (size_t id = 0; id < SETTING_MAX; id++)
		if (compliance->results[id])
			write_result(setting_row(id), compliance->results[id], w);
	jsonw_array_end(w);
	write_unsupported(policies, n_policies, w);
	jsonw_object_end(w);
}
