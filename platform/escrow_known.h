/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escrow_known.h - what is known of the recovery keys of LUKS volumes. Lent by the enforcer, which
 * makes them, to the backend "escrow".
 */
#ifndef MDM_PLATFORM_ESCROW_KNOWN_H
#define MDM_PLATFORM_ESCROW_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/digest.h"

enum escrow_standing {
	ESCROW_NO_KEY,
	ESCROW_UNTOLD, /* there is one, the server does not have it yet */
	ESCROW_HELD,   /* the organisation has one that opens the volume */
	ESCROW_SEEN,   /* the same, but somebody has seen it, and it is to be exchanged */
	ESCROW_BROKEN, /* the one that it has does not any more */
};

struct escrow_volume {
	enum escrow_standing standing;
	int64_t made_s, checked_s; /* wall clock; 0: never */
};

struct escrow_known {
	/*
	 * Of the volume with that UUID. header: SHA-256 of its first bytes, which hold a checksum
	 * of the rest; where it is another than last time the keys are looked at again, and a new
	 * observation is asked for.
	 */
	void (*get)(const char *uuid, const uint8_t header[SHA256_BYTES],
		struct escrow_volume *ret_volume, void *userdata);
	void *userdata;
};

#endif
