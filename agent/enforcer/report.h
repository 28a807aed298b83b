/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - what the phone tells the server: sections with digests, events from the journal.
 * A section's body goes out only while the server has not acknowledged its digest.
 */
#ifndef MDM_ENFORCER_REPORT_H
#define MDM_ENFORCER_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/buf.h"

struct enforcer;

enum report_section {
	REPORT_COMPLIANCE,
	REPORT_INVENTORY,
	REPORT_AGENT,
	REPORT_DIAGNOSTICS, /* only while there is a bundle that the server does not have */
	REPORT_ESCROW,	    /* only where policies name certificates for it */
	REPORT_APPS,	    /* all of it, or what changed: apps_report.h */
	REPORT_PLACES,	    /* only where policies have conditions or places */
	REPORT_SECTION_MAX,
};
const char *report_section_name(enum report_section section);

#define REPORT_DIGEST_LENGTH 16

struct report {
	char acked[REPORT_SECTION_MAX][REPORT_DIGEST_LENGTH + 1]; /* what the server has */
	char sent[REPORT_SECTION_MAX][REPORT_DIGEST_LENGTH + 1];  /* in the exchange under way */
	int64_t number;		/* of this report; 0: it has none */
	uint64_t sent_seq;	/* highest event in it */
	bool more_events;	/* did not all fit */
	bool lean;		/* what can wait is not in it; see report_lean.h */
	uint64_t lean_seq;	/* highest event in it, beyond some that wait */
	uint64_t ahead_seq;	/* pressing events up to here are with the server already */
	bool complete;		/* every section is in it with its body */
	bool diagnostics_whole; /* the bundle is in it, not what stands for it */
	bool escrow_whole;	/* likewise */
	bool apps_delta;	/* of that section, what changed is in it */
	int64_t last_s;		/* wall clock of the last one sent; kept as state file "report" */
};

/*
 * Writes the report of now. lean: without the bodies of inventory and agent, and with
 * pressing events only (security and commands). 0; -EFBIG; -ENOMEM.
 */
int report_write(struct enforcer *e, bool lean, struct buf *out);
/* MDM-Ack, 0 or less: none. The event up to which the journal may forget what the report told. */
uint64_t report_acknowledge_events(struct report *report, int64_t ack_seq);
/*
 * The server answered 2xx: what was sent is acknowledged; resend: names it wants again. True if it
 * has the whole bundle of diagnostics now.
 */
bool report_acknowledge(struct report *report, const char *resend);
/* Whether it has the sealed secrets of the last report. */
bool report_has_escrow(const struct report *report);

/* Why each thing is collected, for `agentctl privacy`. */
struct report_item {
	const char *what, *why;
};
extern const struct report_item report_items[];
extern const size_t report_n_items;

#endif
