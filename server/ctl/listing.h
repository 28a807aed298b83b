/* SPDX-License-Identifier: Apache-2.0 */
/* listing.h - lists that the server hands out in pages: asked for, and printed as a table or as
 * JSON. Runs as the administrator. */
#ifndef MDM_MDMCTL_LISTING_H
#define MDM_MDMCTL_LISTING_H

#include "agent/util/jsonw.h"
#include "server/ctl/api.h"
#include "server/ctl/paging.h"
#include "server/ctl/text.h"

/* One page of what ("devices", "tickets"), at most limit rows behind the id after ("": from the
 * start). 0 or FAULT_*. */
int listing_get(struct api *api, const char *what, const char *after, int limit,
	struct api_answer *ret_answer, struct fault *fault);

struct listing {
	const char *what; /* in the path and in the JSON */
	const char *none; /* said where there is no row; NULL: the headings alone */
	int limit;	  /* rows of a page */
	/* Reads a page and adds its rows: paging_id(), then listing_json() or else the cells of the
	 * table. Sets ret_next to the id to go on behind, "" on the last page. 0 or FAULT_*. */
	int (*add)(struct listing *listing, const struct api_answer *answer, char ret_next[33],
		struct fault *fault);
	struct table table;
	struct paging paging; /* add() tells it of every row */
	struct ctl *ctl;      /* this and the next: of listing_run() */
	struct jsonw *w;
};

/* Adds a row as it came if JSON is wanted; false: it belongs into the table. */
bool listing_json(struct listing *listing, struct json_object *row);

/* Opens the organisation, asks for all pages and prints them; the table is still the caller's. */
int listing_run(struct listing *listing, struct ctl *ctl, struct fault *fault);

#endif
