/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_guard_backend.c - what the backends of the guard and of places that start no programs see
 * and ask for: a guard that stands as the test says, and lists of mounts.
 */
#include <string.h>

#include "platform/guard_known.h"
#include "tests/unit/platform/fixture.h"

static struct guard_standing standing;
static unsigned int n_wanted, n_unwanted;

static void get(struct guard_standing *ret_standing, void *userdata)
{
	(void)userdata;
	*ret_standing = standing;
}

static int wish(const struct effective *desired, void *userdata)
{
	(void)userdata;
	n_wanted += desired != NULL;
	n_unwanted += !desired;
	return 1;
}
static const struct guard_known known = {.get = get, .want = wish};

#define GUARD(b) ((b)->observations[SETTING_APPS_GUARD])
#define FAILURE(b) ((b)->observations[SETTING_APPS_GUARD_FAILURE])
#define PROGRAMS(b) ((b)->observations[SETTING_APPS_USER_PROGRAMS])

/* Only what the guard says of itself counts. */
static void test_stands(void)
{
	struct effective effective = {0};
	struct backend_fact fact;
	struct backend *b;
	struct fixture f;

	fixture_open(&f);
	f.platform.guard = &known;
	CHECK_INT(guard_backend_new(&f.platform, &b), 0);
	b->ops->probe(b, &fact);
	CHECK(fact.present);

	standing = (struct guard_standing){.stand = GUARD_STANDS_OFF};
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(GUARD(b)->value.number, 0);
	CHECK_INT(PROGRAMS(b)->value.number, 1);

	standing = (struct guard_standing){.stand = GUARD_STANDS_STARTING};
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(GUARD(b)->state, COMPLIANCE_PENDING);
	CHECK_INT(PROGRAMS(b)->state, COMPLIANCE_PENDING);

	standing = (struct guard_standing){
		.stand = GUARD_STANDS, .no_user_programs = true, .detail = "not watched: /x"};
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(GUARD(b)->value.number, 1);
	CHECK_STR(GUARD(b)->detail, "not watched: /x");
	/* An audit keeps nothing from running. */
	CHECK_INT(PROGRAMS(b)->value.number, 1);

	standing.enforces = standing.fails_closed = true;
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(GUARD(b)->value.number, 2);
	CHECK_INT(FAILURE(b)->value.number, 1);
	CHECK_INT(PROGRAMS(b)->value.number, 0);

	standing = (struct guard_standing){.stand = GUARD_STANDS_DOWN, .detail = "it ended"};
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(GUARD(b)->state, COMPLIANCE_NONCOMPLIANT);
	CHECK_INT(GUARD(b)->reason, REASON_GUARD_DOWN);
	CHECK(!GUARD(b)->has_value);

	standing = (struct guard_standing){.stand = GUARD_STANDS_ABSENT};
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(GUARD(b)->state, COMPLIANCE_UNSUPPORTED);
	CHECK_INT(GUARD(b)->reason, REASON_GUARD_ABSENT);

	want(&effective, SETTING_APPS_GUARD, 2);
	CHECK_INT(fixture_apply(&f, b, &effective), 0);
	CHECK(n_wanted == 1 && b->apply_changed);
	CHECK_INT(fixture_revert(&f, b), 0);
	CHECK_INT(n_unwanted, 1);
	backend_free(b);
	fixture_close(&f);
}

static const struct observed_item *item(const struct backend *b, const char *name)
{
	const struct observation *o = b->observations[SETTING_APPS_NOEXEC];

	for (size_t i = 0; i < o->n_items; i++)
		if (strcmp(o->items[i].name, name) == 0)
			return &o->items[i];
	return NULL;
}

#define NOEXEC(b) ((b)->observations[SETTING_APPS_NOEXEC])

static void test_places(void)
{
	struct backend *b;
	struct fixture f;

	fixture_open(&f);
	fixture_directory(&f, "home");
	fixture_directory(&f, "tmp");
	fixture_link(&f, "var/tmp", "/tmp");
	fixture_text(&f, "proc/self/mountinfo",
		"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
		"2 1 0:2 / /tmp rw,noexec - tmpfs t rw\n"
		"3 1 8:2 / /run/media/ada/x rw,noexec - vfat /dev/sdb rw\n");
	CHECK_INT(noexec_backend_new(&f.platform, &b), 0);
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(NOEXEC(b)->value.number, 0);
	CHECK_INT(NOEXEC(b)->reason, REASON_EXEC_MOUNT);
	CHECK_INT(NOEXEC(b)->n_items, 3);
	CHECK(item(b, "/home") && item(b, "/home")->state == COMPLIANCE_NONCOMPLIANT);
	CHECK(item(b, "/tmp") && item(b, "/tmp")->state == COMPLIANCE_COMPLIANT);
	CHECK(!item(b, "/var/tmp"));
	/* A mount at /home, and a switch that is set as this kernel can. */
	fixture_text(&f, "proc/self/mountinfo",
		"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
		"2 1 0:2 / /tmp rw,noexec - tmpfs t rw\n"
		"4 1 8:1 /home /home rw,noexec - ext4 /dev/sda1 rw\n");
	fixture_text(&f, "proc/sys/vm/memfd_noexec", "2\n");
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(NOEXEC(b)->value.number, 1);
	CHECK(item(b, "vm.memfd_noexec"));
	fixture_text(&f, "proc/sys/vm/memfd_noexec", "0\n");
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(NOEXEC(b)->value.number, 0);
	/* Nothing was closed: nothing is taken back, and nobody is asked to. */
	CHECK_INT(fixture_revert(&f, b), 0);
	fixture_text(&f, "proc/self/mountinfo", "what the kernel does not write\n");
	CHECK(fixture_observe(&f, b) < 0);
	CHECK_INT(NOEXEC(b)->state, COMPLIANCE_ERROR);
	backend_free(b);
	fixture_close(&f);
}

static void test_names(void)
{
	CHECK_STR(guard_stand_name(GUARD_STANDS), "in_force");
	for (int i = 0; i < GUARD_STAND_MAX; i++)
		CHECK(guard_stand_name((enum guard_stand)i)[0]);
}

static const struct check_test tests[] = {
	{"stands", test_stands},
	{"places", test_places},
	{"names", test_names},
};
CHECK_MAIN(tests)
