/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_removal.c - `--prepare-removal` that dies, or fails, at each operation that changes a file:
 * the next one puts everything back. What it says to whom: tests/system/removal.py.
 */
#include "tests/lib/crash_point.h"

#include <sys/wait.h>

#include "agent/enforcer/removal.h"
#include "agent/util/fs.h"
#include "platform/dconf_profile.h"
#include "platform/override.h"
#include "tests/lib/check.h"

#define LOCKER "etc/xdg/kscreenlockerrc"
#define PROFILE "etc/dconf/profile/user"
#define BEFORE "[Daemon]\nTimeout=30\n"
/* More operations than there are. */
#define POINTS_MAX 40

static int derive(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	(void)original;
	(void)n_bytes;
	(void)userdata;
	buf_puts(out, "[Daemon]\nTimeout=1\n");
	return out->error;
}

/* Nothing of this test's text is ours. */
static int strip(const char *current, size_t n_bytes, struct buf *out, bool *ret_present)
{
	*ret_present = true;
	buf_append(out, current, n_bytes);
	return out->error;
}

/* A phone that left while its files could not be written: a vendor's file and one of our own. */
static void leave_half(int root_fd, int state_fd)
{
	const struct fs_owner owner = {.uid = geteuid(), .gid = getegid(), .mode = 0644};
	/* By the names under which the backends know them. */
	const struct override_spec specs[] = {
		{.name = "plasma-kscreenlockerrc",
			.path = LOCKER,
			.mode = 0644,
			.derive = derive,
			.strip = strip},
		{.name = "dconf-database",
			.path = "etc/dconf/db/mdm_agent",
			.mode = 0644,
			.derive = derive},
	};
	_cleanup_close_ int vault_fd = -1;

	if (fs_remove_tree(root_fd, "etc") < 0 || fs_remove_tree(state_fd, STATE_VAULT) < 0 ||
		fs_make_dirs(root_fd, "etc/xdg", 0755) < 0 ||
		fs_make_dirs(state_fd, STATE_VAULT, 0700) < 0 ||
		fs_replace(root_fd, LOCKER, BEFORE, strlen(BEFORE), &owner) < 0)
		abort();
	vault_fd = fs_open_nofollow(state_fd, STATE_VAULT, O_RDONLY | O_DIRECTORY, 0);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		if (override_apply(&(struct override_place){root_fd, vault_fd}, &specs[i], NULL) <
			0)
			abort();
}

static bool is_put_back(int root_fd, int state_fd)
{
	_cleanup_free_ char *text = NULL;

	return fs_read(root_fd, LOCKER, 1024, &text, NULL) == 0 && strcmp(text, BEFORE) == 0 &&
	       faccessat(root_fd, "etc/dconf", F_OK, 0) < 0 &&
	       faccessat(state_fd, STATE_VAULT "/plasma-kscreenlockerrc.override", F_OK, 0) < 0 &&
	       faccessat(state_fd, STATE_VAULT "/dconf-database.override", F_OK, 0) < 0;
}

static void keep_quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

/* What became of it in a process of its own: a status of wait(2). */
static int prepare(const struct enforcer_options *options, const struct crash_plan *plan)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		log_redirect(keep_quiet);
		crash_plan = *plan;
		_exit(removal_prepare(options));
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		abort();
	return status;
}

static void walk(const struct crash_plan *first)
{
	static const struct crash_plan none;
	char root[256], state[256];
	_cleanup_close_ int root_fd = check_tmpdir(root), state_fd = check_tmpdir(state);
	const struct enforcer_options options = {.sysroot = root, .state_dir = state};
	struct crash_plan plan = *first;
	unsigned long hit = 0;

	for (plan.at = 1; plan.at < POINTS_MAX; plan.at++) {
		int status;

		leave_half(root_fd, state_fd);
		status = prepare(&options, &plan);
		if (WIFSIGNALED(status)) {
			CHECK_INT(WTERMSIG(status), SIGKILL);
			hit++;
		} else if (WEXITSTATUS(status) == REMOVAL_READY) {
			/* Not silently half: ready means that nothing is left. */
			CHECK(is_put_back(root_fd, state_fd));
			if (plan.mode != CRASH_FAIL)
				break;
		} else {
			CHECK_INT(WEXITSTATUS(status), REMOVAL_FAILED);
			hit++;
		}
		status = prepare(&options, &none);
		CHECK(WIFEXITED(status));
		CHECK_INT(WEXITSTATUS(status), REMOVAL_READY);
		CHECK(is_put_back(root_fd, state_fd));
	}
	CHECK(hit >= 5);
	CHECK(plan.mode == CRASH_FAIL || plan.at < POINTS_MAX);
}

static void test_kill(void)
{
	walk(&(struct crash_plan){.mode = CRASH_KILL});
	walk(&(struct crash_plan){.mode = CRASH_KILL, .part = CRASH_PARTS - 1});
}

static void test_power_cut(void)
{
	walk(&(struct crash_plan){.mode = CRASH_POWER_EARLY});
	walk(&(struct crash_plan){.mode = CRASH_POWER_LATE});
}

/* A full disk: it says so, or nothing is left. */
static void test_fail(void)
{
	walk(&(struct crash_plan){.mode = CRASH_FAIL, .error = ENOSPC, .n_failures = 1});
	walk(&(struct crash_plan){.mode = CRASH_FAIL, .error = EROFS, .n_failures = POINTS_MAX});
}

/* Who lost the state directory does not keep a profile that names a database of ours. */
static void test_lost_vault(void)
{
	const struct fs_owner owner = {.uid = geteuid(), .gid = getegid(), .mode = 0644};
	char root[256], missing[300];
	_cleanup_close_ int root_fd = check_tmpdir(root);
	const struct enforcer_options options = {.sysroot = root, .state_dir = missing};
	const struct crash_plan none = {.mode = CRASH_NONE};
	_cleanup_buf_ struct buf profile = BUF_INIT;
	_cleanup_free_ char *text = NULL;
	int status;

	snprintf(missing, sizeof(missing), "%s/missing", root);
	CHECK_INT(dconf_profile_derive("user-db:user\n", 13, NULL, &profile), 0);
	CHECK(strstr(profile.data, "mdm_agent"));
	CHECK_INT(fs_make_dirs(root_fd, "etc/dconf/profile", 0755), 0);
	CHECK_INT(fs_replace(root_fd, PROFILE, profile.data, profile.n_bytes, &owner), 0);
	status = prepare(&options, &none);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), REMOVAL_READY);
	CHECK_INT(fs_read(root_fd, PROFILE, 1024, &text, NULL), 0);
	CHECK_STR(text, "user-db:user\n");
	CHECK(faccessat(root_fd, "missing", F_OK, 0) < 0);
}

static const struct check_test tests[] = {
	{"kill", test_kill},
	{"power cut", test_power_cut},
	{"fail", test_fail},
	{"lost vault", test_lost_vault},
};
CHECK_MAIN(tests)
