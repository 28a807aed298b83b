/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fd_message.h - packets between the guard's own processes: a small struct and perhaps one
 * descriptor. Nothing waits.
 */
#ifndef MDM_GUARD_FD_MESSAGE_H
#define MDM_GUARD_FD_MESSAGE_H

#include <stddef.h>

/* fd -1: none. 0 or -errno (-EAGAIN: the other one does not keep up). */
int guard_fd_send(int socket_fd, const void *body, size_t n_bytes, int fd);
/* Exactly n_bytes. *ret_fd -1: none. 0; -EAGAIN; -ECONNRESET: it is gone; -EPROTO. */
int guard_fd_receive(int socket_fd, void *ret_body, size_t n_bytes, int *ret_fd);

#endif
