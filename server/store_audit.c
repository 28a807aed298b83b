/* SPDX-License-Identifier: Apache-2.0 */
/* store_audit.c - the audit log in SQLite; see store_audit.h. mdm-server only. */
#include "server/store_audit.h"

#include <errno.h>

#include "server/store_sqlite.h"

/* Columns n, chain, json. */
static int store_audit_read(sqlite3_stmt *s, struct store_audit *ret_entry)
{
	struct span chain = store_blob(s, 1);

	if (chain.n != SHA256_BYTES)
		return -EBADMSG;
	ret_entry->n = sqlite3_column_int64(s, 0);
	memcpy(ret_entry->chain, chain.at, SHA256_BYTES);
	ret_entry->json = store_blob(s, 2);
	return 0;
}

int store_audit_last(struct store *store, struct store_audit *ret_last)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_AUDIT_LAST, "");
	struct store_audit last = {0};
	int r = store_step(s);

	if (r == 0)
		r = store_audit_read(s, &last);
	if (r < 0)
		return r;
	last.json = (struct span){0};
	*ret_last = last;
	return 0;
}

int store_audit_append(struct store *store, const struct store_audit *entry)
{
	struct span chain = {(const char *)entry->chain, SHA256_BYTES};

	return store_run(store_bind(store, SQL_AUDIT_ADD, "isb", entry->n, entry->json, chain));
}

int store_audit_list(
	struct store *store, int64_t after, int64_t limit, store_audit_fn fn, void *userdata)
{
	_cleanup_statement_ sqlite3_stmt *s = store_bind(store, SQL_AUDIT_LIST, "ii", after, limit);
	struct store_audit entry;
	int r;

	while ((r = store_step(s)) == 0) {
		r = store_audit_read(s, &entry);
		if (r == 0)
			r = fn(&entry, userdata);
		if (r)
			return r;
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}
