/* SPDX-License-Identifier: Apache-2.0 */
/* auth_verify.c - starting and reaping the role verify; see auth_verify.h. Enforcer, root. */
#include "agent/enforcer/auth_verify.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/enforcer/role.h"
#include "agent/ipc/channel.h"
#include "agent/util/child.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "policies/password.h"

/* As agent/verify/verify.h says; that layer is none of ours. */
#define EXIT_SANDBOX 3
#define EXIT_NO_PROGRAM 127
#define GRACE_S 3 /* beyond the role's own deadline */

struct auth_verify {
	struct auth_verify_start start;
	pid_t pid;
	int channel_fd;
	sd_event_source *channel_source, *child_source, *deadline_source;
	struct msg_verify_answer so_far; /* .match VERIFY_SAME_SO_FAR: heard already */
};

void auth_verify_free(struct auth_verify *v)
{
	if (!v)
		return;
	sd_event_source_unref(v->channel_source);
	sd_event_source_unref(v->child_source);
	sd_event_source_unref(v->deadline_source);
	if (v->pid > 0)
		child_abandon(v->start.event, v->pid);
	closep(&v->channel_fd);
	*v->start.slot = NULL;
	free(v);
}
DEFINE_CLEANUP(struct auth_verify *, auth_verify_free)

static void verify_finish(struct auth_verify *v, enum auth_verify_end end,
	const struct msg_verify_answer *answer, const char *why)
{
	struct msg_verify_answer so_far = v->so_far;
	struct auth_verify_start start = v->start;

	auth_verify_free(v);
	if (end != VERIFY_ANSWERED && so_far.match == VERIFY_SAME_SO_FAR) {
		log_warning("a right password could not be judged by the rules: %s", why);
		start.done(VERIFY_ANSWERED, &so_far, "", start.userdata);
		return;
	}
	start.done(end, answer, why, start.userdata);
}

static bool verify_answer_is_valid(const struct msg_verify_answer *answer)
{
	return answer->match < VERIFY_MATCH_MAX && answer->broken < 1u << PASSWORD_RULE_MAX &&
	       answer->code >= -1 && answer->code < LIMIT_UNLOCK_CODES;
}

/* Its end need not be waited for: what it holds may be a user's, who may not let it close. */
static int verify_on_channel(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct auth_verify *v = userdata;
	struct message m;
	int r = channel_receive(fd, ROLE_ENFORCER, ROLE_VERIFY, &m);

	(void)source;
	(void)events;
	if (r == -EAGAIN)
		return 0;
	if (r < 0) {
		/* What that means its exit status says. */
		v->channel_source = sd_event_source_unref(v->channel_source);
		if (r == -EPROTO)
			verify_finish(v, VERIFY_BROKEN, NULL,
				"mdm-agent-verify sent a message that does not fit the table; is it "
				"of the same version as mdm-agentd?");
		return 0;
	}
	if (verify_answer_is_valid(&m.body.as_29) && m.body.as_29.match == VERIFY_SAME_SO_FAR)
		v->so_far = m.body.as_29;
	else if (verify_answer_is_valid(&m.body.as_29))
		verify_finish(v, VERIFY_ANSWERED, &m.body.as_29, "");
	else
		verify_finish(
			v, VERIFY_SILENT, NULL, "mdm-agent-verify sent an answer that is none");
	message_done(&m);
	return 0;
}

static int verify_on_child(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct auth_verify *v = userdata;
	char why[2 * LIMIT_TEXT_BYTES];

	(void)source;
	v->pid = 0; /* sd-event reaps it */
	if (info->si_code != CLD_EXITED) {
		snprintf(why, sizeof(why), "mdm-agent-verify was killed by signal %d (%s)",
			info->si_status, strsignal(info->si_status));
		verify_finish(
			v, info->si_status == SIGSYS ? VERIFY_BROKEN : VERIFY_SILENT, NULL, why);
	} else if (info->si_status == EXIT_NO_PROGRAM) {
		snprintf(why, sizeof(why), "%s could not be started; reinstall the agent",
			v->start.program);
		verify_finish(v, VERIFY_BROKEN, NULL, why);
	} else {
		snprintf(why, sizeof(why),
			"mdm-agent-verify ended with status %d without an answer", info->si_status);
		verify_finish(v, info->si_status == EXIT_SANDBOX ? VERIFY_BROKEN : VERIFY_SILENT,
			NULL, why);
	}
	return 0;
}

static int verify_on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	verify_finish(
		userdata, VERIFY_SILENT, NULL, "mdm-agent-verify took too long and was ended");
	return 0;
}

int auth_verify_new(const struct auth_verify_start *start, const struct msg_verify_order *order,
	int connection_fd)
{
	_cleanup_(auth_verify_freep) struct auth_verify *v = calloc(1, sizeof(*v));
	const char *argv[] = {start->program, "--user", start->user, NULL};
	static const char *const env[] = {NULL};
	int r;

	if (!v)
		return -ENOMEM;
	*v = (struct auth_verify){.start = *start, .channel_fd = -1};
	r = role_start(argv, env, &v->pid, &v->channel_fd);
	if (r < 0)
		return r;
	r = sd_event_add_child(start->event, &v->child_source, v->pid, WEXITED, verify_on_child, v);
	if (r >= 0)
		r = sd_event_add_io(start->event, &v->channel_source, v->channel_fd, EPOLLIN,
			verify_on_channel, v);
	if (r >= 0)
		/* Its last words before its end, and both before what asks next. */
		r = sd_event_source_set_priority(
			v->channel_source, SD_EVENT_PRIORITY_IMPORTANT - 1);
	if (r >= 0)
		r = sd_event_source_set_priority(v->child_source, SD_EVENT_PRIORITY_IMPORTANT);
	if (r >= 0)
		r = sd_event_add_time(start->event, &v->deadline_source, CLOCK_BOOTTIME,
			(uint64_t)(clock_boottime_us() +
				   (start->timeout_s + GRACE_S) * USEC_PER_SEC),
			USEC_PER_SEC / 4, verify_on_deadline, v);
	if (r >= 0)
		r = channel_send(v->channel_fd, ROLE_ENFORCER, MESSAGE_VERIFY_ORDER, order,
			&connection_fd, 1);
	/* It has ended already; how, its status says. */
	if (r == -EPIPE || r == -ECONNRESET)
		r = 0;
	if (r < 0)
		return r;
	*start->slot = TAKE_PTR(v);
	return 0;
}
