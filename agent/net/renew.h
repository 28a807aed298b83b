/* SPDX-License-Identifier: Apache-2.0 */
/* renew.h - a new certificate for the same key, docs/protocol.md, section 3. Net role. */
#ifndef MDM_NET_RENEW_H
#define MDM_NET_RENEW_H

#include "agent/net/exchange.h"

/*
 * Fetches the CA, asks for a certificate by simplereenroll (RFC 7030, section 4.2.2) and stores it
 * as the candidate, with the anchors that the order pins. 0; NET_E_FAILED with the certificate in
 * use untouched; -ECANCELED.
 */
int renew_run(const struct exchange *exchange, const struct msg_net_renew *body, int dir_fd,
	struct msg_net_renewed *ret_renewed, struct failure *ret_failure);

/*
 * The anchors after a renewal: those that were fetched; those held whose key is pinned still and
 * that the server did not send; and what the held certificate's chain needs. Never none. The
 * certificates are shared. 0 or -ENOMEM. Pure.
 */
int renew_merge_anchors(const struct identity *held, const uint8_t (*pins)[SHA256_BYTES],
	size_t n_pins, struct anchors *fetched);

/* What an HTTP status other than 200 means, in the form of est_status_text(). */
const char *renew_status_text(unsigned int status);

#endif
