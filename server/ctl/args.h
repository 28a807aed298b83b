/* SPDX-License-Identifier: Apache-2.0 */
/* args.h - the command line, read by tables: which options a command knows and what they mean.
 * Pure. */
#ifndef MDM_MDMCTL_ARGS_H
#define MDM_MDMCTL_ARGS_H

#include <stdbool.h>

#include "agent/util/buf.h"
#include "server/ctl/fault.h"

#define ARGS_MAX 64	    /* options and operands on one command line */
#define ARGS_MAX_OPTIONS 12 /* rows of one command */

struct option_row {
	const char *name;    /* "group", without dashes */
	const char *metavar; /* "G"; NULL: the option takes no value */
	const char *help;
	bool repeats;
	char letter; /* 'o' for -o; 0: none */
};

struct args {
	const char *names[ARGS_MAX];  /* of the option rows */
	const char *values[ARGS_MAX]; /* "" for options without a value */
	size_t n_options;
	const char *operands[ARGS_MAX];
	size_t n_operands;
};

/*
 * Reads argv[0..argc). rows is a list of tables ended by NULL, each ended by a row without name.
 * Options and operands mix; "--" ends the options. "--name=value" and "--name value" are the same.
 * 0 or FAULT_USAGE.
 */
int args_parse(const struct option_row *const *tables, int argc, const char *const *argv,
	struct args *ret_args, struct fault *fault);

/* Value of an option, NULL if it is not there. */
const char *args_get(const struct args *args, const char *name);
bool args_has(const struct args *args, const char *name);

/* n-th value of a repeated option, NULL behind the last. */
const char *args_nth(const struct args *args, const char *name, size_t n);

/* The word of the list nearest to a misspelled one, NULL if none is near. */
const char *args_nearest(const char *word, const char *const *words, size_t n_words);

#endif
