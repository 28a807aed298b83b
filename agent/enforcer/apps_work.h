/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_work.h - jobs that install and remove, for the policy (platform/apps_backend.c) and for the
 * commands install, remove and update (command_apps.c): one after the other. Enforcer only.
 */
#ifndef MDM_ENFORCER_APPS_WORK_H
#define MDM_ENFORCER_APPS_WORK_H

#include "agent/enforcer/commands.h"

struct enforcer;
struct apps_work; /* e->apps_work */
struct jsonw;

/* Jobs are left beside --socket; the backends get them lent. 0 or -errno. */
int apps_work_new(struct enforcer *e, struct apps_work **ret_work);
void apps_work_free(struct apps_work *work); /* NULL is fine */

/* Whether something is being installed or removed. */
bool apps_work_is_running(const struct enforcer *e);
/* For CTL_STATUS and reports: {"running","since","cause","step","doing","percent","waiting"}. */
void apps_work_write_status(const struct enforcer *e, struct jsonw *w, const char *key);

/* command_apps.c: after a restart in the middle; see struct command_handler. */
void command_apps_resume(struct enforcer *e, const struct command *command, bool same_boot,
	struct command_result *ret_result);
/* Whatever a command had begun is nobody's any more. */
void command_apps_forget(struct enforcer *e);

#endif
