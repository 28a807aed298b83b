/* SPDX-License-Identifier: Apache-2.0 */
/* test_plasma.c - KConfig's rules for one file, and the backend "plasma". */
#include "platform/kconfig.h"
#include "tests/unit/platform/fixture.h"

#define FILE_PATH "etc/xdg/kscreenlockerrc"

struct reading {
	const char *text;
	const char *value; /* NULL: not there */
	bool key_immutable, group_immutable;
};

static void test_read(void)
{
	static const struct reading readings[] = {
		{"", NULL, false, false},
		{"[Daemon]\nTimeout=5\n", "5", false, false},
		{"Timeout=5\n[Daemon]\n", NULL, false, false},
		{"[Other]\nTimeout=5\n", NULL, false, false},
		{"[Daemon][Sub]\nTimeout=5\n", NULL, false, false},
		{"  [Daemon]  \r\n \tTimeout = 5 \r\n", "5", false, false},
		{"[Daemon]\nTimeout=5\nTimeout=7\n", "7", false, false},
		{"[Daemon]\nTimeout[$i]=5\nTimeout=7\n", "5", true, false},
		{"[Daemon]\nTimeout=5\nTimeout[$i]=7\n", "7", true, false},
		{"[Daemon]\nTimeout[$i]=5\n[X]\nTimeout=1\n[Daemon]\nTimeout[$i]=7", "5", true,
			false},
		{"[Daemon]\nTimeout[$ie]=5\n", "5", true, false},
		{"[Daemon]\nTimeout[de]=5\n", NULL, false, false},
		{"[Daemon]\nTimeout=5\nTimeout[de]=9\n", "5", false, false},
		{"[Daemon]\nTimeout=5\nTimeout[$d]\n", NULL, false, false},
		{"[Daemon]\nTimeout[$i\nTimeout\n=5\n", NULL, false, false},
		{"[Daemon]\n#Timeout=5\n", NULL, false, false},
		{"[Daemon][$i]\nTimeout=5\n", "5", true, true},
		{"[$i]\n[Daemon]\nTimeout=5\n", "5", true, true},
		{"[Daemon]\nTimeout=5\n[$i]\n", "5", false, true},
		{"[Daemon]\nTimeout=5\n[Daemon][$i]\n", "5", false, true},
		{"[Daemon\nTimeout=5\n", NULL, false, false},
		{"[]\nTimeout=5\n[Daemon]", NULL, false, false},
		{"[Daemon]\nTimeout=\n", "", false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
		const struct reading *reading = &readings[i];
		struct kconfig_entry entry;
		struct kconfig_group group;

		kconfig_read(
			reading->text, strlen(reading->text), "Daemon", "Timeout", &entry, &group);
		if (entry.present != (reading->value != NULL) ||
			(entry.present && strcmp(entry.value, reading->value) != 0) ||
			(entry.present && entry.key_immutable != reading->key_immutable) ||
			group.immutable != reading->group_immutable)
			check_fail(__FILE__, __LINE__, "reading %zu: %s %s, key %d, group %d", i,
				entry.present ? "has" : "has no", entry.value, entry.key_immutable,
				group.immutable);
	}
	CHECK(kconfig_bool("true") && kconfig_bool("yes") && kconfig_bool("") && kconfig_bool("x"));
	CHECK(!kconfig_bool("FALSE") && !kconfig_bool("no") && !kconfig_bool("Off"));
	CHECK(!kconfig_bool("0"));
}

static void test_derive(void)
{
	static const char lines[] = "[Daemon][$i]\nTimeout[$i]=2\n";
	static const char *const originals[] = {NULL, "", "[Daemon]\nTimeout=10\n",
		"# comment\n\nKey=default group\n[Daemon]\nTimeout[$i]=10", "Key=no group at all",
		"[Greeter]\nTheme=x\n\n[Daemon]\nAutolock=false\n"};

	for (size_t i = 0; i < ARRAY_SIZE(originals); i++) {
		const char *original = originals[i];
		_cleanup_buf_ struct buf with = BUF_INIT, without = BUF_INIT;
		struct kconfig_entry entry;
		struct kconfig_group group;
		bool present;

		CHECK_INT(kconfig_derive(original, original ? strlen(original) : 0,
				  (void *)(uintptr_t)lines, &with),
			0);
		kconfig_read(with.data, with.n_bytes, "Daemon", "Timeout", &entry, &group);
		CHECK(entry.present && group.immutable);
		CHECK_STR(entry.value, "2");
		if (original && strstr(original, "Key=")) {
			kconfig_read(with.data, with.n_bytes, "Daemon", "Key", &entry, &group);
			CHECK(!entry.present);
		}
		buf_puts(&without, "");
		CHECK_INT(kconfig_strip(with.data, with.n_bytes, &without, &present), 0);
		CHECK_INT(present, original != NULL);
		CHECK_STR(without.data, original ? original : "");
	}
}

static const struct observation *seen(const struct backend *b, enum setting_id id)
{
	return b->observations[id];
}

static void test_observe(void)
{
	struct backend_fact fact;
	struct backend *b;
	struct fixture f;

	fixture_open(&f);
	CHECK_INT(plasma_backend_new(&f.platform, &b), 0);
	b->ops->probe(b, &fact);
	CHECK(!fact.present);
	CHECK_INT(fact.reason, REASON_NO_MECHANISM);
	fixture_text(&f, "usr/bin/plasmashell", "");
	b->ops->probe(b, &fact);
	CHECK(fact.present);
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK(!seen(b, SETTING_SCREEN_LOCK_ENABLED)->has_value);
	CHECK_INT(seen(b, SETTING_SCREEN_LOCK_ENABLED)->reason, REASON_WEAKER);
	/* As the vendor has it: values, but users can change them. */
	fixture_text(&f, FILE_PATH,
		"[Daemon]\nAutolock=true\nTimeout=3\nLockGrace=10\nRequirePassword=false\n");
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK(seen(b, SETTING_SCREEN_LOCK_IDLE_DELAY)->has_value);
	CHECK_INT(seen(b, SETTING_SCREEN_LOCK_IDLE_DELAY)->value.number, 180);
	CHECK(!seen(b, SETTING_SCREEN_LOCK_IDLE_DELAY)->enforced);
	CHECK_INT(seen(b, SETTING_SCREEN_LOCK_REQUIRE_UNLOCK)->value.number, 0);
	/* One immutable key is not enough: a user has Timeout[de]=. */
	fixture_text(&f, FILE_PATH, "[Daemon]\nTimeout[$i]=3\n");
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK(!seen(b, SETTING_SCREEN_LOCK_IDLE_DELAY)->enforced);
	fixture_text(&f, FILE_PATH, "[Daemon][$i]\nTimeout=3\n");
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK(seen(b, SETTING_SCREEN_LOCK_IDLE_DELAY)->enforced);
	/* A screen that never locks has no delay. */
	fixture_text(&f, FILE_PATH, "[Daemon][$i]\nTimeout=3\nAutolock=false\n");
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK(!seen(b, SETTING_SCREEN_LOCK_IDLE_DELAY)->has_value);
	fixture_text(&f, FILE_PATH, "[Daemon][$i]\nTimeout=0\nLockGrace=soon\n");
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK(!seen(b, SETTING_SCREEN_LOCK_IDLE_DELAY)->has_value);
	CHECK(!seen(b, SETTING_SCREEN_LOCK_DELAY)->has_value);
	/* Writable for others: nothing is enforced. Not readable: nothing is there. */
	fixture_text(&f, FILE_PATH, "[Daemon][$i]\nTimeout=3\n");
	CHECK_INT(fchmodat(f.platform.sysroot_fd, FILE_PATH, 0666, 0), 0);
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK(!seen(b, SETTING_SCREEN_LOCK_IDLE_DELAY)->enforced);
	CHECK_INT(fchmodat(f.platform.sysroot_fd, FILE_PATH, 0600, 0), 0);
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK(!seen(b, SETTING_SCREEN_LOCK_IDLE_DELAY)->has_value);
	backend_free(b);
	fixture_close(&f);
}

static void test_apply(void)
{
	static const char vendor[] = "# vendor\n[Daemon]\nLockOnStart=true\nTimeout=30\n\n"
				     "[Greeter]\nTheme=breeze";
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct effective e = {0};
	struct backend *b;
	struct fixture f;
	bool watched;

	fixture_open(&f);
	CHECK_INT(plasma_backend_new(&f.platform, &b), 0);
	fixture_text(&f, FILE_PATH, vendor);
	before = fixture_listing(&f);
	watched = b->ops->watch(b, fixture_on_changed, &f) == 0;
	want(&e, SETTING_SCREEN_LOCK_ENABLED, 1);
	want(&e, SETTING_SCREEN_LOCK_IDLE_DELAY, 179);
	want(&e, SETTING_SCREEN_LOCK_DELAY, 0);
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	CHECK(b->apply_changed);
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(seen(b, SETTING_SCREEN_LOCK_IDLE_DELAY)->value.number, 120);
	CHECK(seen(b, SETTING_SCREEN_LOCK_IDLE_DELAY)->enforced);
	CHECK_INT(seen(b, SETTING_SCREEN_LOCK_ENABLED)->value.number, 1);
	CHECK(seen(b, SETTING_SCREEN_LOCK_ENABLED)->enforced);
	CHECK_INT(seen(b, SETTING_SCREEN_LOCK_DELAY)->value.number, 0);
	/* Not in the policy, not touched. */
	CHECK(!seen(b, SETTING_SCREEN_LOCK_REQUIRE_UNLOCK)->has_value);
	CHECK(strstr(fixture_read(&f, FILE_PATH), "Theme=breeze") != NULL);
	fixture_settle(&f);
	CHECK_INT(f.n_changed, 0);
	/* An upgrade of the vendor's file is seen and derived from. */
	fixture_text(&f, FILE_PATH, "[Daemon]\nTimeout=20\n");
	fixture_settle(&f);
	CHECK(!watched || f.n_changed > 0);
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	CHECK(b->apply_changed);
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	CHECK(!b->apply_changed);
	CHECK_INT(fixture_revert(&f, b), 0);
	CHECK_STR(fixture_read(&f, FILE_PATH), "[Daemon]\nTimeout=20\n");
	/* Less than a minute cannot be said; what is there then is what was seen. */
	fixture_text(&f, FILE_PATH, vendor);
	want(&e, SETTING_SCREEN_LOCK_IDLE_DELAY, 15);
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK_INT(seen(b, SETTING_SCREEN_LOCK_IDLE_DELAY)->value.number, 60);
	/* Nothing wanted: as before. */
	e = (struct effective){0};
	CHECK_INT(fixture_apply(&f, b, &e), 0);
	after = fixture_listing(&f);
	CHECK_STR(after, before);
	backend_free(b);
	fixture_close(&f);
}

static const struct check_test tests[] = {
	{"read", test_read},
	{"derive", test_derive},
	{"observe", test_observe},
	{"apply", test_apply},
};

CHECK_MAIN(tests)
