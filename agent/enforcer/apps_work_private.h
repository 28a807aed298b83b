/* SPDX-License-Identifier: Apache-2.0 */
/* apps_work_private.h - what apps_work.c and command_apps.c share. Enforcer only. */
#ifndef MDM_ENFORCER_APPS_WORK_PRIVATE_H
#define MDM_ENFORCER_APPS_WORK_PRIVATE_H

#include "agent/enforcer/apps_notice.h"
#include "agent/enforcer/apps_work.h"
#include "platform/apps_job.h"

struct apps_work {
	struct enforcer *e;
	struct apps_jobs *jobs;
	struct apps_notice *notice;
	struct apps_order order; /* of the command that runs, if is_given */
	enum verb_id verb;	 /* its */
	char directory[LIMIT_SOCKET_BYTES + 1];
};

#endif
