/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkin.c - POST /v1/checkin (docs/protocol.md, section 4). mdm-server only.
 *
 * Check-ins that arrive in one round of the loop share a transaction: one commit, and one wait
 * for the disk if anything is acknowledged. Nobody is answered before the commit; if it fails,
 * everybody of the batch gets 503 and nothing of it is stored. What a phone can get wrong is
 * checked before the first write, so that one phone cannot fail the batch of others.
 */
#include <errno.h>
#include <inttypes.h>
#include <strings.h>

#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "server/apps.h"
#include "server/escrow.h"
#include "server/server.h"
#include "server/store_command.h"
#include "server/store_upkeep.h"

#define LOCATION_SECTION "location"
#define CLONE_LOG_S 3600 /* between two lines in the log about one device */

struct checkin {
	struct checkin *next;
	struct http_conn *conn;
	const struct tls_peer *peer; /* of the connection, which waits for its answer */
	struct report report;	     /* points into the request, which the connection keeps */
	/* The answer. */
	int status; /* 0: not decided yet */
	const char *message;
	struct buf headers, documents;
	struct buf apps; /* a section put together here; the report points into it */
	size_t n_documents;
	int64_t commands[LIMIT_RESPONSE_DOCUMENTS]; /* rows of those in the answer */
	size_t n_commands;
};

static void checkin_free(struct checkin *c)
{
	if (!c)
		return;
	buf_done(&c->headers);
	buf_done(&c->documents);
	buf_done(&c->apps);
	free(c);
}
DEFINE_CLEANUP(struct checkin *, checkin_free)

static int checkin_refuse(struct checkin *c, int status, const char *message)
{
	c->status = status;
	c->message = message;
	return 0;
}

/* --- documents --------------------------------------------------------------------------- */

/* A callback of the store; an answer that is full leaves the rest for the next check-in. */
static int checkin_add_document(const struct store_document *document, void *userdata)
{
	struct checkin *c = userdata;
	struct buf *out = &c->documents;
	struct span body = document->body;

	if (c->n_documents == LIMIT_RESPONSE_DOCUMENTS ||
		out->n_bytes + body.n + 2 > LIMIT_RESPONSE_BYTES) {
		if (c->n_documents <= LIMIT_RESPONSE_DOCUMENTS)
			buf_printf(&c->headers, "MDM-Next-Checkin: %d\r\n", LIMIT_INTERVAL_MIN_S);
		c->n_documents = LIMIT_RESPONSE_DOCUMENTS + 1;
		return STORE_E_STOP;
	}
	if (c->n_documents++)
		buf_puts(out, "\n");
	buf_append(out, body.at, body.n);
	if (body.at[body.n - 1] != '\n')
		buf_puts(out, "\n");
	return out->error;
}

static int checkin_add_policies(struct server *server, struct checkin *c, char *groups)
{
	char *next;
	int r = 0;

	for (char *group = groups; *group && r >= 0; group = next) {
		next = group + strcspn(group, ",");
		if (*next)
			*next++ = 0;
		r = store_document_newest(server->store,
			&(struct store_document){
				.type = STORE_POLICY,
				.address = group,
				.serial = report_have_policy(&c->report, group),
			},
			checkin_add_document, c);
		if (r == STORE_E_STOP)
			return 0;
	}
	return r < 0 ? r : 0;
}

/*
 * A phone without a keyset knows by its ticket which one it wants, and we do not: it gets the
 * newest of them, as many as leave room for the rest. One that holds a keyset gets every later one
 * in order.
 */
static int checkin_add_keysets(struct server *server, struct checkin *c)
{
	int64_t above = c->report.have_keyset, newest = 0;
	int r = 0;

	if (above == 0)
		r = store_document_serial(server->store, STORE_KEYSET, "", &newest);
	if (newest > BOUND_FIRST_KEYSETS)
		above = newest - BOUND_FIRST_KEYSETS;
	return r ? r : store_keysets_above(server->store, above, checkin_add_document, c);
}

static int checkin_add_documents(struct server *server, struct checkin *c, const char *ticket)
{
	struct store_assigned assigned;
	int r = checkin_add_keysets(server, c);

	if (r == 0)
		r = store_assigned(server->store, c->report.device, ticket, &assigned);
	if (r)
		return r < 0 ? r : 0;
	if (assigned.serial > c->report.have_assignment)
		r = store_document_newest(server->store,
			&(struct store_document){
				.type = STORE_ASSIGNMENT,
				.address = assigned.address,
				.serial = c->report.have_assignment,
			},
			checkin_add_document, c);
	if (r)
		return r < 0 ? r : 0;
	return checkin_add_policies(server, c, assigned.groups);
}

/* --- commands ---------------------------------------------------------------------------- */

static int checkin_add_command(int64_t row, struct span document, void *userdata)
{
	struct checkin *c = userdata;
	int r = checkin_add_document(&(struct store_document){.body = document}, c);

	if (r == 0)
		c->commands[c->n_commands++] = row;
	return r;
}

/* Behind all other documents; what has no place in this answer comes with the next. */
static int checkin_add_commands(struct server *server, struct checkin *c, int64_t now_s)
{
	struct store_step step = {COMMAND_DELIVERED, "", "", now_s};
	struct store_command addressee = {.created_s = now_s};
	int r;

	if (c->n_documents > LIMIT_RESPONSE_DOCUMENTS)
		return 0;
	memcpy(addressee.device, c->report.device, sizeof(addressee.device));
	memcpy(addressee.enrolment, c->report.enrolment, sizeof(addressee.enrolment));
	r = store_command_waiting(server->store, &addressee, checkin_add_command, c);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->n_commands; i++) {
		r = store_command_move(server->store, c->commands[i], &step);
		if (r < 0)
			return r;
		server->counts.commands_delivered++; /* STORE_E_STALE: for another time */
	}
	return 0;
}

/*
 * What a phone says moves its own commands by the state machine. Everything else it may say is
 * kept as an event, because people can read that, and changes nothing.
 */
static int checkin_hear(struct server *server, const char *device, struct span data, int64_t now_s)
{
	struct report_command said;
	struct store_command command;
	int r = STORE_E_NOT_FOUND;

	if (report_command_parse(data, &said) == 0)
		r = store_command_get(server->store, said.id, 0, &command);
	if (r == 0 && strcmp(command.device, device) != 0)
		r = STORE_E_NOT_FOUND; /* another phone's is not this one's to know */
	if (r == 0)
		r = store_command_hear(server->store, command.row,
			&(struct store_step){said.state, said.reason, said.detail, now_s});
	if (r > 0)
		server->counts.command_nonsense++;
	return r < 0 ? r : 0;
}

/* --- what the phone says ----------------------------------------------------------------- */

static const char *checkin_held(const struct store_digests *held, const char *name)
{
	for (size_t i = 0; i < held->n; i++)
		if (strcmp(held->sections[i].name, name) == 0)
			return held->sections[i].digest;
	return NULL;
}

/* With the new ones of this report, are there too many sections for one device? */
static bool checkin_too_many(const struct report *report, const struct store_digests *held)
{
	size_t n = held->n;

	for (size_t i = 0; i < report->n_sections; i++)
		n += report->sections[i].body.at && !checkin_held(held, report->sections[i].name);
	return n > BOUND_SECTIONS;
}

/* With the bodies of this report, what do the sections of the device take? */
static int checkin_section_bytes(
	struct server *server, const struct report *report, int64_t *ret_bytes)
{
	int r = store_section_bytes(server->store, report->device, report, ret_bytes);

	for (size_t i = 0; i < report->n_sections && r == 0; i++)
		*ret_bytes += report->sections[i].body.at ? (int64_t)report->sections[i].body.n : 0;
	return r;
}

/* STORE_E_FULL: it has to come again. */
static int checkin_store_section(struct server *server, struct checkin *c,
	const struct report_section *section, int64_t now_s)
{
	int r = 0;

	if (strcmp(section->name, ESCROW_SECTION) == 0)
		r = escrow_keep(server->store, &c->report, section->body, now_s);
	return r ? r : store_section_put(server->store, c->report.device, section, now_s);
}

static int checkin_store_sections(
	struct server *server, struct checkin *c, const struct store_digests *held, int64_t now_s)
{
	const char *separator = "MDM-Resend: ";
	int r = 0;

	for (size_t i = 0; i < c->report.n_sections && r == 0; i++) {
		const struct report_section *s = &c->report.sections[i];
		const char *digest = checkin_held(held, s->name);

		if (s->body.at) {
			r = checkin_store_section(server, c, s, now_s);
			if (r == STORE_E_FULL) {
				/* Not ours yet, and not the phone's to forget. */
				buf_printf(&c->headers, "%s%s", separator, s->name);
				separator = ",";
				r = 0;
			}
		} else if (!digest || strcmp(digest, s->digest) != 0) {
			buf_printf(&c->headers, "%s%s", separator, s->name);
			separator = ",";
		}
	}
	if (*separator == ',')
		buf_puts(&c->headers, "\r\n");
	return r;
}

/*
 * Where a phone is stays here only as long as its reports say so: one without that section is from
 * a phone whose policy does not let it tell, or that leaves.
 */
static int checkin_forget_location(
	struct server *server, const struct report *report, const struct store_digests *held)
{
	if (!checkin_held(held, LOCATION_SECTION))
		return 0;
	for (size_t i = 0; i < report->n_sections; i++)
		if (strcmp(report->sections[i].name, LOCATION_SECTION) == 0)
			return 0;
	return store_section_remove(server->store, report->device, LOCATION_SECTION);
}

static int checkin_store_events(
	struct server *server, struct checkin *c, int64_t *last_event, int64_t now_s)
{
	int r = 0;

	for (size_t i = 0; i < c->report.n_events && r == 0; i++) {
		const struct report_event *event = &c->report.events[i];

		r = store_event_add(server->store, c->report.device, event, now_s);
		/* Not one that is told again because its answer was lost. */
		if (r == 0 && event->data.at && event->seq > *last_event)
			r = checkin_hear(server, c->report.device, event->data, now_s);
		if (event->seq > *last_event)
			*last_event = event->seq;
	}
	if (r == 0 && c->report.n_events)
		r = store_event_quota(
			server->store, c->report.device, server->config->events_per_device);
	if (*last_event)
		buf_printf(&c->headers, "MDM-Ack: %" PRId64 "\r\n", *last_event);
	return r;
}

/*
 * A device that another EST server enrolled is recorded when it is first seen. It may bring a
 * ticket of ours that nobody has used; its groups come with that.
 */
static int checkin_adopt(struct server *server, struct checkin *c, int64_t now_s)
{
	struct store_device device = {
		.enrolled_s = now_s,
		.certificate_until_s = c->peer->until_s,
	};
	struct store_ticket ticket;
	int r = STORE_E_NOT_FOUND;

	memcpy(device.id, c->report.device, sizeof(device.id));
	if (c->report.ticket[0])
		r = store_ticket_get(server->store, c->report.ticket, &ticket);
	if (r < 0)
		return r;
	/* One of an image is for those that its list names, which nothing here can tell. */
	if (r == 0 && !ticket.zero_touch && !ticket.used_s && ticket.expires_s > now_s) {
		r = store_ticket_use(server->store, ticket.id, device.id, now_s);
		if (r < 0)
			return r;
		memcpy(device.ticket, ticket.id, sizeof(device.ticket));
	}
	return store_device_enrol(server->store, &device, NULL, 0);
}

/*
 * A number that does not grow: two phones have one identity, or a state directory was put back.
 * The number is kept as it came, so that the next one of either shows it again.
 */
static bool checkin_is_clone(const struct report *report, const struct store_device *device)
{
	return report->number && report->number <= device->report &&
	       strcmp(report->enrolment, device->enrolment) == 0;
}

static void checkin_note_clone(
	struct server *server, const struct store_device *device, int64_t now_s)
{
	server->counts.clones++;
	if (now_s - device->clone_s >= CLONE_LOG_S)
		log_warning(
			"device %s: the number of its reports did not grow; two phones have its "
			"identity, or its state was put back",
			device->id);
}

/*
 * The same key with another enrolment: it may be in the hardware of a phone that was made anew, and
 * its journal then begins at 1. Its events must not be taken for those that we have.
 */
static int checkin_note_enrolment(
	struct server *server, const struct report *report, struct store_device *device)
{
	if (!*device->enrolment || strcmp(report->enrolment, device->enrolment) == 0)
		return 0;
	device->last_event = 0;
	return store_event_renumber(server->store, device->id);
}

/* Inside the transaction. 0: decided (c->status); negative: the batch cannot go on. */
static int checkin_process(struct server *server, struct checkin *c, int64_t now_s)
{
	struct store_seen seen = {
		.report = &c->report,
		.now_s = now_s,
		.certificate_until_s = c->peer->until_s,
	};
	struct store_digests held;
	struct store_device device;
	int64_t mark, section_bytes;
	int r = store_device_get(server->store, c->report.device, &device);

	if (r == STORE_E_NOT_FOUND && c->peer->kind == TLS_PEER_FOREIGN) {
		r = checkin_adopt(server, c, now_s);
		if (r == 0)
			r = store_device_get(server->store, c->report.device, &device);
	}
	if (r == STORE_E_NOT_FOUND)
		return checkin_refuse(c, 403, "this device is not known here; enrol it again");
	if (r == 0 && device.withdrawn_s)
		return checkin_refuse(c, 403, "this device was withdrawn; enrol it anew");
	if (r == 0)
		r = store_digests(server->store, device.id, &held);
	if (r)
		return r;
	r = apps_put_together(server->store, &c->report, &held, &c->apps);
	if (r)
		return r;
	if (checkin_too_many(&c->report, &held))
		return checkin_refuse(c, 400, "the device has too many sections");
	r = checkin_section_bytes(server, &c->report, &section_bytes);
	if (r)
		return r;
	if (section_bytes > server->config->section_bytes)
		return checkin_refuse(c, 400, "the sections of the device are too large together");
	if (checkin_is_clone(&c->report, &device)) {
		checkin_note_clone(server, &device, now_s);
		seen.clone_s = now_s;
	}
	r = checkin_note_enrolment(server, &c->report, &device);
	if (r)
		return r;
	seen.last_event = device.last_event;
	r = checkin_store_sections(server, c, &held, now_s);
	if (r == 0)
		r = checkin_forget_location(server, &c->report, &held);
	if (r == 0)
		r = checkin_store_events(server, c, &seen.last_event, now_s);
	if (r == 0)
		r = store_device_seen(server->store, &seen);
	if (r == 0)
		r = checkin_add_documents(server, c, device.ticket);
	if (r == 0)
		r = checkin_add_commands(server, c, now_s);
	if (r == 0)
		r = store_mark(server->store, &mark);
	if (r == 0)
		buf_printf(&c->headers, "MDM-Mark: %" PRId64 "\r\n", mark);
	if (r == 0 && (c->headers.error || c->documents.error))
		r = -ENOMEM;
	if (r == 0)
		c->status = c->n_documents ? 200 : 204;
	return r;
}

/* --- the batch --------------------------------------------------------------------------- */

static int checkin_is_waiting(int64_t row, struct span document, void *userdata)
{
	(void)row;
	(void)document;
	*(bool *)userdata = true;
	return STORE_E_STOP;
}

/*
 * Must this check-in be on the disk before its answer? If it acknowledges something the phone will
 * then forget; or if a command goes out: a power cut must not make it one that was never delivered,
 * of which nothing that the phone says later could be true.
 */
static bool checkin_must_last(struct server *server, const struct checkin *c, int64_t now_s)
{
	struct store_command addressee = {.created_s = now_s};
	bool waiting = false;

	/* A ticket is only used once and not sent for ever. */
	if (c->report.n_events || (c->peer->kind == TLS_PEER_FOREIGN && c->report.ticket[0]))
		return true;
	for (size_t i = 0; i < c->report.n_sections; i++)
		if (c->report.sections[i].body.at || c->report.sections[i].delta.at)
			return true;
	memcpy(addressee.device, c->report.device, sizeof(addressee.device));
	memcpy(addressee.enrolment, c->report.enrolment, sizeof(addressee.enrolment));
	/* Trouble of the database shows again in the transaction. */
	return store_command_waiting(server->store, &addressee, checkin_is_waiting, &waiting) < 0 ||
	       waiting;
}

static int checkin_transact(struct server *server, struct checkin *batch)
{
	enum store_durability durability = STORE_SURVIVES_CRASH;
	int64_t now_s = clock_realtime_s();
	int r;

	for (struct checkin *c = batch; c; c = c->next)
		if (checkin_must_last(server, c, now_s))
			durability = STORE_SURVIVES_POWER;
	r = store_begin(server->store, durability);
	if (r < 0)
		return r;
	for (struct checkin *c = batch; c && r == 0; c = c->next)
		r = checkin_process(server, c, now_s);
	if (r == 0)
		return store_commit(server->store);
	store_rollback(server->store);
	return r < 0 ? r : -EIO;
}

static void checkin_answer(struct server *server, struct checkin *c, int r)
{
	if (r < 0)
		server_store_failed(server, c->conn, r, "store a check-in");
	else if (c->status >= 400)
		http_refuse(c->conn, c->status, "refused", c->message);
	else
		http_answer(
			c->conn, &(struct http_answer){
					 .status = c->status,
					 .content_type = c->n_documents ? "application/jose" : NULL,
					 .headers = c->headers.data,
					 .body = c->documents.data,
					 .n_body = c->documents.n_bytes,
				 });
}

static void checkin_run_batch(struct server *server)
{
	struct checkin *batch = TAKE_PTR(server->batch), *next;
	int r;

	server->batch_tail = &server->batch;
	server->n_batch = 0;
	if (!batch)
		return;
	r = checkin_transact(server, batch);
	if (r == 0)
		server_note_store(server, 0, NULL);
	for (; batch; batch = next) {
		next = batch->next;
		checkin_answer(server, batch, r);
		checkin_free(batch);
	}
}

void checkin_on_batch(evutil_socket_t fd, short what, void *userdata)
{
	(void)fd;
	(void)what;
	checkin_run_batch(userdata);
}

static void checkin_enqueue(struct server *server, struct checkin *c)
{
	*server->batch_tail = c;
	server->batch_tail = &c->next;
	server->n_batch++;
	/* Behind the connections that this round of the loop still has to read. */
	if (server->n_batch == 1)
		event_active(server->batch_event, EV_TIMEOUT, 0);
	if (server->n_batch == BOUND_BATCH)
		checkin_run_batch(server);
}

static bool checkin_is_json(const char *content_type)
{
	size_t n = strcspn(content_type, "; \t");

	return n == 16 && strncasecmp(content_type, "application/json", 16) == 0;
}

static int checkin_check_escrow(const struct report *report, const char **ret_problem)
{
	for (size_t i = 0; i < report->n_sections; i++)
		if (report->sections[i].body.at &&
			strcmp(report->sections[i].name, ESCROW_SECTION) == 0)
			return escrow_check(report->sections[i].body, ret_problem);
	return 0;
}

void checkin_receive(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	_cleanup_(checkin_freep) struct checkin *c = NULL;
	const char *problem = "";
	int r;

	if (!checkin_is_json(request->head->content_type)) {
		http_refuse(conn, 415, "type", "the content type must be application/json");
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		http_refuse(conn, 503, "memory", "the server is out of memory; try again later");
		return;
	}
	c->conn = conn;
	c->peer = request->peer;
	r = report_parse(request->body, request->n_body, &c->report, &problem);
	if (r == -EBADMSG)
		http_refuse(conn, 400, "report", problem);
	else if (r < 0)
		http_refuse(conn, 503, "failed", "the server could not read the report; try again");
	else if (checkin_check_escrow(&c->report, &problem) < 0)
		http_refuse(conn, 400, "report", problem);
	else if (strcmp(c->report.device, request->peer->device) != 0)
		http_refuse(conn, 403, "device",
			"the report is about another device than the certificate");
	else
		checkin_enqueue(userdata, TAKE_PTR(c));
}
