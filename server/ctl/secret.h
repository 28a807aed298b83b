/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.h - passphrases: asked on the terminal without echo, or read from a file that nobody else
 * can read. Never from the command line or the environment itself.
 */
#ifndef MDM_MDMCTL_SECRET_H
#define MDM_MDMCTL_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "server/ctl/fault.h"

#define SECRET_MIN_BYTES 8 /* of a new passphrase */
#define SECRET_MAX_BYTES 1023

struct secret {
	char *text; /* NUL-terminated, owned; NULL: not known */
	size_t n_bytes;
};

/* Overwrites and frees. Takes an empty one. */
void secret_done(struct secret *secret);
#define _cleanup_secret_ _cleanup_(secret_done)

int secret_copy(const struct secret *from, struct secret *ret_secret, struct fault *fault);

/*
 * First line of a file. Refuses a file that belongs to somebody else or that group or others may
 * read, something that is neither a regular file nor a pipe, and an empty or over-long line.
 */
int secret_from_file(const char *path, struct secret *ret_secret, struct fault *fault);

/* Asks on the controlling terminal; twice when the passphrase is new. The terminal's state is
 * restored before a signal ends or stops the program. */
int secret_ask(const char *prompt, bool is_new, struct secret *ret_secret, struct fault *fault);

/* Whether a passphrase is long enough for a new key. */
int secret_check_new(const struct secret *secret, struct fault *fault);

#endif
