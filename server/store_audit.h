/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_audit.h - the audit log in the store of store.h: a table that only grows at its end, which
 * triggers in the database see to. What its entries mean is audit.h's. mdm-server only.
 */
#ifndef MDM_SERVER_STORE_AUDIT_H
#define MDM_SERVER_STORE_AUDIT_H

#include "server/store.h"

struct store_audit {
	int64_t n;	  /* 1, 2, 3 … */
	struct span json; /* without its chain */
	uint8_t chain[SHA256_BYTES];
};
/* The newest entry without its json; n is 0 and the chain zero if there is none. */
int store_audit_last(struct store *store, struct store_audit *ret_last);
/* Its n must be that of the newest and 1. */
int store_audit_append(struct store *store, const struct store_audit *entry);

typedef int (*store_audit_fn)(const struct store_audit *entry, void *userdata);
/* In their order, those above after. */
int store_audit_list(
	struct store *store, int64_t after, int64_t limit, store_audit_fn fn, void *userdata);

#endif
