/* SPDX-License-Identifier: Apache-2.0 */
/* service.c - see service.h. Enforcer only. */
#include "platform/service.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "platform/bus.h"
#include "platform/session_list.h"

#define SERVICE_PATIENCE_US (5 * USEC_PER_SEC)

struct service_call {
	struct session_call call; /* first */
	struct session_start start;
	sd_bus *bus;
	sd_bus_slot *slot;
	sd_event_source *patience;
};

static void service_free(struct session_call *call)
{
	struct service_call *s = (struct service_call *)call;

	sd_bus_slot_unref(s->slot);
	bus_close(&s->bus);
	sd_event_source_unref(s->patience);
	free(s);
}

static int service_on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	struct service_call *s = userdata;
	const sd_bus_error *error = sd_bus_message_get_error(m);

	(void)ret_error;
	if (error)
		session_finish(&s->start, SESSION_DENIED, "systemd: %.200s",
			error->message ? error->message : error->name);
	else
		session_finish(&s->start, SESSION_DONE, "%s", "");
	return 0;
}

static int service_on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct service_call *s = userdata;

	(void)source;
	(void)usec;
	session_finish(&s->start, SESSION_NO_ANSWER, "systemd does not answer");
	return 0;
}

static bool is_systemd(const struct platform *platform)
{
	_cleanup_close_ int fd =
		fs_open_in_root(platform->sysroot_fd, "run/systemd/system", O_DIRECTORY);

	return fd >= 0;
}

int service_start(const struct session_start *start, const char *unit)
{
	char detail[LIMIT_TEXT_BYTES + 1];
	struct service_call *s;
	int r;

	if (!is_systemd(start->platform))
		return -ENOENT;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->call.free = service_free;
	s->start = *start;
	r = session_bus(start->platform, &s->bus, detail) == SESSION_DONE ? 0 : -ECONNREFUSED;
	/* Nothing that is stopped takes it along, and nothing that is started keeps it waiting. */
	if (r == 0)
		r = sd_bus_call_method_async(s->bus, &s->slot, "org.freedesktop.systemd1",
			"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
			"StartUnit", service_on_answer, s, "ss", unit, "replace-irreversibly");
	if (r >= 0)
		r = sd_event_add_time(start->platform->event, &s->patience, CLOCK_BOOTTIME,
			(uint64_t)(clock_boottime_us() + SERVICE_PATIENCE_US), 10000,
			service_on_patience, s);
	if (r < 0) {
		service_free(&s->call);
		return r;
	}
	*start->slot = &s->call;
	return 0;
}
