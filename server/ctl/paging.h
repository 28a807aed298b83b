/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paging.h - bounds for lists that the server hands out in pages. An honest one sends rows that
 * grow and comes to an end; one that was taken over could feed mdmctl for ever. Pure.
 */
#ifndef MDM_MDMCTL_PAGING_H
#define MDM_MDMCTL_PAGING_H

#include <stddef.h>
#include <stdint.h>

#include "server/ctl/fault.h"

/* A million phones are 20,000 pages of fifty, a gigabyte at most. */
#define PAGING_MAX_PAGES 50000
#define PAGING_MAX_BYTES (INT64_C(2) * 1024 * 1024 * 1024)
#define PAGING_MAX_S 3600

struct paging {
	int64_t pages, bytes, began_us;
	int64_t row; /* the last one; where rows are numbered */
	char id[33]; /* where they have ids */
};

/* One more page of so many bytes. 0; FAULT_REFUSED: there is no end to them. */
int paging_page(struct paging *paging, size_t n_bytes, struct fault *fault);

/* The next row. 0; FAULT_REFUSED: it does not come behind the one before. */
int paging_row(struct paging *paging, int64_t row, struct fault *fault);
int paging_id(struct paging *paging, const char *id, struct fault *fault);

#endif
