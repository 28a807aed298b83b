/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - one line to standard error: "PROGRAM: message". The service manager adds time and stores
 * it. Only main.c and role loops log; library code returns errors. No secrets, no personal data.
 */
#ifndef MDM_UTIL_LOG_H
#define MDM_UTIL_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "agent/util/limits.h"
#include "agent/util/mem.h"

enum log_level {
	LOG_LEVEL_ERROR,   /* something does not work and somebody has to act */
	LOG_LEVEL_WARNING, /* something was refused or degraded; the program goes on */
	LOG_LEVEL_INFO,	   /* a change of state worth a line */
	LOG_LEVEL_DEBUG,   /* with --verbose only */
	LOG_LEVEL_MAX,
};

/* Sets the name printed in front and the highest level shown. program is borrowed for ever. */
void log_setup(const char *program, enum log_level highest);

/* Lines go there instead of to standard error, as they were written and not cleaned. */
typedef void (*log_sink_fn)(enum log_level level, const char *line);
void log_redirect(log_sink_fn sink);

void log_line(enum log_level level, const char *format, ...) _printf_(2, 3);

/* The newest lines, for a program that is asked what it said. */
struct log_ring {
	char lines[LIMIT_LOG_LINES][LIMIT_LOG_LINE_BYTES]; /* cut; without the program's name */
	int64_t times_s[LIMIT_LOG_LINES];
	size_t n_ever; /* the newest is at (n_ever - 1) % LIMIT_LOG_LINES */
};

/* From now on lines are also kept there; borrowed until log_keep(NULL). */
void log_keep(struct log_ring *ring);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
