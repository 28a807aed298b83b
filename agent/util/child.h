/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.h - external programs: fixed argv, empty environment, no shell, a deadline, bounded output.
 *
 * Asynchronous on the caller's sd-event loop, which must have SIGCHLD blocked. The child gets the
 * bytes it is given, else /dev/null, as standard input, and secrets behind standard error; all
 * other descriptors are closed, signals are unblocked, its own session, and
 * PR_SET_PDEATHSIG=SIGKILL.
 */
#ifndef MDM_UTIL_CHILD_H
#define MDM_UTIL_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "agent/util/buf.h"

struct child;

/*
 * A secret for the program: a pipe of its own that holds these bytes and ends behind them, readable
 * at descriptor CHILD_FIRST_SECRET_FD for the first one and so on, which argv may name as
 * /proc/self/fd/3. Neither argv, nor the environment, nor a file ever holds it; the memory of a
 * pipe is the kernel's and is never swapped, which that of a memfd is. No bytes at all (bytes is
 * not NULL, n_bytes is 0) are an empty regular file: programs tell that from an input that is
 * missing.
 */
struct child_secret {
	const void *bytes;
	size_t n_bytes; /* at most LIMIT_CHILD_SECRET_BYTES */
};

#define CHILD_FIRST_SECRET_FD 3

struct child_spec {
	const char *const *argv; /* argv[0] is an absolute path; copied */
	const char *const *env;	 /* NULL-terminated; NULL: empty. PATH is never inherited */
	int root_fd;		 /* -1, or a directory to chroot(2) into before exec */
	uint32_t deadline_s;	 /* 1..3600; then SIGKILL */
	bool merge_stderr;	 /* into the captured output; otherwise it goes to ours */
	const void *input;	 /* standard input, copied; NULL: empty */
	size_t n_input;		 /* at most LIMIT_CHILD_INPUT_BYTES */
	const struct child_secret *secrets;
	size_t n_secrets; /* at most LIMIT_CHILD_SECRETS */
};

enum child_end {
	CHILD_EXITED,	/* code is the exit status */
	CHILD_KILLED,	/* code is the signal */
	CHILD_DEADLINE, /* killed by us */
	CHILD_FLOODED,	/* more than LIMIT_CHILD_OUTPUT_BYTES; killed by us */
	CHILD_END_MAX,
};

struct child_result {
	enum child_end end;
	int code;
	const char *output; /* standard output, NUL-terminated, valid during the callback */
	size_t n_output;
};

typedef void (*child_done_fn)(const struct child_result *result, void *userdata);

/*
 * Starts the program. done is called exactly once from the loop, unless child_free() comes first
 * (which kills the program and calls nothing). The child frees itself after done; *ret_child is set
 * to NULL then if ret_child stays valid - so keep it in the owner's struct.
 * Returns 0 or -errno (-ENOENT: no such program).
 */
int child_start(sd_event *event, const struct child_spec *spec, child_done_fn done, void *userdata,
	struct child **ret_child);

void child_free(struct child *child);

/*
 * Kills a process of one's own, and its group if it leads one, and leaves it to the loop, which
 * reaps it whenever it ends. Never waits: one that hangs in the kernel, in a file system of a user
 * for example, does not end for as long as that user likes. A source for it is dropped before.
 */
void child_abandon(sd_event *event, pid_t pid);

#endif
