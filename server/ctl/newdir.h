/* SPDX-License-Identifier: Apache-2.0 */
/*
 * newdir.h - a directory that appears whole or not at all: built beside its final place under a
 * temporary name, then renamed.
 */
#ifndef MDM_MDMCTL_NEWDIR_H
#define MDM_MDMCTL_NEWDIR_H

#include <signal.h>

#include "server/ctl/fault.h"

struct newdir {
	const char *path; /* final; borrowed */
	char *temporary;  /* NULL before newdir_open() and after newdir_commit(); owned */
	int fd;		  /* of the directory in the making; -1 at first */
};

/* FAULT_* if path is anything but absent or an empty directory. what: "server directory". */
int newdir_check_free(const char *path, const char *what, struct fault *fault);

/* Makes the temporary directory, 0700, and what is missing above it. newdir_done() in any case. */
int newdir_open(struct newdir *newdir, struct fault *fault);

/* Gives it its final name; refuses to cover anything but an empty directory. */
int newdir_commit(struct newdir *newdir, struct fault *fault);

/* Removes what was not committed. */
void newdir_done(struct newdir *newdir);

/* Between these an interrupt waits, so that it cannot leave something half-made. */
void newdir_signals_block(sigset_t *ret_before);
void newdir_signals_restore(const sigset_t *before);

#endif
