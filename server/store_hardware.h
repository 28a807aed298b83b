/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_hardware.h - the allow-list of zero-touch enrolment in the store of store.h: which phones,
 * by serial number or IMEI, a ticket may enrol, and which of them came. mdm-server only.
 */
#ifndef MDM_SERVER_STORE_HARDWARE_H
#define MDM_SERVER_STORE_HARDWARE_H

#include "server/store.h"

struct store_hardware {
	int64_t row;
	char ticket[STORE_ID_LENGTH + 1];
	bool is_imei; /* value is an IMEI, else a serial number */
	char value[LIMIT_HARDWARE_BYTES + 1];
	char device[STORE_ID_LENGTH + 1]; /* that enrolled with it, or "" */
	int64_t used_s;			  /* 0: nobody did yet */
	bool is_linked; /* nobody listed it: a phone said it beside a listed one */
};
/* ticket, is_imei and value count. STORE_E_EXISTS: the ticket lists that number. */
int store_hardware_add(struct store *store, const struct store_hardware *entry);
/* The entry with this ticket, is_imei and value. STORE_E_NOT_FOUND. */
int store_hardware_find(
	struct store *store, const struct store_hardware *wanted, struct store_hardware *ret_entry);
int store_hardware_get(struct store *store, int64_t row, struct store_hardware *ret_entry);
/* STORE_E_NOT_FOUND: there is no such entry, or it has been used. */
int store_hardware_use(struct store *store, int64_t row, const char *device, int64_t now_s);
/*
 * Remembers a number that a phone said beside a listed one, as used by it: ticket, is_imei, value,
 * device and used_s count. One that the ticket has is left as it is.
 */
int store_hardware_link(struct store *store, const struct store_hardware *entry);
/* 0: another device has used that number (is_imei, value), with any ticket. STORE_E_NOT_FOUND. */
int store_hardware_is_taken(
	struct store *store, const struct store_hardware *wanted, const char *device);
/* A used entry is free again, an unused one is gone. STORE_E_NOT_FOUND. */
int store_hardware_free(struct store *store, int64_t row);
int store_hardware_remove(struct store *store, int64_t row);

typedef int (*store_hardware_fn)(const struct store_hardware *entry, void *userdata);
/* In the order of rows, those above after. */
int store_hardware_list(
	struct store *store, int64_t after, int64_t limit, store_hardware_fn fn, void *userdata);

#endif
