/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage.h - copies of a set of PAM service files with modules exchanged, so that a stack can be
 * tried for what it makes of a right and of a wrong password without there being one. Program
 * mdm-agent-pamcheck only.
 */
#ifndef MDM_PLATFORM_PAM_STAGE_H
#define MDM_PLATFORM_PAM_STAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/buf.h"

#define STAGE_MODULES_MAX 4
#define STAGE_MODULE_BYTES 256

enum stage_variant {
	STAGE_RIGHT, /* pam_unix.so takes every password */
	STAGE_WRONG, /* it takes none */
	STAGE_REAL,  /* as it is */
	STAGE_VARIANT_MAX,
};
const char *stage_variant_name(enum stage_variant variant);

/* Which lines of pam_mdm.so stay: those of the new stack, or none, as before. */
enum stage_own {
	STAGE_OWN_DRY,	  /* they stay, and talk to nobody */
	STAGE_OWN_REAL,	  /* they stay as they are */
	STAGE_OWN_SILENT, /* something without effect is in their place, so that jumps still fit */
};

struct stage_modules {
	char paths[STAGE_MODULES_MAX][STAGE_MODULE_BYTES];
	size_t n;
};

/*
 * One service file. Files that it includes are looked for in directory, an absolute path without
 * white space: libpam 1.5.2 of Debian takes them from /etc/pam.d whatever pam_start_confdir(3) was
 * told. NULL: their names stay. In the first two variants every module that changes passwords is
 * exchanged: trying must not change any. modules: paths of pam_mdm.so as the lines say are added,
 * each once; may be NULL. 0 or -errno.
 */
int stage_text(const char *text, size_t n_text, enum stage_variant variant, enum stage_own own,
	const char *directory, struct buf *out, struct stage_modules *modules);

#endif
