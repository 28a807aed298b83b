/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - the server from its start to its end; see run.h. mdm-server only. */
#include "server/run.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/util/clock.h"
#include "server/audit.h"
#include "server/lock.h"
#include "server/log_event.h"
#include "server/notify.h"

#define RUN_GRACE_S 5	   /* for answers under way when asked to end */
#define RUN_SPARE_FILES 64 /* descriptors that are not a phone's connection */

void run_log_lines(enum log_level level, const struct buf *lines)
{
	const char *at = lines->data, *end;

	for (; at && *at; at = *end ? end + 1 : end) {
		end = at + strcspn(at, "\n");
		log_line(level, "%.*s", (int)(end - at), at);
	}
}

static void run_done(struct run *run)
{
	http_listener_free(run->server.devices);
	http_listener_free(run->server.admins);
	http_listener_free(run->monitors);
	for (struct event **e = run->events; e < run->events + RUN_EVENT_MAX; e++)
		if (*e)
			event_free(*e);
	server_done(&run->server);
	if (run->server.base)
		event_base_free(run->server.base);
	SSL_CTX_free(run->device_context);
	SSL_CTX_free(run->admin_context);
	closep(&run->lock_fd);
	config_done(&run->config);
}

/* --- the end ----------------------------------------------------------------------------- */

static void run_on_end(evutil_socket_t fd, short what, void *userdata)
{
	struct run *run = userdata;

	(void)fd;
	(void)what;
	if (clock_boottime_us() / USEC_PER_SEC >= run->ending_s ||
		(http_listener_connections(run->server.devices) == 0 &&
			http_listener_connections(run->server.admins) == 0))
		event_base_loopbreak(run->server.base);
}

static void run_on_signal(evutil_socket_t fd, short what, void *userdata)
{
	struct timeval often = {.tv_usec = 50000};
	struct run *run = userdata;

	(void)fd;
	(void)what;
	if (run->ending_s) {
		event_base_loopbreak(run->server.base);
		return;
	}
	run->ending_s = clock_boottime_us() / USEC_PER_SEC + RUN_GRACE_S;
	http_listener_stop(run->server.devices);
	http_listener_stop(run->server.admins);
	if (run->monitors)
		http_listener_stop(run->monitors);
	notify_stopping();
	if (event_add(run->events[RUN_ON_END], &often) < 0)
		event_base_loopbreak(run->server.base);
}

static int run_watch_signals(struct run *run)
{
	struct event_base *base = run->server.base;
	struct event **e = run->events;

	/* A peer that is gone and a full disk are answers of write(2), not reasons to die. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	e[RUN_ON_TERM] = evsignal_new(base, SIGTERM, run_on_signal, run);
	e[RUN_ON_INT] = evsignal_new(base, SIGINT, run_on_signal, run);
	e[RUN_ON_HUP] = evsignal_new(base, SIGHUP, reload_on_signal, run);
	e[RUN_ON_END] = event_new(base, -1, EV_PERSIST, run_on_end, run);
	for (int i = 0; i < RUN_EVENT_MAX; i++)
		if (!e[i] || (i != RUN_ON_END && evsignal_add(e[i], NULL) < 0))
			return -ENOMEM;
	return 0;
}

/* --- the beginning ----------------------------------------------------------------------- */

/*
 * As many descriptors as we may have, and not more connections than those. If they do not suffice,
 * check-ins come before waiting: a phone that cannot wait still comes by itself.
 */
void run_bound_connections(struct run *run)
{
	const struct config *config = &run->config;
	const rlim_t spare = BOUND_ADMIN_CONNECTIONS + RUN_SPARE_FILES;
	int64_t connections = config->max_connections, waiting = config->max_waiting, files;
	rlim_t wanted = (rlim_t)connections + (rlim_t)waiting + spare;
	struct rlimit limit;

	run->max_connections = (int)connections;
	run->server.max_waiting = waiting;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= wanted)
		return;
	files = (int64_t)(limit.rlim_cur > 2 * spare ? limit.rlim_cur - spare : limit.rlim_cur / 2);
	if (connections > files - files / 4)
		connections = files - files / 4;
	if (waiting > files - connections)
		waiting = files - connections;
	run->max_connections = (int)connections;
	run->server.max_waiting = waiting;
	log_warning("only %d connections and %d waiting phones at once: the limit of open files is "
		    "%lu; %lu are needed (LimitNOFILE= in a systemd unit, rc_ulimit with OpenRC)",
		(int)connections, (int)waiting, (unsigned long)limit.rlim_cur,
		(unsigned long)wanted);
}

static int run_listen_at(const struct http_options *options, const struct config_address *address,
	struct http_listener **ret_listener)
{
	int r = http_listen(
		options, (const struct sockaddr *)&address->address, address->n, ret_listener);
	char text[64];

	if (r < 0) {
		config_format_address(&address->address, text);
		log_error("cannot listen on %s: %s; is another server running there?", text,
			strerror(-r));
	}
	return r;
}

static int run_listen(struct run *run)
{
	const struct config *config = &run->config;
	struct http_options options = {
		.base = run->server.base,
		.context = run->device_context,
		.pki = &run->server.pki,
		.tls = TLS_DEVICES,
		.routes = server_device_routes,
		.userdata = &run->server,
		.max_connections = run->max_connections,
		.request_seconds = (int)config->request_seconds,
		.idle_seconds = (int)config->idle_seconds,
		.guard = &run->server.guard,
		.limits_requests = true,
		.observe = monitor_observe,
	};
	int r = run_listen_at(&options, &config->listen, &run->server.devices);

	if (r < 0)
		return r;
	options.context = run->admin_context;
	options.tls = TLS_ADMIN;
	options.guarded_as = GUARD_ADMINS;
	options.routes = server_admin_routes;
	options.record = audit_record;
	options.max_connections = BOUND_ADMIN_CONNECTIONS;
	options.limits_requests = false; /* who is let in here is known by name */
	r = run_listen_at(&options, &config->admin_listen, &run->server.admins);
	if (r < 0 || !config->metrics_listen.n)
		return r;
	options = (struct http_options){
		.base = run->server.base,
		.pki = &run->server.pki,
		.routes = monitor_routes,
		.userdata = &run->server,
		.max_connections = BOUND_MONITOR_CONNECTIONS,
		.request_seconds = BOUND_MONITOR_SECONDS,
		.idle_seconds = BOUND_MONITOR_SECONDS,
	};
	return run_listen_at(&options, &config->metrics_listen, &run->monitors);
}

static void run_format_listener(const struct http_listener *listener, char ret_text[64])
{
	struct sockaddr_storage address = {0};

	(void)http_listener_address(listener, &address);
	config_format_address(&address, ret_text);
}

/* For people and scripts that started it by hand; the log has it as an event. */
static void run_announce(struct run *run)
{
	char devices[64], admins[64], monitors[64] = "";
	struct log_event event;

	run_format_listener(run->server.devices, devices);
	run_format_listener(run->server.admins, admins);
	if (run->monitors)
		run_format_listener(run->monitors, monitors);
	log_event_begin(&event, LOG_LEVEL_INFO, "started");
	log_event_text(&event, "version", MDM_VERSION);
	log_event_text(&event, "devices", devices);
	log_event_text(&event, "admin", admins);
	log_event_text(&event, "metrics", monitors);
	log_event_end(&event);
	printf("mdm-server: listening on https://%s, administration on https://%s%s%s\n", devices,
		admins, *monitors ? ", metrics on http://" : "", monitors);
	fflush(stdout);
	notify_ready();
}

static int run_open_store(struct run *run)
{
	char why[512];
	int r;

	run->lock_fd = lock_take(run->config.state, why);
	r = run->lock_fd < 0 ? run->lock_fd
			     : store_open(run->config.state, &run->server.store, why);
	if (r < 0)
		log_error("%s", why);
	return r;
}

static int run_open(struct run *run)
{
	const struct config *config = &run->config;
	struct pki_problem problem;
	char why[256];
	int r;

	r = pki_load(
		config->state, config->client_ca, clock_realtime_s(), &run->server.pki, &problem);
	if (r < 0) {
		log_error("%s", problem.message);
		return r;
	}
	run->server.pki.expired_grace_s = config->expired_grace_days * 86400;
	r = tls_context(&run->server.pki, TLS_DEVICES, &run->device_context, why);
	if (r == 0)
		r = tls_context(&run->server.pki, TLS_ADMIN, &run->admin_context, why);
	if (r < 0) {
		log_error("cannot prepare TLS: %s; make new keys with \"mdmctl init\"", why);
		return r;
	}
	return run_open_store(run);
}

static int run_prepare(struct run *run)
{
	int r = guard_init(&run->server.guard, &run->config);

	if (r == 0)
		r = server_init(&run->server);
	if (r == 0)
		r = run_watch_signals(run);
	if (r < 0)
		log_error("cannot start: %s", strerror(-r));
	return r;
}

static int run_loop(struct run *run)
{
	run_announce(run);
	if (event_base_dispatch(run->server.base) < 0) {
		log_error("cannot wait for connections; is epoll available?");
		return -EIO;
	}
	log_info("ended");
	return 0;
}

int run_server(int argc, char **argv, struct config *config)
{
	struct run run = {
		.argc = argc,
		.argv = argv,
		.config = *config,
		.lock_fd = -1,
		.server.config = &run.config,
		.server.certificate_days = config->certificate_days,
		.server.wakes_per_second = config->wakes_per_second,
		.server.commands_per_hour = config->commands_per_hour,
		.server.destructive_per_hour = config->destructive_per_hour,
		.server.monitor.started_s = clock_realtime_s(),
	};
	int r;

	umask(077);
	log_event_setup(
		(enum config_log_format)config->log_format, (enum log_level)config->log_level);
	if (geteuid() == 0)
		log_warning("running as root, which is not needed; use a user of its own");
	run_bound_connections(&run);
	run.server.base = event_base_new();
	r = run.server.base ? 0 : -ENOMEM;
	if (r < 0)
		log_error("cannot start: %s", strerror(-r));
	if (r == 0)
		r = run_open(&run);
	if (r == 0)
		r = run_prepare(&run);
	if (r == 0)
		r = run_listen(&run);
	if (r == 0)
		r = run_loop(&run);
	run_done(&run);
	return r < 0 ? 1 : 0;
}
