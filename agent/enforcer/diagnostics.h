/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diagnostics.h - the command "diagnostics": a bounded bundle for whoever has to find out why a
 * phone does not do what it should. Made once, kept until the server has it, shown by `agentctl
 * privacy` word for word. Enforcer only.
 */
#ifndef MDM_ENFORCER_DIAGNOSTICS_H
#define MDM_ENFORCER_DIAGNOSTICS_H

#include "agent/enforcer/commands.h"
#include "agent/util/buf.h"

#define DIAGNOSTICS_PENDING "reports/diagnostics" /* to be sent; in the state directory */
#define DIAGNOSTICS_SENT "reports/diagnostics.sent"

/* The bundle of now, at most LIMIT_DIAGNOSTICS_BYTES. 0; -ENOMEM; -EFBIG. */
int diagnostics_write(struct enforcer *e, const char *command_id, struct buf *out);

/* The body of the report section: what is to be sent, or nothing. 0 or -errno. */
int diagnostics_section(struct enforcer *e, struct buf *out);
/* The server has the section whole. */
void diagnostics_acknowledged(struct enforcer *e);

/* For `agentctl privacy`: the newest bundle, and when it was sent (0: not yet). 0; -ENOENT. */
int diagnostics_last(struct enforcer *e, char **ret_text, size_t *ret_n, int64_t *ret_sent_s);

#endif
