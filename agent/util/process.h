/* SPDX-License-Identifier: Apache-2.0 */
/* process.h - what holds for this process and for all that it starts. */
#ifndef MDM_UTIL_PROCESS_H
#define MDM_UTIL_PROCESS_H

/*
 * From here on no program that is executed, by this process or by its children, gains anything by
 * a set-uid bit or by capabilities of its file (PR_SET_NO_NEW_PRIVS in prctl(2)); there is no way
 * back. 0 or -errno.
 */
int process_gain_nothing(void);

/*
 * What is in this process's memory goes into no core dump: neither into a file, nor, where it runs
 * as root, to a program that the kernel would hand it to (core(5)). What it starts leaves no files
 * either. 0 or -errno.
 */
int process_leave_no_core(void);

/*
 * Leaves whoever started it, who may end with all that is below: another parent, another session,
 * and the control group of nobody (version 2; the root of the tree is always there). Returns in the
 * process that goes on, 0, or -errno if it could not. The one that was started ends when the other
 * has left, with the status left, or refused: whoever waits for it may then end what is still in
 * its group.
 */
int process_detach(int left, int refused);

#endif
