/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - the command line; see options.h. Pure; agentctl. */
#include "agent/ctl/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/ctl/verbs.h"
#include "agent/util/codec.h"
#include "agent/util/mem.h"

static const struct option_row option_rows[OPTION_MAX] = {
	{OPTION_JSON, "json", 0, NULL, true, "Print the answer as one JSON document."},
	{OPTION_SOCKET, "socket", 0, "PATH", true,
		"Talk to the agent over this socket instead of its usual one."},
	{OPTION_NO_COLOR, "no-color", 0, NULL, true,
		"No colours; they are off without a terminal and with NO_COLOR set."},
	{OPTION_HELP, "help", 'h', NULL, true, "Explain the command instead of running it."},
	{OPTION_VERSION, "version", 0, NULL, true, "Print the version of this program."},
	{OPTION_YES, "yes", 'y', NULL, false, "Do not ask for consent."},
	{OPTION_MARKDOWN, "markdown", 0, NULL, false, "Print a reference in Markdown."},
	{OPTION_LINES, "lines", 'n', "N", false, "Show at most N records, the newest ones."},
	{OPTION_AFTER, "after", 0, "SEQ", false, "Show only records after this number."},
	{OPTION_FOLLOW, "follow", 'f', NULL, false, "Wait for new records until interrupted."},
	{OPTION_NEW, "new", 0, NULL, false, "Also where there is one already."},
	{OPTION_KEEP_KEY, "keep-key", 0, NULL, false,
		"Let the agent keep a key of its own, to exchange recovery keys by itself."},
	{OPTION_POLICY, "policy", 0, "FILE", false,
		"Use this policy, written or signed, instead of those in force."},
	{OPTION_PLACE, "place", 0, "NAME", false, "Tell of this place only."},
};

const struct option_row *option_row(enum option_id id)
{
	return &option_rows[id];
}

/* The parsing: words seen so far, and where an error goes. */
struct options_parser {
	struct options options;
	const char *words[OPTIONS_ARGUMENTS + 2]; /* verb and arguments */
	size_t n_words;
	struct options_error *error;
};

static int options_fail(struct options_parser *p, const char *format, ...) _printf_(2, 3);
static int options_fail(struct options_parser *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->error->message, sizeof(p->error->message), format, args);
	va_end(args);
	return -EINVAL;
}

static int options_number(struct options_parser *p, const struct option_row *row, const char *text,
	int64_t max, int64_t *ret_number)
{
	int64_t min = row->id == OPTION_LINES ? 1 : 0;

	if (parse_int64(text, min, max, ret_number) < 0)
		return options_fail(p,
			"--%s wants a whole number from %lld to %lld, not \"%.40s\".", row->name,
			(long long)min, (long long)max, text);
	return 0;
}

static int options_take(struct options_parser *p, const struct option_row *row, const char *value)
{
	struct options *o = &p->options;

	o->given |= OPTION_BIT(row->id);
	switch (row->id) {
	case OPTION_SOCKET:
		if (!value[0])
			return options_fail(p, "--socket wants a path.");
		o->socket = value;
		return 0;
	case OPTION_POLICY:
		if (!value[0])
			return options_fail(p, "--policy wants a file.");
		o->policy = value;
		return 0;
	case OPTION_PLACE:
		if (!value[0])
			return options_fail(p, "--place wants the name of a place.");
		o->place = value;
		return 0;
	case OPTION_LINES:
		return options_number(p, row, value, OPTIONS_LINES_MAX, &o->lines);
	case OPTION_AFTER:
		return options_number(p, row, value, INT64_C(1) << 53, &o->after);
	case OPTION_JSON:
	case OPTION_NO_COLOR:
	case OPTION_HELP:
	case OPTION_VERSION:
	case OPTION_YES:
	case OPTION_MARKDOWN:
	case OPTION_FOLLOW:
	case OPTION_NEW:
	case OPTION_KEEP_KEY:
	case OPTION_MAX:
		break;
	}
	return 0;
}

static const struct option_row *options_find(const char *word, size_t n_name)
{
	for (size_t i = 0; i < OPTION_MAX; i++) {
		const struct option_row *row = &option_rows[i];

		if (word[1] == '-') {
			if (strlen(row->name) == n_name - 2 &&
				strncmp(row->name, word + 2, n_name - 2) == 0)
				return row;
		} else if (row->letter && word[1] == row->letter) {
			return row;
		}
	}
	return NULL;
}

/* One word that begins with '-'. next: the word behind it or NULL. *ret_used: whether it was used.
 */
static int options_word(
	struct options_parser *p, const char *word, const char *next, bool *ret_used)
{
	bool is_long = word[1] == '-';
	size_t n_name = is_long ? strcspn(word, "=") : 2;
	const struct option_row *row = options_find(word, n_name);
	const char *value = NULL;

	*ret_used = false;
	if (!row)
		return options_fail(p, "There is no option %.60s.", word);
	if (word[n_name])
		value = word + n_name + (is_long ? 1 : 0);
	if (!row->argument && value)
		return options_fail(p, "--%s takes no value.", row->name);
	if (row->argument && !value) {
		if (!next)
			return options_fail(p, "--%s wants a value: --%s %s.", row->name, row->name,
				row->argument);
		value = next;
		*ret_used = true;
	}
	return options_take(p, row, value);
}

static int options_collect(struct options_parser *p, int argc, char *const *argv)
{
	bool only_words = false, used;

	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		int r;

		if (only_words || word[0] != '-' || !word[1]) {
			if (p->n_words == ARRAY_SIZE(p->words))
				return options_fail(
					p, "Too many arguments, from \"%.60s\" on.", word);
			p->words[p->n_words++] = word;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			only_words = true;
			continue;
		}
		r = options_word(p, word, i + 1 < argc ? argv[i + 1] : NULL, &used);
		if (r < 0)
			return r;
		i += used;
	}
	return 0;
}

static int options_verb(struct options_parser *p)
{
	struct options *o = &p->options;
	const char *first = p->words[0], *second = p->n_words > 1 ? p->words[1] : NULL;
	bool lenient = options_given(o, OPTION_HELP) || options_given(o, OPTION_VERSION);
	size_t n_verb = 1;
	char words[80];

	if (!first)
		return lenient ? 0
			       : options_fail(
					 p, "What shall be done? For example: agentctl status");
	if (verb_is_group(first)) {
		o->verb = verb_find(first, second);
		if (!o->verb && !second && lenient)
			return 0;
		n_verb = second ? 2 : 1;
		if (!o->verb && !second)
			return options_fail(p, "\"%s\" wants a second word; see agentctl help %s.",
				first, first);
	} else {
		o->verb = verb_find(first, NULL);
		second = NULL;
	}
	if (!o->verb) {
		const char *nearest;

		snprintf(words, sizeof(words), "%.36s%s%.36s", first, second ? " " : "",
			second ? second : "");
		nearest = verb_nearest(words);
		return options_fail(p, "There is no command \"%s\"%s%s%s", words,
			nearest ? "; did you mean \"" : "; see agentctl help",
			nearest ? nearest : ".", nearest ? "\"?" : "");
	}
	for (size_t i = n_verb; i < p->n_words; i++) {
		if (o->n_arguments == o->verb->max_arguments)
			return options_fail(p, "\"%s\" does not take the argument \"%.60s\".",
				o->verb->name, p->words[i]);
		o->arguments[o->n_arguments++] = p->words[i];
	}
	if (!lenient && o->n_arguments < o->verb->min_arguments)
		return options_fail(p, "\"%s\" wants an argument: agentctl %s %s", o->verb->name,
			o->verb->name, o->verb->arguments);
	return 0;
}

int options_parse(
	int argc, char *const *argv, struct options *ret_options, struct options_error *ret_error)
{
	struct options_parser p = {.error = ret_error};
	int r;

	r = options_collect(&p, argc, argv);
	if (r == 0)
		r = options_verb(&p);
	if (r < 0)
		return r;
	for (size_t i = 0; p.options.verb && i < OPTION_MAX; i++) {
		const struct option_row *row = &option_rows[i];

		if (options_given(&p.options, row->id) && !row->global &&
			!(p.options.verb->options & OPTION_BIT(row->id)))
			return options_fail(
				&p, "\"%s\" does not know --%s.", p.options.verb->name, row->name);
	}
	*ret_options = p.options;
	return 0;
}
