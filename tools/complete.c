/* SPDX-License-Identifier: Apache-2.0 */
/* complete.c - the tables of a program in one form; see complete.h. Runs while building. */
#include "tools/complete.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A table that outgrew its place here must stop the build, not lose its last rows. */
static void complete_die(const char *what)
{
	fprintf(stderr, "complete: %s\n", what);
	exit(2);
}

struct complete_command *complete_add_command(
	struct complete_program *program, const struct complete_command *command)
{
	if (program->n_commands == COMPLETE_COMMANDS)
		complete_die("COMPLETE_COMMANDS is too small");
	program->commands[program->n_commands] = *command;
	return &program->commands[program->n_commands++];
}

void complete_add_option(
	struct complete_option *options, size_t *n_options, const struct complete_option *option)
{
	if (*n_options == COMPLETE_OPTIONS)
		complete_die("COMPLETE_OPTIONS is too small");
	options[(*n_options)++] = *option;
}

const char *complete_text(struct complete_program *program, struct buf *text)
{
	size_t n;

	if (program->n_texts == COMPLETE_TEXTS)
		complete_die("COMPLETE_TEXTS is too small");
	if (buf_take(text, &program->texts[program->n_texts], &n) < 0)
		complete_die("out of memory");
	return program->texts[program->n_texts++];
}

void complete_done(struct complete_program *program)
{
	while (program->n_texts)
		free(program->texts[--program->n_texts]);
}

/* --- what stands for a metavar ------------------------------------------------------------- */

/* "server|admin", "text=|title=": words to type, not names of something. */
static bool metavar_is_literal(const char *metavar)
{
	for (const char *c = metavar; *c; c++)
		if (!islower((unsigned char)*c) && !strchr("|=-", *c))
			return false;
	return islower((unsigned char)*metavar);
}

/* Whether one of the alternatives is this word. */
static bool metavar_has(const char *metavar, const char *word)
{
	size_t n_word = strlen(word);

	for (const char *at = metavar; *at;) {
		size_t n = strcspn(at, "|");

		if (n == n_word && memcmp(at, word, n) == 0)
			return true;
		at += n + (at[n] == '|');
	}
	return false;
}

enum complete_kind complete_kind_of(const struct complete_program *program, const char *command,
	const char *metavar, struct buf *words)
{
	const char *list = program->words ? program->words(command, metavar) : NULL;

	if (list) {
		buf_puts(words, list);
		return COMPLETE_WORDS;
	}
	if (metavar_is_literal(metavar)) {
		for (const char *c = metavar; *c; c++)
			buf_append(words, *c == '|' ? " " : c, 1);
		return COMPLETE_WORDS;
	}
	if (metavar_has(metavar, "FILE") || metavar_has(metavar, "PATH") ||
		metavar_has(metavar, "DOCUMENT"))
		return COMPLETE_FILE;
	if (metavar_has(metavar, "DIR") || metavar_has(metavar, "NEWDIR"))
		return COMPLETE_DIR;
	return COMPLETE_FREE;
}

bool complete_operand(const struct complete_command *command, size_t n, struct buf *ret_metavar,
	bool *ret_repeats)
{
	const char *at = command->operands;

	for (; n && *at; n--) {
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	if (!*at)
		return false;
	*ret_repeats = false;
	for (; *at && *at != ' '; at++) {
		if (strncmp(at, "...", 3) == 0) {
			*ret_repeats = true;
			at += 2;
		} else if (*at != '[' && *at != ']') {
			buf_append(ret_metavar, at, 1);
		}
	}
	return true;
}

bool complete_is_group(const struct complete_program *program, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i < program->n_commands; i++)
		if (strncmp(program->commands[i].name, word, n) == 0 &&
			program->commands[i].name[n] == ' ')
			return true;
	return false;
}

bool complete_first_seen(const struct complete_program *program, size_t i)
{
	const char *name = program->commands[i].name;
	size_t n = strcspn(name, " ");

	for (size_t j = 0; j < i; j++)
		if (strncmp(program->commands[j].name, name, n) == 0 &&
			strcspn(program->commands[j].name, " ") == n)
			return true;
	return false;
}

/* --- output -------------------------------------------------------------------------------- */

void complete_quote(const char *text, bool colons, struct buf *out)
{
	buf_puts(out, "'");
	for (; *text; text++) {
		/* A typographic quote closes nothing in any of the shells. */
		if (*text == '\'')
			buf_puts(out, "\xe2\x80\x99");
		else if (*text == '\n')
			buf_puts(out, " ");
		else
			buf_printf(out, "%s%c", colons && *text == ':' ? "\\" : "", *text);
	}
	buf_puts(out, "'");
}

void complete_template(const struct complete_program *program, const char *text, struct buf *out)
{
	for (; *text; text++) {
		if (*text != '~') {
			buf_append(out, text, 1);
			continue;
		}
		for (const char *c = program->name; *c; c++)
			buf_append(out, *c == '-' ? "_" : c, 1);
	}
}

void complete_scdoc_text(const char *text, struct buf *out)
{
	for (; *text; text++) {
		if (strchr("\\*_", *text))
			buf_puts(out, "\\");
		buf_append(out, *text == '\n' ? " " : text, 1);
	}
}

void complete_scdoc_sentence(const char *text, struct buf *out)
{
	char first[2] = {(char)toupper((unsigned char)*text), 0};
	size_t n = strlen(text);

	if (n == 0)
		return;
	complete_scdoc_text(first, out);
	complete_scdoc_text(text + 1, out);
	if (!strchr(".?", text[n - 1]))
		buf_puts(out, ".");
}

void complete_scdoc_option(
	const struct complete_option *option, const char *indent, struct buf *out)
{
	buf_printf(out, "%s", indent);
	if (option->letter)
		buf_printf(out, "*-%c*, ", option->letter);
	buf_printf(out, "*--%s*", option->name);
	if (option->metavar) {
		buf_puts(out, " _");
		complete_scdoc_text(option->metavar, out);
		buf_puts(out, "_");
	}
	buf_printf(out, "\n%s\t", indent);
	complete_scdoc_sentence(option->help, out);
	buf_puts(out, option->repeats ? " May be given several times.\n\n" : "\n\n");
}

static void scdoc_commands(const struct complete_program *program, struct buf *out)
{
	for (size_t i = 0; i < program->n_commands; i++) {
		const struct complete_command *command = &program->commands[i];

		if (command->hidden)
			continue;
		buf_printf(out, "*%s*", command->name);
		if (*command->operands) {
			buf_puts(out, " ");
			complete_scdoc_text(command->operands, out);
		}
		buf_puts(out, "\n\t");
		complete_scdoc_sentence(command->help, out);
		if (command->text && *command->text) {
			buf_puts(out, " ");
			complete_scdoc_text(command->text, out);
		}
		buf_puts(out, "\n\n");
		for (size_t j = 0; j < command->n_options; j++)
			complete_scdoc_option(&command->options[j], "\t", out);
	}
}

static void scdoc_options(const struct complete_program *program, struct buf *out)
{
	for (size_t i = 0; i < program->n_options; i++)
		complete_scdoc_option(&program->options[i], "", out);
}

static void scdoc_exits(const struct complete_program *program, struct buf *out)
{
	for (size_t i = 0; i < program->n_exits; i++) {
		buf_printf(out, "*%zu*\n\t", i);
		complete_scdoc_sentence(program->exits[i], out);
		buf_puts(out, "\n\n");
	}
}

int complete_main(int argc, char **argv, const struct complete_program *program,
	const struct complete_extra *extras)
{
	static const struct {
		const char *word;
		void (*write_to)(const struct complete_program *program, struct buf *out);
	} rows[] = {
		{"bash", complete_bash},
		{"zsh", complete_zsh},
		{"fish", complete_fish},
		{"commands", scdoc_commands},
		{"options", scdoc_options},
		{"exits", scdoc_exits},
	};
	_cleanup_buf_ struct buf out = BUF_INIT;
	bool known = false;

	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(rows); i++)
		if (strcmp(argv[1], rows[i].word) == 0) {
			rows[i].write_to(program, &out);
			known = true;
		}
	for (; argc == 2 && extras && extras->word; extras++)
		if (strcmp(argv[1], extras->word) == 0) {
			extras->write_to(&out);
			known = true;
		}
	if (!known) {
		fprintf(stderr, "%s: there is no such part\n", argc > 1 ? argv[1] : "no argument");
		return 2;
	}
	if (out.error || fwrite(out.data, 1, out.n_bytes, stdout) != out.n_bytes ||
		fflush(stdout) != 0) {
		fprintf(stderr, "cannot write\n");
		return 2;
	}
	return 0;
}
