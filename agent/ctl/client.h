/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - one request to the enforcer over its local socket, with a deadline.
 *
 * The answer is believed only if it comes from a process of root (or of the user who asks), is of
 * the message table, at most LIMIT_LOCAL_ANSWER_BYTES, in a memory file sealed against writing and
 * shrinking, and is one JSON object. Runs as any user; agentctl.
 */
#ifndef MDM_CTL_CLIENT_H
#define MDM_CTL_CLIENT_H

#include "agent/ipc/message.h"
#include "agent/json/json_read.h"

#define CLIENT_TIMEOUT_S 5	  /* questions */
#define CLIENT_LONG_TIMEOUT_S 150 /* enrolment and sync: an exchange with the server */

/* Levels of JSON in an answer: a document of LIMIT_JSON_DEPTH below a few of our own. */
#define CLIENT_JSON_DEPTH (LIMIT_JSON_DEPTH + 16)

struct client_answer {
	uint32_t code; /* enum ctl_code, or one of a newer agent */
	char message[2 * LIMIT_TEXT_BYTES + 1];
	char *json; /* verbatim, NUL-terminated; NULL: none came */
	size_t n_json;
	struct json_object *object; /* the same, parsed */
};
#define CLIENT_ANSWER_INIT                                                                         \
	(struct client_answer)                                                                     \
	{                                                                                          \
		0                                                                                  \
	}
void client_answer_done(struct client_answer *answer);

/* Positive answers of client_ask(). */
enum client_error {
	CLIENT_E_NOT_RUNNING = 1, /* no socket, or nobody listens */
	CLIENT_E_DENIED,	  /* the socket may not be opened */
	CLIENT_E_STRANGER,	  /* another user's process listens */
	CLIENT_E_TIMEOUT,
	CLIENT_E_CLOSED,      /* the agent closed the connection without an answer */
	CLIENT_E_NONSENSE,    /* an answer that does not fit the rules above */
	CLIENT_E_INTERRUPTED, /* SIGINT or SIGTERM came while waiting */
	CLIENT_E_MAX,
};
/* What happened, for people, without the path of the socket. */
const char *client_error_text(enum client_error error);

/*
 * Asks. 0 with *ret_answer set (client_answer_done() by the caller), CLIENT_E_*, or -errno.
 * While it waits SIGINT and SIGTERM are caught; afterwards they are as before, and a caught one is
 * gone: the caller ends the program.
 */
struct client_request {
	const char *socket_path;
	enum message_type type;
	const void *body; /* of the table's size */
	uint32_t timeout_s;
};
int client_ask(const struct client_request *request, struct client_answer *ret_answer);

/* Reads a sealed answer of exactly n_bytes. 0, CLIENT_E_NONSENSE, -errno. */
int client_read_answer(int fd, size_t n_bytes, struct client_answer *ret_answer);

#endif
