/* SPDX-License-Identifier: Apache-2.0 */
/* enrol.h - enrolment by EST, docs/protocol.md, section 3. Net role. */
#ifndef MDM_NET_ENROL_H
#define MDM_NET_ENROL_H

#include "agent/net/exchange.h"

/*
 * Fetches and checks the CA, asks for a certificate with the ticket, stores the identity in dir_fd.
 * 0; NET_E_FAILED with the old identity, if any, untouched; -ECANCELED.
 */
int enrol_run(const struct exchange *exchange, const struct msg_net_enrol *body, int dir_fd,
	struct msg_net_enrolled *ret_enrolled, struct failure *ret_failure);

#endif
