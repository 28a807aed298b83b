/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - mdm-server: courier and certificate authority for phones that run mdm-agent. One
 * process, one thread, one loop; any user. It holds no key that signs documents.
 */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "server/config.h"
#include "server/server.h"

#define MAIN_GRACE_S 5	    /* for answers under way when asked to end */
#define MAIN_SPARE_FILES 64 /* descriptors that are not a phone's connection */
#define MAIN_EXIT_CONFIG 2  /* no use in starting again before somebody changes something */

struct run {
	struct server server;
	SSL_CTX *device_context, *admin_context;
	struct http_listener *devices, *admins;
	int max_connections;
	struct event *on_term, *on_int, *on_end;
	int64_t ending_s; /* boot time at which everything ends; 0: not asked to */
};

static void run_done(struct run *run)
{
	http_listener_free(run->devices);
	http_listener_free(run->admins);
	if (run->on_term)
		event_free(run->on_term);
	if (run->on_int)
		event_free(run->on_int);
	if (run->on_end)
		event_free(run->on_end);
	server_done(&run->server);
	if (run->server.base)
		event_base_free(run->server.base);
	SSL_CTX_free(run->device_context);
	SSL_CTX_free(run->admin_context);
}

/* --- the end ----------------------------------------------------------------------------- */

static void run_on_end(evutil_socket_t fd, short what, void *userdata)
{
	struct run *run = userdata;

	(void)fd;
	(void)what;
	if (clock_boottime_us() / USEC_PER_SEC >= run->ending_s ||
		(http_listener_connections(run->devices) == 0 &&
			http_listener_connections(run->admins) == 0))
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
	run->ending_s = clock_boottime_us() / USEC_PER_SEC + MAIN_GRACE_S;
	http_listener_stop(run->devices);
	http_listener_stop(run->admins);
	if (event_add(run->on_end, &often) < 0)
		event_base_loopbreak(run->server.base);
}

static int run_watch_signals(struct run *run)
{
	struct event_base *base = run->server.base;

	/* A peer that is gone and a full disk are answers of write(2), not reasons to die. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	run->on_term = evsignal_new(base, SIGTERM, run_on_signal, run);
	run->on_int = evsignal_new(base, SIGINT, run_on_signal, run);
	run->on_end = event_new(base, -1, EV_PERSIST, run_on_end, run);
	if (!run->on_term || !run->on_int || !run->on_end || evsignal_add(run->on_term, NULL) < 0 ||
		evsignal_add(run->on_int, NULL) < 0)
		return -ENOMEM;
	return 0;
}

/* --- the beginning ----------------------------------------------------------------------- */

/*
 * As many descriptors as we may have, and not more connections than those. If they do not suffice,
 * check-ins come before waiting: a phone that cannot wait still comes by itself.
 */
static void run_bound_connections(struct run *run, const struct config *config)
{
	const rlim_t spare = BOUND_ADMIN_CONNECTIONS + MAIN_SPARE_FILES;
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

static int run_listen(struct run *run, const struct config *config)
{
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
	};
	char text[64];
	int r;

	r = http_listen(&options, (const struct sockaddr *)&config->listen.address,
		config->listen.n, &run->devices);
	if (r < 0) {
		config_format_address(&config->listen.address, text);
		log_error("cannot listen on %s: %s; is another server running there?", text,
			strerror(-r));
		return r;
	}
	options.context = run->admin_context;
	options.tls = TLS_ADMIN;
	options.routes = server_admin_routes;
	options.max_connections = BOUND_ADMIN_CONNECTIONS;
	r = http_listen(&options, (const struct sockaddr *)&config->admin_listen.address,
		config->admin_listen.n, &run->admins);
	if (r < 0) {
		config_format_address(&config->admin_listen.address, text);
		log_error("cannot listen on %s: %s; is another server running there?", text,
			strerror(-r));
	}
	return r;
}

static int run_announce(struct run *run)
{
	struct sockaddr_storage devices, admins;
	char devices_text[64], admins_text[64];

	if (http_listener_address(run->devices, &devices) < 0 ||
		http_listener_address(run->admins, &admins) < 0)
		return -EIO;
	config_format_address(&devices, devices_text);
	config_format_address(&admins, admins_text);
	printf("mdm-server: listening on https://%s, administration on https://%s\n", devices_text,
		admins_text);
	fflush(stdout);
	return 0;
}

static int run_open(struct run *run, const struct config *config)
{
	struct pki_problem problem;
	char why[512];
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
	r = store_open(config->state, &run->server.store, why);
	if (r < 0)
		log_error("%s", why);
	return r;
}

static int run_prepare(struct run *run)
{
	int r = server_init(&run->server);

	if (r == 0)
		r = run_watch_signals(run);
	if (r < 0)
		log_error("cannot start: %s", strerror(-r));
	return r;
}

static int run_server(const struct config *config)
{
	struct run run = {
		.server.certificate_days = config->certificate_days,
		.server.wakes_per_second = config->wakes_per_second,
	};
	int r;

	umask(077);
	if (geteuid() == 0)
		log_warning("running as root, which is not needed; use a user of its own");
	run_bound_connections(&run, config);
	run.server.base = event_base_new();
	r = run.server.base ? 0 : -ENOMEM;
	if (r < 0)
		log_error("cannot start: %s", strerror(-r));
	if (r == 0)
		r = run_open(&run, config);
	if (r == 0)
		r = run_prepare(&run);
	if (r == 0)
		r = run_listen(&run, config);
	if (r == 0)
		r = run_announce(&run);
	if (r == 0 && event_base_dispatch(run.server.base) < 0) {
		log_error("cannot wait for connections; is epoll available?");
		r = -EIO;
	}
	if (r == 0)
		log_info("ended");
	run_done(&run);
	return r < 0 ? 1 : 0;
}

/* --- what was asked ---------------------------------------------------------------------- */

/* One line of buf after the other. */
static void main_log_lines(enum log_level level, const struct buf *lines)
{
	const char *at = lines->data, *end;

	for (; at && *at; at = *end ? end + 1 : end) {
		end = at + strcspn(at, "\n");
		log_line(level, "%.*s", (int)(end - at), at);
	}
}

static int main_print(const struct buf *out)
{
	if (out->error || fwrite(out->data, 1, out->n_bytes, stdout) != out->n_bytes ||
		fflush(stdout) != 0) {
		log_error("cannot write to standard output");
		return 1;
	}
	return 0;
}

static int main_help(void)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	config_help(&out);
	return main_print(&out);
}

static int main_show(const struct config *config, const struct config_command *command)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	config_show(config, command->file ? command->file : CONFIG_FILE, &out);
	return main_print(&out);
}

/* The settings are well; are the keys and certificates they lead to? */
static int main_check(const struct config *config)
{
	struct pki_problem problem;
	struct pki pki;

	if (pki_load(config->state, config->client_ca, clock_realtime_s(), &pki, &problem) < 0) {
		log_error("%s", problem.message);
		return MAIN_EXIT_CONFIG;
	}
	pki_done(&pki);
	puts("mdm-server: the configuration, keys and certificates are well");
	return 0;
}

static int main_act(int argc, char **argv, const struct config_command *command)
{
	_cleanup_buf_ struct buf problems = BUF_INIT, warnings = BUF_INIT;
	struct config config;
	int r = config_load(argc, argv, &config, &problems, &warnings);

	main_log_lines(LOG_LEVEL_WARNING, &warnings);
	if (r < 0) {
		main_log_lines(LOG_LEVEL_ERROR, &problems);
		if (r == -ENOMEM)
			log_error("out of memory");
		return MAIN_EXIT_CONFIG;
	}
	log_setup("mdm-server", (enum log_level)config.log_level);
	if (command->action == CONFIG_SHOW)
		r = main_show(&config, command);
	else if (command->action == CONFIG_CHECK)
		r = main_check(&config);
	else
		r = run_server(&config);
	config_done(&config);
	return r;
}

int main(int argc, char **argv)
{
	struct config_command command;
	char problem[256];

	log_setup("mdm-server", LOG_LEVEL_INFO);
	if (config_command_parse(argc, argv, &command, problem) < 0) {
		log_error("%s; \"mdm-server --help\" says more", problem);
		return MAIN_EXIT_CONFIG;
	}
	switch (command.action) {
	case CONFIG_HELP:
		return main_help();
	case CONFIG_VERSION:
		puts("mdm-server " MDM_VERSION);
		return 0;
	case CONFIG_RUN:
	case CONFIG_CHECK:
	case CONFIG_SHOW:
	case CONFIG_BACKUP:
	case CONFIG_RESTORE:
		break;
	}
	return main_act(argc, argv, &command);
}
