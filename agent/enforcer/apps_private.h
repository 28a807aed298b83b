/* SPDX-License-Identifier: Apache-2.0 */
/* apps_private.h - what apps_inventory.c and apps_report.c share. Enforcer only. */
#ifndef MDM_ENFORCER_APPS_PRIVATE_H
#define MDM_ENFORCER_APPS_PRIVATE_H

#include "agent/enforcer/apps_inventory.h"
#include "agent/enforcer/enforcer.h"
#include "platform/apps.h"
#include "platform/apps_known.h"
#include "platform/watch.h"

struct apps_inventory {
	struct enforcer *e;
	struct apps_known known; /* lent to the backends */
	struct watch *watch;	 /* NULL: the phone is not managed, or the kernel has no more */
	sd_event_source *timer;	 /* the next look */

	/* What was seen. */
	bool has_looked;
	int64_t looked_s, looked_at_us;
	struct apps_list list;
	struct apps_about about;
	char detail[LIMIT_TEXT_BYTES + 1];
	uint8_t identity[SHA256_BYTES];
	struct buf unsaved_base; /* the record, where it could not be stored */

	/* Programs in homes. */
	struct home_walk *walk; /* NULL: nobody searches */
	sd_event_source *walker;
	struct home_programs programs;
	int64_t searched_s, searched_at_us; /* 0: not yet since the start */

	/* What came and went. */
	bool is_acting;		 /* the agent itself installs and removes */
	bool is_silent;		 /* what is seen now may have been there all the time */
	struct apps_list before; /* from before what was not told yet */
	bool has_before;
	int64_t hour_at_us;
	unsigned int n_told; /* since then */

	/* Of apps_report.c: what the report under way has. */
	struct apps_section sent;
};

#endif
