/* SPDX-License-Identifier: Apache-2.0 */
/* upkeep.c - old rows go; see upkeep.h. mdm-server only. */
#include "server/upkeep.h"

#include <errno.h>

#include "agent/util/clock.h"
#include "server/log_event.h"
#include "server/server.h"
#include "server/store_upkeep.h"

#define UPKEEP_DAY_S 86400

struct upkeep {
	struct server *server;
	struct event *timer;
	int64_t removed; /* in this round */
};

static void upkeep_arm(struct upkeep *upkeep, int64_t seconds, int64_t us)
{
	struct timeval tv = {.tv_sec = (time_t)seconds, .tv_usec = (suseconds_t)us};

	evtimer_add(upkeep->timer, &tv);
}

static void upkeep_end_round(struct upkeep *upkeep)
{
	struct log_event event;

	if (upkeep->removed) {
		log_event_begin(&event, LOG_LEVEL_INFO, "pruned");
		log_event_int(&event, "rows", upkeep->removed);
		log_event_end(&event);
	}
	upkeep->removed = 0;
	upkeep_arm(upkeep, BOUND_UPKEEP_SECONDS, 0);
}

static void upkeep_on_timer(evutil_socket_t fd, short what, void *userdata)
{
	struct upkeep *upkeep = userdata;
	struct server *server = upkeep->server;
	int64_t now_s = clock_realtime_s(), removed = 0;
	struct store_retention retention = {
		.events_before_s = now_s - server->config->keep_events_days * UPKEEP_DAY_S,
		.tickets_before_s = now_s - server->config->keep_tickets_days * UPKEEP_DAY_S,
	};
	int r = store_prune(server->store, &retention, &removed);

	(void)fd;
	(void)what;
	server_note_store(server, r < 0 ? r : 0, "remove old events");
	server->metrics.pruned += (uint64_t)removed;
	upkeep->removed += removed;
	if (r == 0 && removed)
		upkeep_arm(upkeep, 0, BOUND_UPKEEP_PAUSE_US);
	else
		upkeep_end_round(upkeep);
}

int upkeep_new(struct server *server, struct upkeep **ret_upkeep)
{
	struct upkeep *upkeep = calloc(1, sizeof(*upkeep));

	if (!upkeep)
		return -ENOMEM;
	upkeep->server = server;
	upkeep->timer = evtimer_new(server->base, upkeep_on_timer, upkeep);
	if (!upkeep->timer) {
		free(upkeep);
		return -ENOMEM;
	}
	upkeep_hurry(upkeep);
	*ret_upkeep = upkeep;
	return 0;
}

void upkeep_hurry(struct upkeep *upkeep)
{
	upkeep_arm(upkeep, 0, 0);
}

void upkeep_free(struct upkeep *upkeep)
{
	if (!upkeep)
		return;
	event_free(upkeep->timer);
	free(upkeep);
}
