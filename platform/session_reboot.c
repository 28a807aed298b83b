/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_reboot.c - restarts the phone; see session.h. Through logind or elogind, so that the
 * sessions end in order; where there is none, through the system's reboot program. Enforcer only.
 */
#include <errno.h>
#include <time.h>

#include "agent/util/child.h"
#include "agent/util/clock.h"
#include "platform/bus.h"
#include "platform/session_list.h"

#define REBOOT_PATIENCE_US (15 * USEC_PER_SEC)

struct reboot {
	struct session_call call; /* first */
	struct session_start start;
	sd_bus *bus;
	sd_bus_slot *slot;
	sd_event_source *patience;
	struct child *child;
};

static void reboot_free(struct session_call *call)
{
	struct reboot *r = (struct reboot *)call;

	sd_bus_slot_unref(r->slot);
	bus_close(&r->bus);
	sd_event_source_unref(r->patience);
	child_free(r->child);
	free(r);
}

/* --- without a login service --------------------------------------------------------------- */

static void reboot_on_child(const struct child_result *result, void *userdata)
{
	struct reboot *r = userdata;

	if (result->end == CHILD_EXITED && result->code == 0)
		session_finish(&r->start, SESSION_DONE, "the phone restarts");
	else
		session_finish(&r->start, SESSION_DENIED,
			"there is no login service, and the program reboot failed (%s %d)",
			result->end == CHILD_EXITED ? "status" : "signal", result->code);
}

/* 0: the program runs, or the answer was given. */
static void reboot_by_program(struct reboot *r, const char *why)
{
	static const char *const programs[] = {"/sbin/reboot", "/usr/sbin/reboot"};
	const struct platform *platform = r->start.platform;
	struct child_spec spec = {
		.root_fd = platform->sysroot_is_root ? -1 : platform->sysroot_fd,
		.deadline_s = LIMIT_CHILD_SECONDS,
		.merge_stderr = true,
	};
	int e = -ENOENT;

	r->patience = sd_event_source_unref(r->patience);
	for (size_t i = 0; i < ARRAY_SIZE(programs) && e == -ENOENT; i++) {
		const char *argv[] = {programs[i], NULL};

		spec.argv = argv;
		e = child_start(platform->event, &spec, reboot_on_child, r, &r->child);
	}
	if (e == -ENOENT)
		session_finish(&r->start, SESSION_NO_LOGIND,
			"%s, and there is no program reboot either", why);
	else if (e < 0)
		session_finish(&r->start, SESSION_TROUBLE,
			"%s, and the program reboot could not be started: %s", why, strerror(-e));
}

/* --- with one ------------------------------------------------------------------------------ */

static int reboot_on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	struct reboot *r = userdata;
	const sd_bus_error *error = sd_bus_message_get_error(m);
	char detail[LIMIT_TEXT_BYTES + 1];
	enum session_result result;

	(void)ret_error;
	if (!error) {
		session_finish(&r->start, SESSION_DONE, "the phone restarts");
		return 0;
	}
	result = session_error(error, detail);
	if (result == SESSION_NO_LOGIND)
		reboot_by_program(r, detail);
	else
		session_finish(&r->start, result, "%s", detail);
	return 0;
}

static int reboot_on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct reboot *r = userdata;

	(void)source;
	(void)usec;
	session_finish(&r->start, SESSION_NO_ANSWER, "the login service does not answer");
	return 0;
}

static int reboot_on_bad_bus(sd_event_source *source, void *userdata)
{
	(void)source;
	reboot_by_program(userdata, "there is no system bus");
	return 0;
}

/* Orders it over the bus; where there is none, the next turn of the loop runs the program. */
static int reboot_begin(struct reboot *r)
{
	char detail[LIMIT_TEXT_BYTES + 1];
	sd_event *event = r->start.platform->event;
	enum session_result result = session_bus(r->start.platform, &r->bus, detail);
	int e;

	if (result == SESSION_TROUBLE)
		return -ENOMEM;
	if (result != SESSION_DONE)
		return sd_event_add_defer(event, &r->patience, reboot_on_bad_bus, r);
	e = sd_bus_call_method_async(r->bus, &r->slot, LOGIN_NAME, LOGIN_PATH, LOGIN_MANAGER,
		"Reboot", reboot_on_answer, r, "b", 0);
	if (e < 0)
		return e;
	return sd_event_add_time(event, &r->patience, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + REBOOT_PATIENCE_US), 10000, reboot_on_patience, r);
}

int session_reboot(const struct session_start *start)
{
	struct reboot *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	r->call.free = reboot_free;
	r->start = *start;
	e = reboot_begin(r);
	if (e < 0) {
		reboot_free(&r->call);
		return e;
	}
	*start->slot = &r->call;
	return 0;
}
