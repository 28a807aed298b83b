/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pam_services.h - the PAM service files of a phone: which ones libpam reads, what they were
 * without our lines, what they are to be with them. Reads the root; writes only where a function
 * says so.
 */
#ifndef MDM_PLATFORM_PAM_SERVICES_H
#define MDM_PLATFORM_PAM_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/digest.h"
#include "agent/util/limits.h"
#include "platform/pam_stack.h"

#define PAM_ETC "etc/pam.d"
#define PAM_VENDOR "usr/lib/pam.d"
/* Files in one of the directories that are no services, too. */
#define PAM_NAMES_MAX (4 * LIMIT_PAM_SERVICES)
#define PAM_NAME_BYTES (LIMIT_NAME_BYTES - 4)

struct pam_service {
	char name[PAM_NAME_BYTES + 1];	 /* of the file in /etc/pam.d or /usr/lib/pam.d */
	bool vendor;			 /* the original is /usr/lib/pam.d's */
	bool marked;			 /* the file in place has our marks */
	char *live, *original, *derived; /* owned; derived NULL: it stays as it is */
	size_t n_live, n_original, n_derived;
	struct pam_facts facts; /* of live */
	/* Why it asks for passwords without pam_mdm.so, and is not changed; "": no reason. */
	char left_alone[LIMIT_TEXT_BYTES + 1];
};

struct pam_services {
	struct pam_service *services; /* owned; sorted by name */
	size_t n_services;
	bool more; /* there were more than LIMIT_PAM_SERVICES */
};

/* 0 or -errno. Files that nobody could use as a service are not among them. */
int pam_services_load(int root_fd, struct pam_services *ret_services);
void pam_services_done(struct pam_services *services);

/* The text of a file of one of the two directories. 0 or -errno. */
int pam_service_read(
	int root_fd, const char *directory, const char *name, char **ret_text, size_t *ret_n_bytes);
/* Whether the one in /etc is a symbolic link. */
bool pam_service_is_link(int root_fd, const char *name);
/* What the file is to be. NULL: there is to be none. */
const char *pam_service_wanted(const struct pam_service *service, size_t *ret_n_bytes);

/* Whether some file in place is not as it is to be. */
bool pam_services_differ(const struct pam_services *services);
/* Of all that a trial depends on. 0 or -EIO. */
int pam_services_digest(const struct pam_services *services, uint8_t ret_digest[SHA256_BYTES]);

/* Whether trying the service tells something: it has a line of ours, or includes one that has. */
bool pam_service_is_touched(const struct pam_services *services, const struct pam_service *service);

#endif
