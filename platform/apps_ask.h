/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_ask.h - whether the policy lets somebody install or remove one app by an order of its own,
 * and by which step of a job that is done. Reads files, runs nothing. Enforcer only.
 */
#ifndef MDM_PLATFORM_APPS_ASK_H
#define MDM_PLATFORM_APPS_ASK_H

#include "agent/apps/job.h"
#include "platform/platform.h"

enum apps_answer {
	APPS_ANSWER_DO,	     /* the steps do it */
	APPS_ANSWER_NOTHING, /* it is so already */
	APPS_ANSWER_UNKNOWN, /* "unknown_package": nothing of that name can be brought up to date */
	APPS_ANSWER_BLOCKED, /* "blocked" */
	APPS_ANSWER_NOT_ALLOWED,
	APPS_ANSWER_PROTECTED,
	APPS_ANSWER_REQUIRED, /* by the policy: it would come back */
	APPS_ANSWER_MAX,
};
const char *apps_answer_name(enum apps_answer answer);

struct apps_asked {
	enum apps_answer answer;
	char detail[LIMIT_TEXT_BYTES + 1]; /* a sentence for people; "" for DO */
	struct apps_step *steps;	   /* DO: the caller's */
	size_t n_steps;
};
void apps_asked_done(struct apps_asked *asked);

/* remote "": a package, else the Flatpak of that remote. 0 or -errno. */
int apps_ask_install(struct platform *platform, const char *name, const char *remote,
	struct apps_asked *ret_asked);
/* A Flatpak of the system of that name, else a package. */
int apps_ask_remove(struct platform *platform, const char *name, struct apps_asked *ret_asked);
/* name "": everything. */
int apps_ask_update(struct platform *platform, const char *name, struct apps_asked *ret_asked);

#endif
