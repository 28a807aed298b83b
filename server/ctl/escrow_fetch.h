/* SPDX-License-Identifier: Apache-2.0 */
/* escrow_fetch.h - sealed secrets of one phone from the server, which records who asks for one. */
#ifndef MDM_MDMCTL_ESCROW_FETCH_H
#define MDM_MDMCTL_ESCROW_FETCH_H

#include "server/ctl/api.h"
#include "server/ctl/response_escrow.h"

/* Called for each, the oldest first, without its bytes. Other than 0 ends the walk. */
typedef int (*escrow_row_fn)(
	const struct response_sealed *row, void *userdata, struct fault *fault);
/* All that the server keeps of the device. */
int escrow_walk(
	struct api *api, const char *device, escrow_row_fn fn, void *userdata, struct fault *fault);

/* One, with its bytes. */
int escrow_fetch(struct api *api, const char *device, int64_t row,
	struct response_escrow *ret_sealed, struct fault *fault);

#endif
