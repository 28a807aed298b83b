/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - the command line of agentctl: words that choose a verb, its arguments, options
 * anywhere. Two tables, options here and verbs in verbs.h. Pure.
 */
#ifndef MDM_CTL_OPTIONS_H
#define MDM_CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_id {
	OPTION_JSON,
	OPTION_SOCKET,
	OPTION_NO_COLOR,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_YES,
	OPTION_MARKDOWN,
	OPTION_LINES,
	OPTION_AFTER,
	OPTION_FOLLOW,
	OPTION_NEW,
	OPTION_KEEP_KEY,
	OPTION_POLICY,
	OPTION_PLACE,
	OPTION_MAX,
};
#define OPTION_BIT(id) (UINT32_C(1) << (id))

struct option_row {
	enum option_id id;
	const char *name;     /* "--lines" without the dashes */
	char letter;	      /* 'n', or 0 */
	const char *argument; /* "N", or NULL */
	bool global;	      /* goes with every verb */
	const char *help;     /* one sentence */
};
const struct option_row *option_row(enum option_id id);

#define OPTIONS_ARGUMENTS 2
#define OPTIONS_LINES_MAX 100000

struct verb;
struct options {
	const struct verb *verb; /* NULL: none given (--help and --version may stand alone) */
	const char *arguments[OPTIONS_ARGUMENTS]; /* borrowed from argv */
	size_t n_arguments;
	uint32_t given; /* OPTION_BIT()s */
	const char *socket, *policy, *place;
	int64_t lines, after;
};

struct options_error {
	char message[240]; /* may hold bytes of the command line: clean before printing */
};

/*
 * Parses argv[1..]. 0 or -EINVAL with *ret_error. With --help or --version among the options,
 * missing words and arguments are no error.
 */
int options_parse(
	int argc, char *const *argv, struct options *ret_options, struct options_error *ret_error);

static inline bool options_given(const struct options *options, enum option_id id)
{
	return options->given & OPTION_BIT(id);
}

#endif
