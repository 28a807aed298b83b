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

/*
 * The role's filter for one architecture (SCMP_ARCH_*), not loaded: a scmp_filter_ctx that the
 * caller releases. kill: the action (SCMP_ACT_KILL_*) of calls that end the process and of every
 * other architecture. 0 or -errno. Not only for this machine's own, so that a test can ask what the
 * filter of a phone answers.
 */
int filter_build(const struct sandbox_role *role, uint32_t arch, uint32_t kill, void **ret_filter);

#endif
