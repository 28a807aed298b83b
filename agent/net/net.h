/* SPDX-License-Identifier: Apache-2.0 */
/* net.h - the net role: one exchange for the enforcer, then the process is over. */
#ifndef MDM_NET_NET_H
#define MDM_NET_NET_H

#include <stdbool.h>

struct net_options {
	const char *user; /* NULL: the row's */
	int channel_fd;	  /* to the enforcer; SOCK_SEQPACKET */
};

/*
 * Step 1 of the sandbox, one message, step 2, the exchange, its result. Returns the exit status:
 * 0 if the enforcer got a result of the exchange (a failure is one), 1 if not.
 */
int net_run(const struct net_options *options);

#endif
