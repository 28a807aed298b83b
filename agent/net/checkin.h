/* SPDX-License-Identifier: Apache-2.0 */
/* checkin.h - one check-in, docs/protocol.md, section 4: opaque bytes there and back. Net role. */
#ifndef MDM_NET_CHECKIN_H
#define MDM_NET_CHECKIN_H

#include "agent/net/exchange.h"

struct checkin_fds {
	int identity; /* directory */
	int report;   /* read */
	int response; /* write */
};

/* Sends the report, writes the documents of the answer to the response. 0; NET_E_FAILED;
 * -ECANCELED. */
int checkin_run(const struct exchange *exchange, const struct msg_net_checkin *body,
	const struct checkin_fds *fds, struct msg_net_exchanged *ret_exchanged,
	struct failure *ret_failure);

/* What a status other than 200 and 204 means, as the end of a sentence. */
const char *checkin_status_text(unsigned int status);

#endif
