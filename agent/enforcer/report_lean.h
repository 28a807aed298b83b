/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_lean.h - reports on links that cost money: what must be known soon goes out, the rest
 * waits for a cheap link, or a day. Enforcer only.
 */
#ifndef MDM_ENFORCER_REPORT_LEAN_H
#define MDM_ENFORCER_REPORT_LEAN_H

#include <stdbool.h>

#define REPORT_LEAN_MAX_S (24 * 3600)

struct enforcer;

/*
 * Whether the report of now leaves out what can wait. The day is counted from the first such report
 * after a whole one, by a file in the state directory, so that restarts do not begin it anew. False
 * before an assignment is held: the first report of an enrolment is whole.
 */
bool report_lean_begin(struct enforcer *e);
/* A whole report was answered: the day is over. */
void report_lean_end(struct enforcer *e);

#endif
