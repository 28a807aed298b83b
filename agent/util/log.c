/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - lines to standard error; see log.h. Any role. */
#include "agent/util/log.h"

#include <stdarg.h>

/* The one process-wide setting of this project: standard error is process-wide as well. */
static const char *log_program = "mdm";
static enum log_level log_highest = LOG_LEVEL_INFO;

void log_setup(const char *program, enum log_level highest)
{
	log_program = program;
	log_highest = highest;
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
	/* One call, so that lines of several processes do not mix. */
	fprintf(stderr, "%s: %s%s\n", log_program, prefix[level], line);
}
