/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wake.h - being told by the server that there is something new. Transports behind one interface:
 * a long poll of our own, and UnifiedPush. Which may run follows from the policy and from what the
 * phone is doing. A wake only ever causes a check-in, rate-limited by tokens. Enforcer only.
 */
#ifndef MDM_ENFORCER_WAKE_H
#define MDM_ENFORCER_WAKE_H

#include <stdbool.h>
#include <stdint.h>

struct enforcer;
struct wake; /* e->wake */
struct jsonw;

struct wake_transport {
	const char *name, *help;
	/* Whether the policies in force and the phone's state ask for it now. */
	bool (*wanted)(const struct enforcer *e);
	int (*start)(struct wake *wake); /* 0 or -errno; ends by itself or by stop */
	void (*stop)(struct wake *wake);
};
extern const struct wake_transport *const wake_transports[]; /* ended by NULL */

int wake_new(struct enforcer *e, struct wake **ret_wake);
void wake_free(struct wake *wake);

/* Policy, power, network or enrolment changed, or an exchange ended: starts and stops transports.
 * Never runs a long poll beside an exchange. Cheap; call it after everything. */
void wake_update(struct enforcer *e);

/* A check-in was answered well: MDM-Mark, -1 if there was none. */
void wake_checked_in(struct enforcer *e, int64_t mark);
/* Another enrolment, or none: what was known of the server is over. */
void wake_forget(struct enforcer *e);

/* For the report (endpoint of a push service; "" if there is none) and for the status page. */
const char *wake_endpoint(const struct enforcer *e);
void wake_write(const struct enforcer *e, struct jsonw *w, const char *key);

#endif
