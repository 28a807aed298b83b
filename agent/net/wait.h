/* SPDX-License-Identifier: Apache-2.0 */
/* wait.h - one long poll, docs/protocol.md, section 4: silence until there is news. Net role. */
#ifndef MDM_NET_WAIT_H
#define MDM_NET_WAIT_H

#include "agent/net/exchange.h"

/*
 * Asks the server at fd identity to answer when something for this phone is newer than the mark. 0
 * for its answer; NET_E_FAILED; -ECANCELED: the enforcer no longer wants to wait.
 */
int wait_run(const struct exchange *exchange, const struct msg_net_wait *body, int identity_fd,
	struct msg_net_woken *ret_woken, struct failure *ret_failure);

/* What a status other than 200 and 204 means, as the end of a sentence. */
const char *wait_status_text(unsigned int status);

#endif
