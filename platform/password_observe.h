/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password_observe.h - observations of the backend "password" from what was looked at: accounts,
 * PAM service files, what the enforcer knows of the passwords in use.
 */
#ifndef MDM_PLATFORM_PASSWORD_OBSERVE_H
#define MDM_PLATFORM_PASSWORD_OBSERVE_H

#include "platform/accounts.h"
#include "platform/pam_services.h"
#include "platform/platform.h"

struct password_view {
	struct accounts accounts;     /* owned */
	int accounts_error;	      /* 0 or -errno: they could not be read */
	struct pam_services services; /* owned */
	int services_error;
	char no_module[LIMIT_TEXT_BYTES +
		       1]; /* "": pam_mdm.so is where libpam looks; else why not */
	const char *trial; /* "": none failed; else what it said */
};

/* Looks at everything but trial. */
void password_view_take(int root_fd, struct password_view *view);
void password_view_done(struct password_view *view);

/* Directory where libpam finds pam_unix.so, "" if there is none. */
void password_module_directory(int root_fd, char ret_directory[LIMIT_TEXT_BYTES + 1]);

/* Replaces the observations of all settings of the backend. 0 or -ENOMEM. */
int password_observe(struct backend *b, const struct password_view *view);

#endif
