/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order.h - the payload of a command (docs/protocol.md, section 7), built from what the
 * administrator typed and checked by the parser that the phone uses. Pure.
 */
#ifndef MDM_MDMCTL_ORDER_H
#define MDM_MDMCTL_ORDER_H

#include "agent/trust/command.h"
#include "agent/util/buf.h"
#include "server/ctl/fault.h"

struct order {
	const char *org; /* 32 hexadecimal digits, like the next three */
	const char *id, *device, *enrolment;
	enum verb_id verb;
	const char *nonce; /* NULL: it quotes none */
	int64_t issued_s, expires_s;
	const char *const *arguments; /* "name=value" each, as the verb's table has them */
	size_t n_arguments;
};

/*
 * Appends the payload, and says what a phone will read in it. 0; FAULT_USAGE where an argument does
 * not fit the verb; FAULT_FAILURE.
 */
int order_payload(const struct order *order, struct buf *out, struct command *ret_command,
	struct fault *fault);

/* "text=TEXT [title=TEXT]": the arguments of a verb, for a sentence. "" if it has none. */
void order_synopsis(enum verb_id verb, struct buf *out);

/* The names of all verbs, separated by ", ". */
void order_verbs(struct buf *out);

#endif
