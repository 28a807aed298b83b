/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_known.h - how it stands with the guard, lent by the enforcer, which keeps its connection
 * and makes its table; and how a backend says what is wanted of it.
 */
#ifndef MDM_PLATFORM_GUARD_KNOWN_H
#define MDM_PLATFORM_GUARD_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/limits.h"

enum guard_stand {
	GUARD_STANDS_OFF,      /* nobody wants it */
	GUARD_STANDS_STARTING, /* its table is made, or it is on its way */
	GUARD_STANDS,	       /* it says that a table made of this policy is in force */
	GUARD_STANDS_DOWN,     /* it does not come, or fell again and again */
	GUARD_STANDS_ABSENT,   /* the kernel does not ask about the start of programs */
	GUARD_STAND_MAX,
};
const char *guard_stand_name(enum guard_stand stand); /* "in_force" */

struct guard_standing {
	enum guard_stand stand;
	/* GUARD_STANDS: what the table in force says. */
	bool enforces;			   /* or only tells */
	bool fails_closed;		   /* nothing starts while it does not answer */
	bool no_user_programs;		   /* what people can write does not run */
	char detail[LIMIT_TEXT_BYTES + 1]; /* for people: what is not watched, why it is away */
};

struct effective;

struct guard_known {
	void (*get)(struct guard_standing *ret_standing, void *userdata);
	/* From now on this policy; NULL: none, the guard ends. 1: that is something new; 0; -errno.
	 */
	int (*want)(const struct effective *desired, void *userdata);
	void *userdata;
};

#endif
