/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_report.h - whether the organisation is told where the phone is, and how exactly: the
 * settings of the area "location" as a decision, positions rounded to what they allow, and the few
 * that were told last, which the user reads. Pure; enforcer.
 *
 * Rounding is to the middle of a cell of a fixed grid, not by random noise: of noise, reports that
 * come again and again from one spot have a mean, which is the spot. What stands in a report is the
 * same for every point of its cell. A phone that lies at the edge of one would go to and fro
 * between two, and so tell of the edge; it stays in the cell of the report before while the disc
 * that was told still holds it.
 */
#ifndef MDM_POLICIES_LOCATION_REPORT_H
#define MDM_POLICIES_LOCATION_REPORT_H

#include "agent/util/buf.h"
#include "agent/util/limits.h"
#include "policies/effective.h"
#include "policies/fix.h"

enum location_why_told {
	LOCATION_NOT_TOLD, /* it stays on the phone */
	LOCATION_ALWAYS,   /* the policy wants it in every report */
	LOCATION_LOST,	   /* the organisation counts the phone as lost */
	LOCATION_WHY_TOLD_MAX,
};
const char *location_why_told_name(enum location_why_told why); /* "lost" */

#define LOCATION_PRECISION_M 1000 /* where no profile sets it */

struct location_rules {
	enum location_why_told why;
	bool when_lost; /* not now, but once the phone counts as lost */
	int64_t precision_m;
	bool override_switch;
};

/* What the policies in force say; effective NULL: nothing. */
void location_rules_read(
	const struct effective *effective, bool is_lost, struct location_rules *ret_rules);

/* A position as it is told. */
struct location_told {
	int64_t time_s; /* of the position, by the wall clock */
	int64_t precision_m;
	int64_t radius_m; /* of the disc round the position, at least precision_m */
	/* Millionths of a degree: a grid needs no more, and text of them is exact. */
	int64_t latitude_e6, longitude_e6;
	enum fix_source source;
	bool mock;
	enum location_why_told why;
	int64_t sent_s; /* when the server had it; 0: not yet */
};

/*
 * Rounds; before: the report before, or NULL. time_s, why and sent_s are the caller's. False: the
 * fix is no position of this Earth, or precision_m is not above 0.
 */
bool location_round(const struct fix *fix, int64_t precision_m, const struct location_told *before,
	struct location_told *ret_told);

/* A report without where the phone is, for those whom that is none of. Errors of out stay there. */
void location_redact(const char *report, size_t n_bytes, struct buf *out);

/* What is kept: whether the phone is lost, and the positions that were told last. */
#define LOCATION_TOLD_KEPT 16
struct location_kept {
	bool is_lost;
	int64_t lost_s;				       /* since when; 0: not known */
	struct location_told told[LOCATION_TOLD_KEPT]; /* the oldest first */
	size_t n_told;
	uint64_t n_all; /* since the enrolment */
};

/* Behind the others; the oldest goes where there is no room. */
void location_kept_add(struct location_kept *kept, const struct location_told *told);

/* Lines, for a state file. */
void location_kept_export(const struct location_kept *kept, struct buf *out);
/* Takes one, without its end, which is changed. 0; -EBADMSG: it is none, or one too many. */
int location_kept_line(char *line, struct location_kept *kept);

#endif
