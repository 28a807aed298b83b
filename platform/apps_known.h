/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_known.h - what the enforcer knows of apps, lent to the backends that serve the area apps:
 * the record of the base, which is made at enrolment. And the other way round: when the agent
 * itself installs and removes, so that this is not taken for somebody's doing.
 */
#ifndef MDM_PLATFORM_APPS_KNOWN_H
#define MDM_PLATFORM_APPS_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

struct apps_known {
	/*
	 * Names of the packages of the base, a line each, as apps_base_make() of
	 * policies/apps_base.h wrote them; the caller's to free. 0; -ENOENT: there is no record
	 * (nobody manages the phone, or its packages could not be read yet); other -errno.
	 */
	int (*base)(char **ret_lines, size_t *ret_n_bytes, void *userdata);
	/* A job of the agent begins, or has ended. */
	void (*acting)(bool is_acting, void *userdata);
	void *userdata;
};

#endif
