/* SPDX-License-Identifier: Apache-2.0 */
/* answers.h - the JSON answers of the local socket, as docs/protocol.md section 6 describes them.
 */
#ifndef MDM_ENFORCER_ANSWERS_H
#define MDM_ENFORCER_ANSWERS_H

#include "agent/enforcer/enforcer.h"

/* Each writes one object; trouble sticks in out->error. */
void answer_status(struct enforcer *e, struct buf *out);
void answer_policy_show(struct enforcer *e, struct buf *out);
void answer_policy_explain(struct enforcer *e, struct buf *out);
void answer_compliance(struct enforcer *e, struct buf *out);
/* The newest count records (0: all that fit) above after_seq. */
void answer_journal(struct enforcer *e, int64_t after_seq, uint32_t count, struct buf *out);
void answer_journal_verify(struct enforcer *e, struct buf *out);
/* may_see: where the phone was, as far as the organisation was told, too. */
void answer_privacy(struct enforcer *e, bool may_see, struct buf *out);
void answer_commands(struct enforcer *e, struct buf *out);
/* apps_show.c */
void answer_apps(struct enforcer *e, struct buf *out);
/* places_show.c; without any position */
void answer_places(struct enforcer *e, struct buf *out);

/* "enrolled":false, where nobody manages the phone: what is empty is then meant to be. */
struct jsonw;
void answer_unmanaged(struct enforcer *e, struct jsonw *w);

/* What a walk over the recovery keys found. */
struct recovery_outcome;
void answer_escrow(const struct recovery_outcome *outcomes, size_t n_outcomes, struct buf *out);

#endif
