/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - one SOCK_SEQPACKET connection between two roles, messages of the closed table only.
 * A packet is {uint32 type, uint32 body bytes} and exactly the body of the row.
 */
#ifndef MDM_IPC_CHANNEL_H
#define MDM_IPC_CHANNEL_H

#include "agent/ipc/message.h"
#include "agent/util/mem.h"

#define CHANNEL_FD 3 /* where a role that the enforcer started finds its channel */

struct message {
	enum message_type type;
	union message_body body;
	int fds[MESSAGE_FDS_MAX]; /* owned; -1 where there is none */
	size_t n_fds;
};

void message_done(struct message *message); /* closes descriptors, wipes the body */

/*
 * Sends one message of exactly the size that the table says. self is the sender's role. The
 * descriptors stay the caller's. 0; -EINVAL if the table forbids it; -EAGAIN if the socket is full
 * and non-blocking; other -errno from sendmsg(2).
 */
int channel_send(int fd, enum role self, enum message_type type, const void *body, const int *fds,
	size_t n_fds);

/*
 * Receives one message addressed to self from peer. 0 with *ret_message set (message_done());
 * -EAGAIN; -ECONNRESET at end of file; -EPROTO: not in the table, wrong size, direction,
 * number of descriptors or text - the caller must close the connection.
 */
int channel_receive(int fd, enum role self, enum role peer, struct message *ret_message);

/*
 * Looks at the next message and leaves it where it is. Its descriptors do not become this
 * process's: what another user's descriptor stands for may answer close(2) whenever it likes.
 * ret_fds: whether there are any, at least one; their number is checked by channel_receive().
 * Answers as channel_receive(); the body is the caller's to wipe.
 */
int channel_peek(
	int fd, enum role self, enum role peer, struct message *ret_message, bool *ret_fds);
/* Takes the next message away, its descriptors unopened. 0 or -errno. */
int channel_discard(int fd);
/* Whether a descriptor that a process was started with is a channel at all. */
bool channel_is_there(int fd);

#endif
