/* SPDX-License-Identifier: Apache-2.0 */
/* role.h - starting a program of ours with a channel as descriptor 3. Enforcer only. */
#ifndef MDM_ENFORCER_ROLE_H
#define MDM_ENFORCER_ROLE_H

#include <sys/types.h>

/*
 * Starts argv[0] with that environment, /dev/null as standard input and output, our standard error,
 * the other end of *ret_channel_fd (which does not block), a session of its own and nothing else;
 * it dies with us. Status 127: there is no such program. 0 or -errno.
 */
int role_start(
	const char *const *argv, const char *const *env, pid_t *ret_pid, int *ret_channel_fd);

#endif
