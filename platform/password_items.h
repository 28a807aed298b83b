/* SPDX-License-Identifier: Apache-2.0 */
/* password_items.h - what the backends "password" and "accounts" share: observations made of items.
 */
#ifndef MDM_PLATFORM_PASSWORD_ITEMS_H
#define MDM_PLATFORM_PASSWORD_ITEMS_H

#include "platform/accounts.h"
#include "platform/password_known.h"
#include "platform/platform.h"

struct items {
	struct observation *o;
	int error;
};

/* Begins an observation that consists of items. */
struct items items_begin(struct backend *b, enum setting_id id);
/* The first one that is not fine is what the observation says as a whole. */
void item_add(struct items *items, const char *name, enum compliance_state state,
	enum compliance_reason reason, const char *format, ...) _printf_(5, 6);
void item_add_fine(struct items *items, const char *name, const char *detail);

/* Where accounts_read() failed: true, and the observation says so. */
bool password_saw_no_accounts(struct backend *b, enum setting_id id, int accounts_error);
/* An item for accounts that there was no room for. */
void password_add_more_accounts(struct items *items, const struct accounts *accounts);
/* What the enforcer knows of the password that the account has now; NULL: nothing. */
const struct password_known *password_find_known(
	const struct platform *platform, const struct account *account);

#endif
