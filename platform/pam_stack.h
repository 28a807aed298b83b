/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pam_stack.h - puts pam_mdm.so in front of every pam_unix.so of a PAM service file, and takes it
 * out again, byte for byte. Text in, text out: no file is opened.
 *
 * pam_mdm.so answers PAM_IGNORE where the attempt may go on, and an error where it may not. The
 * control of its lines makes the first harmless, and a module that is not there as well: a phone
 * without pam_mdm.so lets its owner in as before.
 */
#ifndef MDM_PLATFORM_PAM_STACK_H
#define MDM_PLATFORM_PAM_STACK_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/buf.h"
#include "agent/util/limits.h"

/* Of one file, without the files it includes. */
struct pam_facts {
	bool asks_auth, asks_password;	     /* it has lines of pam_unix.so of that type */
	bool guarded_auth, guarded_password; /* each of them has pam_mdm.so right in front */
	/* "": understood, or nothing in it would be changed. */
	char unclear[LIMIT_TEXT_BYTES + 1];
};
/* 0 or -ENOMEM. */
int pam_stack_examine(const char *text, size_t n_bytes, struct pam_facts *ret_facts);

/*
 * Calls each with the names of the files that the text includes (an absolute path counts as a
 * name); jumped: a jump leads over them, so that they must keep their number of lines. 0 or
 * -ENOMEM.
 */
int pam_stack_includes(const char *text, size_t n_bytes,
	void (*each)(const char *name, bool jumped, void *userdata), void *userdata);

/*
 * Appends the text with our lines. vendor_path is where it comes from, if the file that is made of
 * it stands elsewhere; else NULL. 0, -errno; -EBADMSG: it is not understood, see pam_stack_examine;
 * -EEXIST: our marks are in it.
 */
int pam_stack_derive(const char *text, size_t n_bytes, const char *vendor_path, struct buf *out);

/*
 * The inverse. *ret_present is false where nothing but the vendor's text remains, which stands
 * elsewhere. A text without our marks is appended as it is. As struct override_spec wants it.
 */
int pam_stack_strip(const char *text, size_t n_bytes, struct buf *out, bool *ret_present);

#endif
