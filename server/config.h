/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - the settings of mdm-server, from its command line and its configuration file. What
 * there is to set stands in one table, server/settings.c: a new setting is a member here and a row
 * there. mdm-server only.
 *
 * The command line beats the file, the file beats the default. Nothing here starts anything.
 */
#ifndef MDM_SERVER_CONFIG_H
#define MDM_SERVER_CONFIG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "agent/util/buf.h"
#include "server/bounds.h"

#define CONFIG_FILE MDM_SYSCONF_DIR "/mdm-server/mdm-server.conf"

struct config_address {
	struct sockaddr_storage address;
	socklen_t n; /* 0: not set */
};

/* The values of a setting that may be given several times. */
struct config_list {
	char *items[BOUND_CONFIG_ITEMS];
	size_t n;
};

enum config_source {
	CONFIG_DEFAULT,
	CONFIG_FROM_FILE,
	CONFIG_FROM_ARGUMENTS,
};

struct config_origin {
	enum config_source source;
	unsigned int line; /* of the file; 0 if it is not from there */
};

enum config_log_format {
	CONFIG_LOG_TEXT,
	CONFIG_LOG_JSON,
};

enum config_log_requests {
	CONFIG_LOG_NO_REQUESTS,
	CONFIG_LOG_REFUSED,
	CONFIG_LOG_ALL_REQUESTS,
};

struct config {
	/* One member for each row of config_settings; texts are owned, NULL if not set. */
	char *state, *client_ca;
	struct config_address listen, admin_listen, metrics_listen;
	struct config_list push_endpoints;
	int64_t certificate_days, expired_grace_days, max_connections, max_waiting,
		wakes_per_second, commands_per_hour, destructive_per_hour, request_seconds,
		idle_seconds;
	int64_t log_format, log_level, log_requests; /* the enums above; enum log_level */
	int64_t device_rate, device_burst, address_rate, address_burst;
	int64_t strangers_per_address, connections_per_device;
	int64_t enrol_address_failures, enrol_ticket_failures;
	int64_t keep_events_days, events_per_device, section_bytes, keep_tickets_days;

	struct config_origin origins[BOUND_CONFIG_SETTINGS]; /* in the order of the rows */
};
void config_done(struct config *config);

/* --- the command line -------------------------------------------------------------------- */

enum config_action {
	CONFIG_RUN,
	CONFIG_CHECK,
	CONFIG_SHOW,
	CONFIG_BACKUP,
	CONFIG_RESTORE,
	CONFIG_AUDIT_VERIFY,
	CONFIG_AUDIT_EXPORT,
	CONFIG_HELP,
	CONFIG_VERSION,
};

/* What the command line says besides settings. The texts are those of argv. */
struct config_command {
	enum config_action action;
	const char *file;	   /* --config; NULL: CONFIG_FILE, if it is there */
	const char *output, *from; /* of backup and restore */
	const char *known;	   /* of audit verify: "N:CHAIN" that was noted, or NULL */
};

struct config_verb {
	const char *words[2]; /* the second may be NULL */
	enum config_action action;
	const char *usage; /* its options */
	const char *help;  /* a phrase */
};
/* The last has words NULL. */
extern const struct config_verb config_verbs[];

/* Options that are no settings. */
struct config_option {
	const char *name, *metavar;	/* metavar NULL: a switch */
	const struct config_verb *verb; /* NULL: of every verb */
	const char *help;
};
/* The last has name NULL. */
extern const struct config_option config_options[];

#define CONFIG_EXITS 3
/* What the exit codes 0, 1, 2 mean. */
extern const char *const config_exits[CONFIG_EXITS];

/* 0, or -EINVAL with one sentence for people in ret_problem. Settings are not looked at. */
int config_command_parse(
	int argc, char **argv, struct config_command *ret_command, char ret_problem[256]);

/* --- settings ---------------------------------------------------------------------------- */

struct config_input {
	int argc;
	char **argv;
	const char *file; /* its name, for messages */
	const char *text; /* its contents; NULL: there is no file */
	size_t n_text;
	bool partial; /* settings that are needed to run may be missing */
};

/*
 * Defaults, file, command line, in this order. 0; -EINVAL with every problem found in problems,
 * one a line, each with file and line or option and what to do (ret_config is untouched); -ENOMEM.
 * Pure.
 */
int config_read(const struct config_input *input, struct config *ret_config, struct buf *problems);

/*
 * The same with the file read from the disk. warnings: one a line, when others can write to it.
 * A file that was named must be there.
 */
int config_load(int argc, char **argv, struct config *ret_config, struct buf *problems,
	struct buf *warnings);

/* As a configuration file, with the origin of each value as a comment. */
void config_show(const struct config *config, const char *file, struct buf *out);

/* The text of --help. */
void config_help(struct buf *out);

/*
 * Takes over what may change while the server runs: config's reloadable settings become those of
 * with, the others stay. Names of those that differ and stay go to ret_kept, "a, b". 0 or -ENOMEM,
 * config untouched.
 */
int config_reload(struct config *config, const struct config *with, struct buf *ret_kept);

/* "127.0.0.1:8443", "[::1]:0": numbers only, so that starting never waits for a name server. */
int config_parse_address(const char *text, struct config_address *ret_address);

/* The inverse. */
void config_format_address(const struct sockaddr_storage *address, char ret_text[64]);

#endif
