/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passcode.h - a temporary passcode and its hash, for the command "set-passcode". The passcode
 * stays on the administrator's machine; what is signed and sent is the hash, which the server can
 * try passcodes against: so one that is made up here has 66 bits.
 */
#ifndef MDM_MDMCTL_PASSCODE_H
#define MDM_MDMCTL_PASSCODE_H

#include "server/ctl/ctl.h"

#define PASSCODE_DIGITS 20    /* that every lock screen can enter */
#define PASSCODE_MIN_BYTES 12 /* of one that somebody typed */
#define PASSCODE_ROUNDS 100000
#define PASSCODE_ARGUMENTS 8

struct passcode {
	bool made;				       /* here, and nobody knows it yet */
	char text[PASSCODE_DIGITS + 1];		       /* where it was made */
	char argument[160];			       /* "hash=$6$…" */
	const char *arguments[PASSCODE_ARGUMENTS + 1]; /* of the order, with that one */
};
void passcode_done(struct passcode *passcode);
#define _cleanup_passcode_ _cleanup_(passcode_done)

/* From --passcode-file, --ask-passcode, or made up. 0 or FAULT_*. */
int passcode_make(const struct args *args, struct passcode *ret_passcode, struct fault *fault);

/* crypt(3), SHA-512 with PASSCODE_ROUNDS, fresh salt, behind "hash=". */
int passcode_hash(const char *text, char ret_argument[160], struct fault *fault);

/* Shows one that was made up, on ctl->err, once. */
void passcode_tell(struct ctl *ctl, const struct passcode *passcode);

#endif
