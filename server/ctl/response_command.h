/* SPDX-License-Identifier: Apache-2.0 */
/* response_command.h - commands as mdm-server tells of them; bounded and typed. Pure. */
#ifndef MDM_MDMCTL_RESPONSE_COMMAND_H
#define MDM_MDMCTL_RESPONSE_COMMAND_H

#include "server/ctl/response.h"

struct response_command {
	char id[33], device[33];
	char verb[LIMIT_NAME_BYTES + 1], state[LIMIT_NAME_BYTES + 1];
	char reason[LIMIT_NAME_BYTES + 1], detail[LIMIT_TEXT_BYTES + 1];
	int64_t row, created_s, expires_s, changed_s;
	bool held; /* waits for another administrator than given_by */
	char given_by[LIMIT_TEXT_BYTES + 1], approved_by[LIMIT_TEXT_BYTES + 1];
	struct json_object *history; /* array of objects, borrowed; NULL: none was told */
	struct json_object *json;    /* the whole record, borrowed */
};
struct response_commands {
	struct response_command *rows; /* owned */
	size_t n_rows;
	int64_t next;		  /* to give as "after" */
	struct json_object *json; /* owned */
};
int response_commands(const char *text, size_t n_bytes, struct response_commands *ret_commands,
	struct fault *fault);
/* One command with its history; the page has one row. */
int response_command(const char *text, size_t n_bytes, struct response_commands *ret_commands,
	struct fault *fault);
void response_commands_done(struct response_commands *commands);

/* The i-th step of a history. FAULT_FAILURE if it is none. */
struct response_step {
	char state[LIMIT_NAME_BYTES + 1], reason[LIMIT_NAME_BYTES + 1];
	char detail[LIMIT_TEXT_BYTES + 1];
	int64_t time_s;
};
int response_step(const struct response_command *command, size_t i, struct response_step *ret_step,
	struct fault *fault);

#endif
