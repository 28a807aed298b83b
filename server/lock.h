/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - one state directory, one process that may change it: a server, or a restore. The kernel
 * drops the lock with the process, so nothing stale stays. mdm-server only.
 */
#ifndef MDM_SERVER_LOCK_H
#define MDM_SERVER_LOCK_H

#define LOCK_FILE "lock"

/*
 * Takes the lock of a directory. The descriptor, to be closed for letting go; -EBUSY with the
 * process that holds it in ret_problem; another -errno with ret_problem.
 */
int lock_take(const char *directory, char ret_problem[512]);

#endif
