/* SPDX-License-Identifier: Apache-2.0 */
/* test_mountinfo.c - the kernel's tables, with names that users chose. */
#include "platform/mountinfo.h"
#include "tests/unit/platform/fixture.h"

static int parse(const char *text, struct mount_table *table)
{
	return mountinfo_parse(text, strlen(text), table);
}

static void test_fields(void)
{
	_cleanup_(mount_table_done) struct mount_table t = {0};

	CHECK_INT(
		parse("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,e=c\n"
		      "37 35 0:30 / /mnt\\040\\134x\\011\\012 rw - tmpfs tmp\\043fs rw\n"
		      "38 35 0:31 / /d rw - proc proc rw\n"
		      "39 35 8:1 / /no/newline rw - ext4  rw",
			&t),
		0);
	CHECK_INT(t.n_mounts, 3);
	CHECK_INT(t.mounts[0].major, 98);
	CHECK_INT(t.mounts[0].minor, 0);
	CHECK_STR(t.mounts[0].point, "/mnt2");
	CHECK_STR(t.mounts[0].type, "ext3");
	CHECK_STR(t.mounts[0].source, "/dev/root");
	CHECK_STR(t.mounts[0].options, "rw,e=c");
	CHECK_INT(t.mounts[0].class, MOUNT_DEVICE);
	CHECK_STR(t.mounts[1].point, "/mnt \\x\t\n");
	CHECK_STR(t.mounts[1].source, "tmp#fs");
	CHECK_INT(t.mounts[1].class, MOUNT_MEMORY);
	CHECK_STR(t.mounts[2].source, "");
	CHECK_STR(t.mounts[2].options, "rw");
}

static void test_malformed(void)
{
	static const char *const texts[] = {"x", "1 2 3 4\n", "1 2 8:1 / /a rw ext4 /dev/a rw\n",
		"1 2 8-1 / /a rw - ext4 /dev/a rw\n", "1 2 8:1 / a rw - ext4 /dev/a rw\n",
		"1 2 8:99999999999 / /a rw - ext4 /dev/a rw\n",
		"1 2 -8:1 / /a rw - ext4 /dev/a rw\n", "1 2 8:1 / /a rw -\n", "\n",
		"1 2 8:1 / /a rw - ext4\n"};
	struct mount_table t = {.n_mounts = 7};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (parse(texts[i], &t) != -EBADMSG || t.n_mounts != 7)
			check_fail(__FILE__, __LINE__, "text %zu was accepted", i);
	CHECK_INT(mountinfo_parse("1 2 8:1 / /a rw - e\0t4 /dev/a rw\n", 33, &t), -EBADMSG);
	t = (struct mount_table){0};
	CHECK_INT(parse("", &t), 0);
	CHECK_INT(t.n_mounts, 0);
}

static void test_limit(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct mount_table t = {0};

	for (int i = 0; i < LIMIT_MOUNTS; i++)
		buf_puts(&text, "1 2 8:1 / /a rw - ext4 /dev/a rw\n");
	/* What has no storage does not count. */
	for (int i = 0; i < LIMIT_MOUNTS; i++)
		buf_puts(&text, "1 2 0:9 / /p rw - cgroup2 c rw\n");
	CHECK_INT(mountinfo_parse(text.data, text.n_bytes, &t), 0);
	CHECK_INT(t.n_mounts, LIMIT_MOUNTS);
	CHECK(!t.is_cut);
	mount_table_done(&t);
	/* One more: what users can make gives way, the last first, and it is said. */
	buf_puts(&text, "1 2 8:2 / /mnt/more rw - ext4 /dev/a rw\n");
	CHECK_INT(mountinfo_parse(text.data, text.n_bytes, &t), 0);
	CHECK_INT(t.n_mounts, LIMIT_MOUNTS);
	CHECK(t.is_cut && !mount_table_find(&t, "/mnt/more"));
	mount_table_done(&t);
	buf_puts(&text, "1 2 8:3 / /var/lib rw - ext4 /dev/a rw\n"
			"1 2 0:7 / /var/home/ada/x rw - fuse.x x rw\n");
	CHECK_INT(mountinfo_parse(text.data, text.n_bytes, &t), 0);
	CHECK_INT(t.n_mounts, LIMIT_MOUNTS);
	CHECK(t.is_cut && !mount_table_find(&t, "/var/home/ada/x"));
	CHECK_INT(mount_table_find(&t, "/var/lib/x")->minor, 3);
	CHECK_STR(t.mounts[LIMIT_MOUNTS - 1].point, "/var/lib");
	CHECK_STR(t.mounts[LIMIT_MOUNTS - 2].point, "/a");
	mount_table_done(&t);
	/* A stick is no user-space file system. */
	buf_reset(&text);
	for (int i = 0; i < LIMIT_MOUNTS; i++)
		buf_puts(&text, "1 2 0:7 / /home/ada/x rw - fuse.x x rw\n");
	buf_puts(&text, "1 2 8:3 / /run/media/ada/x rw - ext4 /dev/a rw\n");
	CHECK_INT(mountinfo_parse(text.data, text.n_bytes, &t), 0);
	CHECK_INT(t.n_mounts, LIMIT_MOUNTS);
	CHECK_INT(mount_table_find(&t, "/run/media/ada/x")->minor, 3);
	mount_table_done(&t);
	/* The system's alone are too many: nothing is known then. */
	buf_reset(&text);
	for (int i = 0; i < LIMIT_MOUNTS; i++)
		buf_puts(&text, "1 2 8:1 / /usr rw - ext4 /dev/a rw\n");
	CHECK_INT(mountinfo_parse(text.data, text.n_bytes, &t), 0);
	mount_table_done(&t);
	buf_puts(&text, "1 2 8:1 / /mnt rw - ext4 /dev/a rw\n");
	CHECK_INT(mountinfo_parse(text.data, text.n_bytes, &t), 0);
	CHECK(t.is_cut);
	mount_table_done(&t);
	buf_puts(&text, "1 2 8:1 / /usr rw - ext4 /dev/a rw\n");
	CHECK_INT(mountinfo_parse(text.data, text.n_bytes, &t), -E2BIG);
}

static void test_find(void)
{
	_cleanup_(mount_table_done) struct mount_table t = {0};

	CHECK_INT(
		parse("1 2 8:1 / / rw - ext4 /dev/a rw\n1 2 8:2 / /var rw - ext4 /dev/b rw\n"
		      "1 2 8:3 / /var/lib rw - ext4 /dev/c rw\n1 2 8:4 / /var rw - ext4 /dev/d rw\n",
			&t),
		0);
	CHECK_INT(mount_table_find(&t, "/")->minor, 1);
	CHECK_INT(mount_table_find(&t, "/variable")->minor, 1);
	/* Of two at one point the later hides the earlier. */
	CHECK_INT(mount_table_find(&t, "/var/x")->minor, 4);
	CHECK_INT(mount_table_find(&t, "/var")->minor, 4);
	CHECK_INT(mount_table_find(&t, "/var/lib/image")->minor, 3);
	CHECK(!mount_table_find(&t, "relative"));
}

static void test_swaps(void)
{
	struct swap swaps[SWAPS_MAX];
	_cleanup_buf_ struct buf many = BUF_INIT;
	char text[1024], name[LIMIT_TEXT_BYTES + 2];
	size_t n = 0;

	CHECK_INT(swaps_parse("", 0, swaps, &n), 0);
	CHECK_INT(n, 0);
	snprintf(text, sizeof(text),
		"Filename\tType\tSize\n/dev/zram0  partition\t1\t0\t100\n"
		"/swap\\040file\\040(deleted)\tfile 1 0 -2\n");
	CHECK_INT(swaps_parse(text, strlen(text), swaps, &n), 0);
	CHECK_INT(n, 2);
	CHECK_STR(swaps[0].path, "/dev/zram0");
	CHECK(!swaps[0].is_file);
	CHECK_STR(swaps[1].path, "/swap file");
	CHECK(swaps[1].is_file);
	CHECK_INT(swaps_parse("x\nrelative file\n", 16, swaps, &n), -EBADMSG);
	CHECK_INT(swaps_parse("x\n/lonely\n", 10, swaps, &n), -EBADMSG);
	memset(name, 'x', sizeof(name));
	name[0] = '/';
	snprintf(text, sizeof(text), "x\n%.*s file\n", LIMIT_TEXT_BYTES, name);
	CHECK_INT(swaps_parse(text, strlen(text), swaps, &n), 0);
	snprintf(text, sizeof(text), "x\n%.*s file\n", LIMIT_TEXT_BYTES + 1, name);
	CHECK_INT(swaps_parse(text, strlen(text), swaps, &n), -EBADMSG);
	buf_puts(&many, "x\n");
	for (int i = 0; i < SWAPS_MAX; i++)
		buf_puts(&many, "/s file\n");
	CHECK_INT(swaps_parse(many.data, many.n_bytes, swaps, &n), 0);
	CHECK_INT(n, SWAPS_MAX);
	buf_puts(&many, "/s file\n");
	CHECK_INT(swaps_parse(many.data, many.n_bytes, swaps, &n), -E2BIG);
}

static const struct check_test tests[] = {
	{"fields", test_fields},
	{"malformed", test_malformed},
	{"limit", test_limit},
	{"find", test_find},
	{"swaps", test_swaps},
};

CHECK_MAIN(tests)
