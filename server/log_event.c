/* SPDX-License-Identifier: Apache-2.0 */
/* log_event.c - lines of the log of mdm-server; see log_event.h. */
#include "server/log_event.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"

/* Process-wide, as standard error is. */
static enum config_log_format log_event_format = CONFIG_LOG_TEXT;
static enum log_level log_event_highest = LOG_LEVEL_INFO;

static const char *const log_event_levels[LOG_LEVEL_MAX] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

/* --- texts of strangers ------------------------------------------------------------------ */

/* Bytes of the character at text that may be shown as they are; 0: they may not. */
static size_t log_event_character(const unsigned char *text)
{
	size_t n = *text < 0x80 ? 1 : *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : 4;

	if (*text < 0x20 || *text == 0x7f || strnlen((const char *)text, n) < n ||
		!text_is_valid((const char *)text, n))
		return 0;
	/* C1 controls, the line and paragraph separators and what turns the direction of text. */
	if (n == 2 && text[0] == 0xc2 && text[1] < 0xa0)
		return 0;
	if (n == 3 && text[0] == 0xe2 &&
		((text[1] == 0x80 && text[2] >= 0xa8 && text[2] <= 0xae) ||
			(text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9)))
		return 0;
	return n;
}

/* Bytes that may not be shown become \xNN. At most LOG_EVENT_VALUE_BYTES of value are looked at. */
static void log_event_clean(const char *value, struct buf *out)
{
	const unsigned char *at = (const unsigned char *)value, *end = at + LOG_EVENT_VALUE_BYTES;

	while (*at && at < end) {
		size_t n = log_event_character(at);

		if (n)
			buf_append(out, at, n);
		else
			buf_printf(out, "\\x%02x", *at);
		at += n ? n : 1;
	}
	if (*at)
		buf_puts(out, "...");
}

/* logfmt: bare if it is one plain word. */
static void log_event_quote(const struct buf *value, struct buf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-._~:/@+,%[]";

	if (value->data && value->data[strspn(value->data, plain)] == 0) {
		buf_append(out, value->data, value->n_bytes);
		return;
	}
	buf_puts(out, "\"");
	for (size_t i = 0; i < value->n_bytes; i++) {
		if (value->data[i] == '"' || value->data[i] == '\\')
			buf_puts(out, "\\");
		buf_append(out, &value->data[i], 1);
	}
	buf_puts(out, "\"");
}

/* --- fields ------------------------------------------------------------------------------ */

void log_event_text(struct log_event *event, const char *key, const char *value)
{
	_cleanup_buf_ struct buf clean = BUF_INIT;

	if (!event->wanted || !value || !*value)
		return;
	log_event_clean(value, &clean);
	if (event->format == CONFIG_LOG_JSON) {
		jsonw_text(&event->w, key, clean.data ? clean.data : "", clean.n_bytes);
		return;
	}
	buf_printf(&event->line, "%s%s=", event->line.n_bytes ? " " : "", key);
	log_event_quote(&clean, &event->line);
}

void log_event_int(struct log_event *event, const char *key, int64_t value)
{
	if (!event->wanted)
		return;
	if (event->format == CONFIG_LOG_JSON)
		jsonw_int(&event->w, key, value);
	else
		buf_printf(&event->line, " %s=%" PRId64, key, value);
}

/* --- lines ------------------------------------------------------------------------------- */

static void log_event_time(int64_t realtime_us, char ret_text[32])
{
	char seconds[24];

	clock_format(realtime_us / USEC_PER_SEC, seconds);
	snprintf(ret_text, 32, "%.19s.%03uZ", seconds,
		(unsigned int)(realtime_us % USEC_PER_SEC / 1000) % 1000);
}

void log_event_start(struct log_event *event, const struct log_event_start *start)
{
	char time[32];

	*event = (struct log_event){
		.wanted = true,
		.format = start->format,
		.w = JSONW_INIT(&event->line),
	};
	log_event_time(start->realtime_us, time);
	if (event->format == CONFIG_LOG_JSON)
		jsonw_object(&event->w, NULL);
	log_event_text(event, "time", time);
	log_event_text(event, "level", log_event_levels[start->level]);
	log_event_text(event, "event", start->name);
}

void log_event_begin(struct log_event *event, enum log_level level, const char *name)
{
	*event = (struct log_event){.wanted = level <= log_event_highest};
	if (event->wanted)
		log_event_start(event, &(struct log_event_start){
					       .format = log_event_format,
					       .level = level,
					       .realtime_us = clock_realtime_us(),
					       .name = name,
				       });
}

void log_event_end(struct log_event *event)
{
	if (event->wanted && event->format == CONFIG_LOG_JSON)
		jsonw_object_end(&event->w);
	buf_puts(&event->line, "\n");
	/* One call, so that lines stay whole. A log that cannot be written has nobody to be told.
	 */
	if (event->wanted && !event->line.error)
		(void)fs_write_all(STDERR_FILENO, event->line.data, event->line.n_bytes);
	buf_done(&event->line);
}

static void log_event_message(enum log_level level, const char *text)
{
	struct log_event event;

	log_event_begin(&event, level, "message");
	log_event_text(&event, "msg", text);
	log_event_end(&event);
}

void log_event_setup(enum config_log_format format, enum log_level highest)
{
	log_event_format = format;
	log_event_highest = highest;
	log_setup("mdm-server", highest);
	log_redirect(log_event_message);
}
