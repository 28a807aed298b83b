/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.h - what a role may still do. A role is one data row: user, capabilities with reasons,
 * resource limits, paths, system calls. It is applied in two steps and fails closed: any error
 * means that the process must exit. Used by every role that gives up privilege.
 *
 * Step 1, sandbox_enter(), before any input is read: another user, no capabilities, limits.
 * Step 2, sandbox_seal(), once the descriptors are there: Landlock and the system call filter.
 * What the kernel lacks is no error but a fact that the caller reports.
 */
#ifndef MDM_SANDBOX_SANDBOX_H
#define MDM_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "agent/util/limits.h"

/* Built with AddressSanitizer (gcc, clang), which needs an address space without bounds. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif

struct sandbox_capability {
	int capability; /* CAP_* */
	const char *reason;
};

struct sandbox_limit {
	int resource; /* RLIMIT_* */
	rlim_t value;
	const char *reason;
	bool own_user_only; /* makes sense only for a user of our own (RLIMIT_NPROC) */
	bool not_sanitized; /* cannot be kept with a sanitizer's address space */
};

struct sandbox_path {
	const char *path; /* a file that may be read, or a directory with all below it */
	const char *reason;
};

enum sandbox_action {
	SANDBOX_ALLOW,
	SANDBOX_DENY, /* answers EPERM */
	SANDBOX_KILL, /* ends the process with SIGSYS: no honest version of the role calls it */
	SANDBOX_ACTION_MAX,
};

#define SANDBOX_CALL_CONDITIONS 2

/* (argument & mask) == value */
struct sandbox_condition {
	unsigned int argument;
	uint64_t mask, value; /* mask 0: the row has no such condition */
};

struct sandbox_call {
	const char *name; /* as libseccomp knows it; skipped where the architecture has none */
	enum sandbox_action action;
	bool own_process; /* argument 0 must be our own process id */
	struct sandbox_condition conditions[SANDBOX_CALL_CONDITIONS]; /* all must hold */
};

struct sandbox_role {
	const char *name;
	const char *user; /* NULL: stays the user it is */
	const struct sandbox_capability *capabilities;
	size_t n_capabilities;
	const struct sandbox_limit *limits;
	size_t n_limits;
	const struct sandbox_path *paths;
	size_t n_paths;
	const struct sandbox_call *calls; /* everything else answers ENOSYS */
	size_t n_calls;
};

extern const struct sandbox_role sandbox_role_net;
/* The second one may read the word lists of cracklib, and nothing else. */
extern const struct sandbox_role sandbox_role_verify, sandbox_role_verify_words;
/* Capabilities and limits alone: privilege_limit() and privilege_drop() apply them. */
extern const struct sandbox_role sandbox_role_guard_keeper, sandbox_role_guard_verdict,
	sandbox_role_guard_hasher;
extern const struct sandbox_role sandbox_role_session, sandbox_role_push; /* step 1 only */

/* What one run of the role needs beyond its row. */
struct sandbox_grant {
	int directory_fd; /* -1: none; readable with everything below it */
	bool directory_writable;
	/* Files of a software token, read and locked at each signature; NULL: none. The caller got
	 * the path from whoever started the agent, not from the network. */
	const char *token_directory;
	uint16_t ports[4]; /* TCP ports it may connect to, where the kernel can tell (ABI 4) */
	size_t n_ports;
};

struct sandbox_facts {
	unsigned int landlock_abi; /* 0: the kernel has none */
	bool seccomp;
	unsigned int n_limits;
	bool no_new_privs;
	uid_t uid;
	gid_t gid;
	char note[LIMIT_TEXT_BYTES + 1]; /* what is missing and why, for people; may be "" */
};

struct sandbox_error {
	char message[LIMIT_TEXT_BYTES + 1]; /* which step was refused, for people */
};

/*
 * Step 1. user: instead of the row's, NULL: the row's. A process that is not root keeps its user,
 * and the facts say so. 0, or -errno with ret_error: the process must exit.
 */
int sandbox_enter(const struct sandbox_role *role, const char *user,
	struct sandbox_facts *ret_facts, struct sandbox_error *ret_error);

/* Step 2. facts are those of step 1 and completed here. 0, or -errno with ret_error. */
int sandbox_seal(const struct sandbox_role *role, const struct sandbox_grant *grant,
	struct sandbox_facts *facts, struct sandbox_error *ret_error);

/* Fills the message and returns error (a negative errno), for the parts of this layer. */
int sandbox_fail(struct sandbox_error *ret_error, int error, const char *what);

/* Appends a sentence to facts->note; cut where it does not fit. */
void sandbox_note(struct sandbox_facts *facts, const char *text);

#endif
