/* SPDX-License-Identifier: Apache-2.0 */
/* landlock.h - step 2 of a sandbox, first half: files, TCP ports, scopes (landlock(7)). */
#ifndef MDM_SANDBOX_LANDLOCK_H
#define MDM_SANDBOX_LANDLOCK_H

#include "agent/sandbox/sandbox.h"

/*
 * Confines the calling thread, which must be the only one, to the role's paths and the grant.
 * facts->landlock_abi is set; notes say what the kernel lacks. 0, or -errno with ret_error.
 */
int landlock_apply(const struct sandbox_role *role, const struct sandbox_grant *grant,
	struct sandbox_facts *facts, struct sandbox_error *ret_error);

/* The same with the rights of one ABI, which the kernel must have; for the tests, too. */
int landlock_apply_abi(const struct sandbox_role *role, const struct sandbox_grant *grant,
	unsigned int abi, struct sandbox_facts *facts, struct sandbox_error *ret_error);

#endif
