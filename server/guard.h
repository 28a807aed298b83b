/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - who may ask how often: connections, requests and wrong enrolment secrets, by address
 * and by phone, in fixed memory. TLS ends here, so the address of a connection is the phone's (or
 * its network's): there is no proxy in between whose word would have to be believed. mdm-server
 * only.
 */
#ifndef MDM_SERVER_GUARD_H
#define MDM_SERVER_GUARD_H

#include "server/config.h"
#include "server/rate.h"

enum guard_refusal {
	GUARD_STRANGERS,     /* too many connections of an address without certificate */
	GUARD_CONNECTIONS,   /* too many of one phone */
	GUARD_ADDRESS_RATE,  /* requests */
	GUARD_DEVICE_RATE,   /* requests */
	GUARD_ENROL_ADDRESS, /* wrong secrets */
	GUARD_ENROL_TICKET,  /* wrong secrets */
	GUARD_HANDSHAKE,     /* the handshake failed; counted here, refused by TLS */
	GUARD_CREDENTIALS,   /* a wrong secret; counted here, refused by enrolment */
	GUARD_MAX,
};
/* Lower-case words with underscores. */
const char *guard_refusal_name(enum guard_refusal refusal);

/* Each counts for itself: who fills the phones' does not keep administrators out. */
enum guard_listener {
	GUARD_DEVICES,
	GUARD_ADMINS,
	GUARD_LISTENERS,
};

struct guard {
	const struct config *config; /* borrowed; its values may change at any time */
	struct rate_table *addresses, *devices, *failures;
	struct rate_tally strangers[GUARD_LISTENERS], connections;
	uint64_t refused[GUARD_MAX];
};

/* 0 or -errno. */
int guard_init(struct guard *guard, const struct config *config);
void guard_done(struct guard *guard);

/*
 * A connection came in at a listener for max_connections; place goes back by
 * rate_tally_remove(&guard->strangers[listener], …). However high the setting is, no address gets
 * more than a share of a listener before it has shown who it is.
 */
bool guard_admits_stranger(struct guard *guard, enum guard_listener listener, int max_connections,
	const struct sockaddr_storage *address, struct rate_place *ret_place);
/* It showed a phone's certificate; likewise, &guard->connections. */
bool guard_admits_device(struct guard *guard, const char *device, struct rate_place *ret_place);

/* A request; device "" if there is none. false: refused, to be tried again after *ret_wait_s. */
struct guard_asker {
	const struct sockaddr_storage *address;
	const char *device, *ticket; /* of requests, of enrolments */
};
bool guard_admits_request(
	struct guard *guard, const struct guard_asker *asker, int64_t now_us, int64_t *ret_wait_s);
/* May this address try this ticket? The right secret gets no further either: it could be guessed.
 */
bool guard_admits_enrolment(
	struct guard *guard, const struct guard_asker *asker, int64_t now_us, int64_t *ret_wait_s);
/* It was wrong. Without a ticket (""), it counts against the address alone. */
void guard_count_failure(struct guard *guard, const struct guard_asker *asker, int64_t now_us);

#endif
