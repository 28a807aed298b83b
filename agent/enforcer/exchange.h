/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.h - one life of the net role: start mdm-agent-net, hand it its order and descriptors,
 * wait for its answer with a deadline, reap it. Enforcer only; never parses what the role fetched.
 */
#ifndef MDM_ENFORCER_EXCHANGE_H
#define MDM_ENFORCER_EXCHANGE_H

#include <systemd/sd-event.h>

#include "agent/ipc/channel.h"

struct exchange;

struct exchange_options {
	const char *program; /* absolute path of mdm-agent-net */
	const char *user;    /* it becomes; ignored where the enforcer is not root */
	bool verbose;
};

/* How it ended. Exactly one of enrolled, exchanged, renewed, woken, failed is meaningful. */
enum exchange_end {
	EXCHANGE_ENROLLED,
	EXCHANGE_ANSWERED, /* HTTP answer below 400 */
	EXCHANGE_RENEWED,
	EXCHANGE_WOKEN, /* the wait ended by the server's answer */
	EXCHANGE_FAILED,
	EXCHANGE_END_MAX,
};

struct exchange_result {
	enum exchange_end end;
	bool has_facts;
	struct msg_net_facts facts;
	struct msg_net_enrolled enrolled;
	struct msg_net_exchanged exchanged;
	struct msg_net_renewed renewed;
	struct msg_net_woken woken;
	struct msg_net_failed failed; /* message is always filled for FAILED */
	const char *body; /* ANSWERED: the answer, NUL-terminated; valid during the callback */
	size_t n_body;
};

typedef void (*exchange_done_fn)(const struct exchange_result *result, void *userdata);

struct exchange_start {
	sd_event *event;
	const struct exchange_options *options;
	int identity_fd; /* directory of the role's key and certificate; borrowed */
	exchange_done_fn done;
	void *userdata;
	struct exchange **slot; /* set while the exchange lives, NULL again before done is called */
};

/*
 * Starts the role with one order. done is called exactly once from the loop, unless
 * exchange_free() comes first. The report is copied. 0 or -errno; then done is not called.
 */
int exchange_enrol(const struct exchange_start *start, const struct msg_net_enrol *order);
int exchange_renew(const struct exchange_start *start, const struct msg_net_renew *order);
int exchange_checkin(const struct exchange_start *start, const struct msg_net_checkin *order,
	const char *report, size_t n_report);
int exchange_wait(const struct exchange_start *start, const struct msg_net_wait *order);

/* Kills the role. NULL is fine. */
void exchange_free(struct exchange *exchange);

#endif
