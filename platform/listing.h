/* SPDX-License-Identifier: Apache-2.0 */
/* listing.h - the names in a directory, sorted, so that what is made of them is always the same. */
#ifndef MDM_PLATFORM_LISTING_H
#define MDM_PLATFORM_LISTING_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/mem.h"

struct listing {
	char **names; /* owned */
	size_t n_names;
	bool more; /* there were more than asked for: which ones is chance */
};

/*
 * Names without a dot in front of the directory at path, links followed inside the root. A
 * directory that is not there is empty. 0 or -errno.
 */
int listing_read(int root_fd, const char *path, size_t max_names, struct listing *ret_listing);
void listing_done(struct listing *listing);

#endif
