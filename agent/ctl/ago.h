/* SPDX-License-Identifier: Apache-2.0 */
/* ago.h - times as people say them: "3 min ago", "in 2 h", "5 days". agentctl. */
#ifndef MDM_CTL_AGO_H
#define MDM_CTL_AGO_H

#include <stdint.h>

#define AGO_TEXT 40

/* A length of time in seconds: "45 s", "3 min", "5 h", "12 days"; negative ones as 0. */
void span_format(int64_t seconds, char ret_text[AGO_TEXT]);

/* "2026-11-22 05:40", local time; "an impossible date" outside the years 0 to 9999. */
void date_format(int64_t time_s, char ret_text[AGO_TEXT]);

/* Relative within 60 days ("just now", "3 min ago", "in 2 h"), beyond that the date. */
void ago_format(int64_t now_s, int64_t time_s, char ret_text[AGO_TEXT]);

/* Times before this cannot be meant: the clock had not been set (phones boot in 1970). */
#define AGO_CLOCK_UNSET_BEFORE INT64_C(1577836800) /* 2020-01-01 */

#endif
