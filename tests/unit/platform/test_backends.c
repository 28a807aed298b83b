/* SPDX-License-Identifier: Apache-2.0 */
/* test_backends.c - the list of backends as a whole, Sxmo, and the fake. */
#include "platform/fake.h"
#include "tests/unit/platform/fixture.h"

/* What the enforcer relies on, for every backend over an empty root file system. */
static void test_contract(void)
{
	bool served[SETTING_MAX] = {false};
	struct fixture f;

	fixture_open(&f);
	for (size_t i = 0; i < platform_n_backends; i++) {
		struct backend_fact fact;
		struct backend *b;

		CHECK_INT(platform_backends[i](&f.platform, &b), 0);
		CHECK(b->ops->name && b->ops->help && b->ops->probe && b->ops->observe);
		CHECK(b->ops->watch && b->ops->free);
		/* What can be applied can be reverted. */
		CHECK_INT(b->ops->apply != NULL, b->ops->revert != NULL);
		b->ops->probe(b, &fact);
		CHECK(!fact.present);
		CHECK_INT(fact.reason, REASON_NO_MECHANISM);
		CHECK(fact.detail[0]);
		(void)fixture_observe(&f, b);
		for (size_t k = 0; k < SETTING_MAX; k++) {
			served[k] |= b->ops->serves[k];
			CHECK((b->observations[k] != NULL) == b->ops->serves[k]);
			/* An empty root is never called fine. */
			CHECK(!b->observations[k] || !b->observations[k]->has_value ||
				b->observations[k]->state != COMPLIANCE_COMPLIANT);
		}
		if (b->ops->revert)
			CHECK_INT(fixture_revert(&f, b), 0);
		backend_free(b);
	}
	backend_free(NULL);
	/* What is told of where the phone is, is no mechanism's business but the enforcer's. */
	for (size_t k = 0; k < SETTING_MAX; k++)
		CHECK(served[k] || setting_row(k)->area == AREA_LOCATION);
	fixture_close(&f);
}

static void test_sxmo(void)
{
	struct backend_fact fact;
	struct backend *b;
	struct fixture f;

	fixture_open(&f);
	CHECK_INT(sxmo_backend_new(&f.platform, &b), 0);
	b->ops->probe(b, &fact);
	CHECK(!fact.present);
	fixture_text(&f, "usr/bin/sxmo_hook_lock.sh", "#!/bin/sh\n");
	b->ops->probe(b, &fact);
	CHECK(fact.present);
	CHECK_INT(fact.reason, REASON_NO_LOCKER);
	CHECK(fact.detail[0]);
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(b->observations[SETTING_SCREEN_LOCK_ENABLED]->state, COMPLIANCE_UNSUPPORTED);
	CHECK_INT(b->observations[SETTING_SCREEN_LOCK_ENABLED]->reason, REASON_NO_LOCKER);
	CHECK(!b->ops->apply);
	backend_free(b);
	fixture_close(&f);
}

static void test_fake(void)
{
	struct fake_control control = {.present = true};
	struct effective e = {0};
	struct backend *b;
	struct fixture f;

	fixture_open(&f);
	CHECK_INT(fake_backend_new(&f.platform, &control, &b), 0);
	CHECK_INT(b->ops->watch(b, fixture_on_changed, &f), 0);
	want(&e, SETTING_SCREEN_LOCK_IDLE_DELAY, 60);
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	CHECK(b->apply_changed);
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	CHECK(!b->apply_changed);
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(b->observations[SETTING_SCREEN_LOCK_IDLE_DELAY]->value.number, 60);
	CHECK(!b->observations[SETTING_SCREEN_LOCK_ENABLED]->has_value);
	fake_backend_tamper(b, SETTING_SCREEN_LOCK_IDLE_DELAY, 3600);
	CHECK_INT(f.n_changed, 1);
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(b->observations[SETTING_SCREEN_LOCK_IDLE_DELAY]->value.number, 3600);
	control.weaken_apply = true;
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	CHECK_INT(control.in_force[SETTING_SCREEN_LOCK_IDLE_DELAY].number, 3600);
	control.fail_apply = control.fail_observe = true;
	CHECK(fixture_apply(&f, b, &e) < 0);
	CHECK(fixture_observe(&f, b) < 0);
	CHECK_INT(b->observations[SETTING_SCREEN_LOCK_ENABLED]->state, COMPLIANCE_ERROR);
	CHECK_INT(fixture_revert(&f, b), 0);
	CHECK(!control.has[SETTING_SCREEN_LOCK_IDLE_DELAY]);
	CHECK_INT(control.n_applies, 4);
	CHECK_INT(control.n_reverts, 1);
	backend_free(b);
	fixture_close(&f);
}

static const struct check_test tests[] = {
	{"contract", test_contract},
	{"sxmo", test_sxmo},
	{"fake", test_fake},
};

CHECK_MAIN(tests)
