/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_verbs.h - the handlers, one for each row of VERB_TABLE (agent/trust/verb.h). Each runs in
 * the enforcer and stands in a file of its own or with its like; see commands.h for what it may do.
 */
#ifndef MDM_ENFORCER_COMMAND_VERBS_H
#define MDM_ENFORCER_COMMAND_VERBS_H

#include "agent/enforcer/commands.h"

#define X(id, name, role, valid_s, arguments, handler, help)                                       \
	void handler(struct enforcer *e, const struct command *command);
VERB_TABLE(X)
#undef X

#endif
