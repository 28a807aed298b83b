/* SPDX-License-Identifier: Apache-2.0 */
/* reconcile_journal.h - what a round of reconcile leaves in the journal; part of reconcile.c. */
#ifndef MDM_ENFORCER_RECONCILE_JOURNAL_H
#define MDM_ENFORCER_RECONCILE_JOURNAL_H

#include "agent/enforcer/reconcile.h"

/* JOURNAL_DRIFT_*: one setting, wanted and seen. */
void reconcile_journal_setting(struct reconcile *r, enum journal_type type,
	const struct compliance_result *result, enum setting_id id);
/* JOURNAL_APPLIED, APPLY_FAILED, DRIFT_REPAIRED: one mechanism, with what it said. */
void reconcile_journal_backend(struct reconcile *r, enum journal_type type,
	const struct reconcile_backend *rb, const char *message);
/* JOURNAL_COMPLIANCE_CHANGED: the settings whose state or reason changed; before may be NULL. */
void reconcile_journal_changes(struct reconcile *r, const struct compliance *before);
/* Finds drift: compliant before, the same wish, non-compliant now; and its repair. */
void reconcile_note_drift(struct reconcile *r, const struct compliance *before);

#endif
