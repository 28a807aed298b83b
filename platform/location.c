/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location.c - what several sources tell about where the phone is, put together; see location.h.
 * Decides which of them run; every effect is in the files of the sources. Enforcer only.
 */
#include "platform/location.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "platform/accounts.h"
#include "platform/location_private.h"

#define NOBODY_UID 65534
#define TIMER_ACCURACY_US (USEC_PER_SEC / 4)

static const struct location_source_row *const rows[LOCATION_SOURCE_MAX] = {
	[LOCATION_FILE] = &location_file_row,
	[LOCATION_GEOCLUE] = &location_geoclue_row,
	[LOCATION_GNSS_SHARE] = &location_gnss_share_row,
	[LOCATION_GPSD] = &location_gpsd_row,
	[LOCATION_MODEM] = &location_modem_row,
	[LOCATION_WIFI] = &location_wifi_row,
};

const char *location_source_name(enum location_source source)
{
	return (unsigned int)source < LOCATION_SOURCE_MAX ? rows[source]->name : NULL;
}

const char *location_event_name(enum location_event_kind kind)
{
	static const char *const names[LOCATION_EVENT_MAX] = {
		[LOCATION_FIX] = "fix",
		[LOCATION_NETWORKS] = "networks",
		[LOCATION_CONNECTED] = "connected",
		[LOCATION_MOVED] = "moved",
		[LOCATION_SWITCHED] = "switched",
		[LOCATION_SOURCES] = "sources",
		[LOCATION_MISSED] = "missed",
		[LOCATION_NO_SCAN] = "no_scan",
	};

	return (unsigned int)kind < LOCATION_EVENT_MAX ? names[kind] : NULL;
}

const char *location_why_name(enum location_why why)
{
	static const char *const names[LOCATION_WHY_MAX] = {
		[LOCATION_TOO_LATE] = "too_late",
		[LOCATION_SWITCHED_OFF] = "switched_off",
		[LOCATION_NO_SOURCE] = "no_source",
	};

	return (unsigned int)why < LOCATION_WHY_MAX ? names[why] : NULL;
}

const char *location_teller_name(enum location_teller teller)
{
	static const char *const names[LOCATION_TELLER_MAX] = {
		[LOCATION_TELLS_NOTHING] = "nothing",
		[LOCATION_TELLS_CELL] = "cell",
		[LOCATION_TELLS_WIFI] = "wifi",
	};

	return (unsigned int)teller < LOCATION_TELLER_MAX ? names[teller] : NULL;
}

/* --- what the sources ask ------------------------------------------------------------------- */

void location_post(struct location *l, enum location_event_kind kind)
{
	l->pending |= 1u << kind;
	location_poke(l);
}

bool location_is_allowed(const struct location *l)
{
	return !l->honour_switch || (l->user_switch.looked && l->user_switch.state != TRUTH_FALSE);
}

static bool location_is_wanted(const struct location *l)
{
	return l->need != LOCATION_OFF || l->watches || l->scan_wanted;
}

bool location_is_looking(const struct location *l)
{
	return l->need != LOCATION_OFF && location_is_allowed(l);
}

bool location_trusts(const struct location *l, uid_t uid)
{
	return uid == 0 || uid == NOBODY_UID || uid == geteuid() ||
	       uid < accounts_first_person(l->platform->sysroot_fd);
}

int location_set_timer(struct location *l, sd_event_source **source, int64_t at_us,
	sd_event_time_handler_t handler)
{
	*source = sd_event_source_unref(*source);
	return sd_event_add_time(l->platform->event, source, CLOCK_BOOTTIME,
		(uint64_t)(at_us > 0 ? at_us : 0), TIMER_ACCURACY_US, handler, l);
}

/* --- fixes ---------------------------------------------------------------------------------- */

/* Whether it is what was asked for. */
static bool is_enough(const struct location *l, const struct fix *fix)
{
	double wanted_m = l->need == LOCATION_FINE ? LOCATION_FINE_M : LOCATION_COARSE_M;

	return !fix->mock && fix->taken_us >= l->wanted_us - LOCATION_FRESH_US &&
	       (fix->accuracy_m <= wanted_m || fix->source == FIX_FIXED);
}

void location_see(struct location *l, enum location_source source, const struct fix *fix)
{
	struct fix named = *fix;

	snprintf(named.provider, sizeof(named.provider), "%s", rows[source]->name);
	if (!location_is_looking(l) || !fix_is_sound(&named) || !fix_is_news(&l->best, &named))
		return;
	l->fix_us[source] = named.taken_us;
	l->best = l->seen = named;
	/* One that is good enough ends it in the next turn. */
	l->answered |= is_enough(l, &named);
	location_post(l, LOCATION_FIX);
}

static void want_end(struct location *l)
{
	l->need = LOCATION_OFF;
	l->patience_over = l->answered = false;
	l->deadline = sd_event_source_unref(l->deadline);
	l->patience = sd_event_source_unref(l->patience);
}

static void want_miss(struct location *l, enum location_why why)
{
	want_end(l);
	l->missed = why;
	location_post(l, LOCATION_MISSED);
}

static void scan_end(struct location *l)
{
	l->scan_wanted = false;
	l->scan_deadline = sd_event_source_unref(l->scan_deadline);
}

static void scan_miss(struct location *l, enum location_why why)
{
	scan_end(l);
	l->no_scan = why;
	location_post(l, LOCATION_NO_SCAN);
}

/* Wants that were answered, or that cannot be. */
static void location_judge(struct location *l)
{
	if (l->honour_switch && l->user_switch.looked && l->user_switch.state == TRUTH_FALSE) {
		/* What was seen just before stays untold. */
		l->pending &= ~(1u << LOCATION_FIX | 1u << LOCATION_NETWORKS |
				1u << LOCATION_CONNECTED | 1u << LOCATION_MOVED);
		if (l->need != LOCATION_OFF)
			want_miss(l, LOCATION_SWITCHED_OFF);
		if (l->scan_wanted)
			scan_miss(l, LOCATION_SWITCHED_OFF);
	}
	if (l->answered)
		want_end(l);
	if (l->scan_wanted && l->wifi.networks.taken_us >= l->scan_wanted_us - LOCATION_FRESH_US) {
		scan_end(l);
		location_post(l, LOCATION_NETWORKS);
	}
}

/* --- the bus -------------------------------------------------------------------------------- */

bool location_is_absent(const struct location *l, const struct bus_peer *peer)
{
	if (!l->bus_wanted || bus_peer_is_here(peer))
		return false;
	return !bus_peer_is_connected(peer) || !bus_peer_is_asking(peer);
}

/* All of them or none: what is owed to one may depend on another. */
static void bus_settle(struct location *l, bool wanted)
{
	struct bus_peer *const peers[] = {&l->geoclue.peer, &l->modem.peer, &l->wifi.peer};

	if (wanted == l->bus_wanted)
		return;
	if (!wanted)
		location_modem_leave(l);
	l->bus_wanted = wanted;
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		if (!wanted)
			bus_peer_close(peers[i]);
		/* Without memory nothing is there to be asked. */
		else if (bus_peer_open(peers[i], l->platform) < 0)
			location_poke(l);
}

/* --- which sources run ---------------------------------------------------------------------- */

static bool bus_is_wanted(const struct location *l)
{
	return location_modem_owes(l) || (location_is_allowed(l) && location_is_wanted(l));
}

static void sources_settle(struct location *l)
{
	if (bus_is_wanted(l))
		bus_settle(l, true);
	/* The file first: where it answers nobody else is asked. */
	for (size_t i = 0; i < LOCATION_SOURCE_MAX; i++) {
		bool wanted = rows[i]->is_wanted(l) && (!rows[i]->uses_bus || l->bus_wanted);

		if (wanted == l->running[i]) {
			if (wanted && rows[i]->settle)
				rows[i]->settle(l);
			continue;
		}
		if (l->running[i])
			rows[i]->stop(l);
		/* What runs in another way than it is to is stopped first. */
		l->running[i] = false;
		l->running[i] = rows[i]->is_wanted(l) && (!rows[i]->uses_bus || l->bus_wanted);
		if (l->running[i])
			rows[i]->start(l);
	}
	/* Last, for who is stopped has something to say: the connection is not the location's
	 * alone, and stays when the location leaves it. */
	if (!bus_is_wanted(l))
		bus_settle(l, false);
}

static void sources_look(struct location *l)
{
	bool changed = false;

	for (size_t i = 0; i < LOCATION_SOURCE_MAX; i++) {
		struct location_source_fact fact = {.present = false};

		rows[i]->look(l, &fact);
		changed |= fact.present != l->present[i];
		l->present[i] = fact.present;
	}
	if (changed)
		l->pending |= 1u << LOCATION_SOURCES;
}

/* Whether everybody who could be asked for a position is not there or has failed. */
static bool is_hopeless(const struct location *l)
{
	return location_is_looking(l) && !l->has_file && location_geoclue_is_out(l) &&
	       l->gnss_share.failed && l->gpsd.failed && l->modem.failed;
}

/* --- telling -------------------------------------------------------------------------------- */

static void location_tell(struct location *l, enum location_event_kind kind)
{
	struct location_event event = {.kind = kind};
	struct fix fix = l->seen;

	if (kind == LOCATION_FIX)
		event.fix = &fix;
	if (kind == LOCATION_NETWORKS || kind == LOCATION_CONNECTED)
		event.networks = &l->wifi.networks;
	if (kind == LOCATION_MISSED)
		event.why = l->missed;
	if (kind == LOCATION_NO_SCAN)
		event.why = l->no_scan;
	l->event(&event, l->userdata);
}

static int location_on_tell(sd_event_source *source, void *userdata)
{
	/* What is known comes before what is missing. */
	static const enum location_event_kind order[LOCATION_EVENT_MAX] = {LOCATION_SWITCHED,
		LOCATION_SOURCES, LOCATION_CONNECTED, LOCATION_NETWORKS, LOCATION_FIX,
		LOCATION_MOVED, LOCATION_MISSED, LOCATION_NO_SCAN};
	struct location *l = userdata;
	bool freed = false;

	(void)source;
	l->tell = sd_event_source_unref(l->tell);
	if (location_is_wanted(l))
		location_switch_start(l);
	location_judge(l);
	if (!location_is_wanted(l))
		location_switch_stop(l);
	sources_settle(l);
	sources_look(l);
	if (is_hopeless(l))
		want_miss(l, LOCATION_NO_SOURCE);
	if (l->scan_wanted && location_is_allowed(l) && location_wifi_is_out(l))
		scan_miss(l, LOCATION_NO_SOURCE);
	l->freed = &freed;
	for (size_t i = 0; i < LOCATION_EVENT_MAX; i++) {
		if (!(l->pending & 1u << order[i]))
			continue;
		l->pending &= ~(1u << order[i]);
		location_tell(l, order[i]);
		if (freed)
			return 0;
	}
	l->freed = NULL;
	return 0;
}

void location_poke(struct location *l)
{
	/* Without memory for it the next change does the same. */
	if (!l->tell)
		(void)sd_event_add_defer(l->platform->event, &l->tell, location_on_tell, l);
}

/* --- public --------------------------------------------------------------------------------- */

static int want_on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	want_miss(userdata, LOCATION_TOO_LATE);
	return 0;
}

static int want_on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct location *l = userdata;

	(void)source;
	(void)usec;
	l->patience = sd_event_source_unref(l->patience);
	l->patience_over = true;
	location_poke(l);
	return 0;
}

int location_want(struct location *l, enum location_need need, int64_t deadline_us)
{
	int64_t now_us = clock_boottime_us();
	int64_t patience_us = (deadline_us - now_us) / 2;
	int r;

	want_end(l);
	l->pending &= ~(1u << LOCATION_MISSED);
	location_poke(l);
	if (need == LOCATION_OFF)
		return 0;
	if (patience_us > LOCATION_PATIENCE_US)
		patience_us = LOCATION_PATIENCE_US;
	r = location_set_timer(l, &l->deadline, deadline_us, want_on_deadline);
	if (r >= 0)
		r = location_set_timer(l, &l->patience, now_us + patience_us, want_on_patience);
	if (r < 0) {
		want_end(l);
		return r;
	}
	l->need = need;
	l->wanted_us = now_us;
	l->deadline_us = deadline_us;
	l->best = (struct fix){.source = FIX_NONE};
	location_switch_refresh(l);
	location_modem_look_at_cell(l);
	return 0;
}

void location_watch(struct location *l, unsigned int watches)
{
	/* Who begins to look is told what there is. */
	if (watches & ~l->watches & LOCATION_WATCH_NETWORKS) {
		l->wifi.networks = (struct fix_networks){.taken_us = 0};
		location_wifi_scan(l);
	}
	l->watches = watches;
	location_poke(l);
}

static int scan_on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	scan_miss(userdata, LOCATION_TOO_LATE);
	return 0;
}

int location_scan(struct location *l, int64_t deadline_us)
{
	int r = location_set_timer(l, &l->scan_deadline, deadline_us, scan_on_deadline);

	if (r < 0)
		return r;
	l->pending &= ~(1u << LOCATION_NO_SCAN);
	l->scan_wanted = true;
	l->scan_wanted_us = clock_boottime_us();
	location_switch_refresh(l);
	location_wifi_scan(l);
	location_poke(l);
	return 0;
}

void location_honour_switch(struct location *l, bool honour)
{
	l->honour_switch = honour;
	location_poke(l);
}

static enum location_teller location_teller(const struct location *l)
{
	if (!(l->watches & LOCATION_WATCH_MOTION))
		return LOCATION_TELLS_NOTHING;
	if (l->running[LOCATION_WIFI] && location_wifi_is_connected(l))
		return LOCATION_TELLS_WIFI;
	return l->running[LOCATION_MODEM] && location_modem_tells(l) ? LOCATION_TELLS_CELL
								     : LOCATION_TELLS_NOTHING;
}

void location_facts(struct location *l, struct location_facts *ret_facts)
{
	*ret_facts = (struct location_facts){
		.user_switch = l->user_switch.state,
		.honour_switch = l->honour_switch,
		.need = l->need,
		.watches = l->watches,
		.teller = location_teller(l),
	};
	snprintf(ret_facts->switch_detail, sizeof(ret_facts->switch_detail), "%s",
		l->user_switch.detail);
	for (size_t i = 0; i < LOCATION_SOURCE_MAX; i++) {
		struct location_source_fact *fact = &ret_facts->sources[i];

		rows[i]->look(l, fact);
		fact->active = l->running[i];
		fact->fix_us = l->fix_us[i];
		if (rows[i]->uses_bus && l->bus_wanted && !bus_peer_is_connected(&l->wifi.peer))
			detail_add(fact->detail, "there is no connection to the system bus");
	}
}

/* sd-bus ends its connections when the loop ends, before anybody is freed. */
static int location_on_exit(sd_event_source *source, void *userdata)
{
	struct location *l = userdata;

	(void)source;
	location_modem_leave(l);
	return 0;
}

int location_new(struct platform *platform, location_event_fn event, void *userdata,
	struct location **ret_location)
{
	struct location *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->platform = platform;
	l->event = event;
	l->userdata = userdata;
	l->honour_switch = true;
	l->gpsd_port = GPSD_PORT;
	l->user_switch.state = TRUTH_UNKNOWN;
	l->user_switch.inotify_fd = -1;
	l->geoclue.peer = (struct bus_peer){.row = &location_geoclue_peer, .userdata = l};
	l->modem.peer = (struct bus_peer){.row = &location_modem_peer, .userdata = l};
	l->wifi.peer = (struct bus_peer){.row = &location_wifi_peer, .userdata = l};
	if (sd_event_add_exit(platform->event, &l->exit, location_on_exit, l) < 0 ||
		sd_event_source_set_priority(l->exit, SD_EVENT_PRIORITY_IMPORTANT) < 0) {
		location_free(l);
		return -ENOMEM;
	}
	location_modem_recover(l);
	if (location_modem_owes(l))
		location_poke(l);
	*ret_location = l;
	return 0;
}

void location_free(struct location *l)
{
	if (!l)
		return;
	if (l->freed)
		*l->freed = true;
	want_end(l);
	scan_end(l);
	for (size_t i = 0; i < LOCATION_SOURCE_MAX; i++)
		if (l->running[i])
			rows[i]->stop(l);
	memset(l->running, 0, sizeof(l->running));
	bus_settle(l, false);
	location_switch_stop(l);
	sd_event_source_unref(l->exit);
	sd_event_source_unref(l->tell);
	free(l);
}
