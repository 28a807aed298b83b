/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password_gaps.h - programs that ask for passwords past PAM, so that nobody counts there. They are
 * told of, not changed.
 */
#ifndef MDM_PLATFORM_PASSWORD_GAPS_H
#define MDM_PLATFORM_PASSWORD_GAPS_H

/* Calls each with the name of a program, and how it asks. */
void password_gaps_find(int root_fd,
	void (*each)(const char *name, const char *detail, void *userdata), void *userdata);

#endif
