/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait.c - phones that wait for news; see wait.h. mdm-server only.
 *
 * A phone that waits costs memory and a descriptor, nothing else: so there is a bound of its own
 * for them, and each phone has one place. Waking a group of thousands at once would bring them all
 * back in the same second: they stand in a queue and are let go at a rate, those of one phone's
 * command not.
 */
#include "server/wait.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/codec.h"
#include "server/push.h"
#include "server/server.h"

#define WAIT_BUCKETS 4096 /* chains stay short with some ten thousands */
/* Below the patience of the phone, and not the same for all that came together. */
#define WAIT_SECONDS_MIN (LIMIT_WAIT_SECONDS - 240)
#define WAIT_SECONDS_MAX (LIMIT_WAIT_SECONDS - 30)
#define WAIT_TICKS_PER_SECOND 10
/* For those for whom there is no room: about the next check-in will do as well. */
#define WAIT_RETRY_MIN_S 300
#define WAIT_RETRY_MAX_S 900

struct wait {
	struct wait *next; /* of the bucket */
	struct wait *queue_next, *queue_previous;
	struct waits *waits;
	struct http_conn *conn;
	bool queued;
	char device[STORE_ID_LENGTH + 1], ticket[STORE_ID_LENGTH + 1];
	char groups[]; /* "A,B" */
};

struct waits {
	struct waits_options options;
	struct wait *buckets[WAIT_BUCKETS];
	size_t n;
	struct wait *queue, *queue_tail; /* to be woken, the first ones first */
	struct event *tick;
	bool ticking;
};

/* Spreads load; without randomness everything still works. */
static int wait_draw(int min, int max)
{
	uint32_t random = 0;

	(void)RAND_bytes((unsigned char *)&random, sizeof(random));
	return min + (int)(random % (uint32_t)(max - min + 1));
}

/* --- who waits --------------------------------------------------------------------------- */

/* Device ids are digests: any part of one is evenly spread. */
static struct wait **wait_bucket(struct waits *waits, const char *id)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < 8 && id[i]; i++)
		hash = hash << 4 | (uint32_t)(id[i] <= '9' ? id[i] - '0' : id[i] - 'a' + 10);
	return &waits->buckets[hash % WAIT_BUCKETS];
}

static struct wait *wait_find(const struct waits *waits, const char *id)
{
	struct wait *w = *wait_bucket((struct waits *)(uintptr_t)waits, id);

	while (w && strcmp(w->device, id) != 0)
		w = w->next;
	return w;
}

static void wait_unqueue(struct wait *w)
{
	struct waits *waits = w->waits;

	if (!w->queued)
		return;
	if (w->queue_previous)
		w->queue_previous->queue_next = w->queue_next;
	else
		waits->queue = w->queue_next;
	if (w->queue_next)
		w->queue_next->queue_previous = w->queue_previous;
	else
		waits->queue_tail = w->queue_previous;
	w->queued = false;
}

static void wait_free(struct wait *w)
{
	struct wait **at = wait_bucket(w->waits, w->device);

	wait_unqueue(w);
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	w->waits->n--;
	free(w);
}

static void wait_gone(void *userdata)
{
	wait_free(userdata);
}

static void wait_end(struct wait *w, bool news)
{
	struct http_conn *conn = w->conn;

	wait_free(w);
	http_unpark(conn, news);
}

static void wait_expired(void *userdata)
{
	wait_end(userdata, false);
}

/* --- the queue --------------------------------------------------------------------------- */

static void wait_on_tick(evutil_socket_t fd, short what, void *userdata)
{
	struct timeval next = {.tv_usec = 1000000 / WAIT_TICKS_PER_SECOND};
	struct waits *waits = userdata;
	int64_t n = waits->options.per_second / WAIT_TICKS_PER_SECOND;

	(void)fd;
	(void)what;
	for (n = n < 1 ? 1 : n; n > 0 && waits->queue; n--)
		wait_end(waits->queue, true);
	/* One more round after the last one keeps the rate for what comes in between. */
	waits->ticking = waits->queue != NULL || n == 0;
	if (waits->ticking)
		evtimer_add(waits->tick, &next);
}

static void wait_enqueue(struct wait *w)
{
	struct waits *waits = w->waits;

	if (w->queued)
		return;
	w->queued = true;
	w->queue_next = NULL;
	w->queue_previous = waits->queue_tail;
	if (waits->queue_tail)
		waits->queue_tail->queue_next = w;
	else
		waits->queue = w;
	waits->queue_tail = w;
}

/* The first ones at once, from the loop: the caller has an answer of its own to write. */
static void wait_start_queue(struct waits *waits)
{
	if (waits->ticking || !waits->queue)
		return;
	waits->ticking = true;
	event_active(waits->tick, EV_TIMEOUT, 0);
}

static bool wait_in_group(const struct wait *w, const char *group)
{
	size_t n = strlen(group);

	for (const char *at = w->groups; *at; at += *at == ',') {
		size_t length = strcspn(at, ",");

		if (length == n && memcmp(at, group, n) == 0)
			return true;
		at += length;
	}
	return false;
}

static bool wait_of_ticket(const struct wait *w, const char *ticket)
{
	return strcmp(w->ticket, ticket) == 0;
}

static bool wait_any(const struct wait *w, const char *nothing)
{
	(void)w;
	(void)nothing;
	return true;
}

static void wait_wake(struct server *server,
	bool (*concerned)(const struct wait *w, const char *name), const char *name)
{
	struct waits *waits = server->waits;
	int64_t mark;

	for (size_t i = 0; i < WAIT_BUCKETS; i++)
		for (struct wait *w = waits->buckets[i]; w; w = w->next)
			if (concerned(w, name))
				wait_enqueue(w);
	wait_start_queue(waits);
	/* The others, as far as they can be reached; the change has the newest mark. */
	if (store_mark(server->store, &mark) == 0)
		push_newer(server, mark - 1);
}

void wait_wake_device(struct server *server, const char *id)
{
	struct wait *w = wait_find(server->waits, id);

	if (w)
		wait_end(w, true);
	else
		push_device(server, id);
}

void wait_wake_ticket(struct server *server, const char *ticket)
{
	wait_wake(server, wait_of_ticket, ticket);
}

void wait_wake_group(struct server *server, const char *group)
{
	wait_wake(server, wait_in_group, group);
}

void wait_wake_all(struct server *server)
{
	wait_wake(server, wait_any, NULL);
}

void wait_wake_document(struct server *server, const struct store_document *document)
{
	const char *id = strchr(document->address, ':');

	switch (document->type) {
	case STORE_KEYSET:
		wait_wake_all(server);
		break;
	case STORE_POLICY:
		wait_wake_group(server, document->address);
		break;
	case STORE_ASSIGNMENT:
		if (id && strncmp(document->address, "device:", 7) == 0)
			wait_wake_device(server, id + 1);
		else if (id)
			wait_wake_ticket(server, id + 1);
		break;
	case STORE_TYPE_MAX:
		break;
	}
}

/* --- the route --------------------------------------------------------------------------- */

static void wait_no_room(struct http_conn *conn)
{
	char header[40];

	snprintf(header, sizeof(header), "Retry-After: %d\r\n",
		wait_draw(WAIT_RETRY_MIN_S, WAIT_RETRY_MAX_S));
	http_refuse_with(conn, 503, header, "too many phones wait here; check in as usual");
}

/* Takes the place of an older wait of the same phone, whose connection may be half dead. */
static void wait_begin(struct server *server, struct http_conn *conn,
	const struct store_device *device, const char *groups)
{
	struct http_parking parking = {
		.seconds = wait_draw(WAIT_SECONDS_MIN, WAIT_SECONDS_MAX),
		.expired = wait_expired,
		.gone = wait_gone,
	};
	struct waits *waits = server->waits;
	struct wait *w = wait_find(waits, device->id), **bucket;
	size_t n_groups = strlen(groups) + 1;

	if (w)
		wait_end(w, false);
	if ((int64_t)waits->n >= waits->options.max) {
		wait_no_room(conn);
		return;
	}
	w = calloc(1, sizeof(*w) + n_groups);
	if (!w) {
		http_refuse(conn, 503, "memory", "the server is out of memory; try again later");
		return;
	}
	w->waits = waits;
	w->conn = conn;
	memcpy(w->device, device->id, sizeof(w->device));
	memcpy(w->ticket, device->ticket, sizeof(w->ticket));
	memcpy(w->groups, groups, n_groups);
	parking.userdata = w;
	if (http_park(conn, &(struct http_answer){.status = 200}, &parking) < 0) {
		free(w);
		http_refuse(conn, 503, "busy", "nobody can wait here now; try again later");
		return;
	}
	bucket = wait_bucket(waits, w->device);
	w->next = *bucket;
	*bucket = w;
	waits->n++;
}

static bool wait_read_mark(const struct http_request *request, int64_t *ret_mark)
{
	static const char *const allowed[] = {"mark", NULL};
	struct http_query query;
	const char *mark;

	if (http_query_parse(request->head->query, allowed, &query) < 0)
		return false;
	mark = http_query_get(&query, "mark");
	return mark && parse_int64(mark, 0, INT64_C(1) << 53, ret_mark) == 0;
}

void wait_receive(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	struct store_assigned assigned;
	struct store_device device;
	bool changed = false;
	int64_t mark;
	int r;

	if (!wait_read_mark(request, &mark)) {
		http_refuse(conn, 400, "bad_request", "mark must be that of the last check-in");
		return;
	}
	r = store_device_get(server->store, request->peer->device, &device);
	if (r == STORE_E_NOT_FOUND || (r == 0 && device.withdrawn_s)) {
		http_refuse(conn, 403, "device", "this device is not known here; enrol it again");
		return;
	}
	if (r == 0)
		r = store_changed_since(server->store, device.id, device.ticket, mark, &changed);
	if (r == 0)
		r = store_assigned(server->store, device.id, device.ticket, &assigned);
	if (r)
		server_store_failed(server, conn, r < 0 ? r : -EIO, "look for changes");
	else if (changed)
		http_answer(conn, &(struct http_answer){.status = 200});
	else
		wait_begin(server, conn, &device, assigned.groups);
}

/* --- life -------------------------------------------------------------------------------- */

int waits_new(const struct waits_options *options, struct waits **ret_waits)
{
	struct waits *waits = calloc(1, sizeof(*waits));

	if (!waits)
		return -ENOMEM;
	waits->options = *options;
	waits->tick = evtimer_new(options->base, wait_on_tick, waits);
	if (!waits->tick) {
		free(waits);
		return -ENOMEM;
	}
	*ret_waits = waits;
	return 0;
}

void waits_free(struct waits *waits)
{
	if (!waits)
		return;
	event_free(waits->tick);
	free(waits);
}

void waits_configure(struct waits *waits, int64_t max, int64_t per_second)
{
	waits->options.max = max;
	waits->options.per_second = per_second;
}

size_t wait_count(const struct server *server)
{
	return server->waits->n;
}

bool wait_has(const struct server *server, const char *id)
{
	return wait_find(server->waits, id) != NULL;
}
