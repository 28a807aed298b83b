/* SPDX-License-Identifier: Apache-2.0 */
/* test_account.c - lines of passwd(5) and group(5), malformed ones too. */
#include <errno.h>
#include <fcntl.h>

#include "agent/util/account.h"
#include "agent/util/fs.h"
#include "tests/lib/check.h"

static int make_root(const char *path, const char *text)
{
	struct fs_owner owner = {geteuid(), getegid(), 0644};
	char tmp[256];
	int fd = check_tmpdir(tmp);

	if (fs_make_dirs(fd, "etc", 0755) < 0 ||
		fs_replace(fd, path, text, strlen(text), &owner) < 0)
		abort();
	return fd;
}

static void test_user(void)
{
	_cleanup_close_ int fd = make_root("etc/passwd",
		"root:x:0:0:root:/root:/bin/sh\n#comment\n\nmdm-agent2:x:7:8::/:/x\n"
		"mdm-agent:x:64123:64124::/nonexistent:/usr/sbin/nologin\n");
	uid_t uid = 1;
	gid_t gid = 1;

	CHECK_INT(account_user(fd, "mdm-agent", &uid, &gid), 0);
	CHECK_INT(uid, 64123);
	CHECK_INT(gid, 64124);
	CHECK_INT(account_user(fd, "mdm", &uid, &gid), -ENOENT);
	CHECK_INT(account_user(fd, "", &uid, &gid), -ENOENT);
	CHECK_INT(uid, 64123);
}

static void test_malformed(void)
{
	static const char *const lines[] = {"u:x:1\n", "u:x\n", "u:x:-1:1::\n", "u:x:1x:1\n",
		"u:x:4294967295:1\n", "u:x::1\n", "u:x:1:\n"};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_close_ int fd = make_root("etc/passwd", lines[i]);
		uid_t uid = 7;
		gid_t gid = 7;

		CHECK_INT(account_user(fd, "u", &uid, &gid), -EBADMSG);
		CHECK_INT(uid, 7);
	}
}

static void test_group(void)
{
	_cleanup_close_ int fd = make_root("etc/group", "wheel:x:10:a,b\nmdm-admin:x:77:\nlone");
	gid_t gid = 0;

	CHECK_INT(account_group(fd, "mdm-admin", &gid), 0);
	CHECK_INT(gid, 77);
	CHECK_INT(account_group(fd, "lone", &gid), -ENOENT);
	CHECK_INT(account_group(fd, "nobody", &gid), -ENOENT);
}

static const struct check_test tests[] = {
	{"user", test_user},
	{"malformed", test_malformed},
	{"group", test_group},
};
CHECK_MAIN(tests)
