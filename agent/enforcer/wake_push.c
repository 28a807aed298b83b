/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wake_push.c - being woken by the push service of whoever uses the phone (UnifiedPush); see
 * wake.h. Enforcer only. A program that became that user is registered at the service and says two
 * things: at which address the service takes messages, and that one came. Neither is trusted
 * further than a check-in that costs a token; the address goes to the server, which decides by its
 * own rules.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/checkin_private.h"
#include "agent/enforcer/role.h"
#include "agent/enforcer/wake_private.h"
#include "agent/util/child.h"
#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "agent/util/fs.h"
#include "agent/util/log.h"
#include "agent/util/url.h"

#define PUSH_PAUSE_S 60
#define PUSH_PAUSE_CAP_S 3600
#define PUSH_GOOD_US (600 * USEC_PER_SEC) /* what stayed so long was no failure */
#define PUSH_END_US (8 * USEC_PER_SEC)	  /* to give the registration back */
/* The program tells of messages once in five seconds at most. */
#define PUSH_TALK_MAX 40
#define PUSH_TALK_US (60 * USEC_PER_SEC)

static bool push_wanted(const struct enforcer *e)
{
	return e->state.facts.enrolled && !checkin_is_leaving(e) && e->wake->rules.push;
}

static void push_begin(struct wake *wake);

/* --- the program ------------------------------------------------------------------------- */

static void push_drop_program(struct wake *wake)
{
	struct wake_push *push = &wake->push;

	push->channel_source = sd_event_source_unref(push->channel_source);
	push->child_source = sd_event_source_unref(push->child_source);
	push->end_source = sd_event_source_unref(push->end_source);
	/* It may hang where its user wants it to: nobody waits for it. */
	if (push->pid > 0)
		child_abandon(wake->e->event, push->pid);
	push->pid = 0;
	closep(&push->channel_fd);
	push->endpoint[0] = 0;
	push->ending = false;
}

static int push_on_pause(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct wake *wake = userdata;

	(void)source;
	(void)usec;
	wake->push.pause = sd_event_source_unref(wake->push.pause);
	push_begin(wake);
	return 0;
}

/* Something is missing or ended: later again, and later each time. */
static void push_pause(struct wake *wake)
{
	struct wake_push *push = &wake->push;
	int64_t now_us = clock_boottime_us(), span_s = PUSH_PAUSE_S, wait_us;

	push_drop_program(wake);
	if (!push->wanted)
		return;
	if (push->started_us && now_us - push->started_us > PUSH_GOOD_US)
		push->failures = 0;
	for (uint32_t n = push->failures; n > 0 && span_s < PUSH_PAUSE_CAP_S; n--)
		span_s *= 2;
	if (span_s > PUSH_PAUSE_CAP_S)
		span_s = PUSH_PAUSE_CAP_S;
	if (push->failures < UINT32_MAX)
		push->failures++;
	wait_us = span_s * USEC_PER_SEC / 2 +
		  (int64_t)(checkin_random() % (uint64_t)(span_s * USEC_PER_SEC / 2));
	push->pause = sd_event_source_unref(push->pause);
	if (sd_event_add_time(wake->e->event, &push->pause, CLOCK_BOOTTIME,
		    (uint64_t)(now_us + wait_us), (uint64_t)wait_us / 4, push_on_pause, wake) < 0)
		log_error("the push service of the session cannot be asked again: out of memory");
}

/* The server hears of a new address with the next report, which this brings on for a token. */
static void push_set_endpoint(struct wake *wake, const char *endpoint)
{
	struct enforcer *e = wake->e;

	if (strcmp(wake->push.endpoint, endpoint) == 0)
		return;
	snprintf(wake->push.endpoint, sizeof(wake->push.endpoint), "%s", endpoint);
	pacing_request_paid(&e->pacing, clock_boottime_us(), checkin_random());
	checkin_schedule(e);
}

static int push_take(struct wake *wake, const struct message *m)
{
	struct wake_push *push = &wake->push;
	struct msg_push_told told;
	int64_t now_us = clock_boottime_us();

	if (now_us - push->talk_us > PUSH_TALK_US) {
		push->talk_us = now_us;
		push->n_talk = 0;
	}
	if (++push->n_talk > PUSH_TALK_MAX)
		return -EPROTO;
	if (m->type == MESSAGE_PUSH_WOKEN) {
		push->n_woken++;
		if (push->endpoint[0])
			wake_news(wake);
		return 0;
	}
	memcpy(&told, &m->body, sizeof(told));
	if (m->type != MESSAGE_PUSH_TOLD || told.state >= PUSH_STATE_MAX ||
		(told.state == PUSH_REGISTERED) != url_is_endpoint(told.endpoint))
		return -EPROTO;
	push->state = (enum push_state)told.state;
	push_set_endpoint(wake, told.endpoint);
	return 0;
}

static int push_on_channel(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct wake *wake = userdata;
	struct message m;
	int r = channel_receive(fd, ROLE_ENFORCER, ROLE_SESSION, &m);

	(void)source;
	(void)events;
	if (r == -EAGAIN)
		return 0;
	if (r == 0) {
		r = push_take(wake, &m);
		message_done(&m);
	}
	if (r == -EPROTO) {
		log_warning("mdm-agent-session said what does not fit the table, or too much; it "
			    "is ended");
		push_pause(wake);
	} else if (r < 0) {
		wake->push.channel_source = sd_event_source_unref(wake->push.channel_source);
	}
	return 0;
}

static int push_on_child(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct wake *wake = userdata;
	struct wake_push *push = &wake->push;
	bool ending = push->ending;

	(void)source;
	(void)info;
	push->pid = 0; /* sd-event reaps it */
	if (push->endpoint[0] && !ending)
		push_set_endpoint(wake, "");
	if (ending) {
		push_drop_program(wake);
		if (push->wanted)
			push_begin(wake);
	} else {
		push_pause(wake);
	}
	return 0;
}

/* Unguessable for others than the session's own programs, and the same as long as the enrolment. */
static int push_token(const struct enforcer *e, char ret_token[65])
{
	uint8_t digest[SHA256_BYTES];
	char text[128];
	int n = snprintf(text, sizeof(text), "mdm-agent push %s", e->state.facts.enrolment_id);

	if (sha256(text, (size_t)n, digest) < 0)
		return -EIO;
	hex_encode(digest, 16, ret_token);
	return 0;
}

static int push_launch(struct wake *wake)
{
	struct wake_push *push = &wake->push;
	struct enforcer *e = wake->e;
	struct msg_push_begin begin = {.description = "Device management"};
	char uid[16], gid[16], runtime[LIMIT_TEXT_BYTES], bus[LIMIT_TEXT_BYTES + 64];
	const char *argv[] = {e->options.session_program, "push", uid, gid, NULL};
	const char *env[] = {runtime, bus, NULL};
	int r = push_token(e, begin.token);

	snprintf(uid, sizeof(uid), "%" PRIu32, push->uid);
	snprintf(gid, sizeof(gid), "%" PRIu32, push->gid);
	snprintf(runtime, sizeof(runtime), "XDG_RUNTIME_DIR=%s/%s", e->options.runtime_dir, uid);
	snprintf(bus, sizeof(bus), "DBUS_SESSION_BUS_ADDRESS=unix:path=%s/%s/bus",
		e->options.runtime_dir, uid);
	if (r == 0)
		r = role_start(argv, env, &push->pid, &push->channel_fd);
	if (r == 0)
		r = sd_event_add_child(
			e->event, &push->child_source, push->pid, WEXITED, push_on_child, wake);
	if (r >= 0)
		r = sd_event_add_io(e->event, &push->channel_source, push->channel_fd, EPOLLIN,
			push_on_channel, wake);
	if (r >= 0)
		/* Messages first: the end of the process must not overtake its last words. */
		r = sd_event_source_set_priority(push->channel_source, SD_EVENT_PRIORITY_IMPORTANT);
	if (r >= 0)
		r = channel_send(
			push->channel_fd, ROLE_ENFORCER, MESSAGE_PUSH_BEGIN, &begin, NULL, 0);
	return r < 0 ? r : 0;
}

/* --- for whom ---------------------------------------------------------------------------- */

static void push_on_user(uint32_t uid, uint32_t gid, bool lost, void *userdata)
{
	struct wake *wake = userdata;
	struct wake_push *push = &wake->push;

	if (!lost && uid == push->uid && push->pid > 0)
		return;
	push->uid = uid;
	push->gid = gid;
	push->state = PUSH_NO_SERVICE;
	push_drop_program(wake);
	if (lost) {
		session_watch_free(TAKE_PTR(push->watch));
		push_pause(wake);
	} else if (uid) {
		push->failures = 0;
		push_begin(wake);
	}
}

/* The next step towards a registration. */
static void push_begin(struct wake *wake)
{
	struct wake_push *push = &wake->push;

	if (!push->wanted || push->pid > 0 || push->pause)
		return;
	if (!push->watch) {
		push->uid = 0;
		if (session_watch_new(&wake->e->platform, push_on_user, wake, &push->watch) < 0)
			push_pause(wake);
		return;
	}
	if (!push->uid)
		return; /* nobody is there; the watch tells */
	push->started_us = clock_boottime_us();
	if (push_launch(wake) < 0)
		push_pause(wake);
}

static int push_start(struct wake *wake)
{
	if (wake->push.wanted)
		return 0;
	wake->push.wanted = true;
	push_begin(wake);
	return 0;
}

static int push_on_end(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct wake *wake = userdata;

	(void)source;
	(void)usec;
	push_drop_program(wake);
	/* Wanted again meanwhile. */
	push_begin(wake);
	return 0;
}

/* The registration goes back to the service, if that does not take long. */
static void push_stop(struct wake *wake)
{
	struct wake_push *push = &wake->push;
	struct msg_none nothing = {{0}};

	if (!push->wanted)
		return;
	push->wanted = false;
	push->failures = 0;
	push->pause = sd_event_source_unref(push->pause);
	session_watch_free(TAKE_PTR(push->watch));
	push->endpoint[0] = 0;
	if (push->pid <= 0)
		return;
	push->ending = true;
	push->end_source = sd_event_source_unref(push->end_source);
	if (channel_send(push->channel_fd, ROLE_ENFORCER, MESSAGE_PUSH_END, &nothing, NULL, 0) <
			0 ||
		sd_event_add_time(wake->e->event, &push->end_source, CLOCK_BOOTTIME,
			(uint64_t)(clock_boottime_us() + PUSH_END_US), USEC_PER_SEC, push_on_end,
			wake) < 0)
		push_drop_program(wake);
}

void wake_push_init(struct wake_push *push)
{
	*push = (struct wake_push){.channel_fd = -1, .state = PUSH_NO_SERVICE};
}

void wake_push_done(struct wake *wake)
{
	struct wake_push *push = &wake->push;

	push->wanted = false;
	sd_event_source_unref(push->pause);
	session_watch_free(push->watch);
	push_drop_program(wake);
}

const struct wake_transport wake_push = {
	.name = "push",
	.help = "the push service of the session",
	.wanted = push_wanted,
	.start = push_start,
	.stop = push_stop,
};
