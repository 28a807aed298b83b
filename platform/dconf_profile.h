/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dconf_profile.h - dconf profiles: the list of databases that a program consults, and our own
 * database as the last of them, whose locks outrank all others. Pure.
 */
#ifndef MDM_PLATFORM_DCONF_PROFILE_H
#define MDM_PLATFORM_DCONF_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/buf.h"
#include "agent/util/limits.h"

/* No hyphen: the name becomes part of a D-Bus object path, and running programs would not be told
 * of changes. */
#define DCONF_DATABASE "mdm_agent"

enum dconf_source_kind {
	DCONF_SOURCE_USER,   /* user-db, service-db: the user writes there */
	DCONF_SOURCE_SYSTEM, /* system-db: /etc/dconf/db/NAME */
	DCONF_SOURCE_FILE,   /* file-db: any path */
	DCONF_SOURCE_KIND_MAX,
};

struct dconf_source {
	enum dconf_source_kind kind;
	char name[LIMIT_TEXT_BYTES + 1];
};

struct dconf_profile {
	struct dconf_source sources[LIMIT_DCONF_SOURCES];
	size_t n_sources;
};

/*
 * Parses as dconf does: '#' starts a comment, lines of unknown kind are skipped. 0; -E2BIG for more
 * than LIMIT_DCONF_SOURCES sources or a name that is too long.
 */
int dconf_profile_parse(const char *text, size_t n_bytes, struct dconf_profile *ret_profile);

/* What dconf does without any profile file: the user's database alone. */
void dconf_profile_default(struct dconf_profile *ret_profile);

/*
 * derive and strip of an override (override.h). userdata of derive: the text of the vendor's
 * profile that counts where there is no file in /etc, NULL for none.
 */
int dconf_profile_derive(const char *original, size_t n_bytes, void *userdata, struct buf *out);
int dconf_profile_strip(const char *current, size_t n_bytes, struct buf *out, bool *ret_present);

#endif
