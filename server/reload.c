/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload.c - SIGHUP: settings, keys and certificates are read again. mdm-server only.
 *
 * Everything new is made and checked beside what is in force; only then is it exchanged, by steps
 * that cannot fail. What is wrong is logged, and nothing changes. Connections that are there finish
 * with the TLS context that they began with.
 */
#include <errno.h>

#include "agent/util/clock.h"
#include "server/log_event.h"
#include "server/notify.h"
#include "server/run.h"

struct reload {
	struct config config;
	struct pki pki;
	SSL_CTX *device_context, *admin_context;
	char *cacerts;
	size_t n_cacerts;
};

static void reload_done(struct reload *reload)
{
	config_done(&reload->config);
	pki_done(&reload->pki);
	SSL_CTX_free(reload->device_context);
	SSL_CTX_free(reload->admin_context);
	free(reload->cacerts);
}

static int reload_settings(struct run *run, struct reload *reload)
{
	_cleanup_buf_ struct buf problems = BUF_INIT, warnings = BUF_INIT;
	int r = config_load(run->argc, run->argv, &reload->config, &problems, &warnings);

	run_log_lines(LOG_LEVEL_WARNING, &warnings);
	if (r < 0)
		run_log_lines(LOG_LEVEL_ERROR, &problems);
	return r;
}

static int reload_keys(struct run *run, struct reload *reload)
{
	struct pki_problem problem;
	char why[256];
	int r = pki_load(run->config.state, reload->config.client_ca, clock_realtime_s(),
		&reload->pki, &problem);

	if (r < 0) {
		log_error("%s", problem.message);
		return r;
	}
	reload->pki.expired_grace_s = reload->config.expired_grace_days * 86400;
	r = tls_context(&reload->pki, TLS_DEVICES, &reload->device_context, why);
	if (r == 0)
		r = tls_context(&reload->pki, TLS_ADMIN, &reload->admin_context, why);
	if (r < 0) {
		log_error("cannot prepare TLS: %s", why);
		return r;
	}
	return server_make_cacerts(&reload->pki, &reload->cacerts, &reload->n_cacerts);
}

#define EXCHANGE(a, b)                                                                             \
	do {                                                                                       \
		__typeof__(a) exchange_ = (a);                                                     \
		(a) = (b);                                                                         \
		(b) = exchange_;                                                                   \
	} while (0)

/* Keys and certificates; what was in force goes into reload. */
static void reload_exchange(struct run *run, struct reload *reload)
{
	struct server *server = &run->server;

	EXCHANGE(server->pki, reload->pki);
	EXCHANGE(server->cacerts, reload->cacerts);
	EXCHANGE(server->n_cacerts, reload->n_cacerts);
	EXCHANGE(run->device_context, reload->device_context);
	EXCHANGE(run->admin_context, reload->admin_context);
	/* The contexts were made with what stood in reload, which will be gone. */
	SSL_CTX_set_app_data(run->device_context, &server->pki);
	SSL_CTX_set_app_data(run->admin_context, &server->pki);
}

/* What was copied out of the settings at the start. */
static void reload_apply(struct run *run)
{
	struct server *server = &run->server;
	const struct config *config = &run->config;
	struct http_change change = {
		.context = run->device_context,
		.request_seconds = (int)config->request_seconds,
		.idle_seconds = (int)config->idle_seconds,
	};

	log_event_setup(
		(enum config_log_format)config->log_format, (enum log_level)config->log_level);
	run_bound_connections(run);
	change.max_connections = run->max_connections;
	http_listener_change(server->devices, &change);
	change.context = run->admin_context;
	change.max_connections = BOUND_ADMIN_CONNECTIONS;
	http_listener_change(server->admins, &change);
	server->certificate_days = config->certificate_days;
	server->commands_per_hour = config->commands_per_hour;
	server->destructive_per_hour = config->destructive_per_hour;
	server->wakes_per_second = config->wakes_per_second;
	waits_configure(server->waits, server->max_waiting, server->wakes_per_second);
	upkeep_hurry(server->upkeep);
}

static int reload_run(struct run *run, struct buf *kept)
{
	struct reload reload = {0};
	int r = reload_settings(run, &reload);

	if (r == 0)
		r = reload_keys(run, &reload);
	if (r == 0)
		r = config_reload(&run->config, &reload.config, kept);
	if (r == 0) {
		reload_exchange(run, &reload);
		reload_apply(run);
	}
	reload_done(&reload);
	return r;
}

void reload_on_signal(evutil_socket_t fd, short what, void *userdata)
{
	_cleanup_buf_ struct buf kept = BUF_INIT;
	struct run *run = userdata;
	struct log_event event;
	int r;

	(void)fd;
	(void)what;
	if (run->ending_s)
		return;
	notify_reloading();
	r = reload_run(run, &kept);
	if (r == 0) {
		run->server.metrics.reloads++;
		log_event_begin(&event, LOG_LEVEL_INFO, "reloaded");
		log_event_text(&event, "at_next_start", kept.data);
	} else {
		run->server.metrics.reloads_refused++;
		log_event_begin(&event, LOG_LEVEL_ERROR, "reload_refused");
		log_event_text(
			&event, "msg", "everything stays as it was; correct it and reload again");
	}
	log_event_end(&event);
	notify_ready();
}
