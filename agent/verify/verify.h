/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.h - the role verify: one order, one password, one answer of bits. Runs as a user without
 * rights, sealed; knows no file, reaches nobody but the enforcer that started it.
 */
#ifndef MDM_VERIFY_VERIFY_H
#define MDM_VERIFY_VERIFY_H

#include "agent/ipc/message.h"

/* How the process ends; the enforcer tells what can never work from what failed this time. */
enum verify_exit {
	VERIFY_EXIT_ANSWERED = 0,
	VERIFY_EXIT_FAILED = 1,	 /* out of memory, an order that is none */
	VERIFY_EXIT_SANDBOX = 3, /* this system does not let it give its rights up */
};

/* A password as it came: n_bytes, then NUL. Lives in memory that is wiped. */
struct password {
	char bytes[LIMIT_PASSWORD_BYTES + 2]; /* one more than is allowed, to see that there is */
	size_t n_bytes;
};

/*
 * Takes the password out of a pipe. Never waits: it was written, and the writing end closed, before
 * the pipe was sent. 0; -ENODATA: there is none, or this is no such pipe.
 */
int password_take(int fd, struct password *ret_password);

/* Whether it is the one of today, or a code. 0; -ENOMEM: crypt(3) could not compute. */
int verify_compare(const struct msg_verify_order *order, const struct password *password,
	struct msg_verify_answer *ret_answer);
/*
 * What the rules say of it is added to that. is_change: a new one, of which the rules are asked,
 * too, where it is not the one of today. 0; -ENOMEM.
 */
struct dictionary;
int verify_judge(const struct msg_verify_order *order, const struct password *password,
	bool is_change, const struct dictionary *dictionary, struct msg_verify_answer *answer);

/* The process behind main(). user: see sandbox_enter(). Returns enum verify_exit. */
int verify_run(int channel_fd, const char *user);

#endif
