/* SPDX-License-Identifier: Apache-2.0 */
/* password_items.c - parts of observations of passwords; see password_items.h. Enforcer only. */
#include "platform/password_items.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "agent/util/digest.h"
#include "platform/backend.h"

/* Items of one setting: accounts, and the services that matter most. */
#define ITEMS_MAX 32

void item_add(struct items *items, const char *name, enum compliance_state state,
	enum compliance_reason reason, const char *format, ...)
{
	struct observation *o = items->o;
	struct observed_item *more, *item;
	va_list args;

	if (items->error || o->n_items == ITEMS_MAX)
		return;
	more = realloc(o->items, (o->n_items + 1) * sizeof(*more));
	if (!more) {
		items->error = -ENOMEM;
		return;
	}
	o->items = more;
	item = &more[o->n_items++];
	*item = (struct observed_item){.state = state, .reason = reason};
	text_printf(item->name, "%s", name);
	va_start(args, format);
	vsnprintf(item->detail, sizeof(item->detail), format, args);
	va_end(args);
	if (state != COMPLIANCE_COMPLIANT && !o->detail[0])
		text_printf(o->detail, "%.120s: %.120s", item->name, item->detail);
}

void item_add_fine(struct items *items, const char *name, const char *detail)
{
	item_add(items, name, COMPLIANCE_COMPLIANT, REASON_NONE, "%s", detail);
}

struct items items_begin(struct backend *b, enum setting_id id)
{
	backend_saw_none(b, id, COMPLIANCE_COMPLIANT, REASON_NONE);
	return (struct items){.o = b->observations[id]};
}

bool password_saw_no_accounts(struct backend *b, enum setting_id id, int accounts_error)
{
	if (!accounts_error)
		return false;
	/* Whoever may not see the hashes has found no mistake. */
	backend_saw_none(b, id, accounts_error == -EACCES ? COMPLIANCE_UNKNOWN : COMPLIANCE_ERROR,
		REASON_OBSERVE_FAILED);
	text_printf(b->observations[id]->detail, "/etc/passwd and /etc/shadow cannot be read: %s",
		strerror(-accounts_error));
	return true;
}

void password_add_more_accounts(struct items *items, const struct accounts *accounts)
{
	if (accounts->more)
		item_add(items, "other accounts", COMPLIANCE_UNKNOWN, REASON_NOT_OBSERVED,
			"more than %d can log in", LIMIT_ACCOUNTS);
}

const struct password_known *password_find_known(
	const struct platform *platform, const struct account *account)
{
	uint8_t digest[SHA256_BYTES];

	if (!platform->passwords || sha256(account->hash, strlen(account->hash), digest) < 0)
		return NULL;
	for (size_t i = 0; i < platform->passwords->n_known; i++) {
		const struct password_known *known = &platform->passwords->known[i];

		if (strcmp(known->user, account->name) == 0)
			return memcmp(known->hash_sha256, digest, sizeof(digest)) == 0 ? known
										       : NULL;
	}
	return NULL;
}
