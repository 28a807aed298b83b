/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide.c - may this file be executed? See decide.h. Pure; the guard, on the path of every first
 * start of a program: no allocation, no system call.
 */
#include "agent/guard/decide.h"

#include <sys/stat.h>

bool guard_people_can_write(const struct guard_table *table, const struct guard_file *file)
{
	uint32_t first = table->header->uid_min;

	return file->uid >= first || file->mode & S_IWOTH ||
	       (file->mode & S_IWGRP && file->gid >= first);
}

static void deny(struct guard_decision *ret, enum guard_reason reason, uint32_t owner)
{
	*ret = (struct guard_decision){GUARD_STEP_DENY, reason, owner};
}

/* Its bytes are all that speaks for it. */
static void decide_by_content(const struct guard_table *table, const struct guard_file *file,
	struct guard_decision *ret_decision)
{
	if (table->header->n_hashes == 0 || !S_ISREG(file->mode) ||
		file->size_bytes > LIMIT_GUARD_HASH_BYTES) {
		deny(ret_decision, GUARD_R_USER_PROGRAM, 0);
		return;
	}
	switch (file->content) {
	case GUARD_CONTENT_UNASKED:
		ret_decision->step = GUARD_STEP_ASK_CONTENT;
		break;
	case GUARD_CONTENT_UNDECIDED:
		deny(ret_decision, GUARD_R_UNDECIDED, 0);
		break;
	case GUARD_CONTENT_KNOWN:
		if (!guard_table_has_hash(table, file->digest))
			deny(ret_decision, GUARD_R_USER_PROGRAM, 0);
		break;
	}
}

void guard_decide(const struct guard_table *table, const struct guard_file *file,
	struct guard_decision *ret_decision)
{
	bool is_strict = table->header->flags & (GUARD_F_ALLOW_MODE | GUARD_F_NO_USER_PROGRAMS);
	const struct guard_inode *entry = guard_table_inode(table, file->device, file->inode);
	const struct guard_path *path;

	*ret_decision = (struct guard_decision){GUARD_STEP_ALLOW, GUARD_R_NONE, 0};
	/* An upgrade gives the numbers of what it removes to what it installs. */
	if (entry && entry->born_ns && file->born_ns && entry->born_ns != file->born_ns)
		entry = NULL;
	if (is_strict && (file->is_foreign || guard_table_device_is_foreign(table, file->device))) {
		deny(ret_decision, GUARD_R_FOREIGN, 0);
		return;
	}
	/*
	 * An entry speaks of a file of the system. The file may be gone and its number with
	 * somebody else's file, until the next table; nobody but root can give such a file to
	 * people.
	 */
	if (guard_people_can_write(table, file)) {
		if (is_strict)
			decide_by_content(table, file, ret_decision);
		return;
	}
	if (entry && entry->answer == GUARD_DENY) {
		deny(ret_decision, entry->reason, entry->owner);
		return;
	}
	/* By its path a program is known again whose upgrade is younger than the table. */
	if (!entry && table->header->n_paths) {
		if (!file->has_path) {
			ret_decision->step = GUARD_STEP_ASK_PATH;
			return;
		}
		path = guard_table_path(table, file->path_digest);
		if (path) {
			deny(ret_decision, path->reason, path->owner);
			return;
		}
	}
	/* A group may have members that are people: root's word, but not for ever. */
	if (!(file->mode & S_IWGRP) || file->gid == 0)
		ret_decision->step = GUARD_STEP_REMEMBER;
}
