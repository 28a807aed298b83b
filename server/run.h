/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.h - the running server: its listeners, what it answers to signals, its end. run.c has its
 * life, reload.c what SIGHUP changes. mdm-server only.
 */
#ifndef MDM_SERVER_RUN_H
#define MDM_SERVER_RUN_H

#include "agent/util/log.h"
#include "server/server.h"

enum run_event {
	RUN_ON_TERM,
	RUN_ON_INT,
	RUN_ON_HUP,
	RUN_ON_END, /* while ending */
	RUN_EVENT_MAX,
};

struct run {
	int argc;
	char **argv; /* the command line, which a reload reads again */
	struct config config;
	struct server server;
	SSL_CTX *device_context, *admin_context;
	struct http_listener *monitors;
	int max_connections, lock_fd;
	struct event *events[RUN_EVENT_MAX];
	int64_t ending_s; /* boot time at which everything ends; 0: not asked to */
};

/* Serves until told to end; takes config over. The exit status. */
int run_server(int argc, char **argv, struct config *config);

/* Sets run->max_connections and the bounds of waiting, as far as there are descriptors. */
void run_bound_connections(struct run *run);

/* A handler of SIGHUP; userdata is the run. */
void reload_on_signal(evutil_socket_t fd, short what, void *userdata);

/* Logs one line of a text after the other. */
void run_log_lines(enum log_level level, const struct buf *lines);

#endif
