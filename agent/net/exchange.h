/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.h - what the exchanges of the net role share: where to, until when, and what a
 * status other than success means. Net role.
 */
#ifndef MDM_NET_EXCHANGE_H
#define MDM_NET_EXCHANGE_H

#include "agent/net/http.h"
#include "agent/util/url.h"

struct exchange {
	struct url server;
	struct url est; /* enrolment and renewal only */
	char est_base[LIMIT_URL_BYTES + 64];
	int64_t time_s;	     /* at which certificates are checked: max(now, floor) */
	int64_t deadline_us; /* CLOCK_BOOTTIME */
	int cancel_fd;	     /* the channel; -1: none */
	EVP_PKEY *hardware;  /* the device key, if it is in hardware; borrowed */
};

/*
 * Checks a received request, fills what is needed before the sandbox is closed. 0, or -EBADMSG:
 * the enforcer sent something that cannot be.
 */
int exchange_of_enrol(const struct msg_net_enrol *body, struct exchange *ret_exchange);
int exchange_of_checkin(const struct msg_net_checkin *body, struct exchange *ret_exchange);
int exchange_of_renew(const struct msg_net_renew *body, struct exchange *ret_exchange);
/* The deadline is that of a wait, at most LIMIT_WAIT_SECONDS. */
int exchange_of_wait(const struct msg_net_wait *body, struct exchange *ret_exchange);

/* The failure for a status, with text as the end of a sentence that begins with the host. */
int exchange_refused(enum net_stage stage, const char *host, const char *text,
	const struct http_headers *headers, struct failure *ret_failure);

#endif
