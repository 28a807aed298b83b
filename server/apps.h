/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps.h - the section "apps" of reports that say what changed (docs/protocol.md, section 4), put
 * into what the store holds. mdm-server only.
 */
#ifndef MDM_SERVER_APPS_H
#define MDM_SERVER_APPS_H

#include "agent/util/buf.h"
#include "server/store.h"

/*
 * What changed of a section becomes its body in the report, as if all of it had been sent; out has
 * the bytes then, and must outlive the report. Where that does not come out as it should the
 * section stays without a body, so that the phone is asked for it. What an answer that got lost
 * acknowledged is held already. 0 or -errno.
 */
int apps_put_together(struct store *store, struct report *report, const struct store_digests *held,
	struct buf *out);

#endif
