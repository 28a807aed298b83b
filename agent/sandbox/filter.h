/* SPDX-License-Identifier: Apache-2.0 */
/* filter.h - step 2 of a sandbox, second half: the system call filter (seccomp(2)). */
#ifndef MDM_SANDBOX_FILTER_H
#define MDM_SANDBOX_FILTER_H

#include "agent/sandbox/sandbox.h"

/*
 * Loads the role's filter. A kernel without seccomp filters (qemu's user mode, too) is a fact and
 * a note; a filter that is refused although the kernel has them is -errno with ret_error.
 */
int filter_apply(const struct sandbox_role *role, struct sandbox_facts *facts,
	struct sandbox_error *ret_error);

#endif
