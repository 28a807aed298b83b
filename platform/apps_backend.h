/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_backend.h - the state of the backend "apps": what apps_backend.c, which begins jobs, and
 * apps_tell.c, which says what is seen, share. Enforcer only.
 */
#ifndef MDM_PLATFORM_APPS_BACKEND_H
#define MDM_PLATFORM_APPS_BACKEND_H

#include "platform/apps_job.h"
#include "platform/apps_look.h"
#include "platform/apps_retry.h"
#include "platform/apps_updates.h"
#include "platform/backend.h"
#include "platform/watch.h"

#define APPS_UPDATES_FILE "apps-updates" /* in the state directory */

struct apps_backend {
	struct backend_call call;
	struct watch *watch;
	backend_changed_fn changed;
	void *changed_userdata;

	struct apps_order policy, update;
	uint8_t plan[SHA256_BYTES]; /* of the policy's job that was given last */
	struct apps_retry retry;
	size_t n_undone; /* when the last job was given, if it was a portion; 0: it was all */
	uint8_t wanted[SHA256_BYTES]; /* of the policy at the last apply */
	bool is_settling;	      /* another policy, and not all of it was done yet */
	bool resumed;		      /* what was begun before this process was asked for */
	bool is_leaving;	      /* the call under way waits for the end of the policy's job */
	bool did;		      /* a job ended since the last apply */
	bool was_online;	      /* at the last apply */
	sd_event_source *again;
	uint64_t again_us;

	/* How the last job of the policy ended; "" : it was carried out. */
	struct apps_outcome *outcomes;
	size_t n_outcomes;
	char failure[LIMIT_TEXT_BYTES + 1];

	struct apps_updates updates;
	bool updates_loaded;
	char updates_failure[LIMIT_TEXT_BYTES + 1];
};

/* apps_tell.c: fills the observations of what is desired; NULL: says what could be judged. 0 or
 * -ENOMEM. */
int apps_backend_tell(
	struct backend *b, const struct apps_look *look, const struct effective *desired);

/* apps_backend.c: about the setting update_every, which is there. */
enum apps_updates_say apps_backend_updates(
	struct backend *b, const struct effective *desired, const char **ret_why);

#endif
