/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_updates.h - when packages and Flatpaks are brought up to date by themselves. Pure; what is
 * remembered is a text. Enforcer only.
 */
#ifndef MDM_PLATFORM_APPS_UPDATES_H
#define MDM_PLATFORM_APPS_UPDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/buf.h"
#include "platform/device.h"
#include "policies/effective.h"

#define APPS_UPDATES_AGAIN_S 3600 /* after one that failed */

struct apps_updates {
	int64_t done_s;	 /* wall clock of the last one that went through; 0: none */
	int64_t tried_s; /* of the last one that was begun; 0: none */
};

/* "mdm-agent apps-updates 1\ndone 1790000000\ntried 1790000000\n". 0; -EBADMSG. */
int apps_updates_read(const char *text, size_t n_bytes, struct apps_updates *ret_updates);
void apps_updates_write(const struct apps_updates *updates, struct buf *out);

struct apps_updates_facts {
	const struct device_facts *device;
	int64_t now_s;
	int hour; /* of local time */
};

enum apps_updates_say {
	APPS_UPDATES_FRESH,   /* not due */
	APPS_UPDATES_BEGIN,   /* due, and now is a good time */
	APPS_UPDATES_WAIT,    /* due, and it is not: ret_why */
	APPS_UPDATES_OVERDUE, /* by as much again, and it still waits: ret_why */
	APPS_UPDATES_NEVER,   /* there is no hour in which it may begin */
	APPS_UPDATES_SAY_MAX,
};

/*
 * effective: the settings update_every, which is there, and update_hours, which may be. ret_why:
 * for people, what it waits for. ret_look_s: look again in so many seconds at the latest.
 */
enum apps_updates_say apps_updates_judge(const struct effective *effective,
	const struct apps_updates *updates, const struct apps_updates_facts *facts,
	const char **ret_why, int64_t *ret_look_s);

#endif
