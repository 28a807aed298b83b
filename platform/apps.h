/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps.h - what is installed on the phone, as it lies there: apk's packages, Flatpaks, desktop
 * entries, and what was found in homes. Reads files, runs nothing. Enforcer only.
 */
#ifndef MDM_PLATFORM_APPS_H
#define MDM_PLATFORM_APPS_H

#include "agent/util/digest.h"
#include "platform/flatpak_db.h"
#include "platform/home_programs.h"
#include "policies/apk_db.h"
#include "policies/apps.h"

enum apps_manager {
	APPS_MANAGER_APK,
	APPS_MANAGER_NONE,	 /* another package manager, or none */
	APPS_MANAGER_IMMUTABLE,	 /* the system is one image; apps are Flatpaks */
	APPS_MANAGER_UNREADABLE, /* apk is here, its database cannot be read */
	APPS_MANAGER_MAX,
};

struct apps_snapshot {
	enum apps_manager manager;
	char manager_detail[LIMIT_TEXT_BYTES + 1]; /* for people; "" with apk */

	/* Packages: all of them, and a mark for each. Empty without apk. */
	struct apk_db db;
	struct apk_text world;
	bool *is_base;	   /* by the record that was given */
	bool *is_explicit; /* the world names it */
	bool *has_desktop; /* has an entry meant for launchers, whether or not one shows it */
	size_t n_base;

	struct flatpak_db flatpaks;
	size_t n_found;	   /* programs in homes, named or not */
	bool found_is_cut; /* and there may be more of them */

	/*
	 * Packages that are explicit or have a desktop entry, those of base among them (is_base);
	 * Flatpaks; findings. Sorted by kind, name, user, version. Texts are clean: UTF-8 without
	 * control characters. Where there are more than LIMIT_APPS base goes first.
	 */
	struct app *apps;
	size_t n_apps;
	size_t n_apps_left_out;

	uint8_t identity[SHA256_BYTES]; /* apps_identity() from before it was read */
	void *owned;			/* texts */
};

struct apps_request {
	int root_fd;
	struct apk_text base; /* lines of apps_base_make(); {0}: none recorded, nothing is base */
	const struct home_programs *programs; /* copied; NULL: none were looked for */
};

/* Takes about 2 ms on a desktop's database. 0; -ENOMEM: what cannot be read is said inside. */
int apps_collect(const struct apps_request *request, struct apps_snapshot **ret_snapshot);
void apps_snapshot_free(struct apps_snapshot *snapshot);
DEFINE_CLEANUP(struct apps_snapshot *, apps_snapshot_free)

/*
 * A digest of what stat(2) tells of everything that is read: unchanged, nothing changed. About a
 * dozen system calls for the system and as many for each home; findings are not part of it.
 */
int apps_identity(int root_fd, uint8_t ret_identity[SHA256_BYTES]);
/* The same with homes that are open already. */
int apps_identity_of(int root_fd, const struct homes *homes, uint8_t ret_identity[SHA256_BYTES]);

/*
 * For watch_new() of platform/watch.h: packages, world, desktop entries, system Flatpaks. Homes are
 * not watched, because a watch would follow their links: look at them now and then.
 */
extern const char *const apps_watch_paths[];
extern const size_t apps_n_watch_paths;

#endif
