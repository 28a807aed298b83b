/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - tables and words on a terminal of 80 columns. Text that came from elsewhere loses every
 * character that could steer the terminal. Pure.
 */
#ifndef MDM_MDMCTL_TEXT_H
#define MDM_MDMCTL_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "agent/util/buf.h"

/* Appends text; control characters (C0, C1, bidirectional overrides) and broken UTF-8 become '?'.
 */
void text_plain(struct buf *out, const char *text);

/* Several lines: each as text_plain(), the line breaks stay. */
void text_lines(FILE *out, const char *text);

/* Columns that a text takes, one for each character. */
size_t text_columns(const char *text);

/* "compliant" in green, "noncompliant" in red, …; as it is without colour. */
void text_state(FILE *out, bool colour, const char *state, int width);

#define TABLE_MAX_COLUMNS 8

struct table {
	const char *headings[TABLE_MAX_COLUMNS];
	size_t n_columns;
	size_t flexible; /* the column that is cut to fit in 80 */
	size_t state;	 /* the column with a state, for colour; n_columns: none */
	char **cells;	 /* row after row, owned */
	size_t n_cells, max_cells;
	int error; /* sticky -ENOMEM */
};

void table_done(struct table *table);
#define _cleanup_table_ _cleanup_(table_done)

/* One cell; n_columns of them make a row. NULL is "-". */
void table_add(struct table *table, const char *text);
void table_printf(struct table *table, const char *format, ...) _printf_(2, 3);

/* 0 or -ENOMEM of a table_add() before. */
int table_print(const struct table *table, FILE *out, bool colour);

#endif
