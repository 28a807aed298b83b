/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - one guard at one socket: its keeper holds a lock beside the socket (fcntl(2), which
 * says whose it is and ends with its process). So a second one knows of the first, and the enforcer
 * knows whom to end who does not answer. The keeper takes it, the enforcer looks.
 */
#ifndef MDM_GUARD_PLACE_H
#define MDM_GUARD_PLACE_H

#include <stdint.h>
#include <sys/types.h>

/* Waits for one that is about to end. A descriptor, to be kept open and to be the only one of this
 * process of that file; -EBUSY: somebody holds it all that time; other -errno. */
int guard_place_take(const char *socket_path, int64_t patience_ms);

/* 0: that process holds it; -ESRCH: nobody does; other -errno. */
int guard_place_holder(const char *socket_path, pid_t *ret_pid);

#endif
