/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault.h - why a command of mdmctl stops: the exit code and the words for the administrator.
 *
 * Functions return 0 or one of these positive codes with the fault filled; main prints it. The
 * words say what happened, to what, and what to do now. Never a passphrase, a key or a secret.
 */
#ifndef MDM_MDMCTL_FAULT_H
#define MDM_MDMCTL_FAULT_H

#include "agent/util/mem.h"

enum fault_code {
	FAULT_FAILURE = 1, /* anything else */
	FAULT_USAGE,	   /* wrong arguments */
	FAULT_UNREACHABLE, /* no answer from the server */
	FAULT_REFUSED,	   /* the server answered no */
	FAULT_KEY,	   /* passphrase or key */
	FAULT_CODE_MAX,
};

/* What an exit code means, in a few words; 0 is "done". For the help. */
const char *fault_meaning(int code);

struct fault {
	enum fault_code code;
	char text[1024];
};

/* Fills the fault and returns code. */
int fault_set(struct fault *fault, enum fault_code code, const char *format, ...) _printf_(3, 4);

/* For -errno: "what: reason", FAULT_FAILURE. */
int fault_errno(struct fault *fault, int error, const char *format, ...) _printf_(3, 4);

#endif
