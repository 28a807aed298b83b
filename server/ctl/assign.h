/* SPDX-License-Identifier: Apache-2.0 */
/* assign.h - making and uploading the signed assignment of a phone or a ticket. */
#ifndef MDM_MDMCTL_ASSIGN_H
#define MDM_MDMCTL_ASSIGN_H

#include "server/ctl/api.h"
#include "server/ctl/envelope.h"

/* Options --group, --ownership, --user. */
int assign_read_args(
	const struct args *args, struct envelope_assignment *ret_assignment, struct fault *fault);

struct assign_order {
	struct envelope_assignment assignment;
	const char *target; /* device or ticket id */
	const char *
		ticket; /* of an enrolled device: its ticket, whose assignment it may hold; or "" */
	const char *key_name; /* NULL: the first that may */
	int64_t expires_s;
};

/* Takes the next serial, signs, pushes. The keysets must be on the server already. */
int assign_push(struct ctl *ctl, struct api *api, const struct assign_order *order,
	int64_t *ret_serial, struct fault *fault);

#endif
