/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.h - the guard's first process: it talks to the enforcer, marks file systems, tells what
 * was refused, and starts the process that answers, and the one that hashes, again when they fall.
 * It never reads an event.
 */
#ifndef MDM_GUARD_KEEPER_H
#define MDM_GUARD_KEEPER_H

#define GUARD_EXIT_ENDED 0  /* as it was told */
#define GUARD_EXIT_FAILED 1 /* could not begin */
#define GUARD_EXIT_USAGE 2  /* wrong arguments, not root */
#define GUARD_EXIT_ABSENT 3 /* this kernel does not ask about the start of programs */

struct guard_options {
	const char *socket_path;
	const char *only; /* "/a:/b": mounts that are watched; NULL: all */
};

/* Until it is told to end. Returns a GUARD_EXIT_*. */
int guard_keeper_run(const struct guard_options *options);

#endif
