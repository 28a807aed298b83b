/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hasher.h - the process that reads programs and says their SHA-256. Apart from the one that
 * answers: reading may take seconds, or never come back from a disk that is broken, and then this
 * process alone hangs. It holds nothing of fanotify.
 */
#ifndef MDM_GUARD_HASHER_H
#define MDM_GUARD_HASHER_H

#include <stdint.h>

#include "agent/guard/decide.h"

/* One descriptor, to be read from its start, comes with it. */
struct guard_hash_request {
	uint32_t slot, serial;
	int64_t until_ms; /* monotonic: afterwards nobody waits for it any more */
};

struct guard_hash_reply {
	uint32_t slot, serial;
	uint32_t content; /* GUARD_CONTENT_KNOWN or GUARD_CONTENT_UNDECIDED */
	uint8_t digest[SHA256_BYTES];
};

/* Until the other end of the connection (SOCK_SEQPACKET) closes. */
void guard_hasher_run(int socket_fd);

#endif
