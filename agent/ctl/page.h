/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - what agentctl prints for people: paragraphs wrapped to the terminal, with hanging
 * indentation, and styles that only ever accompany words. Whatever is added to a page is cleaned
 * (glyph_clean), so that no text of a server or an organisation can steer the terminal.
 */
#ifndef MDM_CTL_PAGE_H
#define MDM_CTL_PAGE_H

#include <stdbool.h>

#include "agent/util/buf.h"

#define PAGE_WIDTH_MIN 30
#define PAGE_WIDTH_MAX 100 /* longer lines are hard to read */
#define PAGE_WIDTH_DEFAULT 80

enum page_style {
	PAGE_PLAIN,
	PAGE_BOLD,
	PAGE_GOOD,
	PAGE_WARN,
	PAGE_BAD,
	PAGE_DIM,
	PAGE_STYLE_MAX,
};

struct page {
	struct buf *out; /* borrowed; errors stick there */
	unsigned width;	 /* columns, at least PAGE_WIDTH_MIN */
	bool colour;
	struct buf paragraph; /* cleaned text with one-byte style marks */
	unsigned start;	      /* columns of the first line already written */
	unsigned indent;      /* of the first line */
	unsigned hang;	      /* of the other lines */
};

void page_init(struct page *p, struct buf *out, unsigned width, bool colour);
void page_done(struct page *p);

/* Width for people: COLUMNS if it is a number, else the terminal's, else the default; clamped. */
unsigned page_width(const char *columns, int tty_columns);

/* A paragraph: open, add pieces, close. Indents are in columns, at most 8. */
void page_open(struct page *p, unsigned indent, unsigned hang);
void page_add(struct page *p, enum page_style style, const char *format, ...) _printf_(3, 4);
void page_close(struct page *p);

/* A paragraph of one piece; wrapped lines are indented alike. */
void page_line(struct page *p, unsigned indent, enum page_style style, const char *format, ...)
	_printf_(4, 5);
void page_blank(struct page *p);
/* An empty line and a bold title. */
void page_heading(struct page *p, const char *title);
/* Opens a paragraph "Label   …" (wide) or "Label: …" (narrow); page_close() ends it. */
void page_field(struct page *p, const char *label);
/* Lines as they are, not wrapped: for JSON. Unsafe characters are escaped as in JSON. */
void page_verbatim(struct page *p, const char *text, size_t n_bytes);

/* The escape sequence that starts a style; "" for PAGE_PLAIN. */
const char *page_style_code(enum page_style style);
#define PAGE_STYLE_RESET "\033[0m"

#endif
