/* SPDX-License-Identifier: Apache-2.0 */
/* span.h - spans of time as people write them ("15m", "24h", "30d") and read them ("3 h ago").
 * Pure. */
#ifndef MDM_MDMCTL_SPAN_H
#define MDM_MDMCTL_SPAN_H

#include <stdint.h>

#define SPAN_MAX_S INT64_C(3153600000) /* 100 years of 365 days */

/*
 * A number and one of s, m, h, d, w, y (a year is 365 days); the unit must be there and parts do
 * not combine. 1 s to 100 years. 0, -EINVAL (form) or -ERANGE.
 */
int span_parse(const char *text, int64_t *ret_seconds);

/* "now", "42 s ago", "5 min ago", "3 h ago", "12 d ago", "in 23 h", "never" for 0. */
void span_format_relative(int64_t time_s, int64_t now_s, char ret_text[32]);

#endif
