/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_section.h - the report's section "apps": its one text, what changed between two of them, and
 * the state file that has the one which the server holds. Pure; enforcer.
 *
 * The text is {"v":1,"about":{...},"apps":[...]} without white space, the apps sorted by their
 * bytes: who knows the lines knows the text. A change names, by their number in the list before,
 * the lines that went, and has the new ones in full: the server puts the same text together
 * without understanding any of it, and its digest shows that it did (server/apps_merge.h).
 */
#ifndef MDM_ENFORCER_APPS_SECTION_H
#define MDM_ENFORCER_APPS_SECTION_H

#include "agent/util/buf.h"
#include "agent/util/jsonw.h"
#include "policies/apps.h"

#define APPS_SECTION_DIGEST 16 /* hexadecimal digits, as all sections have */

/* One line: an app as it is reported. */
struct apps_entry {
	const struct app *app; /* borrowed */
	int64_t uid;	       /* of whom it belongs to; -1: of all */
};

/* What is said beside the list. */
struct apps_about {
	const char *manager; /* "apk", or why packages are not known */
	size_t n_packages;   /* installed, whoever needs them */
	size_t n_base;	     /* of them, those of the record of the base */
	size_t n_found;	     /* programs in homes, named or not */
	bool found_is_cut;   /* and there may be more of them */
	size_t n_left_out;   /* apps that are not among the entries already */
};

struct apps_section {
	struct buf text;  /* the lines, each ended by NUL; the first one is "about" */
	uint32_t *starts; /* of the lines that are apps, sorted by what they say; owned */
	size_t n_apps;
	char digest[APPS_SECTION_DIGEST + 1]; /* of the whole text */
};
void apps_section_done(struct apps_section *section);
#define _cleanup_apps_section_ _cleanup_(apps_section_done)

/*
 * Members of one app, for the section and for `agentctl apps`: a program in a home by its own name
 * alone, whoever has it by their number. What is empty, zero or false is left out.
 */
void apps_entry_write(struct jsonw *w, const struct apps_entry *entry);

/*
 * At most LIMIT_APPS apps and LIMIT_APPS_SECTION_BYTES; those beyond are counted in "left_out".
 * 0; -ENOMEM; -EIO: no digest.
 */
int apps_section_make(const struct apps_about *about, const struct apps_entry *entries,
	size_t n_entries, struct apps_section *ret_section);
/* The whole text. */
void apps_section_write(const struct apps_section *section, struct buf *out);
/* What makes "to" of "from", as docs/protocol.md has it. */
void apps_section_write_delta(
	const struct apps_section *from, const struct apps_section *to, struct buf *out);

/* As a state file, and back: 0; -EBADMSG: damaged; -ENOMEM; -EIO. */
int apps_section_save(const struct apps_section *section, struct buf *out);
int apps_section_load(const char *text, size_t n_bytes, struct apps_section *ret_section);

#endif
