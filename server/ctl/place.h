/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - a directory that appears whole or not at all: built beside its final place under a
 * temporary name, then renamed.
 */
#ifndef MDM_MDMCTL_PLACE_H
#define MDM_MDMCTL_PLACE_H

#include <signal.h>

#include "server/ctl/fault.h"

struct place {
	const char *path; /* final; borrowed */
	char *temporary;  /* NULL before place_open() and after place_commit(); owned */
	int fd;		  /* of the directory in the making; -1 at first */
};

/* FAULT_* if path is anything but absent or an empty directory. what: "server directory". */
int place_check_free(const char *path, const char *what, struct fault *fault);

/* Makes the temporary directory, 0700, and what is missing above it. place_done() in any case. */
int place_open(struct place *place, struct fault *fault);

/* Gives it its final name; refuses to cover anything but an empty directory. */
int place_commit(struct place *place, struct fault *fault);

/* Removes what was not committed. */
void place_done(struct place *place);

/* Between these an interrupt waits, so that it cannot leave something half-made. */
void place_signals_block(sigset_t *ret_before);
void place_signals_restore(const sigset_t *before);

#endif
