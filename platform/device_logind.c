/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_logind.c - sleep: logind (or elogind) tells before and after it, and gives a descriptor
 * that delays it while an exchange or a command is under way. Enforcer only.
 */
#include <errno.h>
#include <fcntl.h>

#include "platform/device_private.h"

#define MANAGER_PATH "/org/freedesktop/login1"
#define MANAGER "org.freedesktop.login1.Manager"

/*
 * From "about to sleep" to "back again" without an answer: then it did not happen, or whoever did
 * it is gone. Counted with sleep, so that after a long sleep this and logind's word come together.
 */
#define SLEEPING_MAX_US (60 * USEC_PER_SEC)

static struct device_service *logind_service(struct device *device)
{
	return &device->services[DEVICE_LOGIND];
}

/* --- the inhibitor ----------------------------------------------------------------------- */

static int logind_on_inhibited(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct device *device = userdata;
	struct device_logind *logind = &device->logind;
	int fd, r;

	(void)error;
	logind->call = sd_bus_slot_unref(logind->call);
	r = device_answered(logind_service(device), message);
	if (r == 0)
		r = sd_bus_message_read(message, "h", &fd);
	/* The message keeps its own. */
	if (r >= 0 && logind->holds > 0 && logind->fd < 0)
		logind->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	device_update(device);
	return 0;
}

static void logind_take(struct device *device)
{
	static const struct device_method inhibit = {MANAGER_PATH, MANAGER, "Inhibit"};
	struct device_logind *logind = &device->logind;

	if (logind->fd >= 0 || logind->call)
		return;
	/* A failure is known by what is missing afterwards: the exchange goes on without. */
	(void)device_call(logind_service(device), &inhibit, &logind->call, logind_on_inhibited,
		"ssss", "sleep", "mdm-agent", logind->why, "delay");
}

static void logind_drop(struct device_logind *logind)
{
	logind->call = sd_bus_slot_unref(logind->call);
	if (logind->fd >= 0)
		close(TAKE_FD(logind->fd));
}

void device_logind_hold(struct device *device, const char *why)
{
	struct device_logind *logind = &device->logind;

	if (logind->holds++ == 0)
		snprintf(logind->why, sizeof(logind->why), "%s", why);
	logind_take(device);
}

void device_logind_release(struct device *device)
{
	struct device_logind *logind = &device->logind;

	if (logind->holds == 0 || --logind->holds > 0)
		return;
	logind_drop(logind);
}

/* --- sleep ------------------------------------------------------------------------------- */

static void logind_awake(struct device *device)
{
	device->logind.sleeping = false;
	device->logind.deadline = sd_event_source_unref(device->logind.deadline);
	device_tell(device, DEVICE_RESUMED);
}

static int logind_on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	logind_awake(userdata);
	return 0;
}

static int logind_on_sleep(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct device *device = userdata;
	struct device_logind *logind = &device->logind;
	int starts;

	(void)error;
	if (!device_is_from(logind_service(device), message) ||
		sd_bus_message_read(message, "b", &starts) < 0)
		return 0;
	if (!starts) {
		logind_awake(device);
		return 0;
	}
	logind->sleeping = true;
	logind->deadline = sd_event_source_unref(logind->deadline);
	(void)sd_event_add_time(device->platform->event, &logind->deadline, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + SLEEPING_MAX_US), USEC_PER_SEC / 2,
		logind_on_deadline, device);
	device_tell(device, DEVICE_SLEEPING);
	return 0;
}

/* --- the service ------------------------------------------------------------------------- */

static int logind_subscribe(struct device *device)
{
	return device_match(logind_service(device),
		"path='" MANAGER_PATH "',interface='" MANAGER "',member='PrepareForSleep'",
		logind_on_sleep);
}

static void logind_appeared(struct device *device)
{
	logind_service(device)->presence = DEVICE_PRESENT;
	if (device->logind.holds > 0)
		logind_take(device);
}

static void logind_vanished(struct device *device)
{
	/* What it gave is worth nothing any more. */
	logind_drop(&device->logind);
	if (device->logind.sleeping)
		logind_awake(device);
}

const struct device_service_row device_logind_row = {
	.bus_name = "org.freedesktop.login1",
	.title = "logind",
	.subscribe = logind_subscribe,
	.appeared = logind_appeared,
	.vanished = logind_vanished,
};
