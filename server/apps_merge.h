/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_merge.h - the section "apps" of a report, of which a phone sends what changed
 * (docs/protocol.md, section 4). Whatever the lines of the section mean is not asked here: they
 * are put together as the phone says, and the digest shows whether that is what the phone has.
 * Pure; mdm-server only.
 */
#ifndef MDM_SERVER_APPS_MERGE_H
#define MDM_SERVER_APPS_MERGE_H

#include "agent/util/buf.h"
#include "server/json_scan.h"

#define APPS_SECTION "apps"
#define APPS_DIGEST_LENGTH 16

struct apps_held {
	const char *digest;
	struct span body; /* verbatim, as it was stored */
};

/*
 * The body that has the digest the phone says, made of what is held and of its delta. 0;
 * -EBADMSG: what is held is not what the delta is for, or the result has another digest: the whole
 * has to come; -ENOMEM; -EIO: no digest could be made.
 */
int apps_update(
	const struct apps_held *held, const char *digest, struct span delta, struct buf *out);

/*
 * Appends what delta makes of the body that is held. Both are objects that json_check() has seen.
 * 0; -EBADMSG: the two do not fit each other, or one of them is no such thing; -EFBIG: more than
 * LIMIT_REPORT_BYTES; -ENOMEM.
 */
int apps_merge(struct span held, struct span delta, struct buf *out);
/* Digest of the body that a delta is for. 0 or -EBADMSG. */
int apps_delta_from(struct span delta, char ret_digest[APPS_DIGEST_LENGTH + 1]);

#endif
