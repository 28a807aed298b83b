/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide.h - may this file be executed? Pure: a table and what is known of the file give a step.
 * Some steps ask for more; the caller finds it out and asks again.
 */
#ifndef MDM_GUARD_DECIDE_H
#define MDM_GUARD_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/guard/table.h"

enum guard_content {
	GUARD_CONTENT_UNASKED,
	GUARD_CONTENT_KNOWN,	 /* digest is that of all of it */
	GUARD_CONTENT_UNDECIDED, /* could not be read in time, or is being written */
};

struct guard_file {
	uint64_t device, inode; /* fstat(2) of the event's own descriptor */
	uint64_t born_ns;	/* guard_born_ns() of it */
	uint32_t uid, gid, mode;
	bool is_foreign; /* mounted where foreign file systems are, since the table was made */
	uint64_t size_bytes;
	bool has_path; /* path_digest is guard_path_digest() of it */
	uint64_t path_digest;
	enum guard_content content;
	uint8_t digest[SHA256_BYTES];
};

enum guard_step {
	GUARD_STEP_ALLOW,    /* this time; it may change without anybody being told */
	GUARD_STEP_REMEMBER, /* until somebody writes to it or there is a new table */
	GUARD_STEP_DENY,
	GUARD_STEP_ASK_PATH,
	GUARD_STEP_ASK_CONTENT,
	GUARD_STEP_MAX,
};

struct guard_decision {
	enum guard_step step;
	enum guard_reason reason; /* of GUARD_STEP_DENY; otherwise GUARD_R_NONE */
	uint32_t owner;		  /* guard_table_owner() */
};

/*
 * Whether somebody who sits at the phone can put something else into the file. Accounts of the
 * system are no people; nobody (65534) is whoever it likes, so it counts.
 */
bool guard_people_can_write(const struct guard_table *table, const struct guard_file *file);

/*
 * Each ASK step is answered at most once: with the path or the content there, another step follows.
 * The mode of the table is the caller's: in GUARD_AUDIT a refusal is only told.
 */
void guard_decide(const struct guard_table *table, const struct guard_file *file,
	struct guard_decision *ret_decision);

#endif
