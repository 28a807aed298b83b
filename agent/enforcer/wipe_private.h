/* SPDX-License-Identifier: Apache-2.0 */
/* wipe_private.h - between the files of wipe.h: wipe.c up to the point of no return, wipe_run.c
 * from there. */
#ifndef MDM_ENFORCER_WIPE_PRIVATE_H
#define MDM_ENFORCER_WIPE_PRIVATE_H

#include <systemd/sd-event.h>

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/wipe.h"
#include "agent/enforcer/wipe_find.h"
#include "agent/util/child.h"
#include "agent/util/command_state.h"

enum wipe_stage {
	WIPE_LOOKING,
	WIPE_LAST_WORDS,
	WIPE_STARTING,
	WIPE_RUNNING,
	WIPE_OVER, /* told; the system ends any moment */
};

struct wipe {
	struct wipe_findings findings;
	enum wipe_stage stage;
	bool is_commands;		 /* ordered by the running command */
	char lost[LIMIT_TEXT_BYTES + 1]; /* what cannot be destroyed, and why */
	uint64_t told_seq;		 /* the record of the point of no return */
	int64_t ordered_us, silent_until_us;
	struct child *child;
	struct session_call *sessions, *service;
	sd_event_source *timer;
};

/* wipe.c */
/* Nothing was destroyed, and nothing will be. Frees e->wipe. */
void wipe_give_up(
	struct enforcer *e, enum command_state state, const char *reason, const char *detail);
void wipe_trouble(struct enforcer *e, const char *what, int error);
void wipe_tell(struct enforcer *e, bool is_commands, enum command_state state, const char *reason,
	const char *detail);
/* Tells the server at once, without a look at the phone before. */
void wipe_talk(struct enforcer *e);
int wipe_after(struct enforcer *e, int64_t us, sd_event_time_handler_t handler);
int wipe_spawn(struct enforcer *e, const char *const *argv, child_done_fn done);

/* wipe_run.c: the plan is stored; starts what destroys, or looks at what it says. */
void wipe_start(struct enforcer *e);
void wipe_watch(struct enforcer *e);

#endif
