/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconcile_journal.c - what a round of reconcile leaves in the journal: changes of compliance,
 * drift found and repaired, applied and failed mechanisms. Enforcer; writes to the journal only.
 */
#include "agent/enforcer/reconcile_journal.h"

#include <string.h>

#include "agent/util/jsonw.h"

static void reconcile_journal(struct reconcile *r, enum journal_type type, struct buf *payload)
{
	uint64_t seq;

	if (r->documents->journal && !payload->error)
		(void)journal_append(r->documents->journal, type, payload->data, &seq);
}

/* Values that are longer, lists of apps for example, do not stand in a record. */
#define VALUE_BYTES 400
/* The longest setting, and the end of the record. */
#define SETTING_BYTES (2 * VALUE_BYTES + 512)

static void reconcile_write_value(
	struct jsonw *w, const struct setting_row *row, const struct value *value, const char *key)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct jsonw measured = JSONW_INIT(&text);

	value_write(row, value, &measured, NULL);
	if (!text.error && text.n_bytes <= VALUE_BYTES)
		value_write(row, value, w, key);
}

static void reconcile_write_setting(
	struct jsonw *w, const struct compliance_result *result, enum setting_id id)
{
	const struct setting_row *row = setting_row(id);

	jsonw_string(w, "area", area_row(row->area)->name);
	jsonw_string(w, "setting", row->name);
	jsonw_string(w, "state", compliance_state_name(result->state));
	jsonw_string(w, "reason", compliance_reason_name(result->reason));
	reconcile_write_value(w, row, &result->desired, "desired");
	if (result->has_observed)
		reconcile_write_value(w, row, &result->observed, "observed");
}

void reconcile_journal_setting(struct reconcile *r, enum journal_type type,
	const struct compliance_result *result, enum setting_id id)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	jsonw_object(&w, NULL);
	reconcile_write_setting(&w, result, id);
	jsonw_object_end(&w);
	reconcile_journal(r, type, &payload);
}

void reconcile_journal_backend(struct reconcile *r, enum journal_type type,
	const struct reconcile_backend *rb, const char *message)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "backend", rb->backend->ops->name);
	if (*message)
		jsonw_string(&w, "message", message);
	jsonw_object_end(&w);
	reconcile_journal(r, type, &payload);
}

void reconcile_journal_changes(struct reconcile *r, const struct compliance *before)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);
	int64_t n_more = 0;
	bool any = !before || before->overall != r->compliance.overall;

	jsonw_object(&w, NULL);
	jsonw_string(&w, "state", compliance_state_name(r->compliance.overall));
	jsonw_array(&w, "settings");
	for (size_t i = 0; i < SETTING_MAX; i++) {
		const struct compliance_result *now =
			compliance_result(&r->compliance, (enum setting_id)i);
		const struct compliance_result *was =
			before ? compliance_result(before, (enum setting_id)i) : NULL;

		if (!now->present || (was && was->present && was->state == now->state &&
					     was->reason == now->reason))
			continue;
		any = true;
		if (payload.n_bytes + SETTING_BYTES > LIMIT_JOURNAL_RECORD_BYTES) {
			n_more++;
			continue;
		}
		jsonw_object(&w, NULL);
		reconcile_write_setting(&w, now, (enum setting_id)i);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	if (n_more)
		jsonw_int(&w, "more", n_more);
	jsonw_object_end(&w);
	if (any)
		reconcile_journal(r, JOURNAL_COMPLIANCE_CHANGED, &payload);
}

static bool reconcile_same_desire(
	const struct compliance_result *a, const struct compliance_result *b)
{
	return a->present && b->present && value_equal(&a->desired, &b->desired);
}

void reconcile_note_drift(struct reconcile *r, const struct compliance *before)
{
	for (size_t i = 0; i < SETTING_MAX; i++) {
		const struct compliance_result *now =
			compliance_result(&r->compliance, (enum setting_id)i);
		const struct compliance_result *was = compliance_result(before, (enum setting_id)i);

		if (r->drifted[i] && now->state == COMPLIANCE_COMPLIANT) {
			r->drifted[i] = false;
			reconcile_journal_setting(
				r, JOURNAL_DRIFT_REPAIRED, now, (enum setting_id)i);
		} else if (!r->drifted[i] && reconcile_same_desire(was, now) &&
			   was->state == COMPLIANCE_COMPLIANT &&
			   now->state == COMPLIANCE_NONCOMPLIANT) {
			r->drifted[i] = true;
			reconcile_journal_setting(
				r, JOURNAL_DRIFT_DETECTED, now, (enum setting_id)i);
		}
	}
}
