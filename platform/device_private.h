/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_private.h - what the files of the device share: the connection to the system bus and what
 * each source of facts has seen. Only for platform/device*.c and their tests.
 *
 * A source watches one service or the kernel. It costs nothing while nothing changes: no timers
 * that repeat, and only signals that matter are asked for. It never waits; what does not answer in
 * time is unknown. A signal counts only if the owner of the service's name sent it: the system bus
 * lets every user send signals to the agent's connection.
 */
#ifndef MDM_PLATFORM_DEVICE_PRIVATE_H
#define MDM_PLATFORM_DEVICE_PRIVATE_H

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "agent/util/clock.h"
#include "agent/util/mem.h"
#include "platform/device.h"

#define DEVICE_CALL_TIMEOUT_US (10 * USEC_PER_SEC)
#define DEVICE_OWNER_BYTES 64 /* ":1.234" */
#define DEVICE_PATH_BYTES 128
#define DEVICE_TYPE_BYTES 32
#define DEVICE_MATCHES_MAX 3 /* signals asked for of one service */

enum device_service_id {
	DEVICE_LOGIND,
	DEVICE_NETWORK,
	DEVICE_MODEMS,
	DEVICE_SERVICE_MAX,
};

/* Whether a service has told what is asked of it. */
enum device_presence {
	DEVICE_ABSENT,	/* nobody owns the name */
	DEVICE_ASKED,	/* an answer is on its way */
	DEVICE_PRESENT, /* it answered */
	DEVICE_SILENT,	/* it did not, or made no sense */
	DEVICE_PRESENCE_MAX,
};

struct device_service_row {
	const char *bus_name; /* "org.freedesktop.login1" */
	const char *title;    /* for people */
	/* Asks the bus for the signals that matter; once for each connection. 0 or negative. */
	int (*subscribe)(struct device *device);
	void (*appeared)(struct device *device); /* asks for everything */
	void (*vanished)(struct device *device); /* forgets everything */
};
extern const struct device_service_row device_logind_row, device_network_row, device_modems_row;

/* One of them as the bus knows it. */
struct device_service {
	struct device *device;
	const struct device_service_row *row;
	enum device_presence presence;
	char owner[DEVICE_OWNER_BYTES];
	sd_bus_slot *watch, *query, *matches[DEVICE_MATCHES_MAX];
};

struct device_logind {
	bool sleeping;
	unsigned int holds;
	int fd; /* the inhibitor; -1: none */
	char why[LIMIT_TEXT_BYTES + 1];
	sd_bus_slot *call;
	sd_event_source *deadline;
};

/* What NetworkManager's object says. */
struct device_link {
	uint32_t state, connectivity, metered;
	char primary[DEVICE_PATH_BYTES];      /* connection in use; "" or "/": none */
	char primary_type[DEVICE_TYPE_BYTES]; /* "gsm", "802-11-wireless" */
};

struct device_network {
	struct device_link link;
	sd_bus_slot *call;
};

#define DEVICE_MODEMS_COUNT 4 /* phones have one, some have two; the rest is not looked at */

struct device_modem {
	char path[DEVICE_PATH_BYTES]; /* "": free */
	uint32_t registration;
};

struct device_modems {
	struct device_modem modems[DEVICE_MODEMS_COUNT];
	sd_bus_slot *call;
};

struct device_power {
	enum truth charging;
	int fd; /* -1: the kernel tells nothing */
	sd_event_source *source;
};

struct device {
	struct platform *platform;
	device_event_fn event;
	void *userdata;
	struct device_facts facts;
	bool fake; /* never connects to anything */

	sd_bus *bus; /* NULL: not connected */
	sd_bus_slot *disconnected;
	struct watch *socket_watch;
	sd_event_source *retry;
	unsigned int n_retries;
	int64_t connected_us;

	struct device_service services[DEVICE_SERVICE_MAX];
	struct device_logind logind;
	struct device_network network;
	struct device_modems modems;
	struct device_power power;
};

/* A device that has seen nothing and is connected to nothing. 0 or -ENOMEM. */
int device_alloc(struct platform *platform, device_event_fn event, void *userdata,
	struct device **ret_device);

/* A source saw something: puts the facts together and tells what changed. */
void device_update(struct device *device);
void device_tell(struct device *device, enum device_event event);

/* Asks the bus for a signal of the service; rest: the match beyond its sender. 0 or negative. */
int device_match(
	struct device_service *service, const char *rest, sd_bus_message_handler_t handler);
/* Whether the owner of the service's name sent the message. */
bool device_is_from(const struct device_service *service, sd_bus_message *message);
/* An answer: 0, or the negative error it carries, -EPERM where somebody else gave it. The service
 * is PRESENT or SILENT then. */
int device_answered(struct device_service *service, sd_bus_message *message);

struct device_method {
	const char *path, *interface, *member;
};
/* Calls a method of a service that has an owner, never starting it. 0 or negative. */
int device_call(struct device_service *service, const struct device_method *method,
	sd_bus_slot **slot, sd_bus_message_handler_t answered, const char *types, ...);

/* What the sources say, as facts. */
enum truth device_link_online(const struct device_link *link);
enum truth device_link_metered(const struct device_link *link);
enum truth device_modems_roaming(const struct device_modems *modems);
/* Whether the connection in use cannot be a mobile one, so that roaming costs nothing. */
bool device_link_is_local(const struct device_link *link);

/* logind's part of the public functions. */
void device_logind_hold(struct device *device, const char *why);
void device_logind_release(struct device *device);

/* Reads the supplies below the system root. */
enum truth device_power_read(int root_fd);
/* Takes over fd, a socket with the kernel's uevents; -1: opens one. 0 or -errno: then the power
 * supplies are read once and nobody tells of changes. */
int device_power_start(struct device *device, int fd);
void device_power_done(struct device_power *power);
/* Lets only those uevents through that tell of a supply's "online", or of a battery's "status". 0
 * or -errno: all pass. */
int device_power_filter(int fd, bool batteries);

#endif
