/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_upkeep.h - keeping the database well: old rows out, is it readable and writable, how large
 * is it. Returns as store.h says. mdm-server only.
 */
#ifndef MDM_SERVER_STORE_UPKEEP_H
#define MDM_SERVER_STORE_UPKEEP_H

#include "server/store.h"

#define STORE_PRUNE_ROWS 500 /* looked at in one transaction: a few milliseconds */

/*
 * One step, one small transaction: removes events received before events_before_s, commands whose
 * time and last news were before that, with their history, and tickets that were used, or have
 * expired, before tickets_before_s and that no record refers to. The newest event of all stays, so
 * that row numbers are never given twice. ret_removed: how many rows; go on while there are some.
 */
struct store_retention {
	int64_t events_before_s, tickets_before_s;
};
int store_prune(struct store *store, const struct store_retention *retention, int64_t *ret_removed);

/* Inside a transaction that added events of a device: leaves its newest `keep`. */
int store_event_quota(struct store *store, const char *device, int64_t keep);

/* What the sections of a device take, without those of that many names that will be replaced. */
int store_section_bytes(
	struct store *store, const char *device, const struct report *without, int64_t *ret_bytes);

/* Reads and writes: 0 only if both work now. */
int store_probe(struct store *store);
int store_database_bytes(struct store *store, int64_t *ret_bytes);

#endif
