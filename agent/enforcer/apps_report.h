/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_report.h - the report's section "apps" (docs/protocol.md, section 4): all of it until the
 * server has it, from then on what changed. What the server has is the state file "reports/apps",
 * so that a restart sends nothing again. Enforcer only.
 */
#ifndef MDM_ENFORCER_APPS_REPORT_H
#define MDM_ENFORCER_APPS_REPORT_H

#include <stdbool.h>

#include "agent/enforcer/report.h"
#include "agent/util/jsonw.h"

#define APPS_REPORT_FILE "reports/apps"

/* At the start: the digest that the server acknowledged, as far as it is known. */
void apps_report_load(struct enforcer *e);

/* Writes the whole section; nothing where nothing is known of apps. */
void apps_report_write(struct enforcer *e, struct jsonw *w);
/*
 * After that: writes what changed since what the server has. False, with nothing written: there is
 * no such thing, or it is no shorter than n_whole bytes.
 */
bool apps_report_write_delta(struct enforcer *e, size_t n_whole, struct buf *out);

/*
 * Whether what has changed waits for the next report: until homes were searched, once after the
 * start, what lies there would be told gone, and come back an hour later.
 */
bool apps_report_waits(const struct enforcer *e);

/* An exchange ended, and report_acknowledge() has said what the server has, or there was none. */
void apps_report_settle(struct enforcer *e);

#endif
