/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push.c - whom a push service is told about, and how often; see push.h. mdm-server only.
 *
 * A phone stands in one list from the first word about it until a minute after it was sent: what
 * comes within that minute is sent at its end, once. The list is bounded; so are the connections.
 */
#include "server/push.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <openssl/ssl.h>

#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/util/url.h"
#include "server/server.h"

#define PUSH_TICK_US 250000
#define PUSH_LOOKED_AT 100 /* phones of the store in one tick */
#define PUSH_LOG_S 60	   /* a service that is down is not helped by a line per phone */

struct push_phone {
	struct push_phone *next;
	struct push *push;
	struct push_post *post; /* under way */
	bool wanted;
	int64_t again_us; /* not before */
	char id[STORE_ID_LENGTH + 1];
	char endpoint[LIMIT_URL_BYTES + 1];
};

struct push {
	struct server *server;
	struct event *tick;
	bool ticking;
	SSL_CTX *context;
	struct evdns_base *dns;
	struct push_phone *phones;
	size_t n_phones, n_posts;
	bool looking;	   /* through the store */
	int64_t mark;	   /* for what is newer */
	int64_t next_mark; /* of another look that was asked for meanwhile; -1: none */
	char after[STORE_ID_LENGTH + 1];
	struct push_counts counts;
	int64_t logged_s;
};

/* --- which endpoints --------------------------------------------------------------------- */

static bool push_begins(const char *endpoint, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(endpoint, prefix, n) == 0 &&
	       (prefix[n - 1] == '/' || endpoint[n] == '/' || endpoint[n] == '?' || !endpoint[n]);
}

bool push_is_allowed(const struct config_list *prefixes, const char *endpoint)
{
	if (!url_is_endpoint(endpoint))
		return false;
	for (size_t i = 0; i < prefixes->n; i++)
		if (push_begins(endpoint, prefixes->items[i]))
			return true;
	return false;
}

const char *push_check_prefix(const char *prefix)
{
	return url_is_endpoint(prefix) && !strchr(prefix, '?')
		       ? NULL
		       : "must be the beginning of an https URL, as https://push.example.org/";
}

static bool push_is_on(const struct server *server)
{
	return server->push && server->config && server->config->push_endpoints.n > 0;
}

/* --- one phone --------------------------------------------------------------------------- */

static void push_kick(struct push *push)
{
	if (push->ticking)
		return;
	push->ticking = true;
	event_active(push->tick, EV_TIMEOUT, 0);
}

static void push_failed(struct push *push, const char *endpoint, const char *why)
{
	int64_t now_s = clock_boottime_us() / USEC_PER_SEC;
	const char *host = endpoint + strlen("https://");

	push->counts.failed++;
	if (push->logged_s && now_s - push->logged_s < PUSH_LOG_S)
		return;
	push->logged_s = now_s;
	log_warning("the push service %.*s could not be told: %s; the phone comes at its interval",
		(int)strcspn(host, "/?"), host, why);
}

static void push_done(int status, const char *why, void *userdata)
{
	struct push_phone *phone = userdata;
	struct push *push = phone->push;
	char text[32];

	phone->post = NULL;
	push->n_posts--;
	if (status >= 200 && status < 300) {
		push->counts.sent++;
	} else {
		snprintf(text, sizeof(text), "HTTP status %d", status);
		push_failed(push, phone->endpoint, status ? text : why);
	}
	push_kick(push);
}

static void push_start(struct push *push, struct push_phone *phone)
{
	struct push_post_options options = {
		.base = push->server->base,
		.dns = push->dns,
		.context = push->context,
		.endpoint = phone->endpoint,
		.done = push_done,
		.userdata = phone,
	};
	int r;

	phone->wanted = false;
	phone->again_us = clock_boottime_us() + BOUND_PUSH_DISTANCE_SECONDS * USEC_PER_SEC;
	r = push_post_new(&options, &phone->post);
	if (r == 0)
		push->n_posts++;
	else
		push_failed(push, phone->endpoint,
			r == -ENOENT ? "there is no name server" : strerror(-r));
}

static void push_add(struct push *push, const char *id, const char *endpoint)
{
	struct push_phone *phone = push->phones;

	if (!push_is_allowed(&push->server->config->push_endpoints, endpoint)) {
		push->counts.refused++;
		return;
	}
	while (phone && strcmp(phone->id, id) != 0)
		phone = phone->next;
	if (!phone) {
		if (push->n_phones == BOUND_PUSHES || !(phone = calloc(1, sizeof(*phone)))) {
			push->counts.dropped++;
			return;
		}
		phone->push = push;
		phone->next = push->phones;
		push->phones = phone;
		push->n_phones++;
		snprintf(phone->id, sizeof(phone->id), "%s", id);
	}
	phone->wanted = true;
	if (!phone->post)
		snprintf(phone->endpoint, sizeof(phone->endpoint), "%s", endpoint);
	push_kick(push);
}

void push_device(struct server *server, const char *id)
{
	struct store_device device;

	if (!push_is_on(server) || store_device_get(server->store, id, &device) != 0)
		return;
	if (device.push[0] && !device.withdrawn_s)
		push_add(server->push, device.id, device.push);
}

/* --- all of them ------------------------------------------------------------------------- */

void push_newer(struct server *server, int64_t mark)
{
	struct push *push = server->push;

	if (!push_is_on(server))
		return;
	if (push->looking) {
		if (push->next_mark < 0 || mark < push->next_mark)
			push->next_mark = mark;
		return;
	}
	push->looking = true;
	push->mark = mark;
	push->after[0] = 0;
	push_kick(push);
}

struct push_page {
	struct push *push;
	size_t n, n_found;
	struct {
		char id[STORE_ID_LENGTH + 1], ticket[STORE_ID_LENGTH + 1];
		char endpoint[LIMIT_URL_BYTES + 1];
	} found[PUSH_LOOKED_AT];
};

static int push_on_device(const struct store_device *device, void *userdata)
{
	struct push_page *page = userdata;
	size_t i = page->n_found;

	page->n++;
	memcpy(page->push->after, device->id, sizeof(page->push->after));
	if (!device->push[0] || device->withdrawn_s || wait_has(page->push->server, device->id))
		return 0;
	memcpy(page->found[i].id, device->id, sizeof(device->id));
	memcpy(page->found[i].ticket, device->ticket, sizeof(device->ticket));
	memcpy(page->found[i].endpoint, device->push, sizeof(device->push));
	page->n_found++;
	return 0;
}

/* The next page; a list that is full is waited for. */
static void push_look(struct push *push)
{
	struct push_page page = {.push = push};
	struct store *store = push->server->store;
	bool changed;

	if (!push->looking || push->n_phones + PUSH_LOOKED_AT > BOUND_PUSHES)
		return;
	if (store_device_list(store, push->after, PUSH_LOOKED_AT, push_on_device, &page) < 0)
		page.n =
			0; /* phones come at their interval; the store says its trouble elsewhere */
	for (size_t i = 0; i < page.n_found; i++)
		if (store_changed_since(store, page.found[i].id, page.found[i].ticket, push->mark,
			    &changed) == 0 &&
			changed)
			push_add(push, page.found[i].id, page.found[i].endpoint);
	if (page.n == PUSH_LOOKED_AT)
		return;
	push->looking = false;
	if (push->next_mark >= 0) {
		int64_t mark = push->next_mark;

		push->next_mark = -1;
		push_newer(push->server, mark);
	}
}

static void push_on_tick(evutil_socket_t fd, short what, void *userdata)
{
	struct timeval next = {.tv_usec = PUSH_TICK_US};
	struct push *push = userdata;
	int64_t now_us = clock_boottime_us();

	(void)fd;
	(void)what;
	push_look(push);
	for (struct push_phone **at = &push->phones; *at;) {
		struct push_phone *phone = *at;

		if (phone->wanted && !phone->post && phone->again_us <= now_us &&
			push->n_posts < BOUND_PUSH_CONNECTIONS)
			push_start(push, phone);
		if (phone->wanted || phone->post || phone->again_us > now_us) {
			at = &phone->next;
			continue;
		}
		*at = phone->next;
		push->n_phones--;
		free(phone);
	}
	push->ticking = push->looking || push->phones;
	if (push->ticking)
		evtimer_add(push->tick, &next);
}

/* --- life -------------------------------------------------------------------------------- */

int push_new(struct server *server, struct push **ret_push)
{
	_cleanup_(push_freep) struct push *push = calloc(1, sizeof(*push));
	int r;

	if (!push)
		return -ENOMEM;
	push->server = server;
	push->next_mark = -1;
	push->tick = evtimer_new(server->base, push_on_tick, push);
	if (!push->tick)
		return -ENOMEM;
	r = push_post_context(&push->context);
	if (r < 0)
		return r;
	/* NULL where there is no resolv.conf: addresses still work. */
	push->dns = evdns_base_new(
		server->base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	*ret_push = TAKE_PTR(push);
	return 0;
}

void push_free(struct push *push)
{
	struct push_phone *next;

	if (!push)
		return;
	for (struct push_phone *phone = push->phones; phone; phone = next) {
		next = phone->next;
		push_post_free(phone->post);
		free(phone);
	}
	if (push->dns)
		evdns_base_free(push->dns, 0);
	if (push->tick)
		event_free(push->tick);
	SSL_CTX_free(push->context);
	free(push);
}

const struct push_counts *push_counts(const struct server *server)
{
	return &server->push->counts;
}
