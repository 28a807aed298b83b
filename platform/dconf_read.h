/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dconf_read.h - what dconf serves for a key: the profile and the compiled databases as the engine
 * inside every program reads them, for a user whose own database may hold anything.
 */
#ifndef MDM_PLATFORM_DCONF_READ_H
#define MDM_PLATFORM_DCONF_READ_H

#include "platform/dconf_profile.h"
#include "platform/gvdb.h"

#define DCONF_PROFILE_PATH "etc/dconf/profile/user"
#define DCONF_DATABASES_DIRECTORY "etc/dconf/db"

struct dconf_database {
	char *data; /* owned; NULL: no such file, or not to be read by users */
	size_t n_data;
	struct gvdb values, locks;
	bool has_locks;
	bool user_writable; /* somebody but root can change the file */
};

struct dconf_view {
	struct dconf_profile profile;
	char profile_path[LIMIT_TEXT_BYTES + 1]; /* "" : built-in default */
	struct dconf_database databases[LIMIT_DCONF_SOURCES];
	/* What is out of order, for people; "" if nothing is. */
	char trouble[LIMIT_TEXT_BYTES + 1];
};

struct dconf_answer {
	bool has_value;
	struct gvdb_value value;	   /* points into the view */
	bool enforced;			   /* nothing that the user writes can change it */
	char source[LIMIT_TEXT_BYTES + 1]; /* "system-db:mdm-agent"; "" without a value */
};

/* The vendor's profile: what counts where /etc has none. *ret_text is NULL if there is none. */
int dconf_vendor_profile(int root_fd, char **ret_text);

/* Reads profile and databases. 0 or -errno, ret_view->trouble says what of. */
int dconf_view_open(int root_fd, struct dconf_view *ret_view);
void dconf_view_done(struct dconf_view *view);

/* What programs get for key. */
void dconf_view_read(
	const struct dconf_view *view, const char *key, struct dconf_answer *ret_answer);

#endif
