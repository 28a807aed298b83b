/* SPDX-License-Identifier: Apache-2.0 */
/* key_table.h - the keys of a keyset for people and for programs: whose, for what, where. */
#ifndef MDM_MDMCTL_KEY_TABLE_H
#define MDM_MDMCTL_KEY_TABLE_H

#include "agent/util/jsonw.h"
#include "server/ctl/ctl.h"

int key_table_print(struct ctl *ctl, const struct keyset *keyset, struct fault *fault);
/* Members "keys" and "warnings" of an object that is open. */
void key_table_json(struct ctl *ctl, const struct keyset *keyset, struct jsonw *w);
void key_table_json_risks(struct ctl *ctl, const struct keyset *keyset, struct jsonw *w);

#endif
