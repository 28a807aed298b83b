/* SPDX-License-Identifier: Apache-2.0 */
/* paging.c - bounds for lists in pages; see paging.h. Runs as the administrator. */
#include "server/ctl/paging.h"

#include <inttypes.h>
#include <string.h>

#include "agent/util/clock.h"

int paging_page(struct paging *paging, size_t n_bytes, struct fault *fault)
{
	int64_t now_us = clock_boottime_us();

	if (!paging->pages)
		paging->began_us = now_us;
	paging->pages++;
	paging->bytes += (int64_t)n_bytes;
	if (paging->pages <= PAGING_MAX_PAGES && paging->bytes <= PAGING_MAX_BYTES &&
		now_us - paging->began_us <= INT64_C(1000000) * PAGING_MAX_S)
		return 0;
	return fault_set(fault, FAULT_REFUSED,
		"the server's list does not end: %" PRId64 " pages, %" PRId64 " MiB, %" PRId64
		" s. Ask for less of it (--after, --device), or have the server looked at",
		paging->pages, paging->bytes / (1024 * 1024),
		(now_us - paging->began_us) / 1000000);
}

static int paging_stuck(struct fault *fault)
{
	return fault_set(fault, FAULT_REFUSED,
		"the rows of the server's list do not come in their order: it would never end. Take "
		"the server for taken over");
}

int paging_row(struct paging *paging, int64_t row, struct fault *fault)
{
	if (row <= paging->row)
		return paging_stuck(fault);
	paging->row = row;
	return 0;
}

int paging_id(struct paging *paging, const char *id, struct fault *fault)
{
	if (strcmp(id, paging->id) <= 0 || strlen(id) >= sizeof(paging->id))
		return paging_stuck(fault);
	memcpy(paging->id, id, strlen(id) + 1);
	return 0;
}
