/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pam_lines.h - the lines of a PAM service file, pam.d(5), as places in its text. Text in, numbers
 * out: no file is opened.
 *
 * What versions of libpam read differently, or not at all, is not understood here either: whoever
 * changes a file leaves such a one alone.
 */
#ifndef MDM_PLATFORM_PAM_LINES_H
#define MDM_PLATFORM_PAM_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/limits.h"
#include "agent/util/mem.h"

enum pam_type {
	PAM_TYPE_NONE, /* blank, or a comment */
	PAM_TYPE_AUTH,
	PAM_TYPE_ACCOUNT,
	PAM_TYPE_PASSWORD,
	PAM_TYPE_SESSION,
	PAM_TYPE_ALL, /* @include, as Debian has it: lines of all types */
	PAM_TYPE_MAX,
};

enum pam_control {
	PAM_CONTROL_WORD,
	PAM_CONTROL_ACTIONS, /* [value=action ...] */
	PAM_CONTROL_INCLUDE, /* the lines of another file as if they stood here */
	PAM_CONTROL_SUBSTACK,
	PAM_CONTROL_MAX,
};

struct pam_span {
	size_t start, end;
};

struct pam_line {
	struct pam_span all; /* with its continuation lines and the last newline */
	enum pam_type type;  /* NONE too for what was not understood */
	enum pam_control control;
	struct pam_span actions; /* of PAM_CONTROL_ACTIONS: what is in the brackets */
	struct pam_span module;	 /* or the file that is included */
	struct pam_span last;	 /* the last word */
};

struct pam_lines {
	struct pam_line *lines; /* owned */
	size_t n_lines;
	char unclear[LIMIT_TEXT_BYTES + 1]; /* "": all of it was understood */
};

/* A jump: its number in the text, and the number. */
struct pam_jump {
	struct pam_span span;
	unsigned int n;
};

/* 0 or -ENOMEM; what is not understood is said in ret_lines->unclear. */
int pam_lines_parse(const char *text, size_t n_bytes, struct pam_lines *ret_lines);
void pam_lines_done(struct pam_lines *lines);

/*
 * The next number among the actions, from *offset on, which is set behind it; start with 0.
 * 1; 0: there is none; -EBADMSG: they are malformed.
 */
int pam_line_next_jump(
	const char *text, const struct pam_line *line, size_t *offset, struct pam_jump *ret_jump);

/* Whether the module's file is of that name, in whatever directory. */
bool pam_line_has_module(const char *text, const struct pam_line *line, const char *name);
/* Whether the word is one of the arguments. */
bool pam_line_has_argument(const char *text, const struct pam_line *line, const char *word);

#endif
