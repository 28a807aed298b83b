/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h - a verified command payload as a struct (docs/protocol.md, section 7), and the one
 * state machine of commands, which phone, server and mdmctl share. Pure.
 */
#ifndef MDM_TRUST_COMMAND_H
#define MDM_TRUST_COMMAND_H

#include "agent/json/json_read.h"
#include "agent/trust/verb.h"

#define COMMAND_ID_LENGTH 32
#define COMMAND_NONCE_LENGTH 22 /* base64url of 16 bytes */

/*
 *   queued -> delivered -> accepted -> running -> done | failed
 *      |          |           |           `-----> interrupted
 *      |          |           `-> expired, interrupted
 *      |          `-> refused, expired
 *      `-> cancelled, expired
 *
 * queued, delivered and cancelled are the server's words; all others are the phone's.
 */
enum command_state {
	COMMAND_QUEUED,
	COMMAND_DELIVERED, /* handed to the phone; nothing is known of it yet */
	COMMAND_ACCEPTED,  /* verified and recorded; cannot be accepted again, ever */
	COMMAND_RUNNING,
	COMMAND_DONE,
	COMMAND_FAILED,
	COMMAND_REFUSED, /* by signature, target, time, meaning, or because the phone cannot */
	COMMAND_EXPIRED,
	COMMAND_INTERRUPTED, /* the phone or its agent stopped in the middle; never run again */
	COMMAND_CANCELLED,   /* withdrawn before it was delivered */
	COMMAND_STATE_MAX,
};
const char *command_state_name(enum command_state state);
/* COMMAND_STATE_MAX if there is none of that name. */
enum command_state command_state_find(const char *name);
/* Whether the machine has that arrow. */
bool command_state_may_follow(enum command_state from, enum command_state to);
bool command_state_is_final(enum command_state state);

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

#endif
