/* SPDX-License-Identifier: Apache-2.0 */
/* test_documents_keyset.c - keysets in the order in which years bring them; plain process. */
#include "tests/lib/phone_fixture.h"

/*
 * Years on: the ticket names keyset 3, and the server sends all there ever were. Those before it
 * are left aside without a word; a phone of the first day follows the chain.
 */
static void test_ticket_after_rotations(void)
{
	_phone_ struct phone fresh, old;
	_cleanup_buf_ struct buf all = BUF_INIT, later = BUF_INIT, payload = BUF_INIT,
				 without = BUF_INIT;
	struct documents_change change;

	phone_init(&fresh);
	write_keyset(&fresh, 3, 1, 1, &payload);
	signer_must(sha256(payload.data, payload.n_bytes, fresh.state.facts.pinned_keyset) == 0);
	add_keyset(&fresh, 1, 0, 1, &all);
	add_keyset(&fresh, 2, 0, 2, &all);
	/* The one that the ticket names is not among them: each of these is refused. */
	buf_append(&without, all.data, all.n_bytes);
	change = take(&fresh, &without, NOW);
	CHECK_INT(change.n_refused, 2);
	CHECK(!fresh.documents.keyset);
	add_keyset(&fresh, 3, 1, 1, &all);
	change = take(&fresh, &all, NOW);
	CHECK_INT(change.n_accepted, 1);
	CHECK_INT(change.n_refused, 0);
	CHECK_INT(fresh.documents.keyset->version, 3);
	/* Behind it nothing is left aside: what is older is a rollback. */
	change = take(&fresh, &without, NOW);
	CHECK_INT(change.n_refused, 2);
	CHECK_INT(fresh.documents.keyset->version, 3);

	phone_init(&old);
	phone_provision(&old);
	CHECK_INT(old.documents.keyset->version, 1);
	add_keyset(&old, 2, 0, 2, &later);
	add_keyset(&old, 3, 1, 1, &later);
	change = take(&old, &later, NOW);
	CHECK_INT(change.n_accepted, 2);
	CHECK_INT(change.n_refused, 0);
	CHECK_INT(old.documents.keyset->version, 3);
}

static const struct check_test tests[] = {
	{"ticket_after_rotations", test_ticket_after_rotations},
};
CHECK_MAIN(tests)
