/* SPDX-License-Identifier: Apache-2.0 */
/* test_guard_counts.c - what a table of the guard leaves out, or has nothing to say about, is told.
 */
#include "agent/enforcer/guard_build.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/fs.h"
#include "tests/lib/check.h"

static char *pattern = (char *)(uintptr_t) "flatpak:org.bad.App";
static struct effective effective;

static void policy_set(enum setting_id id, int64_t number)
{
	effective.settings[id].present = true;
	effective.settings[id].value.type = setting_row(id)->type;
	effective.settings[id].value.number = number;
}

static void policy_reset(int64_t mode)
{
	memset(&effective, 0, sizeof(effective));
	policy_set(SETTING_APPS_MODE, mode);
	policy_set(SETTING_APPS_GUARD, 2);
	policy_set(SETTING_APPS_BLOCKED, 0);
	effective.settings[SETTING_APPS_BLOCKED].value.set = (struct string_set){&pattern, 1};
}

static bool make_file(int fd, const char *path, unsigned int mode)
{
	char directory[512];
	int file;

	snprintf(directory, sizeof(directory), "%s", path);
	*strrchr(directory, '/') = 0;
	if (fs_make_dirs(fd, directory, 0755) < 0)
		return false;
	file = openat(fd, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (file < 0)
		return false;
	(void)fchmod(file, mode);
	close(file);
	return true;
}

/* A program too deep to be looked for is told of; one directory less and it is found. */
static void test_too_deep(void)
{
	static const char base[] = "var/lib/flatpak/app/org.bad.App";
	struct app app = {.kind = APP_FLATPAK,
		.name = "org.bad.App",
		.version = "",
		.origin = "",
		.repository = "",
		.remote = "flathub",
		.user = "",
		.title = "",
		.sha256 = ""};
	struct apk_db db = {0};
	char tmp[256];
	int fd = check_tmpdir(tmp);
	struct guard_inputs inputs = {.root_fd = fd,
		.effective = &effective,
		.db = &db,
		.apps = &app,
		.n_apps = 1,
		.uid_min = 1000};

	policy_reset(APPS_DENY);
	for (int depth = GUARD_WALK_DEPTH - 1; depth <= GUARD_WALK_DEPTH; depth++) {
		_cleanup_(guard_build_freep) struct guard_build *build = NULL;
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct guard_counts counts;
		char path[256];
		uint64_t generation;

		snprintf(path, sizeof(path), "%s", base);
		for (int i = 0; i < depth; i++)
			strcat(path, "/d");
		strcat(path, "/program");
		CHECK(make_file(fd, path, 0755));
		CHECK_INT(guard_build_new(&inputs, &build), 0);
		CHECK_INT(guard_build_step(build, 100000), 0);
		CHECK_INT(guard_build_finish(build, &out, &generation, &counts), 0);
		CHECK_INT(counts.n_denied_owners, 1);
		CHECK_INT(counts.n_denied, 1);
		CHECK(counts.is_denied_cut == (depth == GUARD_WALK_DEPTH) && !counts.is_cut);
	}
	close(fd);
}

/* A guard without a mode has nothing to do, unless nobody may have programs of their own. */
static void test_idle(void)
{
	struct apk_db db = {0};
	struct guard_inputs inputs = {
		.root_fd = AT_FDCWD, .effective = &effective, .db = &db, .uid_min = 1000};

	for (int i = 0; i < 8; i++) {
		_cleanup_(guard_build_freep) struct guard_build *build = NULL;
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct guard_counts counts;
		uint64_t generation;
		bool programs = i % 2, foreign = i / 4;

		policy_reset(i / 2 % 2 ? APPS_DENY : APPS_OFF);
		policy_set(SETTING_APPS_USER_PROGRAMS, programs);
		inputs.devices_are_cut = foreign;
		CHECK_INT(guard_build_new(&inputs, &build), 0);
		CHECK_INT(guard_build_step(build, 10), 0);
		CHECK_INT(guard_build_finish(build, &out, &generation, &counts), 0);
		CHECK(counts.is_idle == (programs && i / 2 % 2 == 0));
		CHECK(counts.is_foreign_cut == foreign);
	}
}

static const struct check_test tests[] = {
	{"too deep", test_too_deep},
	{"idle", test_idle},
};
CHECK_MAIN(tests)
