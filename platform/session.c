/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - what the operations on sessions share: their names and their end; see session.h.
 * Enforcer only. */
#include "platform/session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "platform/session_list.h"

const struct session_ops session_ops = {
	.lock = session_lock,
	.notify = session_notify,
	.reboot = session_reboot,
	.end = session_end,
};

const char *session_result_name(enum session_result result)
{
	static const char *const names[SESSION_RESULT_MAX] = {
		[SESSION_DONE] = "done",
		[SESSION_NOBODY] = "nobody",
		[SESSION_NO_LOGIND] = "no_logind",
		[SESSION_NO_ANSWER] = "no_answer",
		[SESSION_TOO_MANY] = "too_many_sessions",
		[SESSION_NO_SESSION] = "no_session",
		[SESSION_NO_NOTIFICATIONS] = "no_notifications",
		[SESSION_DENIED] = "denied",
		[SESSION_TROUBLE] = "trouble",
	};

	return result < SESSION_RESULT_MAX ? names[result] : NULL;
}

void session_call_free(struct session_call *call)
{
	if (call)
		call->free(call);
}

void session_finish(const struct session_start *start, enum session_result result,
	const char *detail_format, ...)
{
	struct session_answer answer = {.result = result};
	struct session_start s = *start; /* it goes with the operation */
	va_list args;

	va_start(args, detail_format);
	vsnprintf(answer.detail, sizeof(answer.detail), detail_format, args);
	va_end(args);
	session_call_free(TAKE_PTR(*s.slot));
	s.done(&answer, s.userdata);
}

/* --- an answer that was known before anything began ---------------------------------------- */

struct later {
	struct session_call call; /* first */
	struct session_start start;
	struct session_answer answer;
	sd_event_source *source;
};

static void later_free(struct session_call *call)
{
	struct later *later = (struct later *)call;

	sd_event_source_unref(later->source);
	free(later);
}

static int later_on_loop(sd_event_source *source, void *userdata)
{
	struct later *later = userdata;
	struct session_answer answer = later->answer;

	(void)source;
	session_finish(&later->start, answer.result, "%s", answer.detail);
	return 0;
}

int session_finish_later(
	const struct session_start *start, enum session_result result, const char *detail)
{
	struct later *later = calloc(1, sizeof(*later));

	if (!later)
		return -ENOMEM;
	later->call.free = later_free;
	later->start = *start;
	later->answer.result = result;
	snprintf(later->answer.detail, sizeof(later->answer.detail), "%s", detail);
	if (sd_event_add_defer(start->platform->event, &later->source, later_on_loop, later) < 0) {
		later_free(&later->call);
		return -ENOMEM;
	}
	*start->slot = &later->call;
	return 0;
}
