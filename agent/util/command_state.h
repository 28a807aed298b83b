/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_state.h - the one state machine of commands, which phone, server and mdmctl share
 * (docs/protocol.md, section 7). It stands here because the server sees agent/util only. Pure.
 */
#ifndef MDM_UTIL_COMMAND_STATE_H
#define MDM_UTIL_COMMAND_STATE_H

#include <stdbool.h>

/*
 *   queued -> delivered -> accepted -> running -> done | failed | refused
 *      |          |           |           `-----> interrupted
 *      |          |           `-> expired, interrupted
 *      |          `-> refused, expired
 *      `-> cancelled, expired
 *
 * queued, delivered and cancelled are the server's words; all others are the phone's, but for the
 * end of one that was never delivered.
 */
enum command_state {
	COMMAND_QUEUED,
	COMMAND_DELIVERED, /* handed to the phone; nothing is known of it yet */
	COMMAND_ACCEPTED,  /* verified and recorded; cannot be accepted again, ever */
	COMMAND_RUNNING,
	COMMAND_DONE,
	COMMAND_FAILED,
	COMMAND_REFUSED, /* by signature, target, time, meaning, or because the phone cannot, which
			  * may show only when it tries */
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
/*
 * Whether a phone may say so of a command: by an arrow, or by several of its own. Its journal may
 * have lost what was in between. Of one that runs it may say more than once how far it is.
 */
bool command_state_may_be_told(enum command_state from, enum command_state to);
bool command_state_is_final(enum command_state state);

#endif
