/* SPDX-License-Identifier: Apache-2.0 */
/* args.c - reads command lines by tables; see args.h. Pure. */
#include "server/ctl/args.h"

#include <string.h>

#define ARGS_WORD_MAX 40

static const struct option_row *args_find(
	const struct option_row *const *tables, const char *name, size_t n_name, char letter)
{
	for (; *tables; tables++) {
		for (const struct option_row *row = *tables; row->name; row++) {
			if (letter ? row->letter == letter
				   : strlen(row->name) == n_name &&
						memcmp(row->name, name, n_name) == 0)
				return row;
		}
	}
	return NULL;
}

static int args_unknown(
	const struct option_row *const *tables, const char *arg, struct fault *fault)
{
	const char *words[64], *near;
	size_t n_words = 0;

	for (; *tables; tables++)
		for (const struct option_row *row = *tables; row->name && n_words < 64; row++)
			words[n_words++] = row->name;
	near = args_nearest(arg + strspn(arg, "-"), words, n_words);
	if (near)
		return fault_set(
			fault, FAULT_USAGE, "unknown option %.60s; did you mean --%s?", arg, near);
	return fault_set(fault, FAULT_USAGE, "unknown option %.60s", arg);
}

/* One option at argv[*i]; *i moves over a value that is a word of its own. */
static int args_option(const struct option_row *const *tables, int argc, const char *const *argv,
	int *i, struct args *args, struct fault *fault)
{
	const char *arg = argv[*i], *value = NULL;
	const struct option_row *row;
	size_t n_name;

	if (arg[1] == '-') {
		n_name = strcspn(arg + 2, "=");
		row = args_find(tables, arg + 2, n_name, 0);
		if (arg[2 + n_name] == '=')
			value = arg + 2 + n_name + 1;
	} else {
		row = args_find(tables, NULL, 0, arg[1]);
		if (row && row->metavar && arg[2])
			value = arg + 2;
		else if (arg[2])
			row = NULL;
	}
	if (!row)
		return args_unknown(tables, arg, fault);
	if (!row->metavar && value)
		return fault_set(fault, FAULT_USAGE, "option --%s takes no value", row->name);
	if (row->metavar && !value) {
		if (*i + 1 >= argc)
			return fault_set(fault, FAULT_USAGE, "option --%s needs a value: --%s %s",
				row->name, row->name, row->metavar);
		value = argv[++*i];
	}
	if (!row->repeats && args_has(args, row->name))
		return fault_set(fault, FAULT_USAGE, "option --%s is there twice", row->name);
	if (args->n_options == ARGS_MAX)
		return fault_set(fault, FAULT_USAGE, "more than %d options", ARGS_MAX);
	args->names[args->n_options] = row->name;
	args->values[args->n_options++] = value ? value : "";
	return 0;
}

int args_parse(const struct option_row *const *tables, int argc, const char *const *argv,
	struct args *ret_args, struct fault *fault)
{
	struct args args = {0};
	bool options = true;
	int r;

	for (int i = 0; i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1]) {
			r = args_option(tables, argc, argv, &i, &args, fault);
			if (r)
				return r;
		} else if (args.n_operands == ARGS_MAX) {
			return fault_set(fault, FAULT_USAGE, "more than %d arguments", ARGS_MAX);
		} else {
			args.operands[args.n_operands++] = argv[i];
		}
	}
	*ret_args = args;
	return 0;
}

const char *args_nth(const struct args *args, const char *name, size_t n)
{
	for (size_t i = 0; i < args->n_options; i++)
		if (strcmp(args->names[i], name) == 0 && n-- == 0)
			return args->values[i];
	return NULL;
}

const char *args_get(const struct args *args, const char *name)
{
	return args_nth(args, name, 0);
}

bool args_has(const struct args *args, const char *name)
{
	return args_get(args, name) != NULL;
}

static size_t args_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Number of insertions, deletions and replacements between two words (Wagner and Fischer 1974). */
static size_t args_distance(const char *a, const char *b)
{
	size_t row[ARGS_WORD_MAX + 1], n_a = strlen(a), n_b = strlen(b), diagonal, above;

	if (n_a > ARGS_WORD_MAX || n_b > ARGS_WORD_MAX)
		return ARGS_WORD_MAX;
	for (size_t j = 0; j <= n_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= n_a; i++) {
		diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			above = row[j];
			row[j] = args_min(
				args_min(above, row[j - 1]) + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[n_b];
}

const char *args_nearest(const char *word, const char *const *words, size_t n_words)
{
	size_t best = strlen(word) / 3 + 2;
	const char *nearest = NULL;

	for (size_t i = 0; i < n_words; i++) {
		size_t distance = args_distance(word, words[i]);

		if (distance < best) {
			best = distance;
			nearest = words[i];
		}
	}
	return nearest;
}
