/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destroy.h - what is done to one device. Runs in a thread of its own, takes no memory, opens
 * nothing, starts nothing: what the program stands on may be what it destroys.
 */
#ifndef MDM_WIPE_DESTROY_H
#define MDM_WIPE_DESTROY_H

#include "agent/wipe/target.h"

/*
 * The keys of a LUKS container: key slots, then the second header, the first one's JSON, and last
 * the block that says which container it is. So whatever can still be recognised after a power cut
 * is not done, and what cannot has no keys. Written over once with random bytes (on flash more
 * would meet other cells anyway), read back past the cache, discarded, and the headers zeroed.
 * 0: gone, verified. -errno: something may be left.
 */
int wipe_destroy_keys(struct wipe_target *target);

/*
 * All the rest, until deadline_us of clock_boottime_us(): the device is discarded, which sets
 * target->is_discarded. Plain data are written over as well, once, from target->written_bytes on,
 * unless they read as zeros then. 0; -ETIME: only a part was; -errno: all was tried once.
 */
int wipe_destroy_rest(struct wipe_target *target, int64_t deadline_us);

#endif
