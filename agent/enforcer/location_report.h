/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_report.h - telling the organisation where the phone is, where the area "location" of the
 * policies in force says so: the report's section "location", whether the phone counts as lost (the
 * command "lost"), and what the user reads of it. State file "location", gone with the enrolment.
 *
 * A check-in never waits for a position: it tells the newest that is known, and another one follows
 * when it comes and says something else. While nothing is to be told nobody is asked, and a report
 * has no such section, by which the server forgets what it had. Enforcer only.
 */
#ifndef MDM_ENFORCER_LOCATION_REPORT_H
#define MDM_ENFORCER_LOCATION_REPORT_H

#include <stdbool.h>

#include "agent/util/buf.h"

struct enforcer;
struct jsonw;
struct location_report; /* e->location_report; NULL: nothing is told */

/* Reads what was kept. 0 or -ENOMEM. */
int location_report_new(struct enforcer *e, struct location_report **ret_report);
void location_report_free(struct location_report *report); /* NULL is fine */

/* All of these do nothing without e->location_report. */

/* A check-in begins, or the phone was lost or found: looks where it is, if that is to be told. */
void location_report_refresh(struct enforcer *e);
/* The report's section; nothing where nothing is to be told. */
void location_report_write(struct enforcer *e, struct jsonw *w);
/* The server has what the last report said; sent: the section was in it with its body. */
void location_report_acknowledged(struct enforcer *e, bool sent);
/* The enrolment is over. */
void location_report_forget(struct enforcer *e);

/* Durable when it returns 0. -errno. */
int location_report_set_lost(struct enforcer *e, bool is_lost);

/* Whether the policies in force let it be told now. */
bool location_report_is_told(const struct enforcer *e);

/* For CTL_STATUS, without a position, and for CTL_PRIVACY, with those that were told if may_see. */
void location_report_write_status(const struct enforcer *e, struct jsonw *w, const char *key);
void location_report_write_privacy(
	const struct enforcer *e, struct jsonw *w, const char *key, bool may_see);

#endif
