/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - whether a set of PAM service files with lines of pam_mdm.so is fit to go live: each
 * service is tried through libpam beside the set that is in force. Program mdm-agent-pamcheck only.
 */
#ifndef MDM_PLATFORM_PAM_CHECK_H
#define MDM_PLATFORM_PAM_CHECK_H

#include <stddef.h>

struct check_order {
	const char *staged; /* complete: every service and every file that one includes */
	const char *live;   /* such a set that is in force; NULL: this system's */
	const char *user;   /* an account that cannot log in */
	const char *const *services;
	size_t n_services;
};

/*
 * Prints a line for each finding. 0: fit; 1: not fit; -errno: could not be found out, and why was
 * printed.
 */
int check_run(const struct check_order *order);

#endif
