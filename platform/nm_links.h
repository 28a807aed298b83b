/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nm_links.h - the connections in use, as NetworkManager knows them, for conditions: their kinds
 * and the names of Wi-Fi networks. What the phone shares with others is none. Reads only.
 * Enforcer only.
 */
#ifndef MDM_PLATFORM_NM_LINKS_H
#define MDM_PLATFORM_NM_LINKS_H

#include "platform/platform.h"
#include "policies/when.h"

struct nm_links;

/* Begins to follow them. changed: from the loop, when what nm_links_get() says is another. 0 or
 * -ENOMEM. */
int nm_links_new(struct platform *platform, void (*changed)(void *userdata), void *userdata,
	struct nm_links **ret_links);
void nm_links_free(struct nm_links *links); /* NULL is fine */

/* Not known until NetworkManager has answered, and where it is not there. */
const struct when_links *nm_links_get(const struct nm_links *links);

#endif
