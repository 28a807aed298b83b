/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h - the guard's connection to the enforcer: a socket that root listens at. While there is
 * none it waits for one to appear (inotify(7)), not by asking again and again. The keeper.
 */
#ifndef MDM_GUARD_LINK_H
#define MDM_GUARD_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/limits.h"

struct guard_link {
	const char *path; /* of the socket */
	int fd;		  /* the connection; -1: none */
	int watch_fd;	  /* inotify; -1: not waiting */
	int64_t retry_ms; /* monotonic; -1: not before something appears */
	uint32_t n_tries;
};

void guard_link_init(struct guard_link *link, const char *path);
void guard_link_done(struct guard_link *link);
/* Tries now. 0: connected, and it is root; -errno: it waits, look at watch_fd and retry_ms. */
int guard_link_connect(struct guard_link *link, int64_t now_ms);
/* The connection ended. Waits. */
void guard_link_drop(struct guard_link *link, int64_t now_ms);
/* Something happened at watch_fd, or retry_ms has come. Answers as guard_link_connect(). */
int guard_link_again(struct guard_link *link, int64_t now_ms);

#endif
