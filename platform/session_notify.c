/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_notify.c - a notification for whoever is in front of the screen; see session.h. A session
 * bus talks to its own user only, so a small program becomes that user and speaks to it: nothing
 * of root's memory is ever in a process of the user, and what the user's programs say is read by a
 * process that may do no more than they may. Its answer is not trusted. Enforcer only.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "agent/util/buf.h"
#include "agent/util/child.h"
#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "platform/session_list.h"

#define NOTIFY_PATIENCE_US (10 * USEC_PER_SEC) /* to find the session */
#define NOTIFY_DEADLINE_S 10		       /* of the program */

struct notify {
	struct session_call call; /* first */
	struct session_start start;
	struct session_list list;
	struct buf input; /* three texts, each ended by NUL */
	sd_event_source *patience;
	sd_bus_slot *user;
	struct child *child;
	uint32_t uid;
};

static void notify_free(struct session_call *call)
{
	struct notify *n = (struct notify *)call;

	sd_event_source_unref(n->patience);
	sd_bus_slot_unref(n->user);
	session_list_close(&n->list);
	child_free(n->child);
	buf_done(&n->input);
	free(n);
}

/* --- the program ---------------------------------------------------------------------------- */

/* "shown 17\n", "none TEXT\n": nothing else is believed. */
static void notify_judge(struct notify *n, const char *output)
{
	int64_t id;
	char number[12] = "";
	size_t length;

	if (strncmp(output, "shown ", 6) == 0) {
		length = strspn(output + 6, "0123456789");
		if (length < sizeof(number))
			memcpy(number, output + 6, length);
		if (strcmp(output + 6 + length, "\n") == 0 &&
			parse_int64(number, 1, UINT32_MAX, &id) == 0) {
			session_finish(&n->start, SESSION_DONE,
				"shown to the active session as notification %" PRId64, id);
			return;
		}
	}
	if (strcmp(output, "none bus\n") == 0)
		session_finish(&n->start, SESSION_NO_NOTIFICATIONS,
			"the active session has no session bus");
	else if (strcmp(output, "none service\n") == 0)
		session_finish(&n->start, SESSION_NO_NOTIFICATIONS,
			"nothing in the active session shows notifications");
	else if (strcmp(output, "none refused\n") == 0)
		session_finish(&n->start, SESSION_NO_NOTIFICATIONS,
			"the notification service of the active session refused it");
	else if (strcmp(output, "none answer\n") == 0)
		session_finish(&n->start, SESSION_NO_NOTIFICATIONS,
			"the notification service of the active session does not answer");
	else
		session_finish(&n->start, SESSION_TROUBLE,
			"the program that shows notifications ended without a proper answer");
}

static void notify_on_child(const struct child_result *result, void *userdata)
{
	struct notify *n = userdata;

	if (result->end == CHILD_EXITED && result->code == 0)
		notify_judge(n, result->output);
	else if (result->end == CHILD_DEADLINE)
		session_finish(&n->start, SESSION_NO_NOTIFICATIONS,
			"the notification service of the active session does not answer");
	else
		session_finish(&n->start, SESSION_TROUBLE, "%s failed (%s %d)", n->start.helper,
			result->end == CHILD_EXITED ? "status" : "signal", result->code);
}

static void notify_run(struct notify *n, uint32_t gid)
{
	char uid_text[16], gid_text[16], runtime[LIMIT_TEXT_BYTES], bus[LIMIT_TEXT_BYTES + 64];
	const char *argv[] = {n->start.helper, "notify", uid_text, gid_text, NULL};
	const char *env[] = {runtime, bus, NULL};
	struct child_spec spec = {
		.argv = argv,
		.env = env,
		.root_fd = -1,
		.deadline_s = NOTIFY_DEADLINE_S,
		.input = n->input.data,
		.n_input = n->input.n_bytes,
	};
	int r;

	/* The bus is not needed any more, nor are its signals. */
	session_list_close(&n->list);
	n->patience = sd_event_source_unref(n->patience);
	snprintf(uid_text, sizeof(uid_text), "%" PRIu32, n->uid);
	snprintf(gid_text, sizeof(gid_text), "%" PRIu32, gid);
	snprintf(runtime, sizeof(runtime), "XDG_RUNTIME_DIR=%s/%" PRIu32, n->start.runtime_dir,
		n->uid);
	snprintf(bus, sizeof(bus), "DBUS_SESSION_BUS_ADDRESS=unix:path=%s/%" PRIu32 "/bus",
		n->start.runtime_dir, n->uid);
	r = child_start(n->start.platform->event, &spec, notify_on_child, n, &n->child);
	if (r < 0)
		session_finish(&n->start, SESSION_TROUBLE, "%s could not be started: %s",
			n->start.helper, strerror(-r));
}

/* --- for whom ------------------------------------------------------------------------------- */

static int notify_on_gid(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	struct notify *n = userdata;
	const sd_bus_error *error = sd_bus_message_get_error(m);
	char detail[LIMIT_TEXT_BYTES + 1];
	uint32_t gid;

	(void)ret_error;
	n->user = sd_bus_slot_unref(n->user);
	if (error) {
		enum session_result result = session_error(error, detail);

		session_finish(&n->start, result, "%s", detail);
	} else if (!session_list_is_from(&n->list, m) ||
		   sd_bus_message_read(m, "v", "u", &gid) < 0) {
		session_finish(&n->start, SESSION_TROUBLE,
			"the login service does not tell the group of the active session's user");
	} else {
		notify_run(n, gid);
	}
	return 0;
}

static void notify_changed(struct session_list *list, void *userdata)
{
	struct notify *n = userdata;
	const struct session_row *row;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r;

	if (n->user || n->child || !list->listed || session_list_is_reading(list))
		return;
	row = session_list_front(list);
	if (!row) {
		session_finish(&n->start, SESSION_NO_SESSION, "nobody is logged in at the screen");
		return;
	}
	if (row->uid == 0) {
		session_finish(&n->start, SESSION_NO_SESSION,
			"only root is logged in at the screen, and is not told in this way");
		return;
	}
	n->uid = row->uid;
	r = sd_bus_message_new_method_call(list->bus, &m, LOGIN_NAME, row->user_path,
		"org.freedesktop.DBus.Properties", "Get");
	if (r >= 0)
		r = sd_bus_message_append(m, "ss", LOGIN_USER, "GID");
	if (r >= 0)
		r = sd_bus_call_async(list->bus, &n->user, m, notify_on_gid, n, LOGIN_TIMEOUT_US);
	if (r < 0)
		session_finish(&n->start, SESSION_NO_ANSWER, "the login service went away");
}

static void notify_failed(
	struct session_list *list, enum session_result result, const char *detail, void *userdata)
{
	struct notify *n = userdata;

	(void)list;
	session_finish(&n->start, result, "%s", detail);
}

static int notify_on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct notify *n = userdata;

	(void)source;
	(void)usec;
	session_finish(&n->start, SESSION_NO_ANSWER, "the login service does not answer");
	return 0;
}

int session_notify(const struct session_start *start, const struct session_note *note)
{
	char detail[LIMIT_TEXT_BYTES + 1];
	enum session_result result;
	struct notify *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->call.free = notify_free;
	n->start = *start;
	n->list.changed = notify_changed;
	n->list.failed = notify_failed;
	n->list.userdata = n;
	buf_append(&n->input, note->application, strlen(note->application) + 1);
	buf_append(&n->input, note->title, strlen(note->title) + 1);
	buf_append(&n->input, note->text, strlen(note->text) + 1);
	if (n->input.error ||
		sd_event_add_time(start->platform->event, &n->patience, CLOCK_BOOTTIME,
			(uint64_t)(clock_boottime_us() + NOTIFY_PATIENCE_US), 10000,
			notify_on_patience, n) < 0) {
		notify_free(&n->call);
		return -ENOMEM;
	}
	result = session_list_open(&n->list, start->platform, detail);
	if (result != SESSION_DONE) {
		notify_free(&n->call);
		return session_finish_later(start, result, detail);
	}
	*start->slot = &n->call;
	return 0;
}
