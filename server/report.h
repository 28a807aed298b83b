/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - the body of a check-in as spans of the request's bytes (docs/protocol.md, section 4).
 * Pure: checks form and limits, knows no store. mdm-server only.
 *
 * Members this version does not know are ignored (new phone, old server); known ones must fit.
 */
#ifndef MDM_SERVER_REPORT_H
#define MDM_SERVER_REPORT_H

#include "agent/util/command_state.h"
#include "server/bounds.h"
#include "server/json_scan.h"

#define REPORT_DIGEST_LENGTH 16

struct report_section {
	char name[LIMIT_NAME_BYTES + 1];
	char digest[REPORT_DIGEST_LENGTH + 1];
	struct span
		body; /* .at NULL: the phone expects us to hold it. Checked against the digest */
	/* Of "apps" without a body: what makes it of the one that is held; .at NULL if not sent.
	 * Its form alone was looked at. */
	struct span delta;
};

struct report_event {
	int64_t seq;
	struct span json; /* the whole event, as sent */
	struct span data; /* of one of type "command"; otherwise .at is NULL */
};

/* What a phone says of a command: the data of an event of type "command". */
struct report_command {
	char id[33], verb[LIMIT_NAME_BYTES + 1];
	enum command_state state;
	char reason[LIMIT_NAME_BYTES + 1]; /* "" if there is none */
	char detail[BOUND_DETAIL_BYTES + 1];
};

struct report_stream {
	char name[LIMIT_NAME_BYTES + 1];
	int64_t serial;
};

struct report {
	char device[33], enrolment[33];
	char ticket[33];		  /* "" if not sent */
	char agent[LIMIT_NAME_BYTES + 1]; /* version */
	char nonce[23];
	int64_t number;			/* "report": how many of this enrolment; 0 if not sent */
	char push[LIMIT_URL_BYTES + 1]; /* "" if not sent */
	struct span have;		/* as sent; .at NULL if not sent */
	int64_t have_keyset, have_assignment;
	struct report_stream have_policies[BOUND_HAVE_STREAMS];
	size_t n_have_policies;
	struct report_section sections[BOUND_SECTIONS];
	size_t n_sections;
	bool has_state;
	char state[LIMIT_NAME_BYTES + 1]; /* "state" of the compliance section, if its body came */
	struct report_event events[LIMIT_REPORT_EVENTS];
	size_t n_events;
};

/*
 * Reads a report; the spans point into text. 0; -EBADMSG with one sentence in ret_problem (static
 * text); -EIO if libcrypto fails. On failure ret_report is undefined: it is too large to copy.
 */
int report_parse(
	const char *text, size_t n_bytes, struct report *ret_report, const char **ret_problem);

/*
 * id and state, which must be one that is the phone's to say; verb, reason and detail, which may be
 * missing, null or empty: a phone does not know the verb of a command that it could not read. 0 or
 * -EBADMSG.
 */
int report_command_parse(struct span data, struct report_command *ret_command);

/* What the phone says it holds of a stream; 0 if nothing. */
int64_t report_have_policy(const struct report *report, const char *stream);

#endif
