/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c - the table of settings, and one value of each kind; see settings.h. mdm-server only.
 */
#include "server/settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>

#include "agent/util/codec.h"
#include "agent/util/log.h"
#include "server/push.h"

static const char *const setting_log_formats[] = {
	[CONFIG_LOG_TEXT] = "text",
	[CONFIG_LOG_JSON] = "json",
	NULL,
};

static const char *const setting_log_levels[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
	NULL,
};

static const char *const setting_log_requests[] = {
	[CONFIG_LOG_NO_REQUESTS] = "none",
	[CONFIG_LOG_REFUSED] = "refused",
	[CONFIG_LOG_ALL_REQUESTS] = "all",
	NULL,
};

#define AT(member) .offset = offsetof(struct config, member)
#define TEXT .kind = SETTING_TEXT
#define ADDRESS .kind = SETTING_ADDRESS, .metavar = "HOST:PORT"
#define NUMBER(low, high, value)                                                                   \
	.kind = SETTING_NUMBER, .min = (low), .max = (high), .initial = (value)
#define CHOICE(names, value) .kind = SETTING_CHOICE, .choices = (names), .initial = (value)

const struct setting config_settings[] = {
	{"state", "DIR", TEXT, AT(state), .needed = true,
		.help = "what \"mdmctl init\" prepared for the server; the database mdm.db is made there"},
	{"listen", ADDRESS, AT(listen), .needed = true,
		.help = "for phones; HOST is 127.0.0.1, [::1], 0.0.0.0 and so on, PORT 0 takes any free one"},
	{"admin-listen", ADDRESS, AT(admin_listen), .needed = true, .help = "for mdmctl"},
	{"metrics-listen", ADDRESS, AT(metrics_listen),
		.help = "for /healthz and /metrics, plain HTTP without any check of who asks: an address "
			"of the loopback is best; not served if not set"},
	{"client-ca", "FILE", TEXT, AT(client_ca), .reloadable = true,
		.help = "further CA certificates (PEM) whose device certificates are accepted: of devices "
			"that enrolled with another EST server"},
	{"certificate-days", "DAYS", NUMBER(1, 825, 90), AT(certificate_days), .reloadable = true,
		.help = "validity of device certificates"},
	{"expired-grace-days", "DAYS", NUMBER(0, 36500, 365), AT(expired_grace_days),
		.reloadable = true,
		.help = "a phone whose certificate expired within so many days may still check in and "
			"renew it"},
	{"max-connections", "N", NUMBER(1, 100000, BOUND_CONNECTIONS), AT(max_connections),
		.reloadable = true, .help = "of phones at once"},
	{"max-waiting", "N", NUMBER(1, 100000, BOUND_WAITING), AT(max_waiting), .reloadable = true,
		.help = "phones that may wait for news at once (/v1/wait), beside the connections"},
	{"wakes-per-second", "N", NUMBER(1, 100000, BOUND_WAKES_PER_SECOND), AT(wakes_per_second),
		.reloadable = true,
		.help = "phones woken when something is new for a group or for all; those of one "
			"phone's command come on top"},
	{"push-endpoint", "PREFIX", .kind = SETTING_LIST, AT(push_endpoints), .reloadable = true,
		.check = push_check_prefix,
		.help = "push services that may be told when there is something for a phone, as "
			"https://push.example.org/; none if not set, so that no phone can make the "
			"server talk to somebody"},
	{"commands-per-hour", "N", NUMBER(1, 1000000, BOUND_COMMANDS_PER_HOUR),
		AT(commands_per_hour), .reloadable = true,
		.help = "commands that administrators may give within an hour, all phones together"},
	{"destructive-per-hour", "N", NUMBER(0, 1000000, BOUND_DESTRUCTIVE_PER_HOUR),
		AT(destructive_per_hour), .reloadable = true,
		.help = "of them, those that destroy (wipe, crypto-lock, set-passcode) and take effect "
			"without another administrator's approval; 0: none does"},
	{"request-timeout", "SECONDS", NUMBER(1, 600, BOUND_REQUEST_SECONDS), AT(request_seconds),
		.reloadable = true,
		.help = "for one request, and for a handshake, which has 10 seconds at most"},
	{"idle-timeout", "SECONDS", NUMBER(1, 600, BOUND_IDLE_SECONDS), AT(idle_seconds),
		.reloadable = true, .help = "between two requests"},
	{"log-format", "FORMAT", CHOICE(setting_log_formats, CONFIG_LOG_TEXT), AT(log_format),
		.reloadable = true,
		.help = "of the lines on standard error: logfmt, or one JSON object each"},
	{"log-level", "LEVEL", CHOICE(setting_log_levels, LOG_LEVEL_INFO), AT(log_level),
		.reloadable = true, .help = "the least important lines to write"},
	{"log-requests", "WHICH", CHOICE(setting_log_requests, CONFIG_LOG_REFUSED),
		AT(log_requests), .reloadable = true,
		.help = "requests that get a line of the log each"},
	{"device-rate", "N", NUMBER(0, 1000000, 60), AT(device_rate), .reloadable = true,
		.help = "requests a minute of one phone, in the long run; 0: no limit"},
	{"device-burst", "N", NUMBER(1, 1000000, 120), AT(device_burst), .reloadable = true,
		.help = "requests of one phone at once"},
	{"address-rate", "N", NUMBER(0, 1000000, 6000), AT(address_rate), .reloadable = true,
		.help = "requests a minute from one address (IPv6: one /64), in the long run; 0: no limit. "
			"Many phones of one network have one address"},
	{"address-burst", "N", NUMBER(1, 1000000, 6000), AT(address_burst), .reloadable = true,
		.help = "requests from one address at once"},
	{"strangers-per-address", "N", NUMBER(1, 100000, 256), AT(strangers_per_address),
		.reloadable = true,
		.help = "connections of one address at once that have not shown a certificate, "
			"unfinished TLS handshakes above all; never more than an eighth of a listener's"},
	{"connections-per-device", "N", NUMBER(2, 100000, 16), AT(connections_per_device),
		.reloadable = true, .help = "connections of one phone at once"},
	{"enrol-address-failures", "N", NUMBER(1, 1000000, 60), AT(enrol_address_failures),
		.reloadable = true, .help = "wrong enrolment secrets an hour from one address"},
	{"enrol-ticket-failures", "N", NUMBER(1, 1000000, 10), AT(enrol_ticket_failures),
		.reloadable = true, .help = "wrong secrets an hour for one ticket"},
	{"keep-events-days", "DAYS", NUMBER(1, 36500, 400), AT(keep_events_days),
		.reloadable = true,
		.help = "events of phones are kept so long, and commands after their end"},
	{"events-per-device", "N", NUMBER(LIMIT_REPORT_EVENTS, 10000000, 10000),
		AT(events_per_device), .reloadable = true,
		.help = "the newest events of a phone that are kept"},
	{"section-bytes", "BYTES", NUMBER(LIMIT_REPORT_BYTES, 16777216, 1048576), AT(section_bytes),
		.reloadable = true, .help = "that the sections of one phone may take together"},
	{"keep-tickets-days", "DAYS", NUMBER(1, 36500, 90), AT(keep_tickets_days),
		.reloadable = true,
		.help = "tickets that were used or have expired are kept so long"},
	{0},
};
_Static_assert(ARRAY_SIZE(config_settings) - 1 <= BOUND_CONFIG_SETTINGS, "BOUND_CONFIG_SETTINGS");

const struct setting *setting_find(const char *name, size_t n_name)
{
	for (const struct setting *s = config_settings; s->name; s++)
		if (strlen(s->name) == n_name && memcmp(s->name, name, n_name) == 0)
			return s;
	return NULL;
}

size_t setting_index(const struct setting *setting)
{
	return (size_t)(setting - config_settings);
}

/* --- addresses --------------------------------------------------------------------------- */

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

/* --- one value --------------------------------------------------------------------------- */

static void *setting_at(const struct setting *setting, struct config *config)
{
	return (char *)config + setting->offset;
}

static const void *setting_of(const struct setting *setting, const struct config *config)
{
	return (const char *)config + setting->offset;
}

static int setting_set_number(
	const struct setting *setting, int64_t *number, const char *value, char ret_problem[160])
{
	if (parse_int64(value, setting->min, setting->max, number) == 0)
		return 0;
	snprintf(ret_problem, 160, "must be a number from %" PRId64 " to %" PRId64, setting->min,
		setting->max);
	return -EINVAL;
}

static int setting_set_choice(
	const struct setting *setting, int64_t *choice, const char *value, char ret_problem[160])
{
	int n = snprintf(ret_problem, 160, "must be one of");

	for (int64_t i = 0; setting->choices[i]; i++) {
		if (strcmp(setting->choices[i], value) == 0) {
			*choice = i;
			return 0;
		}
		if (n > 0 && n < 160)
			n += snprintf(ret_problem + n, 160 - (size_t)n, " %s", setting->choices[i]);
	}
	return -EINVAL;
}

static int setting_set_text(char **text, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

static int setting_add(struct config_list *list, const char *value, char ret_problem[160])
{
	if (list->n == BOUND_CONFIG_ITEMS) {
		snprintf(ret_problem, 160, "may be given %d times at most", BOUND_CONFIG_ITEMS);
		return -EINVAL;
	}
	list->items[list->n] = strdup(value);
	if (!list->items[list->n])
		return -ENOMEM;
	list->n++;
	return 0;
}

int setting_set(const struct setting *setting, struct config *config, const char *value,
	char ret_problem[160])
{
	const char *wrong = NULL;
	void *at = setting_at(setting, config);

	if (!*value || !text_is_valid(value, strlen(value)))
		wrong = *value ? "must be text without control characters" : "must not be empty";
	else if (setting->check)
		wrong = setting->check(value);
	if (wrong) {
		snprintf(ret_problem, 160, "%s", wrong);
		return -EINVAL;
	}
	switch (setting->kind) {
	case SETTING_TEXT:
		return setting_set_text(at, value);
	case SETTING_LIST:
		return setting_add(at, value, ret_problem);
	case SETTING_NUMBER:
		return setting_set_number(setting, at, value, ret_problem);
	case SETTING_CHOICE:
		return setting_set_choice(setting, at, value, ret_problem);
	case SETTING_ADDRESS:
		if (config_parse_address(value, at) == 0)
			return 0;
		break;
	}
	snprintf(ret_problem, 160,
		"must be an address in numbers and a port, such as 127.0.0.1:8443 or [::1]:8443");
	return -EINVAL;
}

static void setting_clear_list(struct config_list *list)
{
	while (list->n)
		free(list->items[--list->n]);
}

void setting_reset(const struct setting *setting, struct config *config)
{
	void *at = setting_at(setting, config);

	switch (setting->kind) {
	case SETTING_TEXT:
		free(*(char **)at);
		*(char **)at = NULL;
		break;
	case SETTING_LIST:
		setting_clear_list(at);
		break;
	case SETTING_NUMBER:
	case SETTING_CHOICE:
		*(int64_t *)at = setting->initial;
		break;
	case SETTING_ADDRESS:
		*(struct config_address *)at = (struct config_address){0};
		break;
	}
}

static int setting_copy_list(struct config_list *to, const struct config_list *from)
{
	struct config_list copy = {0};
	char problem[160];

	for (size_t i = 0; i < from->n; i++)
		if (setting_add(&copy, from->items[i], problem) < 0) {
			setting_clear_list(&copy);
			return -ENOMEM;
		}
	setting_clear_list(to);
	*to = copy;
	return 0;
}

int setting_copy(const struct setting *setting, struct config *to, const struct config *from)
{
	const void *of = setting_of(setting, from);
	void *at = setting_at(setting, to);

	switch (setting->kind) {
	case SETTING_TEXT:
		if (*(char *const *)of)
			return setting_set_text(at, *(char *const *)of);
		setting_reset(setting, to);
		break;
	case SETTING_LIST:
		return setting_copy_list(at, of);
	case SETTING_NUMBER:
	case SETTING_CHOICE:
		*(int64_t *)at = *(const int64_t *)of;
		break;
	case SETTING_ADDRESS:
		*(struct config_address *)at = *(const struct config_address *)of;
		break;
	}
	return 0;
}

bool setting_equal(const struct setting *setting, const struct config *a, const struct config *b)
{
	_cleanup_buf_ struct buf text_a = BUF_INIT, text_b = BUF_INIT;
	size_t n = setting_count(setting, a);

	if (n != setting_count(setting, b))
		return false;
	for (size_t i = 0; i < n; i++) {
		setting_write(setting, a, i, &text_a);
		setting_write(setting, b, i, &text_b);
		buf_puts(&text_a, "\n");
		buf_puts(&text_b, "\n");
	}
	return n == 0 || (!text_a.error && !text_b.error && strcmp(text_a.data, text_b.data) == 0);
}

size_t setting_count(const struct setting *setting, const struct config *config)
{
	const void *of = setting_of(setting, config);

	switch (setting->kind) {
	case SETTING_TEXT:
		return *(char *const *)of != NULL;
	case SETTING_LIST:
		return ((const struct config_list *)of)->n;
	case SETTING_ADDRESS:
		return ((const struct config_address *)of)->n > 0;
	case SETTING_NUMBER:
	case SETTING_CHOICE:
		break;
	}
	return 1;
}

void setting_write(
	const struct setting *setting, const struct config *config, size_t i, struct buf *out)
{
	const void *of = setting_of(setting, config);
	char address[64];

	switch (setting->kind) {
	case SETTING_TEXT:
		buf_puts(out, *(char *const *)of);
		break;
	case SETTING_LIST:
		buf_puts(out, ((const struct config_list *)of)->items[i]);
		break;
	case SETTING_NUMBER:
		buf_printf(out, "%" PRId64, *(const int64_t *)of);
		break;
	case SETTING_CHOICE:
		buf_puts(out, setting->choices[*(const int64_t *)of]);
		break;
	case SETTING_ADDRESS:
		config_format_address(&((const struct config_address *)of)->address, address);
		buf_puts(out, address);
		break;
	}
}

void setting_write_bounds(const struct setting *setting, struct buf *out)
{
	const char *separator = "";

	switch (setting->kind) {
	case SETTING_NUMBER:
		buf_printf(out, "%" PRId64 " to %" PRId64 ", default %" PRId64, setting->min,
			setting->max, setting->initial);
		break;
	case SETTING_CHOICE:
		for (size_t i = 0; setting->choices[i]; i++, separator = ", ")
			buf_printf(out, "%s%s", separator, setting->choices[i]);
		buf_printf(out, "; default %s", setting->choices[setting->initial]);
		break;
	case SETTING_LIST:
		buf_puts(out, "may be given several times");
		break;
	case SETTING_TEXT:
	case SETTING_ADDRESS:
		break;
	}
}
