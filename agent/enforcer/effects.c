/* SPDX-License-Identifier: Apache-2.0 */
/* effects.c - running operations on behalf of commands; see effects.h. Enforcer only. */
#include "agent/enforcer/effects.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/enforcer/enforcer.h"
#include "agent/util/child.h"

void effects_stop(struct enforcer *e)
{
	session_call_free(TAKE_PTR(e->effects.call));
	session_call_free(TAKE_PTR(e->effects.notice));
	e->effects.timer = sd_event_source_unref(e->effects.timer);
	e->effects.diagnostics_wait = false;
	child_free(TAKE_PTR(e->effects.chpasswd));
	explicit_bzero(e->effects.passcode_hash, sizeof(e->effects.passcode_hash));
}

const struct session_ops *effects_ops(const struct enforcer *e)
{
	return e->effects.ops ? e->effects.ops : &session_ops;
}

void effects_fill(struct enforcer *e, struct session_start *ret_start, session_done_fn done)
{
	*ret_start = (struct session_start){
		.platform = &e->platform,
		.helper = e->options.session_program,
		.runtime_dir = e->options.runtime_dir,
		.done = done,
		.userdata = e,
		.slot = &e->effects.call,
	};
}

const char *effects_organisation(const struct enforcer *e)
{
	return e->documents.keyset ? e->documents.keyset->org_name : "mdm-agent";
}

int effects_after(struct enforcer *e, int64_t seconds, sd_event_time_handler_t handler)
{
	/* A phone that only waits may sleep. */
	if (seconds > EFFECTS_AWAKE_S)
		reactions_release(e, REACTIONS_COMMAND);
	e->effects.timer = sd_event_source_unref(e->effects.timer);
	return sd_event_add_time(e->event, &e->effects.timer, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + seconds * USEC_PER_SEC), 10000, handler, e);
}

enum command_state effects_state(enum session_result result)
{
	switch (result) {
	case SESSION_DONE:
	case SESSION_NOBODY:
		return COMMAND_DONE;
	case SESSION_NO_LOGIND:
		return COMMAND_REFUSED; /* this phone cannot */
	case SESSION_NO_ANSWER:
	case SESSION_TOO_MANY:
	case SESSION_NO_SESSION:
	case SESSION_NO_NOTIFICATIONS:
	case SESSION_DENIED:
	case SESSION_TROUBLE:
	case SESSION_RESULT_MAX:
		break;
	}
	return COMMAND_FAILED;
}

void effects_finish(
	struct enforcer *e, enum command_state state, const char *reason, const char *detail)
{
	struct command_result result = {
		.state = state,
		.reason = reason,
		.detail = detail,
	};

	commands_finish(e, &result);
}

void effects_failed(struct enforcer *e, int error)
{
	char detail[LIMIT_TEXT_BYTES + 1];

	snprintf(detail, sizeof(detail), "it could not be begun: %s", strerror(-error));
	effects_finish(e, COMMAND_FAILED, session_result_name(SESSION_TROUBLE), detail);
}
