/* SPDX-License-Identifier: Apache-2.0 */
/* schema.h - JSON Schema (2020-12) and the Markdown reference of policies, from the settings table.
 */
#ifndef MDM_POLICIES_SCHEMA_H
#define MDM_POLICIES_SCHEMA_H

#include "agent/util/buf.h"

void schema_write(struct buf *out);
void reference_write(struct buf *out); /* docs/policy-reference.md */

#endif
