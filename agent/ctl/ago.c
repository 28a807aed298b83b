/* SPDX-License-Identifier: Apache-2.0 */
/* ago.c - times as people say them; see ago.h. Pure but for the time zone; agentctl. */
#include "agent/ctl/ago.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define AGO_DAYS 60

void span_format(int64_t seconds, char ret_text[AGO_TEXT])
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 60)
		snprintf(ret_text, AGO_TEXT, "%" PRId64 " s", seconds);
	else if (seconds < 3600)
		snprintf(ret_text, AGO_TEXT, "%" PRId64 " min", seconds / 60);
	else if (seconds < 48 * 3600)
		snprintf(ret_text, AGO_TEXT, "%" PRId64 " h", seconds / 3600);
	else
		snprintf(ret_text, AGO_TEXT, "%" PRId64 " days", seconds / 86400);
}

void date_format(int64_t time_s, char ret_text[AGO_TEXT])
{
	time_t t = (time_t)time_s;
	struct tm tm;

	/* Years 0 to 9999. */
	if (time_s < INT64_C(-62167219200) || time_s > INT64_C(253402300799) ||
		!localtime_r(&t, &tm) || strftime(ret_text, AGO_TEXT, "%Y-%m-%d %H:%M", &tm) == 0)
		snprintf(ret_text, AGO_TEXT, "an impossible date");
}

void ago_format(int64_t now_s, int64_t time_s, char ret_text[AGO_TEXT])
{
	char span[AGO_TEXT];
	int64_t past;

	if (__builtin_sub_overflow(now_s, time_s, &past) || past > AGO_DAYS * 86400 ||
		past < -AGO_DAYS * 86400) {
		date_format(time_s, ret_text);
		return;
	}
	span_format(past < 0 ? -past : past, span);
	if (past >= 0 && past < 5)
		snprintf(ret_text, AGO_TEXT, "just now");
	else if (past >= 0)
		snprintf(ret_text, AGO_TEXT, "%.30s ago", span);
	else
		snprintf(ret_text, AGO_TEXT, "in %.30s", span);
}
