/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_removable.c - the backend: what it writes, what it asks udevadm, what it sees. udevadm is a
 * stand-in that notes what it was asked and which rules were in place then; nothing happens to the
 * made-up devices but what a test does to them itself.
 */
#include "platform/override.h"
#include "platform/removable_rule.h"
#include "platform/removable_view.h"
#include "tests/unit/platform/removable_machine.h"
#include "tests/unit/platform/udev_rig.h"

static const char stand_in[] =
	"#!/bin/busybox sh\n"
	"# a stand-in: it asks no udevd\n"
	"word=$(/bin/busybox sed -n 's/^# encryption.removable: //p' /" REMOVABLE_RULE_PATH
	" 2>/dev/null)\n"
	"echo \"$1 $word\" >>/asked\n"
	"echo \"$@\" >>/words\n"
	"[ ! -e /broken ] || { echo broken; exit 1; }\n"
	"[ ! -e /slow ] || [ $1 != settle ] || exit 1\n";

/* A phone with udev. False, and skipped: no program can be run in it. */
static bool begin(struct removable_machine *m)
{
	machine_open(m);
	if (!udev_rig_begin(&m->f, stand_in)) {
		machine_close(m);
		return false;
	}
	fixture_text(&m->f, &REMOVABLE_PROGRAM[1], "");
	if (removable_backend_new(&m->f.platform, &m->b) < 0)
		abort();
	return true;
}

/* What udevadm was asked since the last time: "control read_only\n…". */
static const char *asked(struct removable_machine *m)
{
	static char text[4096];

	snprintf(text, sizeof(text), "%.4000s", fixture_read(&m->f, "asked"));
	(void)unlinkat(m->f.platform.sysroot_fd, "asked", 0);
	(void)unlinkat(m->f.platform.sysroot_fd, "words", 0);
	return text;
}

static const struct observation *seen(struct removable_machine *m)
{
	return m->b->observations[SETTING_ENCRYPTION_REMOVABLE];
}

/* What was written for a choice; the machine runs from its chip. */
static void check_rules(struct removable_machine *m, enum removable_choice choice)
{
	_cleanup_buf_ struct buf wanted = BUF_INIT;

	CHECK_INT(removable_rule_write(choice, REMOVABLE_PROGRAM, NULL, 0, &wanted), 0);
	buf_append(&wanted, "", 1);
	CHECK_STR(fixture_read(&m->f, REMOVABLE_RULE_PATH), wanted.data);
}

static void verdict(struct removable_machine *m, const char *number, const char *word)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "run/udev/data/b%s", number);
	snprintf(text, sizeof(text), "I:1\nE:ID_FS_TYPE=x\nE:MDM_MEDIA_VERDICT=%s\nG:systemd\n",
		word);
	fixture_text(&m->f, path, text);
}

static void test_probe(void)
{
	struct removable_machine m;
	struct backend_fact fact;

	if (!begin(&m))
		return;
	m.b->ops->probe(m.b, &fact);
	CHECK(fact.present);
	CHECK_INT(unlinkat(m.f.platform.sysroot_fd, &REMOVABLE_PROGRAM[1], 0), 0);
	m.b->ops->probe(m.b, &fact);
	CHECK(!fact.present && strstr(fact.detail, "mdm-agent-media"));
	CHECK_INT(unlinkat(m.f.platform.sysroot_fd, "run/udev/control", 0), 0);
	m.b->ops->probe(m.b, &fact);
	CHECK(!fact.present && strstr(fact.detail, "does not run"));
	CHECK_INT(unlinkat(m.f.platform.sysroot_fd, "usr/bin/udevadm", 0), 0);
	m.b->ops->probe(m.b, &fact);
	CHECK(!fact.present && strstr(fact.detail, "mdev"));
	CHECK_INT(fact.reason, REASON_NO_MECHANISM);
	machine_close(&m);
}

static void test_apply_and_revert(void)
{
	static const char all[] =
		"trigger --action=change --subsystem-match=usb --subsystem-match=mmc "
		"--subsystem-match=block --sysname-match=1-1:1.0 --sysname-match=sda "
		"--sysname-match=sda1\n";
	struct effective e = {0};
	struct removable_machine m;

	if (!begin(&m))
		return;
	plug_stick(&m);
	CHECK_INT(fixture_revert(&m.f, m.b), 0);
	CHECK_STR(asked(&m), "(none)");
	want(&e, SETTING_ENCRYPTION_REMOVABLE, REMOVABLE_READ_ONLY);
	CHECK_INT(fixture_apply(&m.f, m.b, &e), 0);
	CHECK(m.b->apply_changed);
	check_rules(&m, REMOVABLE_READ_ONLY);
	CHECK(strstr(fixture_read(&m.f, "words"), all) != NULL);
	CHECK_STR(asked(&m), "control read_only\ntrigger read_only\nsettle read_only\n");
	put(&m, STICK_DISK, "ro", "1");
	put(&m, STICK_DISK "/sda1", "ro", "1");
	/* It is so already. */
	CHECK_INT(fixture_apply(&m.f, m.b, &e), 0);
	CHECK(!m.b->apply_changed);
	CHECK_STR(asked(&m), "(none)");
	/* Another choice: first all is undone. */
	want(&e, SETTING_ENCRYPTION_REMOVABLE, REMOVABLE_BLOCKED);
	CHECK_INT(fixture_apply(&m.f, m.b, &e), 0);
	check_rules(&m, REMOVABLE_BLOCKED);
	CHECK_STR(asked(&m), "control any\ntrigger any\nsettle any\n"
			     "control blocked\ntrigger blocked\nsettle blocked\n");
	CHECK_INT(fixture_revert(&m.f, m.b), 0);
	CHECK(m.b->apply_changed);
	CHECK_STR(asked(&m), "control any\ntrigger any\nsettle any\n"
			     "control \ntrigger \nsettle \n");
	CHECK(!fixture_has(&m.f, "etc"));
	CHECK_INT(fixture_revert(&m.f, m.b), 0);
	CHECK(!m.b->apply_changed);
	CHECK_STR(asked(&m), "(none)");
	/* "any" is no demand. */
	want(&e, SETTING_ENCRYPTION_REMOVABLE, REMOVABLE_ANY);
	CHECK_INT(fixture_apply(&m.f, m.b, &e), 0);
	CHECK(!fixture_has(&m.f, "etc"));
	machine_close(&m);
}

/* A file of that name that was there before comes back. */
static void test_existing_file(void)
{
	struct effective e = {0};
	struct removable_machine m;

	if (!begin(&m))
		return;
	fixture_text(&m.f, REMOVABLE_RULE_PATH, "# somebody's\n");
	want(&e, SETTING_ENCRYPTION_REMOVABLE, REMOVABLE_BLOCKED);
	CHECK_INT(fixture_apply(&m.f, m.b, &e), 0);
	check_rules(&m, REMOVABLE_BLOCKED);
	CHECK_INT(fixture_revert(&m.f, m.b), 0);
	CHECK_STR(fixture_read(&m.f, REMOVABLE_RULE_PATH), "# somebody's\n");
	/* Which is no work of ours. */
	(void)asked(&m);
	CHECK_INT(fixture_revert(&m.f, m.b), 0);
	CHECK_STR(asked(&m), "(none)");
	CHECK_STR(fixture_read(&m.f, REMOVABLE_RULE_PATH), "# somebody's\n");
	/* Our own is, even where nothing tells of it any more. */
	fixture_text(&m.f, REMOVABLE_RULE_PATH, REMOVABLE_RULE_MARK);
	CHECK_INT(fixture_revert(&m.f, m.b), 0);
	CHECK(!fixture_has(&m.f, REMOVABLE_RULE_PATH));
	machine_close(&m);
}

static void test_nothing_plugged_in(void)
{
	struct effective e = {0};
	struct removable_machine m;

	if (!begin(&m))
		return;
	want(&e, SETTING_ENCRYPTION_REMOVABLE, REMOVABLE_BLOCKED);
	CHECK_INT(fixture_apply(&m.f, m.b, &e), 0);
	/* There is nothing that could be looked at again. */
	CHECK_STR(asked(&m), "control blocked\nsettle blocked\n");
	CHECK_INT(fixture_observe(&m.f, m.b), 0);
	CHECK_INT(seen(&m)->value.number, REMOVABLE_BLOCKED);
	CHECK(seen(&m)->enforced);
	CHECK_INT(seen(&m)->n_items, 0);
	machine_close(&m);
}

/* The running system lies on a card: it is written down, and a stranger's card is not. */
static void test_pins(void)
{
	struct effective e = {0};
	struct removable_machine m;

	if (!begin(&m))
		return;
	plug_card(&m);
	plug_stick(&m);
	buf_done(&m.mounts);
	m.mounts = BUF_INIT;
	machine_mount(&m, "179:1", "/", "/dev/mmcblk0p1");
	machine_tables(&m);
	want(&e, SETTING_ENCRYPTION_REMOVABLE, REMOVABLE_BLOCKED);
	CHECK_INT(fixture_apply(&m.f, m.b, &e), 0);
	CHECK(strstr(fixture_read(&m.f, REMOVABLE_RULE_PATH), "ATTRS{cid}==\"" CARD_CID "\""));
	CHECK(!strstr(fixture_read(&m.f, REMOVABLE_RULE_PATH), "4C530001"));
	CHECK_INT(fixture_observe(&m.f, m.b), 0);
	/* Only the stick is not as it should be. */
	CHECK(strstr(seen(&m)->detail, "sda (Maker Stick)") != NULL);
	for (size_t i = 0; i < seen(&m)->n_items; i++)
		if (strncmp(seen(&m)->items[i].name, "mmcblk0", 7) == 0) {
			CHECK_INT(seen(&m)->items[i].state, COMPLIANCE_COMPLIANT);
			CHECK_STR(seen(&m)->items[i].detail, "the running system lies on it");
		}
	machine_close(&m);
}

static void look(struct removable_machine *m, enum removable_choice choice)
{
	struct effective e = {0};

	want(&e, SETTING_ENCRYPTION_REMOVABLE, choice);
	CHECK_INT(fixture_apply(&m->f, m->b, &e), 0);
	(void)asked(m);
	CHECK_INT(fixture_observe(&m->f, m->b), 0);
}

static void test_observe(void)
{
	struct removable_machine m;

	if (!begin(&m))
		return;
	plug_stick(&m);
	CHECK_INT(fixture_observe(&m.f, m.b), 0);
	CHECK_INT(seen(&m)->value.number, REMOVABLE_ANY);
	CHECK_STR(seen(&m)->detail, "no rules of the agent");
	CHECK_INT(seen(&m)->n_items, 2);
	CHECK_STR(seen(&m)->items[0].detail, "writable");

	look(&m, REMOVABLE_READ_ONLY);
	CHECK_INT(seen(&m)->value.number, REMOVABLE_ANY);
	CHECK_INT(seen(&m)->reason, REASON_WEAKER);
	CHECK_STR(seen(&m)->items[0].name, "sda (Maker Stick)");
	CHECK_INT(seen(&m)->items[0].state, COMPLIANCE_NONCOMPLIANT);
	put(&m, STICK_DISK, "ro", "1");
	put(&m, STICK_DISK "/sda1", "ro", "1");
	CHECK_INT(fixture_observe(&m.f, m.b), 0);
	CHECK_INT(seen(&m)->value.number, REMOVABLE_READ_ONLY);
	CHECK_STR(seen(&m)->items[1].detail, "read-only");

	look(&m, REMOVABLE_ENCRYPTED_READ_ONLY);
	CHECK_INT(seen(&m)->value.number, REMOVABLE_ANY);
	verdict(&m, "8:0", "allowed");
	verdict(&m, "8:1", "denied");
	CHECK_INT(fixture_observe(&m.f, m.b), 0);
	CHECK(strstr(seen(&m)->items[1].detail, "not LUKS") != NULL);
	verdict(&m, "8:1", "allowed");
	CHECK_INT(fixture_observe(&m.f, m.b), 0);
	CHECK_INT(seen(&m)->value.number, REMOVABLE_ENCRYPTED_READ_ONLY);
	put(&m, STICK_DISK "/sda1", "ro", "0");
	CHECK_INT(fixture_observe(&m.f, m.b), 0);
	CHECK_INT(seen(&m)->value.number, REMOVABLE_ANY);

	look(&m, REMOVABLE_BLOCKED);
	CHECK_INT(seen(&m)->value.number, REMOVABLE_ANY);
	put(&m, STICK_SCSI, "state", "offline");
	CHECK_INT(fixture_observe(&m.f, m.b), 0);
	CHECK_INT(seen(&m)->value.number, REMOVABLE_BLOCKED);
	/* As it is mostly: there are no blocks at all. */
	CHECK_INT(fs_remove_tree(m.f.platform.sysroot_fd, STICK_INTERFACE "/host0"), 0);
	CHECK_INT(unlinkat(m.f.platform.sysroot_fd, "sys/class/block/sda", 0), 0);
	CHECK_INT(unlinkat(m.f.platform.sysroot_fd, "sys/class/block/sda1", 0), 0);
	put(&m, STICK_INTERFACE, "authorized", "0");
	CHECK_INT(fixture_observe(&m.f, m.b), 0);
	CHECK_INT(seen(&m)->value.number, REMOVABLE_BLOCKED);
	CHECK_INT(seen(&m)->n_items, 1);
	CHECK_STR(seen(&m)->items[0].name, "1-1:1.0 (Maker Stick)");
	CHECK_STR(seen(&m)->items[0].detail, "shut");
	machine_close(&m);
}

/* Rules that somebody changed are no rules; a device in use says what to do. */
static void test_weaker(void)
{
	struct effective e = {0};
	struct removable_machine m;

	if (!begin(&m))
		return;
	look(&m, REMOVABLE_BLOCKED);
	fixture_text(
		&m.f, REMOVABLE_RULE_PATH, REMOVABLE_RULE_MARK "# encryption.removable: blocked\n");
	CHECK_INT(fixture_observe(&m.f, m.b), 0);
	CHECK_INT(seen(&m)->value.number, REMOVABLE_ANY);
	CHECK(strstr(seen(&m)->detail, "was changed") != NULL);
	look(&m, REMOVABLE_BLOCKED);
	CHECK_INT(seen(&m)->value.number, REMOVABLE_BLOCKED);
	CHECK_INT(unlinkat(m.f.platform.sysroot_fd, REMOVABLE_RULE_PATH, 0), 0);
	CHECK_INT(fixture_observe(&m.f, m.b), 0);
	CHECK_INT(seen(&m)->value.number, REMOVABLE_ANY);
	look(&m, REMOVABLE_BLOCKED);
	CHECK_INT(seen(&m)->value.number, REMOVABLE_BLOCKED);

	plug_stick(&m);
	machine_mount(&m, "8:1", "/run/media/user/x", "/dev/sda1");
	machine_tables(&m);
	CHECK_INT(fixture_observe(&m.f, m.b), 0);
	CHECK_INT(seen(&m)->value.number, REMOVABLE_ANY);
	CHECK(strstr(seen(&m)->detail, "eject it") != NULL);
	/* As long as it is in use udevd is not asked. */
	want(&e, SETTING_ENCRYPTION_REMOVABLE, REMOVABLE_BLOCKED);
	CHECK_INT(fixture_apply(&m.f, m.b, &e), 0);
	CHECK_STR(asked(&m), "(none)");
	/* As soon as it is free, and in vain only once. */
	buf_done(&m.mounts);
	m.mounts = BUF_INIT;
	machine_tables(&m);
	CHECK_INT(fixture_apply(&m.f, m.b, &e), 0);
	CHECK_STR(asked(&m), "trigger blocked\nsettle blocked\n");
	CHECK_INT(fixture_apply(&m.f, m.b, &e), 0);
	CHECK_STR(asked(&m), "(none)");
	machine_close(&m);
}

static void test_broken_udevadm(void)
{
	struct effective e = {0};
	struct removable_machine m;

	if (!begin(&m))
		return;
	plug_stick(&m);
	fixture_text(&m.f, "broken", "");
	want(&e, SETTING_ENCRYPTION_REMOVABLE, REMOVABLE_BLOCKED);
	CHECK_INT(fixture_apply(&m.f, m.b, &e), -EIO);
	CHECK_STR(m.f.message, "udevadm: exit 1: broken");
	(void)asked(&m);
	/* Events of other devices that do not end are no failure. */
	CHECK_INT(unlinkat(m.f.platform.sysroot_fd, "broken", 0), 0);
	fixture_text(&m.f, "slow", "");
	look(&m, REMOVABLE_READ_ONLY);
	CHECK_STR(m.f.message, "");
	fixture_text(&m.f, "broken", "");
	/* The file goes in any case. */
	CHECK_INT(fixture_revert(&m.f, m.b), -EIO);
	CHECK(!fixture_has(&m.f, "etc"));
	machine_close(&m);
}

static void test_free_under_way(void)
{
	struct effective e = {0};
	struct removable_machine m;

	if (!begin(&m))
		return;
	want(&e, SETTING_ENCRYPTION_REMOVABLE, REMOVABLE_BLOCKED);
	CHECK_INT(m.b->ops->apply(m.b, &e, fixture_on_done, &m.f), 0);
	CHECK(sd_event_run(m.f.platform.event, UINT64_MAX) >= 0);
	CHECK_INT(m.f.n_done, 0);
	machine_close(&m);
}

static const struct check_test tests[] = {
	{"probe", test_probe},
	{"apply_and_revert", test_apply_and_revert},
	{"existing_file", test_existing_file},
	{"nothing_plugged_in", test_nothing_plugged_in},
	{"pins", test_pins},
	{"observe", test_observe},
	{"weaker", test_weaker},
	{"broken_udevadm", test_broken_udevadm},
	{"free_under_way", test_free_under_way},
};

CHECK_MAIN(tests)
