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
/* Each question has its own: an agent that is slow with the first, because another attempt is being
 * looked at, shall not be without a chance for the second. One that hangs fails the first. */
#define CLIENT_PATIENCE_US (INT64_C(3) * 1000 * 1000)
/* Unlock codes and new passwords are looked at while somebody waits, the latter with one hash for
 * each earlier one; that the agent is there is known then. */
#define CLIENT_VERIFY_PATIENCE_US (INT64_C(30) * 1000 * 1000)
/* Bytes in the file that counts what passed while nobody answered. */
#define CLIENT_MISSED_MAX 4096

struct client {
	const char *socket_path;
	const char *user, *service;
	bool is_remote; /* whoever types is not at the phone */
};

/* Whether the name fits a question at all. One that does not is no account that is counted. */
bool client_user_fits(const char *user);

/*
 * Asks, and waits so long for the answer. token: NULL for CHECK; otherwise
 * what was typed, of which as much counts as pam_unix looks at. 0 or -errno: nobody answers, or not
 * as the table says; -EPERM: whoever listens there is not to be told passwords.
 */
int client_ask(struct client *client, enum message_type type, const char *token,
	int64_t patience_us, struct msg_auth_answer *ret_answer);

/* An authentication goes on although nobody answered: the enforcer shall hear of it. */
void client_missed(const char *socket_path);

#endif
