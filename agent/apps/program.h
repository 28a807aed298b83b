/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.h - runs a package manager and waits for it, with a deadline that never ends it while it
 * changes things: fixed argv, minimal environment, no shell, no input, bounded output.
 *
 * Not agent/util/child.h: that kills at the deadline, and works on the loop of a program that may
 * not block. This one belongs to a program that has nothing else to do.
 */
#ifndef MDM_APPS_PROGRAM_H
#define MDM_APPS_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/buf.h"

#define PROGRAM_PROGRESS_FD 3

enum program_end {
	PROGRAM_EXITED,
	PROGRAM_DEADLINE, /* ended by us, before it changed anything */
	PROGRAM_LEFT,	  /* it still changes things, and was left to that */
	PROGRAM_NONE,	  /* there is no such program, or it cannot be executed */
};

struct program {
	const char *const *argv; /* argv[0] is an absolute path */
	const char *const *env;
	bool has_progress; /* gets a pipe at PROGRAM_PROGRESS_FD */
	/* Of CLOCK_BOOTTIME: it is ended then, unless it changes things. SIGTERM, SIGINT and
	 * SIGHUP, which the caller has blocked, move it to now. */
	int64_t *deadline_us;
	int64_t patience_us; /* how much longer it may be at that */
	/* Each line of its output. True: from this line on it changes things. May be NULL. */
	bool (*line)(void *userdata, const char *line);
	/* "DONE/TOTAL" of the progress pipe. May be NULL. */
	void (*progress)(void *userdata, uint64_t done, uint64_t total);
	void (*tick)(void *userdata); /* four times a second at least, while it runs. May be NULL */
	void *userdata;
};

struct program_said {
	enum program_end end;
	int status;	   /* exit status, 128 + signal; PROGRAM_EXITED only */
	struct buf output; /* both of its outputs; the beginning and the end, if it is too much */
};
void program_said_done(struct program_said *said);

/*
 * 0 or -errno (no memory, no process). On success *ret_said is the caller's. Of a program that was
 * left, the output is read on by a process of its own until it ends.
 */
int program_run(const struct program *program, struct program_said *ret_said);

#endif
