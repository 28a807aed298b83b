/* SPDX-License-Identifier: Apache-2.0 */
/* span.c - spans of time; see span.h. Pure. */
#include "server/ctl/span.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/mem.h"

static const struct {
	char letter;
	int64_t seconds;
	const char *unit; /* how people read it; NULL: only for input */
} span_units[] = {
	{'y', 365 * 86400, NULL},
	{'w', 7 * 86400, NULL},
	{'d', 86400, "d"},
	{'h', 3600, "h"},
	{'m', 60, "min"},
	{'s', 1, "s"},
};

int span_parse(const char *text, int64_t *ret_seconds)
{
	size_t n = strlen(text);
	char digits[16];
	int64_t value;
	int r;

	if (n < 2)
		return -EINVAL;
	if (n > sizeof(digits))
		return -ERANGE;
	memcpy(digits, text, n - 1);
	digits[n - 1] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(span_units); i++) {
		if (span_units[i].letter != text[n - 1])
			continue;
		r = parse_int64(digits, 1, SPAN_MAX_S / span_units[i].seconds, &value);
		if (r < 0)
			return r;
		*ret_seconds = value * span_units[i].seconds;
		return 0;
	}
	return -EINVAL;
}

void span_format_relative(int64_t time_s, int64_t now_s, char ret_text[32])
{
	int64_t distance_s = time_s - now_s;
	const char *before = "", *after = " ago";

	if (time_s <= 0) {
		snprintf(ret_text, 32, "never");
		return;
	}
	if (distance_s > 0) {
		before = "in ";
		after = "";
	} else {
		distance_s = -distance_s;
	}
	for (size_t i = 0; i < ARRAY_SIZE(span_units); i++) {
		/* Two of a unit before it is used: "90 min" says more than "1 h". */
		if (!span_units[i].unit ||
			(distance_s < 2 * span_units[i].seconds && span_units[i].seconds > 1))
			continue;
		if (distance_s == 0)
			break;
		snprintf(ret_text, 32, "%s%" PRId64 " %s%s", before,
			distance_s / span_units[i].seconds, span_units[i].unit, after);
		return;
	}
	snprintf(ret_text, 32, "now");
}
