/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor.c - what operators watch: a line of the log and numbers for each request, and the plain
 * listener with /healthz and /metrics. mdm-server only. It shows nothing about a single phone.
 */
#include "server/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "server/log_event.h"
#include "server/server.h"
#include "server/store_upkeep.h"

/* --- requests ---------------------------------------------------------------------------- */

static void monitor_count(struct server *server, const struct http_seen *seen)
{
	struct metrics *m = &server->metrics;
	const char *path = seen->route ? seen->route->path : "";

	if (strncmp(seen->path, "/v1/admin/", 10) == 0) {
		m->admin_requests++;
		return;
	}
	m->requests++;
	if (strcmp(path, "/v1/checkin") == 0)
		metrics_count_checkin(m, seen->status, seen->duration_us);
	else if (strcmp(path, "/.well-known/est/simpleenroll") == 0)
		m->enrolments += seen->status == 200;
	else if (strcmp(path, "/.well-known/est/simplereenroll") == 0)
		m->renewals += seen->status == 200;
}

/*
 * Is there room for a line? Refused requests cost a stranger nothing and would fill the disk of
 * the log: beyond the bucket they are only counted, and the next line says how many there were.
 */
static bool monitor_may_log(struct monitor *monitor)
{
	static const struct rate_limit lines = {
		.n = BOUND_LOG_LINES,
		.period_us = USEC_PER_SEC,
		.burst = BOUND_LOG_BURST,
	};
	int64_t wait_us;

	if (rate_bucket_take(&monitor->lines, &lines, clock_boottime_us(), &wait_us))
		return true;
	monitor->n_left_out++;
	return false;
}

static void monitor_log_left_out(struct monitor *monitor)
{
	struct log_event event;

	if (!monitor->n_left_out)
		return;
	log_event_begin(&event, LOG_LEVEL_WARNING, "requests_not_logged");
	log_event_int(&event, "count", monitor->n_left_out);
	log_event_end(&event);
	monitor->n_left_out = 0;
}

static void monitor_log(struct server *server, const struct http_seen *seen)
{
	bool refused = seen->status >= 400;
	struct log_event event;
	char peer[64];

	if (server->config->log_requests == CONFIG_LOG_NO_REQUESTS ||
		(server->config->log_requests == CONFIG_LOG_REFUSED && !refused) ||
		!monitor_may_log(&server->monitor))
		return;
	monitor_log_left_out(&server->monitor);
	config_format_address(seen->address, peer);
	log_event_begin(&event, refused ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "request");
	log_event_text(&event, "method", seen->method);
	log_event_text(&event, "path", seen->path);
	log_event_int(&event, "status", seen->status);
	log_event_int(&event, "duration_us", seen->duration_us);
	log_event_int(&event, "bytes_in", (int64_t)seen->n_in);
	log_event_int(&event, "bytes_out", (int64_t)seen->n_out);
	log_event_text(&event, "peer", peer);
	log_event_text(&event, "device", seen->peer->device);
	if (seen->peer->kind == TLS_PEER_ADMIN)
		log_event_text(&event, "admin", seen->peer->name);
	log_event_end(&event);
}

void monitor_observe(void *userdata, const struct http_seen *seen)
{
	struct server *server = userdata;

	monitor_count(server, seen);
	monitor_log(server, seen);
}

/* --- /healthz ---------------------------------------------------------------------------- */

static void monitor_answer(struct http_conn *conn, int status, const char *type, struct buf *body)
{
	http_answer(conn, &(struct http_answer){
				  .status = body->error ? 503 : status,
				  .content_type = type,
				  .headers = "Cache-Control: no-store\r\n",
				  .body = body->data,
				  .n_body = body->error ? 0 : body->n_bytes,
			  });
}

static void monitor_health(
	void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	int r = store_probe(server->store);

	(void)request;
	if (r == 0)
		buf_puts(&body, "ok\n");
	else
		buf_printf(&body, "the database does not work: %s\n", store_trouble(server->store));
	server_note_store(server, r < 0 ? r : 0, "probe the database");
	monitor_answer(conn, r == 0 ? 200 : 503, "text/plain", &body);
}

/* --- /metrics ---------------------------------------------------------------------------- */

/* 0 if there was none. */
static int64_t monitor_last_backup(const struct server *server)
{
	_cleanup_close_ int fd = open(server->config->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char text[32];
	int64_t time_s;

	if (fd < 0 || fs_read_line(fd, BACKUP_STAMP, text, sizeof(text)) < 0 ||
		parse_int64(text, 0, INT64_MAX, &time_s) < 0)
		return 0;
	return time_s;
}

static void monitor_metrics(
	void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct metrics_state state = {
		.metrics = &server->metrics,
		.refused = server->guard.refused,
		.clones = server->counts.clones,
		.commands_delivered = server->counts.commands_delivered,
		.commands_held = server->counts.commands_held,
		.hardware_refused = server->counts.hardware_refused,
		.audit_dropped = server->counts.audit_dropped,
		.device_connections = http_listener_connections(server->devices),
		.admin_connections = http_listener_connections(server->admins),
		.waiting = (int64_t)wait_count(server),
		.started_s = server->monitor.started_s,
		.last_backup_s = monitor_last_backup(server),
		.server_until_s = pki_until(server->pki.server_cert),
		.device_ca_until_s = pki_until(server->pki.device_ca),
		.root_until_s = pki_until(server->pki.root),
	};
	struct store_counts counts;

	(void)request;
	if (store_counts(server->store, clock_realtime_s(), &counts) == 0 &&
		store_database_bytes(server->store, &state.database_bytes) == 0) {
		state.store_works = true;
		state.devices = counts.devices;
		state.tickets_open = counts.tickets_open;
		state.documents = counts.documents;
		state.last_event = counts.events;
		state.commands_waiting_approval = counts.commands_held;
	}
	metrics_write(&state, &body);
	monitor_answer(conn, 200, METRICS_CONTENT_TYPE, &body);
}

const struct http_route monitor_routes[] = {
	{.method = HTTP_GET, .path = "/healthz", .handle = monitor_health},
	{.method = HTTP_GET, .path = "/metrics", .handle = monitor_metrics},
	{0},
};
