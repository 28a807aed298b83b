/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - the command line of mdm-server. Pure. */
#ifndef MDM_SERVER_CONFIG_H
#define MDM_SERVER_CONFIG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct config_address {
	struct sockaddr_storage address;
	socklen_t n;
};

enum config_action {
	CONFIG_RUN,
	CONFIG_HELP,
	CONFIG_VERSION,
};

struct config {
	enum config_action action;
	const char *state, *client_ca; /* borrowed from argv; client_ca may be NULL */
	struct config_address listen, admin_listen;
	int64_t certificate_days, max_connections, request_seconds, idle_seconds;
	bool verbose;
};

extern const char config_usage[];

/* 0, or -EINVAL with one sentence in ret_problem. */
int config_parse(int argc, char **argv, struct config *ret_config, char ret_problem[256]);

/* "127.0.0.1:8443", "[::1]:0": numbers only, so that starting never waits for a name server. */
int config_parse_address(const char *text, struct config_address *ret_address);

/* The inverse. */
void config_format_address(const struct sockaddr_storage *address, char ret_text[64]);

#endif
