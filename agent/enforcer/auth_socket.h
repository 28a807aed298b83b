/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_socket.h - the socket that pam_mdm.so asks at: who asks, how many at once, in which order.
 * Everybody may connect; nobody may keep others from being answered. Knows nothing of passwords:
 * requests are looked at where they lie, and their descriptors are never opened here.
 *
 * A process of the same user as an honest one can do everything that that one can. So connections
 * of a user are answered in the order in which they came, a request that is there already when a
 * connection is accepted is answered before any place is given away, and the places of a user are
 * taken back from the longest silent ones, then from the process of which the most wait. Root has
 * places of its own.
 */
#ifndef MDM_ENFORCER_AUTH_SOCKET_H
#define MDM_ENFORCER_AUTH_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "agent/ipc/message.h"

#define AUTH_SOCKET_PLACES 64
#define AUTH_SOCKET_ROOT_PLACES 16 /* of these, nobody else's */
#define AUTH_SOCKET_USER_PLACES 24 /* at most, of one user */
#define AUTH_SOCKET_IDLE_S 5	   /* until a silent connection is dropped */

struct auth_socket;
struct auth_connection;

struct auth_question {
	enum message_type type; /* AUTH_CHECK, AUTH_ATTEMPT, AUTH_CHANGE */
	const struct msg_auth_request *request;
	uid_t uid;	  /* of who asks */
	bool is_root;	  /* may ask about everybody */
	int64_t since_us; /* when it was seen first */
};

enum auth_next {
	AUTH_NEXT_ANSWER, /* answer with *ret_answer; the connection may ask again */
	AUTH_NEXT_WAIT,	  /* ask again at auth_socket_wake() */
	AUTH_NEXT_END,	  /* the handler has answered; the connection is over for this process */
	AUTH_NEXT_TAKEN,  /* the connection is the handler's, who answers and closes it later */
};

/* Decides about one request, which lies in the connection fd until it was answered here. */
typedef enum auth_next (*auth_question_fn)(const struct auth_question *question, int fd,
	struct msg_auth_answer *ret_answer, void *userdata);

/* Binds (replacing a stale socket) and serves. 0 or -errno. */
int auth_socket_new(sd_event *event, const char *path, auth_question_fn ask, void *userdata,
	struct auth_socket **ret_socket);
void auth_socket_free(struct auth_socket *socket);
/* Those who wait are asked about again, in the order in which they came. */
void auth_socket_wake(struct auth_socket *socket);

#endif
