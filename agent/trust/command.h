/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h - a verified command payload as a struct (docs/protocol.md, section 7). The state
 * machine of commands is agent/util/command_state.h. Pure.
 */
#ifndef MDM_TRUST_COMMAND_H
#define MDM_TRUST_COMMAND_H

#include "agent/json/json_read.h"
#include "agent/trust/verb.h"
#include "agent/util/command_state.h"

#define COMMAND_ID_LENGTH 32
#define COMMAND_NONCE_LENGTH 22 /* base64url of 16 bytes */

struct command_value {
	bool has;
	bool truth;				 /* VERB_BOOL */
	int64_t number;				 /* VERB_INT */
	char text[LIMIT_COMMAND_TEXT_BYTES + 1]; /* VERB_TEXT */
};

struct command {
	char id[COMMAND_ID_LENGTH + 1];
	enum verb_id verb;
	char nonce[COMMAND_NONCE_LENGTH + 1]; /* "": it quotes none */
	int64_t issued_s, expires_s;
	struct command_value values[LIMIT_COMMAND_ARGUMENTS]; /* in the order of the verb's table */
};

/*
 * payload: the parsed JSON of a verified command. An unknown verb, an unknown or missing argument,
 * a value out of its bounds, a destructive verb without nonce or valid too long: -EBADMSG with
 * error. 0; -ENOMEM.
 */
int command_parse(
	struct json_object *payload, struct command *ret_command, struct json_error *error);

/*
 * The part of it that depends on the verb's role: how long it may be valid, and whether it has to
 * quote a nonce. verb: the row of command->verb. 0 or -EBADMSG with error.
 */
int command_check(
	const struct command *command, const struct command_verb *verb, struct json_error *error);

/* The value of an argument by its name; NULL: the verb has none of that name. */
const struct command_value *command_argument(const struct command *command, const char *name);

#endif
