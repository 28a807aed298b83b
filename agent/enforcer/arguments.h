/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arguments.h - the command line of mdm-agentd: one table that parsing, --help, completion and the
 * manual page read. Starts nothing. Enforcer only.
 */
#ifndef MDM_ENFORCER_ARGUMENTS_H
#define MDM_ENFORCER_ARGUMENTS_H

#include "agent/enforcer/enforcer.h"

enum arguments_action {
	ARGUMENTS_RUN,
	ARGUMENTS_HELP,
	ARGUMENTS_VERSION,
	ARGUMENTS_PREPARE_REMOVAL,
	ARGUMENTS_PROBE,
	ARGUMENTS_MAY_INSTALL,
};

struct argument_row {
	const char *name;    /* "state-dir", without dashes */
	char letter;	     /* 'v' for -v; 0: none */
	const char *metavar; /* "DIR"; NULL: a switch */
	size_t offset;	     /* of the text in struct enforcer_options; not of switches */
	const char *initial; /* NULL: not set */
	const char *help;    /* a phrase; the default is added to it */
	size_t on; /* of a switch: the truth in struct enforcer_options that it sets, or */
	enum arguments_action action; /* what it asks for instead of running */
};

/* The last has name NULL. */
extern const struct argument_row argument_rows[];

/*
 * 0 with what was asked for, options filled with what was given and defaults; -EINVAL with one
 * sentence for people on standard error. The texts are those of argv.
 */
int arguments_parse(int argc, char **argv, struct enforcer_options *ret_options,
	enum arguments_action *ret_action);

/* Path of another socket: the one that was given, else that name beside agentctl's. 0;
 * -ENAMETOOLONG. */
int arguments_socket(const struct enforcer_options *options, const char *given, const char *name,
	char ret_path[LIMIT_SOCKET_BYTES + 1]);

/* The text of --help. */
void arguments_help(struct buf *out);

#endif
