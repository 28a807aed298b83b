/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_verify.h - one life of the role verify: start mdm-agent-verify, hand it its order and the
 * connection with the password in it, wait for its answer with a deadline, reap it. Enforcer only.
 */
#ifndef MDM_ENFORCER_AUTH_VERIFY_H
#define MDM_ENFORCER_AUTH_VERIFY_H

#include <systemd/sd-event.h>

#include "agent/ipc/message.h"

struct auth_verify;

enum auth_verify_end {
	VERIFY_ANSWERED, /* with VERIFY_SAME_SO_FAR where it came no further */
	VERIFY_SILENT,	 /* killed, too slow, out of memory: nobody knows */
	VERIFY_BROKEN,	 /* it cannot work on this system, whatever the password is */
	AUTH_VERIFY_END_MAX,
};

struct auth_verify_start {
	sd_event *event;
	const char *program, *user;
	uint32_t timeout_s;
	/* Called exactly once from the loop, unless auth_verify_free() comes first. why: a sentence
	 * where there is no answer. */
	void (*done)(enum auth_verify_end end, const struct msg_verify_answer *answer,
		const char *why, void *userdata);
	void *userdata;
	struct auth_verify **slot; /* set while it lives, NULL again before done is called */
};

/* The connection stays the caller's. The caller wipes the order. 0 or -errno: then done is not
 * called. */
int auth_verify_new(const struct auth_verify_start *start, const struct msg_verify_order *order,
	int connection_fd);
/* Kills it. NULL is fine. */
void auth_verify_free(struct auth_verify *verify);

#endif
