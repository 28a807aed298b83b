/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - what pam_mdm.so asks the enforcer, one connection for each question. Runs inside
 * whatever authenticates people: no state but one counter, nothing on standard output, no signals,
 * no descriptor below 3, errno as it was.
 */
#ifndef MDM_PLATFORM_PAM_CLIENT_H
#define MDM_PLATFORM_PAM_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/ipc/message.h"

#define CLIENT_SOCKET MDM_RUN_DIR "/auth.sock"
/* For everything that the agent is asked while one person waits, what she types not counted. */
#define CLIENT_BUDGET_US (INT64_C(3) * 1000 * 1000)
/* Judging a new password means one hash for each earlier one. */
#define CLIENT_CHANGE_BUDGET_US (INT64_C(30) * 1000 * 1000)
/* Bytes in the file that counts what passed while nobody answered. */
#define CLIENT_MISSED_MAX 4096

struct client {
	const char *socket_path;
	const char *user, *service;
	int64_t budget_us; /* what is left of it; questions consume it */
};

/* Whether the name fits a question at all. One that does not is no account that is counted. */
bool client_user_fits(const char *user);

/*
 * Asks, and waits for the answer for as long as the budget lasts. token: NULL for CHECK; otherwise
 * what was typed, of which as much counts as pam_unix looks at. 0 or -errno: nobody answers, or not
 * as the table says; -EPERM: whoever listens there is not to be told passwords.
 */
int client_ask(struct client *client, enum message_type type, const char *token,
	struct msg_auth_answer *ret_answer);

/* An authentication goes on although nobody answered: the enforcer shall hear of it. */
void client_missed(const char *socket_path);

#endif
