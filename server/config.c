/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - the command line of mdm-server; see config.h. Pure. */
#include "server/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/codec.h"
#include "server/bounds.h"

const char config_usage[] =
	"Usage: mdm-server --state DIR --listen HOST:PORT --admin-listen HOST:PORT [OPTION...]\n"
	"\n"
	"Courier and certificate authority for phones that run mdm-agent.\n"
	"\n"
	"  --state DIR                what \"mdmctl init\" prepared for the server; the database\n"
	"                             mdm.db is made there\n"
	"  --listen HOST:PORT         for phones; HOST is 127.0.0.1, [::1], 0.0.0.0 and so on,\n"
	"                             PORT 0 takes any free one\n"
	"  --admin-listen HOST:PORT   for mdmctl\n"
	"  --client-ca FILE           further CA certificates (PEM) whose device certificates are\n"
	"                             accepted: of devices that enrolled with another EST server\n"
	"  --certificate-days N       validity of device certificates, 1 to 825 (90)\n"
	"  --max-connections N        of phones at once, 1 to 100000 (4096)\n"
	"  --request-timeout SECONDS  for one request, 1 to 600 (60)\n"
	"  --idle-timeout SECONDS     between two requests, 1 to 600 (15)\n"
	"  --verbose                  log more\n"
	"  --help, --version\n";

enum {
	OPTION_STATE = 256,
	OPTION_LISTEN,
	OPTION_ADMIN_LISTEN,
	OPTION_CLIENT_CA,
	OPTION_DAYS,
	OPTION_CONNECTIONS,
	OPTION_REQUEST,
	OPTION_IDLE,
	OPTION_VERBOSE,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option config_options[] = {
	{"state", required_argument, NULL, OPTION_STATE},
	{"listen", required_argument, NULL, OPTION_LISTEN},
	{"admin-listen", required_argument, NULL, OPTION_ADMIN_LISTEN},
	{"client-ca", required_argument, NULL, OPTION_CLIENT_CA},
	{"certificate-days", required_argument, NULL, OPTION_DAYS},
	{"max-connections", required_argument, NULL, OPTION_CONNECTIONS},
	{"request-timeout", required_argument, NULL, OPTION_REQUEST},
	{"idle-timeout", required_argument, NULL, OPTION_IDLE},
	{"verbose", no_argument, NULL, OPTION_VERBOSE},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
	{0},
};

int config_parse_address(const char *text, struct config_address *ret_address)
{
	struct config_address a = {0};
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a.address;
	struct sockaddr_in *in = (struct sockaddr_in *)&a.address;
	char host[INET6_ADDRSTRLEN];
	const char *end, *begin = text;
	int64_t port;
	size_t n;

	if (*text == '[') {
		begin++;
		end = strstr(text, "]:");
	} else {
		end = strchr(text, ':');
	}
	if (!end || parse_int64(strrchr(end, ':') + 1, 0, 65535, &port) < 0)
		return -EINVAL;
	n = (size_t)(end - begin);
	if (n == 0 || n >= sizeof(host))
		return -EINVAL;
	memcpy(host, begin, n);
	host[n] = 0;
	if (*text == '[') {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		a.n = sizeof(*in6);
		if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
			return -EINVAL;
	} else {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		a.n = sizeof(*in);
		if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
			return -EINVAL;
	}
	*ret_address = a;
	return 0;
}

void config_format_address(const struct sockaddr_storage *address, char ret_text[64])
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	char host[INET6_ADDRSTRLEN] = "?";

	if (address->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(ret_text, 64, "[%s]:%u", host, (unsigned int)ntohs(in6->sin6_port));
	} else {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(ret_text, 64, "%s:%u", host, (unsigned int)ntohs(in->sin_port));
	}
}

static int config_option(struct config *config, int option, const char *value)
{
	switch (option) {
	case OPTION_STATE:
		config->state = value;
		return *value ? 0 : -EINVAL;
	case OPTION_LISTEN:
		return config_parse_address(value, &config->listen);
	case OPTION_ADMIN_LISTEN:
		return config_parse_address(value, &config->admin_listen);
	case OPTION_CLIENT_CA:
		config->client_ca = value;
		return *value ? 0 : -EINVAL;
	case OPTION_DAYS:
		return parse_int64(value, 1, 825, &config->certificate_days);
	case OPTION_CONNECTIONS:
		return parse_int64(value, 1, 100000, &config->max_connections);
	case OPTION_REQUEST:
		return parse_int64(value, 1, 600, &config->request_seconds);
	case OPTION_IDLE:
		return parse_int64(value, 1, 600, &config->idle_seconds);
	case OPTION_VERBOSE:
		config->verbose = true;
		return 0;
	case OPTION_HELP:
		config->action = CONFIG_HELP;
		return 0;
	case OPTION_VERSION:
		config->action = CONFIG_VERSION;
		return 0;
	}
	return -EINVAL;
}

int config_parse(int argc, char **argv, struct config *ret_config, char ret_problem[256])
{
	struct config config = {
		.certificate_days = 90,
		.max_connections = BOUND_CONNECTIONS,
		.request_seconds = BOUND_REQUEST_SECONDS,
		.idle_seconds = BOUND_IDLE_SECONDS,
	};
	int option, index = 0;

	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "", config_options, &index)) != -1) {
		if (option == '?') {
			snprintf(ret_problem, 256, "%.100s is no option, or lacks its value",
				argv[optind - 1]);
			return -EINVAL;
		}
		if (config_option(&config, option, optarg) < 0) {
			snprintf(ret_problem, 256, "--%s cannot be \"%.100s\"",
				config_options[index].name, optarg);
			return -EINVAL;
		}
	}
	if (config.action == CONFIG_RUN && optind < argc) {
		snprintf(ret_problem, 256, "\"%.100s\" is not understood", argv[optind]);
		return -EINVAL;
	}
	if (config.action == CONFIG_RUN &&
		(!config.state || !config.listen.n || !config.admin_listen.n)) {
		snprintf(ret_problem, 256, "--state, --listen and --admin-listen are needed");
		return -EINVAL;
	}
	*ret_config = config;
	return 0;
}
