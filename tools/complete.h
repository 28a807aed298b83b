/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complete.h - what a program's own tables say, in one form, and from it completion for three
 * shells and the generated parts of its manual page (scdoc). Runs while building, never on a phone.
 */
#ifndef MDM_TOOLS_COMPLETE_H
#define MDM_TOOLS_COMPLETE_H

#include <stdbool.h>

#include "agent/util/buf.h"

#define COMPLETE_COMMANDS 128
#define COMPLETE_OPTIONS 64 /* of a program; of one command, too */
#define COMPLETE_TEXTS 256
#define COMPLETE_EXITS 16

struct complete_option {
	const char *name;    /* without dashes */
	char letter;	     /* 'o' for -o; 0: none */
	const char *metavar; /* NULL: takes no value */
	const char *help;
	bool repeats;
};

struct complete_command {
	const char *name;     /* "policy sign": one or two words */
	const char *operands; /* "FILE [NAME]...", "new|old", or "" */
	const char *help;     /* a phrase */
	const char *text;     /* more of it; NULL: none */
	bool hidden;	      /* a word to complete that has no place of its own in the manual */
	struct complete_option options[COMPLETE_OPTIONS];
	size_t n_options;
};

struct complete_program {
	const char *name;
	struct complete_command commands[COMPLETE_COMMANDS];
	size_t n_commands;
	struct complete_option options[COMPLETE_OPTIONS]; /* of every command */
	size_t n_options;
	const char *exits[COMPLETE_EXITS]; /* what the exit codes mean, from 0 on */
	size_t n_exits;
	/* The words, separated by spaces, that a metavar stands for; NULL: no words. May be NULL.
	 */
	const char *(*words)(const char *command, const char *metavar);
	char *texts[COMPLETE_TEXTS]; /* owned */
	size_t n_texts;
};

struct complete_command *complete_add_command(
	struct complete_program *program, const struct complete_command *command);
void complete_add_option(
	struct complete_option *options, size_t *n_options, const struct complete_option *option);
/* Takes the text over; it lives as long as the program. Ends the process if there was an error. */
const char *complete_text(struct complete_program *program, struct buf *text);

/* --- what stands for a metavar ------------------------------------------------------------- */

enum complete_kind {
	COMPLETE_FREE,
	COMPLETE_FILE,
	COMPLETE_DIR,
	COMPLETE_WORDS,
};

/* words: filled for COMPLETE_WORDS, separated by spaces. */
enum complete_kind complete_kind_of(const struct complete_program *program, const char *command,
	const char *metavar, struct buf *words);
/* The n-th operand without brackets; false behind the last. repeats: it may come again. */
bool complete_operand(const struct complete_command *command, size_t n, struct buf *ret_metavar,
	bool *ret_repeats);
bool complete_is_group(const struct complete_program *program, const char *word);
/* Whether a command before this one has the same first word. */
bool complete_first_seen(const struct complete_program *program, size_t i);

/* --- output -------------------------------------------------------------------------------- */

void complete_bash(const struct complete_program *program, struct buf *out);
void complete_zsh(const struct complete_program *program, struct buf *out);
void complete_fish(const struct complete_program *program, struct buf *out);
/* Text in single quotes, for all three shells; a colon gets a backslash if asked for. */
void complete_quote(const char *text, bool colons, struct buf *out);
/* Words of a template with '~' for the name of the program as part of a function's name. */
void complete_template(const struct complete_program *program, const char *text, struct buf *out);

/* scdoc: text with its marks escaped; as a sentence with a capital letter and a full stop. */
void complete_scdoc_text(const char *text, struct buf *out);
void complete_scdoc_sentence(const char *text, struct buf *out);
void complete_scdoc_option(
	const struct complete_option *option, const char *indent, struct buf *out);

/* A word of the command line that only one program has, and what writes it. */
struct complete_extra {
	const char *word; /* the last has NULL */
	void (*write_to)(struct buf *out);
};

/* Prints what argv[1] asks for: bash, zsh, fish, commands, options, exits, or an extra. The exit
 * code. */
int complete_main(int argc, char **argv, const struct complete_program *program,
	const struct complete_extra *extras);
void complete_done(struct complete_program *program);

#endif
