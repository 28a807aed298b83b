/* SPDX-License-Identifier: Apache-2.0 */
/*
 * effective.c - from policies and facts to one value per setting; see effective.h.
 *
 * Pure: no system calls, files or clocks. Used by the enforcer.
 */
#include "policies/effective.h"

#include <errno.h>

#include "agent/util/jsonw.h"

/* One profile's word on one setting. */
struct contribution {
	const struct policy *policy;
	const struct profile *profile;
	const struct value *value;
};

struct merger {
	struct effective *effective;
	struct contribution first[SETTING_MAX]; /* in (stream, profile) order */
	struct contribution exact[SETTING_MAX]; /* the first that wants just the merged value */
};

static bool stands_before(const struct contribution *a, const struct contribution *b)
{
	int order = strcmp(a->policy->stream, b->policy->stream);

	return order ? order < 0 : strcmp(a->profile->id, b->profile->id) < 0;
}

/*
 * Merges one more value in. Merging only ever gets stricter, so a value that is weaker than the
 * merged one now can never equal it later: who decides is found on the way.
 */
static int merger_add(struct merger *merger, enum setting_id id, const struct contribution *c)
{
	struct effective_setting *setting = &merger->effective->settings[id];
	const struct setting_row *row = setting_row(id);
	struct contribution *first = &merger->first[id], *exact = &merger->exact[id];
	struct value merged;
	int r;

	if (!setting->present) {
		r = value_copy(c->value, &setting->value);
		if (r < 0)
			return r;
		setting->present = true;
		*first = *exact = *c;
	} else if (!value_satisfies(row, &setting->value, c->value)) {
		r = value_merge(row, &setting->value, c->value, &merged);
		if (r < 0)
			return r;
		value_done(&setting->value);
		setting->value = merged;
		/* The merged value changed, so whoever wanted the old one decides no longer. */
		*exact = (struct contribution){0};
	}
	setting->n_contributors++;
	if (value_equal(c->value, &setting->value) && (!exact->policy || stands_before(c, exact)))
		*exact = *c;
	if (stands_before(c, first))
		*first = *c;
	return 0;
}

static int merger_add_policy(
	struct merger *merger, const struct policy *policy, const struct when_facts *facts)
{
	for (size_t i = 0; i < policy->n_profiles; i++) {
		const struct profile *profile = &policy->profiles[i];
		struct contribution c = {.policy = policy, .profile = profile};

		if (profile->when && when_evaluate(profile->when, facts,
					     &merger->effective->next_change_s) != TRUTH_TRUE)
			continue;
		for (size_t id = 0; id < SETTING_MAX; id++) {
			int r;

			if (!profile->has[id])
				continue;
			c.value = &profile->values[id];
			r = merger_add(merger, id, &c);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* The shorter interval wins; between equal ones the smaller jitter, so that order plays no part. */
static void merge_checkin(struct effective *effective, const struct policy *policy, bool *any)
{
	const struct policy_checkin *checkin = &policy->checkin;

	if (!policy->has_checkin)
		return;
	if (!*any || checkin->interval_s < effective->checkin.interval_s ||
		(checkin->interval_s == effective->checkin.interval_s &&
			checkin->jitter_s < effective->checkin.jitter_s))
		effective->checkin = *checkin;
	*any = true;
}

int effective_compute(struct policy *const *policies, size_t n_policies,
	const struct when_facts *facts, struct effective *ret_effective)
{
	struct effective effective = {
		.checkin = POLICY_CHECKIN_DEFAULT, .next_change_s = INT64_MAX};
	struct merger merger = {.effective = &effective};
	bool any_checkin = false;

	for (size_t i = 0; i < n_policies; i++) {
		int r = merger_add_policy(&merger, policies[i], facts);

		if (r < 0) {
			effective_done(&effective);
			return r;
		}
		merge_checkin(&effective, policies[i], &any_checkin);
		effective.n_unsupported +=
			policies[i]->n_unsupported + policies[i]->n_unsupported_dropped;
	}
	for (size_t id = 0; id < SETTING_MAX; id++) {
		const struct contribution *decider =
			merger.exact[id].policy ? &merger.exact[id] : &merger.first[id];

		effective.settings[id].policy = decider->policy;
		effective.settings[id].profile = decider->profile;
	}
	*ret_effective = effective;
	return 0;
}

void effective_done(struct effective *effective)
{
	for (size_t id = 0; id < SETTING_MAX; id++)
		value_done(&effective->settings[id].value);
	*effective = (struct effective){0};
}

bool effective_equal(const struct effective *a, const struct effective *b)
{
	for (size_t id = 0; id < SETTING_MAX; id++) {
		const struct effective_setting *sa = &a->settings[id], *sb = &b->settings[id];

		if (sa->present != sb->present)
			return false;
		if (sa->present && !value_equal(&sa->value, &sb->value))
			return false;
	}
	return a->checkin.interval_s == b->checkin.interval_s &&
	       a->checkin.jitter_s == b->checkin.jitter_s;
}

static void write_when(const struct when *when, struct jsonw *w, const char *key)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (!when) {
		jsonw_null(w, key);
		return;
	}
	when_format(when, &text);
	if (text.error && !w->out->error)
		w->out->error = text.error;
	jsonw_text(w, key, text.data ? text.data : "", text.n_bytes);
}

static void write_contributor(const struct contribution *c, const struct setting_row *row,
	const struct when_facts *facts, struct jsonw *w)
{
	enum truth truth = TRUTH_TRUE;
	int64_t next_s = INT64_MAX;

	if (c->profile->when)
		truth = when_evaluate(c->profile->when, facts, &next_s);
	jsonw_object(w, NULL);
	jsonw_string(w, "stream", c->policy->stream);
	jsonw_string(w, "profile", c->profile->id);
	value_write(row, c->value, w, "value");
	value_write_text(row, c->value, w, "text");
	jsonw_string(w, "active", truth_name(truth));
	write_when(c->profile->when, w, "when");
	jsonw_object_end(w);
}

/* policies are in order. */
static void write_contributors(struct policy *const *policies, size_t n_policies,
	const struct setting_row *row, const struct when_facts *facts, struct jsonw *w)
{
	jsonw_array(w, "contributors");
	for (size_t i = 0; i < n_policies; i++) {
		for (size_t k = 0; k < policies[i]->n_profiles; k++) {
			const struct profile *profile = &policies[i]->profiles[k];
			struct contribution c = {policies[i], profile, &profile->values[row->id]};

			if (profile->has[row->id])
				write_contributor(&c, row, facts, w);
		}
	}
	jsonw_array_end(w);
}

static bool is_set_somewhere(struct policy *const *policies, size_t n_policies, enum setting_id id)
{
	for (size_t i = 0; i < n_policies; i++)
		for (size_t k = 0; k < policies[i]->n_profiles; k++)
			if (policies[i]->profiles[k].has[id])
				return true;
	return false;
}

static int compare_streams(const void *a, const void *b)
{
	return strcmp((*(struct policy *const *)a)->stream, (*(struct policy *const *)b)->stream);
}

void effective_write_explain(const struct effective *effective, struct policy *const *policies,
	size_t n_policies, const struct when_facts *facts, struct jsonw *w, const char *key)
{
	_cleanup_free_ struct policy **sorted =
		calloc(n_policies ? n_policies : 1, sizeof(*sorted));

	if (!sorted) {
		w->out->error = w->out->error ? w->out->error : -ENOMEM;
		return;
	}
	if (n_policies > 0) {
		memcpy(sorted, policies, n_policies * sizeof(*sorted));
		qsort(sorted, n_policies, sizeof(*sorted), compare_streams);
	}
	jsonw_array(w, key);
	for (size_t id = 0; id < SETTING_MAX; id++) {
		const struct effective_setting *setting = &effective->settings[id];
		const struct setting_row *row = setting_row(id);
		const struct value *value = setting->present ? &setting->value : NULL;

		if (!is_set_somewhere(sorted, n_policies, id))
			continue;
		jsonw_object(w, NULL);
		jsonw_string(w, "area", area_row(row->area)->name);
		jsonw_string(w, "setting", row->name);
		value_write(row, value, w, "value");
		value_write_text(row, value, w, "text");
		jsonw_string(w, "stream", value ? setting->policy->stream : NULL);
		jsonw_string(w, "profile", value ? setting->profile->id : NULL);
		jsonw_string(w, "help", row->help);
		jsonw_string(w, "why", row->why);
		write_contributors(sorted, n_policies, row, facts, w);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}
