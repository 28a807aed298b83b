/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escrow.h - the section "escrow" of a report (docs/protocol.md, section 4): sealed secrets, which
 * the server keeps for the organisation and cannot open. mdm-server only.
 */
#ifndef MDM_SERVER_ESCROW_H
#define MDM_SERVER_ESCROW_H

#include "server/store_escrow.h"

#define ESCROW_SECTION "escrow"

/*
 * The form of a section's body, before anything is stored. 0; -EBADMSG with one sentence in
 * ret_problem (static text). A body without entries is one that had no room in the report.
 */
int escrow_check(struct span body, const char **ret_problem);

/*
 * Stores what is new in a body that was checked; inside a transaction. report: who says it. 0;
 * STORE_E_FULL: some of it has to come again later; as the store.
 */
int escrow_keep(struct store *store, const struct report *report, struct span body, int64_t now_s);

#endif
