/* SPDX-License-Identifier: Apache-2.0 */
/* test_storage_hostile.c - rounds, limits and missing parts: never fine, never endless. */
#include "tests/unit/platform/machine.h"

static void test_rounds(void)
{
	struct machine m;

	machine_open(&m);
	/* The file behind the loop is on the file system of the loop; two mappings of each other;
	 * an overlay on itself. */
	loop(&m, "7:0", "loop0", "/file");
	mounted(&m, "7:0", "/", "ext4", "/dev/loop0");
	mapped(&m, "254:0", "dm-0", "a", "LVM-a", LIST("dm-1"));
	mapped(&m, "254:1", "dm-1", "b", "LVM-b", LIST("dm-0", "dm-0x"));
	mounted(&m, "254:0", "/mnt", "ext4", "/dev/mapper/a");
	buf_puts(&m.mounts, "40 1 0:50 / /o rw - overlay overlay rw,lowerdir=/o/x:/o/y:/o/z\n");
	CHECK_INT(look(&m), 0);
	CHECK(!storage(&m)->has_value);
	CHECK_INT(reason_of(storage(&m), "/"), REASON_UNTRACEABLE);
	CHECK_INT(reason_of(storage(&m), "/mnt"), REASON_UNTRACEABLE);
	CHECK_INT(reason_of(storage(&m), "/o"), REASON_UNTRACEABLE);
	machine_close(&m);
}

static void test_depth(void)
{
	/* The mount itself and the disk at the bottom are layers, too. */
	for (int n = LIMIT_BLOCK_DEPTH - 2; n <= LIMIT_BLOCK_DEPTH - 1; n++) {
		struct machine m;
		char name[16], number[16], below[16] = "sda";

		machine_open(&m);
		disk(&m, "8:0", "sda");
		for (int i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "dm-%d", i);
			snprintf(number, sizeof(number), "254:%d", i);
			mapped(&m, number, name, name, "LVM-x", LIST(below));
			memcpy(below, name, sizeof(below));
		}
		mounted(&m, number, "/", "ext4", "/dev/x");
		CHECK_INT(look(&m), 0);
		CHECK_INT(reason_of(storage(&m), "/"),
			n == LIMIT_BLOCK_DEPTH - 2 ? REASON_PLAIN_STORAGE : REASON_UNTRACEABLE);
		machine_close(&m);
	}
}

static void test_nodes(void)
{
	const char *slaves[LIMIT_BLOCK_NODES + 1];
	static char names[LIMIT_BLOCK_NODES][16];
	struct machine m;

	/* Mount, mapping and disks: one disk more than is followed makes it untraceable. */
	for (size_t n = LIMIT_BLOCK_NODES - 2; n <= LIMIT_BLOCK_NODES - 1; n++) {
		machine_open(&m);
		for (size_t i = 0; i < n; i++) {
			char number[16];

			snprintf(names[i], sizeof(names[i]), "sd%zu", i);
			snprintf(number, sizeof(number), "8:%zu", i);
			disk(&m, number, names[i]);
			slaves[i] = names[i];
		}
		slaves[n] = NULL;
		mapped(&m, "254:0", "dm-0", "x", LUKS2("x"), slaves);
		mounted(&m, "254:0", "/", "ext4", "/dev/mapper/x");
		CHECK_INT(look(&m), 0);
		CHECK_INT(reason_of(storage(&m), "/"),
			n == LIMIT_BLOCK_NODES - 2 ? REASON_ENCRYPTED : REASON_UNTRACEABLE);
		machine_close(&m);
	}
}

static void test_missing_parts(void)
{
	struct machine m;

	machine_open(&m);
	mounted(&m, "8:1", "/a", "ext4", "/dev/sda1");
	mounted(&m, "0:70", "/b", "btrfs", "/dev/gone");
	mounted(&m, "0:71", "/c", "zfs", "pool/data");
	mapped(&m, "254:0", "dm-0", "e", LUKS2("e"), LIST("gone"));
	mounted(&m, "254:0", "/d", "ext4", "/dev/mapper/e");
	device(&m, "254:1", "virtual/block/dm-1");
	attribute(&m, "virtual/block/dm-1", "dm/uuid", LUKS2("f"));
	mounted(&m, "254:1", "/e", "ext4", "/dev/mapper/f");
	swapping(&m, "/dev/gone", "partition");
	CHECK_INT(look(&m), 0);
	for (size_t i = 0; i < storage(&m)->n_items; i++)
		CHECK_INT(storage(&m)->items[i].reason, REASON_UNTRACEABLE);
	CHECK_INT(storage(&m)->n_items, 5);
	CHECK_INT(reason_of(swap_space(&m), "/dev/gone"), REASON_UNTRACEABLE);
	machine_close(&m);
}

static void test_failures(void)
{
	struct machine m;

	machine_open(&m);
	buf_puts(&m.mounts, "not a mount\n");
	CHECK_INT(look(&m), -EBADMSG);
	CHECK_INT(storage(&m)->state, COMPLIANCE_ERROR);
	CHECK_INT(storage(&m)->reason, REASON_OBSERVE_FAILED);
	CHECK(m.f.message[0]);
	/* And it recovers. */
	buf_reset(&m.mounts);
	disk(&m, "8:0", "sda");
	mounted(&m, "8:0", "/", "ext4", "/dev/sda");
	CHECK_INT(look(&m), 0);
	CHECK(is_plain(storage(&m)));
	/* The limit, and one above. */
	for (int i = 1; i < LIMIT_MOUNTS; i++) {
		char point[32];

		snprintf(point, sizeof(point), "/mnt/%d", i);
		mounted(&m, "8:0", point, "ext4", "/dev/sda");
	}
	CHECK_INT(look(&m), 0);
	CHECK_INT(storage(&m)->n_items, 128);
	CHECK_STR(storage(&m)->items[127].name, "3969 more");
	CHECK_INT(storage(&m)->items[127].state, COMPLIANCE_NONCOMPLIANT);
	mounted(&m, "8:0", "/one/more", "ext4", "/dev/sda");
	CHECK_INT(look(&m), 0);
	CHECK(is_plain(storage(&m)));
	machine_close(&m);
}

/* One who mounts as much as they can hides neither the system's nor that there is more. */
static void test_filled_by_users(void)
{
	struct machine m;

	machine_open(&m);
	disk(&m, "8:0", "sda");
	for (int i = 0; i < LIMIT_MOUNTS + 10; i++) {
		char point[32];

		snprintf(point, sizeof(point), "/home/ada/%d", i);
		mounted(&m, "0:99", point, "fuse.x", "x");
	}
	mounted(&m, "8:0", "/", "ext4", "/dev/sda");
	CHECK_INT(look(&m), 0);
	CHECK_INT(storage(&m)->state, COMPLIANCE_COMPLIANT);
	CHECK(is_plain(storage(&m)));
	CHECK(is_plain(m.b->observations[SETTING_ENCRYPTION_SYSTEM]));
	CHECK_INT(storage(&m)->n_items, 128);
	CHECK_INT(storage(&m)->items[127].state, COMPLIANCE_NONCOMPLIANT);
	machine_close(&m);
}

/* This very machine: whatever it is, there is an answer, and watching works. */
static void test_this_machine(void)
{
	struct backend_fact fact;
	struct backend *b;
	struct fixture f;
	int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	fixture_open(&f);
	close(f.platform.sysroot_fd);
	f.platform.sysroot_fd = root_fd;
	f.platform.sysroot_is_root = true;
	CHECK_INT(storage_backend_new(&f.platform, &b), 0);
	b->ops->probe(b, &fact);
	if (!fact.present) {
		backend_free(b);
		fixture_close(&f);
		check_skip("no /proc or /sys");
		return;
	}
	CHECK_INT(b->ops->watch(b, fixture_on_changed, &f), 0);
	CHECK_INT(fixture_observe(&f, b), 0);
	CHECK(b->observations[SETTING_ENCRYPTION_STORAGE]->state != COMPLIANCE_ERROR);
	backend_free(b);
	fixture_close(&f);
}

static const struct check_test tests[] = {
	{"rounds", test_rounds},
	{"depth", test_depth},
	{"nodes", test_nodes},
	{"missing_parts", test_missing_parts},
	{"failures", test_failures},
	{"filled_by_users", test_filled_by_users},
	{"this_machine", test_this_machine},
};

CHECK_MAIN(tests)
