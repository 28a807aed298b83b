/* SPDX-License-Identifier: Apache-2.0 */
/* pam_switch.h - the PAM service files of a phone staged for a trial, replaced, and put back. */
#ifndef MDM_PLATFORM_PAM_SWITCH_H
#define MDM_PLATFORM_PAM_SWITCH_H

#include <stdbool.h>

#include "platform/override.h"
#include "platform/pam_services.h"

/*
 * Writes two complete sets of files into the directory, which is made anew: DIRECTORY/live and
 * DIRECTORY/new. 0 or -errno.
 */
int pam_services_stage(const struct pam_services *services, int root_fd, const char *directory);

/*
 * Replaces the files, one after the other: each set between the first and the last lets people in,
 * because no file depends on the lines of another one. What somebody changed since they were
 * loaded is left for the next time: -ESTALE. 0 or -errno.
 */
int pam_services_switch(
	const struct pam_services *services, const struct override_place *place, bool *ret_changed);

/* Puts all originals back, those whose entry in the vault was lost included. 0 or -errno. */
int pam_services_revert(const struct override_place *place, bool *ret_changed);

#endif
