/* SPDX-License-Identifier: Apache-2.0 */
/* server.c - what the parts of mdm-server share; see server.h. mdm-server only. */
#include "server/server.h"

#include <errno.h>

#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "server/est.h"
#include "server/push.h"

#define TROUBLE_LOG_S 60 /* a full disk is not helped by a log line per request */

const struct http_route server_device_routes[] = {
	{.method = HTTP_POST,
		.path = "/v1/checkin",
		.needs_device = true,
		.takes_expired = true,
		.max_body = LIMIT_REPORT_BYTES,
		.handle = checkin_receive},
	{.method = HTTP_GET, .path = "/v1/wait", .needs_device = true, .handle = wait_receive},
	/* Anybody may have these; a phone that renews shows its certificate here, too. */
	{.method = HTTP_GET,
		.path = "/.well-known/est/cacerts",
		.takes_expired = true,
		.handle = enrol_cacerts},
	{.method = HTTP_POST,
		.path = "/.well-known/est/simpleenroll",
		.max_body = LIMIT_SERVER_CSR_BYTES,
		.handle = enrol_simple},
	{.method = HTTP_POST,
		.path = "/.well-known/est/simplereenroll",
		.needs_device = true,
		.takes_expired = true,
		.max_body = LIMIT_SERVER_CSR_BYTES,
		.handle = renew_simple},
	{0},
};

void server_note_store(struct server *server, int r, const char *what)
{
	int64_t now_s = clock_realtime_s();

	if (r == 0) {
		if (server->trouble)
			log_info("the database works again");
		server->trouble = 0;
		return;
	}
	if (server->trouble == r && now_s - server->trouble_s < TROUBLE_LOG_S &&
		now_s >= server->trouble_s)
		return;
	server->trouble = r;
	server->trouble_s = now_s;
	log_error("cannot %s: %s; %s", what, store_trouble(server->store),
		r == -ENOSPC	? "make space on the disk of the state directory"
		: r == -EBADMSG ? "the database is damaged: stop the server and restore a backup"
		: r == -EBUSY	? "another process holds the database"
				: "look at the disk of the state directory");
}

void server_store_failed(struct server *server, struct http_conn *conn, int r, const char *what)
{
	server_note_store(server, r, what);
	http_refuse(conn, 503, "store_failed",
		"the server cannot use its database now, nothing was changed; try again later");
}

int server_make_cacerts(const struct pki *pki, char **ret_cacerts, size_t *ret_n_cacerts)
{
	X509 *certs[LIMIT_EST_CERTIFICATES] = {pki->root, pki->device_ca};
	_cleanup_buf_ struct buf cacerts = BUF_INIT;
	size_t n = 2;
	int r;

	/* pki_load() has seen that they fit. */
	for (int i = 0; i < sk_X509_num(pki->other_cas); i++)
		certs[n++] = sk_X509_value(pki->other_cas, i);
	r = est_certs_only(certs, n, &cacerts);
	return r < 0 ? r : buf_take(&cacerts, ret_cacerts, ret_n_cacerts);
}

int server_init(struct server *server)
{
	struct waits_options waiting = {
		.base = server->base,
		.max = server->max_waiting,
		.per_second = server->wakes_per_second,
	};
	int r = server_make_cacerts(&server->pki, &server->cacerts, &server->n_cacerts);

	if (r == 0)
		r = waits_new(&waiting, &server->waits);
	if (r == 0)
		r = push_new(server, &server->push);
	if (r == 0)
		r = upkeep_new(server, &server->upkeep);
	if (r < 0)
		return r;
	server->batch_tail = &server->batch;
	server->batch_event = event_new(server->base, -1, 0, checkin_on_batch, server);
	return server->batch_event ? 0 : -ENOMEM;
}

void server_done(struct server *server)
{
	if (server->batch_event)
		event_free(server->batch_event);
	push_free(server->push);
	waits_free(server->waits);
	upkeep_free(server->upkeep);
	guard_done(&server->guard);
	free(server->cacerts);
	store_close(server->store);
	pki_done(&server->pki);
}
