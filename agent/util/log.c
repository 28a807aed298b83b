/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - lines to standard error; see log.h. Any role. */
#include "agent/util/log.h"

#include <stdarg.h>

#include "agent/util/clock.h"

/* The process-wide settings of this project: standard error is process-wide as well. */
static const char *log_program = "mdm";
static enum log_level log_highest = LOG_LEVEL_INFO;
static struct log_ring *log_ring;
static log_sink_fn log_sink;

void log_setup(const char *program, enum log_level highest)
{
	log_program = program;
	log_highest = highest;
}

void log_redirect(log_sink_fn sink)
{
	log_sink = sink;
}

/*
 * Words of other processes stand in lines: one line stays one line, and no terminal takes orders
 * from it. The C1 controls (U+0080 to U+009F) are orders, too.
 */
static void log_clean(char *line)
{
	for (unsigned char *p = (unsigned char *)line; *p; p++) {
		if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			*p++ = '?';
		else if (*p >= 0x20 && *p != 0x7f)
			continue;
		*p = '?';
	}
}

void log_keep(struct log_ring *ring)
{
	log_ring = ring;
}

static void log_remember(struct log_ring *ring, const char *prefix, const char *line)
{
	size_t at = ring->n_ever++ % LIMIT_LOG_LINES;

	snprintf(ring->lines[at], sizeof(ring->lines[at]), "%s%.*s", prefix,
		LIMIT_LOG_LINE_BYTES - 16, line);
	ring->times_s[at] = clock_realtime_s();
}

void log_line(enum log_level level, const char *format, ...)
{
	static const char *const prefix[LOG_LEVEL_MAX] = {
		[LOG_LEVEL_ERROR] = "error: ",
		[LOG_LEVEL_WARNING] = "warning: ",
		[LOG_LEVEL_INFO] = "",
		[LOG_LEVEL_DEBUG] = "debug: ",
	};
	char line[1024];
	va_list args;

	if (level > log_highest)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (log_sink) {
		log_sink(level, line);
		return;
	}
	log_clean(line);
	if (log_ring)
		log_remember(log_ring, prefix[level], line);
	/* One call, so that lines of several processes do not mix. */
	fprintf(stderr, "%s: %s%s\n", log_program, prefix[level], line);
}
