/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_event.h - the log of mdm-server: one line an event, logfmt or JSON, to standard error. Lines
 * of agent/util/log.h come out in the same form, as event "message". No secrets: request bodies,
 * queries and authorization headers are never fields. mdm-server only.
 *
 * Texts of strangers stand in lines: whatever they hold, a line stays one line, a field one field,
 * and no terminal takes orders from it.
 */
#ifndef MDM_SERVER_LOG_EVENT_H
#define MDM_SERVER_LOG_EVENT_H

#include "agent/util/jsonw.h"
#include "agent/util/log.h"
#include "server/config.h"

#define LOG_EVENT_VALUE_BYTES 512 /* of one field; longer ones are cut */

/* From here on lines have this form. May be called again. */
void log_event_setup(enum config_log_format format, enum log_level highest);

struct log_event {
	bool wanted; /* its level is shown; otherwise nothing is written */
	enum config_log_format format;
	struct buf line;
	struct jsonw w;
};

/* In the form of log_event_setup(). Fields follow, then the end, which writes the line. */
void log_event_begin(struct log_event *event, enum log_level level, const char *name);
/* NULL and "" leave the field out. */
void log_event_text(struct log_event *event, const char *key, const char *value);
void log_event_int(struct log_event *event, const char *key, int64_t value);
void log_event_end(struct log_event *event);

/* The same in a given form at a given time, for tests. Ended with buf_done(&event->line). */
struct log_event_start {
	enum config_log_format format;
	enum log_level level;
	int64_t realtime_us;
	const char *name;
};
void log_event_start(struct log_event *event, const struct log_event_start *start);

#endif
