/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_build.h - the guard's table, made of the policy in force, the database of packages, the
 * apps that there are and the file system: which files are the programs of what may not run, and of
 * what may. Reads files' places and modes, never their contents; in bounded steps. Enforcer only.
 *
 * Who owns a file decides. Where several do (hard links, deploys that share objects), one that may
 * run is enough: what is shared is denied to nobody.
 */
#ifndef MDM_ENFORCER_GUARD_BUILD_H
#define MDM_ENFORCER_GUARD_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/guard/table.h"
#include "agent/util/buf.h"
#include "agent/util/mem.h"
#include "policies/apk_db.h"
#include "policies/apps.h"

#define GUARD_BUILD_STEP 256  /* files that are looked at in one turn of the loop */
#define GUARD_ANSWER_MS 3000  /* patience of the guard's watchdog with one answer */
#define GUARD_WALK_MAX 131072 /* entries of Flatpaks that are looked at, all together */
#define GUARD_WALK_DEPTH 24   /* below the directory of an app */
#define GUARD_FLATPAKS "var/lib/flatpak"

struct guard_inputs {
	int root_fd; /* "/", or a test's tree; borrowed until the end */
	const struct effective *effective;
	const struct apk_db *db; /* borrowed until the end */
	const bool *is_base;	 /* a mark for each of its packages; NULL: nobody has recorded what
				  * the phone came with, so nothing is known not to be of it */
	const struct app *apps;	 /* that are known; borrowed during the call */
	size_t n_apps;
	const uint64_t *devices; /* foreign file systems, as stat(2) has them */
	size_t n_devices;
	bool devices_are_cut; /* there are more */
	uint32_t uid_min;
};

/* What is in a table, and what is not. */
struct guard_counts {
	size_t n_denied_owners;	    /* packages and Flatpaks that may not run */
	size_t n_denied, n_allowed; /* files */
	size_t n_paths, n_hashes, n_devices;
	bool is_cut; /* there was more than a limit allows: some of what is allowed is not in it */
	bool is_denied_cut;  /* of what may not run some is not, since it lies too deep */
	bool is_foreign_cut; /* there are more foreign file systems */
	bool is_idle;	     /* the policy wants a guard and sets nothing that it could refuse */
};

struct guard_build;

/* Judges everything; looks at no file yet. 0; -ENOMEM; -E2BIG. */
int guard_build_new(const struct guard_inputs *inputs, struct guard_build **ret_build);
void guard_build_free(struct guard_build *build);
DEFINE_CLEANUP(struct guard_build *, guard_build_free)

/* Looks at up to max_files more. 1: there are more; 0: that was all; -ENOMEM, -E2BIG: more files
 * would have to be denied than fit. */
int guard_build_step(struct guard_build *build, size_t max_files);

/*
 * The table, after the last step. Its generation is made of its contents: the same phone under the
 * same policy gives the same, whenever and by whichever process it is made. 0 or -errno.
 */
int guard_build_finish(struct guard_build *build, struct buf *out, uint64_t *ret_generation,
	struct guard_counts *ret_counts);

/* The members of the header that the policy decides; generation and places are left alone. */
void guard_settings(
	const struct effective *effective, uint32_t uid_min, struct guard_header *ret_header);

/* Whether the policy wants a guard at all. */
bool guard_is_wanted(const struct effective *effective);

/* A number for all of the policy that the table depends on. Two that differ give others. 0 or
 * -errno. */
int guard_policy_mark(const struct effective *effective, uint64_t *ret_mark);

#endif
