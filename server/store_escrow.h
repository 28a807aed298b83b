/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_escrow.h - sealed secrets of phones in the store of store.h. What was stored is never
 * changed and never removed: the phone that it opens may come back after years. mdm-server only,
 * which has no key to any of it.
 */
#ifndef MDM_SERVER_STORE_ESCROW_H
#define MDM_SERVER_STORE_ESCROW_H

#include "server/store.h"

/* Digests of the certificates that it is sealed to, in hexadecimal: "A,B". */
#define STORE_ESCROW_CERTIFICATES_BYTES (LIMIT_ESCROW_CERTIFICATES * (2 * SHA256_BYTES + 1) + 1)

struct store_escrow {
	int64_t row;
	char device[STORE_ID_LENGTH + 1], enrolment[33];
	char kind[LIMIT_NAME_BYTES + 1]; /* "unlock" */
	int64_t generation;		 /* counted by the phone, per enrolment and kind */
	char certificates[STORE_ESCROW_CERTIFICATES_BYTES];
	int64_t received_s;
	struct span cms; /* in a list: .at NULL */
};

/*
 * 0: stored. STORE_E_EXISTS: the phone has brought these bytes before. STORE_E_FULL: it brought
 * BOUND_ESCROW_PER_DAY new ones within a day already.
 */
int store_escrow_add(struct store *store, const struct store_escrow *entry);

typedef int (*store_escrow_fn)(const struct store_escrow *entry, void *userdata);
/* device NULL: of all. In the order of rows, those above after, without their bytes. */
int store_escrow_list(struct store *store, const struct store_event_range *range,
	store_escrow_fn fn, void *userdata);
/* One of that device, with its bytes, which are lent during fn. STORE_E_NOT_FOUND. */
int store_escrow_get(
	struct store *store, const char *device, int64_t row, store_escrow_fn fn, void *userdata);

#endif
