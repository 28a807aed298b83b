/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apk_source_files.h - the files that tell apk where packages come from and whose signatures count,
 * as they would be without the agent. Reads only. Enforcer only.
 */
#ifndef MDM_PLATFORM_APK_SOURCE_FILES_H
#define MDM_PLATFORM_APK_SOURCE_FILES_H

#include <stdbool.h>

#include "agent/util/buf.h"
#include "agent/util/limits.h"
#include "platform/override.h"
#include "policies/settings.h"

#define APK_REPOSITORIES "etc/apk/repositories"
#define APK_KEY_COVER "mdm-agent: this key is not among those that the organisation allows.\n"
#define APK_PATH_HEX 32 /* digits of the digest of a path, in names of the vault */

enum source_kind {
	SOURCE_LINES, /* files with repositories */
	SOURCE_KEY,
	SOURCE_KIND_MAX,
};

struct source_row {
	const char *own, *vendor; /* directories */
	const char *suffix;	  /* of names that count */
	const char *vault_prefix;
	enum setting_id setting;
	const char *none; /* would be left */
};
extern const struct source_row source_rows[SOURCE_KIND_MAX];

/* One file of a kind, by the name that both directories share. */
struct source {
	char path[LIMIT_TEXT_BYTES + 1];   /* below /etc */
	char vendor[LIMIT_TEXT_BYTES + 1]; /* below /lib; "": none */
	char vault[LIMIT_NAME_BYTES + 1];
	char *text; /* as it would be without us; owned; NULL: there is none */
	size_t n_text;
	bool is_covered; /* as it is: by a file of ours in place of it */
};

struct sources {
	struct source sources[LIMIT_APK_SOURCES];
	size_t n;
	bool more;
};

/* All of a kind, in the order in which apk reads them. 0 or -errno. */
int sources_read(
	const struct override_place *place, enum source_kind kind, struct sources **ret_sources);
void sources_free(struct sources *sources);
DEFINE_CLEANUP(struct sources *, sources_free)

/* What the vendor has at the same name. -ENOENT: nothing. */
int source_read_vendor(
	int root_fd, const struct source *source, char **ret_text, size_t *ret_n_bytes);

/* The file without what the agent put there; see struct override_spec. */
int source_strip_lines(const char *current, size_t n_bytes, struct buf *out, bool *ret_present);
int source_strip_key(const char *current, size_t n_bytes, struct buf *out, bool *ret_present);

#endif
