/* SPDX-License-Identifier: Apache-2.0 */
/* luks2.h - the metadata of LUKS2, as cryptsetup luksDump --dump-json-metadata prints it. Pure. */
#ifndef MDM_POLICIES_LUKS2_H
#define MDM_POLICIES_LUKS2_H

#include "policies/luks.h"

/*
 * Completes what luks_parse() has filled of a version 2 header. At most LIMIT_LUKS_JSON_BYTES.
 * Strict in what is used: numbers, their ranges, references, places of the areas. Members that
 * later versions add are passed over; what changes the meaning of the rest is a requirement, as
 * the specification has it, and named. 0; -EBADMSG with ret_fault, header untouched; -ENOMEM; -EIO.
 */
int luks2_parse(
	const char *json, size_t n_bytes, struct luks_header *header, struct luks_fault *ret_fault);

#endif
