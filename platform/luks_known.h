/* SPDX-License-Identifier: Apache-2.0 */
/*
 * luks_known.h - whether LUKS volumes open with an empty passphrase, remembered by the digest of
 * their keyslots. Finding out costs what a passphrase costs, for every keyslot, so a restart must
 * not ask again. Lent by the enforcer.
 */
#ifndef MDM_PLATFORM_LUKS_KNOWN_H
#define MDM_PLATFORM_LUKS_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/digest.h"

/* From a change of the keyslots, or the start, to the trial: a phone that boots has other uses for
 * its memory, and what changes keyslots changes several. */
#define LUKS_TRIAL_DELAY_S 120
#define LUKS_TRIAL_SOON_S 15 /* of an agent that was started later */

struct luks_known {
	/* 1: opens; 0: does not; -ENOENT: not known. NULL: nothing is. */
	int (*get)(const uint8_t slots_digest[SHA256_BYTES], void *userdata);
	/* NULL: is forgotten at the end of the process. */
	void (*put)(const uint8_t slots_digest[SHA256_BYTES], bool opens, void *userdata);
	void *userdata;
	uint32_t delay_s; /* before a trial */
};

#endif
