/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_file.h - a command on its way from the administrator to the server: signed by one or
 * more, sent once enough have signed, followed until the phone said how it ended.
 */
#ifndef MDM_MDMCTL_COMMAND_FILE_H
#define MDM_MDMCTL_COMMAND_FILE_H

#include "agent/trust/command.h"
#include "server/ctl/api.h"
#include "server/ctl/response_command.h"

struct command_file {
	struct document *document; /* owned; points into text */
	struct command command;
	bool complete;	  /* the verb's threshold is reached */
	uint32_t missing; /* signatures until then */
};
void command_file_done(struct command_file *file);
#define _cleanup_command_file_ _cleanup_(command_file_done)

/*
 * Reads a command, signed by some of ours. Missing signatures are no fault; text must outlive the
 * file. path is for messages. 0 or FAULT_*.
 */
int command_file_read(struct ctl *ctl, const char *path, const char *text, size_t n_bytes,
	struct command_file *ret_file, struct fault *fault);

/* What it is, to whom, with what: for the eyes of somebody who is to sign. */
void command_file_print(FILE *out, const struct command *command, const char *device);

/* Uploads a complete one and says so; wait: follows it to its end. */
int command_file_send(struct ctl *ctl, struct api *api, const struct command_file *file,
	const char *text, size_t n_bytes, bool wait, struct fault *fault);

/* One command of the server. FAULT_REFUSED if it knows none of that id. */
int command_get(struct api *api, const char *id, struct response_commands *ret_commands,
	struct fault *fault);

/* What has become of it, step by step. */
int command_print(struct ctl *ctl, const struct response_command *command, struct fault *fault);

#endif
