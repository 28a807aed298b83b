/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_password_backend.c - the backend "password": service files of three layouts replaced and put
 * back, through upgrades, edits and power cuts.
 */
#include <sys/syscall.h>
#include <sys/wait.h>

#include "platform/pam_switch.h"
#include "tests/unit/platform/password_rig.h"

#define LINE_OF_OURS "\tpam_mdm.so\n"

/* --- power cuts --------------------------------------------------------------------------- */

/* The process ends in front of the step of that number; 0: never. */
static unsigned int cut_at, n_steps;

static void step(void)
{
	if (cut_at && ++n_steps == cut_at)
		_exit(0);
}

int renameat(int old_fd, const char *old_path, int new_fd, const char *new_path)
{
	step();
	return (int)syscall(SYS_renameat2, old_fd, old_path, new_fd, new_path, 0);
}

int unlinkat(int fd, const char *path, int flags)
{
	step();
	return (int)syscall(SYS_unlinkat, fd, path, flags);
}

int mkdirat(int fd, const char *path, mode_t mode)
{
	step();
	return (int)syscall(SYS_mkdirat, fd, path, mode);
}

/* --- stacks ------------------------------------------------------------------------------- */

static void check_layout(const struct layout *layout)
{
	_cleanup_free_ char *before = NULL, *after = NULL, *derived = NULL, *again = NULL;
	struct rig rig;

	rig_open(&rig, layout);
	before = fixture_listing(&rig.f);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_FREE_ATTEMPTS, 5, NONCOMPLIANT, NOT_ENFORCED);
	CHECK_INT(rig_apply(&rig), 0);
	CHECK(rig.b->apply_changed);
	CHECK_INT(rig_runs(), 1);
	for (size_t i = 0; i < ARRAY_SIZE(layout->guarded) && layout->guarded[i]; i++)
		CHECK(strstr(etc_file(&rig, layout->guarded[i]), LINE_OF_OURS));
	CHECK(!strstr(etc_file(&rig, "other"), LINE_OF_OURS));
	CHECK(!strstr(etc_file(&rig, "other.apk-new"), LINE_OF_OURS));
	CHECK(!strstr(etc_file(&rig, "common-auth.dpkg-dist"), LINE_OF_OURS));
	CHECK(!fixture_has(&rig.f, "run/mdm-agent/pam-trial"));
	CHECK_JUDGED(&rig, SETTING_PASSWORD_FREE_ATTEMPTS, 5, COMPLIANT, NONE);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_AT_MAXIMUM, 0, COMPLIANT, NONE);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, PENDING, PASSWORD_UNSEEN);

	/* The second time there is nothing to do, and nothing to try. */
	derived = fixture_listing(&rig.f);
	rig.b->apply_changed = false;
	CHECK_INT(rig_apply(&rig), 0);
	again = fixture_listing(&rig.f);
	CHECK(!rig.b->apply_changed);
	CHECK_INT(rig_runs(), 1);
	CHECK_STR(again, derived);

	CHECK_INT(fixture_revert(&rig.f, rig.b), 0);
	CHECK(rig.b->apply_changed);
	after = fixture_listing(&rig.f);
	CHECK_STR(after, before);
	CHECK(vault_is_empty(&rig));
	rig_close(&rig);
}

static void test_layouts(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
		check_layout(&layouts[i]);
}

/* The package brings another version in the middle; that one is what comes back. */
static void test_vendor_upgrade(void)
{
	static const char newer[] = "auth required pam_env.so\nauth sufficient pam_unix.so\n";

	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		const struct layout *layout = &layouts[i];
		_cleanup_free_ char *before = NULL, *after = NULL;
		struct rig rig;

		rig_open(&rig, layout);
		CHECK_INT(rig_apply(&rig), 0);
		fixture_text(&rig.f, layout->files[0][0], newer);
		CHECK_INT(rig_apply(&rig), 0);
		CHECK_INT(rig_runs(), 2);
		CHECK(strstr(etc_file(&rig, layout->guarded[0]), "auth required pam_env.so\n# "));
		CHECK(strstr(etc_file(&rig, layout->guarded[0]), LINE_OF_OURS "auth sufficient"));
		CHECK_INT(fixture_revert(&rig.f, rig.b), 0);
		CHECK_STR(fixture_read(&rig.f, layout->files[0][0]), newer);
		after = fixture_listing(&rig.f);
		rig_close(&rig);

		rig_open(&rig, layout);
		fixture_text(&rig.f, layout->files[0][0], newer);
		before = fixture_listing(&rig.f);
		CHECK_STR(after, before);
		rig_close(&rig);
	}
}

/* Vendor's below /usr: an administrator's file, one that goes, one that never asks again. */
static void test_files_come_and_go(void)
{
	static const char own[] = "auth required pam_own.so\nauth required pam_unix.so\n";
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct rig rig;

	rig_open(&rig, &layouts[0]);
	before = fixture_listing(&rig.f);
	CHECK_INT(rig_apply(&rig), 0);

	/* In place of ours. */
	fixture_text(&rig.f, "etc/pam.d/base-auth", own);
	CHECK_INT(rig_apply(&rig), 0);
	CHECK(strstr(etc_file(&rig, "base-auth"), "pam_own.so\n# "));
	CHECK_INT(fixture_revert(&rig.f, rig.b), 0);
	CHECK_STR(etc_file(&rig, "base-auth"), own);

	/* Deleted while it is ours: it does not come back, the vendor's counts again. */
	CHECK_INT(rig_apply(&rig), 0);
	CHECK(unlinkat(rig.f.platform.sysroot_fd, "etc/pam.d/base-auth", 0) == 0);
	CHECK_INT(rig_apply(&rig), 0);
	CHECK(strstr(etc_file(&rig, "base-auth"), "made of /usr/lib/pam.d/base-auth "));

	/* A line of the administrator's in ours stays. */
	CHECK(strstr(etc_file(&rig, "base-password"), LINE_OF_OURS));
	{
		_cleanup_buf_ struct buf edited = BUF_INIT;

		buf_puts(&edited, etc_file(&rig, "base-password"));
		buf_puts(&edited, "password optional pam_own.so\n");
		fixture_text(&rig.f, "etc/pam.d/base-password", edited.data);
	}
	CHECK_INT(rig_apply(&rig), 0);
	CHECK(strstr(etc_file(&rig, "base-password"), "pam_own.so"));
	CHECK(!strstr(etc_file(&rig, "base-password"), "made of"));
	CHECK(strstr(etc_file(&rig, "base-password"), LINE_OF_OURS));
	CHECK_INT(fixture_revert(&rig.f, rig.b), 0);
	CHECK_STR(etc_file(&rig, "base-password"),
		"password required pam_unix.so nullok sha512 shadow\npassword optional pam_own.so\n");
	CHECK(unlinkat(rig.f.platform.sysroot_fd, "etc/pam.d/base-password", 0) == 0);

	/* The vendor takes his away, and his others need none of ours any more. */
	CHECK_INT(rig_apply(&rig), 0);
	CHECK(unlinkat(rig.f.platform.sysroot_fd, "usr/lib/pam.d/base-password", 0) == 0);
	fixture_text(&rig.f, "usr/lib/pam.d/base-auth", "auth required pam_sss.so\n");
	CHECK_INT(rig_apply(&rig), 0);
	CHECK(!fixture_has(&rig.f, "etc/pam.d/base-password"));
	CHECK(!fixture_has(&rig.f, "etc/pam.d/base-auth"));
	fixture_text(&rig.f, "usr/lib/pam.d/base-password", layouts[0].files[2][1]);
	fixture_text(&rig.f, "usr/lib/pam.d/base-auth", layouts[0].files[0][1]);
	CHECK_INT(fixture_revert(&rig.f, rig.b), 0);
	CHECK(vault_is_empty(&rig));
	(void)unlinkat(rig.f.platform.sysroot_fd, "etc/pam.d", AT_REMOVEDIR);
	after = fixture_listing(&rig.f);
	CHECK_STR(after, before);
	rig_close(&rig);
}

/* The vault is gone: the marks in the files lead back. */
static void test_lost_vault(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		_cleanup_free_ char *before = NULL, *after = NULL;
		struct rig rig;

		rig_open(&rig, &layouts[i]);
		if (i == 0)
			fixture_directory(&rig.f, "etc/pam.d");
		before = fixture_listing(&rig.f);
		CHECK_INT(rig_apply(&rig), 0);
		for (size_t k = 0; layouts[i].guarded[k]; k++) {
			char name[100];

			snprintf(name, sizeof(name), "pam-%s.override", layouts[i].guarded[k]);
			CHECK(unlinkat(rig.f.platform.vault_fd, name, 0) == 0);
		}
		CHECK_INT(fixture_revert(&rig.f, rig.b), 0);
		after = fixture_listing(&rig.f);
		CHECK_STR(after, before);
		rig_close(&rig);
	}
}

static void test_trial_fails(void)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct rig rig;

	rig_open(&rig, &layouts[2]);
	before = fixture_listing(&rig.f);
	rig_program(&rig, "echo 'su: it does not ask any more'; echo more; exit 1");
	CHECK_INT(rig_apply(&rig), 0);
	CHECK(!rig.b->apply_changed);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_FREE_ATTEMPTS, 5, ERROR, STACK_INVALID);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, ERROR, STACK_INVALID);
	CHECK_STR(rig.b->observations[SETTING_PASSWORD_MIN_LENGTH]->detail,
		"su: it does not ask any more");
	after = fixture_listing(&rig.f);
	CHECK_STR(after, before);
	CHECK(vault_is_empty(&rig));
	/* The same set is not tried again; another one is. */
	CHECK_INT(rig_apply(&rig), 0);
	CHECK_INT(rig_runs(), 1);
	fixture_text(
		&rig.f, "etc/pam.d/su", "auth sufficient pam_rootok.so\n@include common-auth\n");
	rig_program(&rig, "exit 2");
	CHECK_INT(rig_apply(&rig), 0);
	CHECK_INT(rig_runs(), 2);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, ERROR, STACK_INVALID);
	/* Nothing was found out: again. */
	rig_program(&rig, "kill -9 $$");
	CHECK_INT(rig_apply(&rig), 0);
	CHECK_INT(rig_runs(), 3);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, ERROR, STACK_INVALID);
	rig_program(&rig, "exit 0");
	CHECK_INT(rig_apply(&rig), 0);
	CHECK_INT(rig_runs(), 3);
	fixture_text(&rig.f, "etc/pam.d/su", "@include common-auth\n");
	CHECK_INT(rig_apply(&rig), 0);
	CHECK_INT(rig_runs(), 4);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_FREE_ATTEMPTS, 5, COMPLIANT, NONE);
	CHECK_INT(fixture_revert(&rig.f, rig.b), 0);
	rig_close(&rig);
}

/* The program gets two complete sets, and every service that has or includes a line of ours. */
static void test_trial_sets(void)
{
	struct rig rig;

	rig_open(&rig, &layouts[2]);
	rig_program(&rig,
		"shift; live=$1 new=$2; shift 2\n"
		"cmp -s $live/common-auth \"${live%/run/*}/etc/pam.d/common-auth\" || exit 1\n"
		"grep -q pam_mdm $live/* && exit 1\n"
		"grep -q pam_mdm $new/common-auth && grep -q pam_mdm $new/own || exit 1\n"
		"cmp -s $live/phosh $new/phosh || exit 1\n"
		"[ ! -e $new/common-auth.dpkg-dist ] || exit 1\n"
		"[ \"$*\" = 'common-auth common-password other own phosh' ] || exit 1\n"
		"exit 0");
	CHECK_INT(rig_apply(&rig), 0);
	CHECK(rig.b->apply_changed);
	rig_close(&rig);
}

static void test_left_alone(void)
{
	static const char jumps[] = "auth [success=1 default=ignore] pam_x.so\nauth include "
				    "common-auth\nauth required pam_deny.so\n";
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct rig rig;

	rig_open(&rig, &layouts[2]);
	fixture_text(&rig.f, "etc/pam.d/jumps", jumps);
	fixture_text(&rig.f, "etc/pam.d/odd", "auth required pam_unix.so\nauth perhaps x.so\n");
	fixture_text(&rig.f, "usr/share/pam/one", "auth required pam_unix.so\n");
	fixture_link(&rig.f, "etc/pam.d/link", "../../usr/share/pam/one");
	fixture_text(&rig.f, "etc/pam.d/elsewhere", "auth include /usr/share/pam/one\n");
	before = fixture_listing(&rig.f);
	CHECK_INT(rig_apply(&rig), 0);
	CHECK(!strstr(etc_file(&rig, "common-auth"), LINE_OF_OURS));
	CHECK(!strstr(etc_file(&rig, "odd"), LINE_OF_OURS));
	CHECK(!strstr(etc_file(&rig, "link"), LINE_OF_OURS));
	CHECK(strstr(etc_file(&rig, "own"), LINE_OF_OURS));
	CHECK_JUDGED(&rig, SETTING_PASSWORD_FREE_ATTEMPTS, 5, NONCOMPLIANT, NOT_ENFORCED);
	{
		const struct observation *o = rig.b->observations[SETTING_PASSWORD_FREE_ATTEMPTS];

		CHECK_INT(o->n_items, 4);
		CHECK_STR(o->items[0].name, "PAM common-auth");
		CHECK_STR(o->items[0].detail, "asks for passwords without pam_mdm.so: a jump in "
					      "jumps leads over its lines");
		CHECK_STR(o->items[1].name, "PAM elsewhere");
		CHECK_STR(o->items[2].name, "PAM link");
		CHECK_STR(o->items[3].detail, "asks for passwords without pam_mdm.so: line 2: its "
					      "control is not known");
	}
	CHECK_INT(fixture_revert(&rig.f, rig.b), 0);
	after = fixture_listing(&rig.f);
	CHECK_STR(after, before);
	rig_close(&rig);
}

static void test_without(void)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct backend_fact fact;
	struct rig rig;

	/* No program to try with: no file is touched. */
	rig_open(&rig, &layouts[1]);
	before = fixture_listing(&rig.f);
	rig.f.platform.pam_check_program = NULL;
	CHECK_INT(rig_apply(&rig), 0);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_FREE_ATTEMPTS, 5, NONCOMPLIANT, NOT_ENFORCED);
	/* One that cannot be started. */
	rig.f.platform.pam_check_program = "/nonexistent/check";
	CHECK(rig_apply(&rig) < 0);
	CHECK(strstr(rig.f.message, "tried out"));
	after = fixture_listing(&rig.f);
	CHECK_STR(after, before);
	/* No module: nothing to put in front. */
	rig.f.platform.pam_check_program = rig.program;
	CHECK(unlinkat(rig.f.platform.sysroot_fd, "lib/security/pam_mdm.so", 0) == 0);
	CHECK_INT(rig_apply(&rig), 0);
	CHECK_INT(rig_runs(), 0);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_FREE_ATTEMPTS, 5, UNSUPPORTED, NO_MECHANISM);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_MIN_LENGTH, 6, UNSUPPORTED, NO_MECHANISM);
	rig.b->ops->probe(rig.b, &fact);
	CHECK(fact.present);
	CHECK(unlinkat(rig.f.platform.sysroot_fd, "lib/security/pam_unix.so", 0) == 0);
	rig.b->ops->probe(rig.b, &fact);
	CHECK(!fact.present);
	CHECK_STR(fact.detail, "PAM is not installed");
	rig_close(&rig);
}

/* --- power cuts --------------------------------------------------------------------------- */

/* In a process of its own that ends in front of the step. True: it came to the end. */
static bool run_cut(struct rig *rig, unsigned int at, bool revert)
{
	const struct override_place place = {rig->f.platform.sysroot_fd, rig->f.platform.vault_fd};
	int status;
	pid_t pid = fork();

	if (pid < 0)
		abort();
	if (pid == 0) {
		struct pam_services services;
		bool changed = false;
		int r;

		n_steps = 0;
		cut_at = at;
		if (revert) {
			r = pam_services_revert(&place, &changed);
		} else {
			r = pam_services_load(place.root_fd, &services);
			if (r == 0)
				r = pam_services_switch(&services, &place, &changed);
		}
		_exit(r == 0 ? 42 : 43);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) == 43)
		abort();
	return WEXITSTATUS(status) == 42;
}

/* Every file of a set is the one from before or the one from after: none is half, none is lost. */
static void check_between(struct rig *rig, const struct layout *layout)
{
	for (size_t i = 0; layout->files[i][0]; i++) {
		const char *slash = strrchr(layout->files[i][0], '/');
		_cleanup_buf_ struct buf back = BUF_INIT;
		const char *text;
		bool present;

		if (strstr(slash, ".dpkg") || strstr(slash, ".apk"))
			continue;
		text = etc_file(rig, slash + 1);
		if (strcmp(text, "(none)") == 0)
			text = fixture_read(&rig->f, layout->files[i][0]);
		buf_puts(&back, "");
		CHECK_INT(pam_stack_strip(text, strlen(text), &back, &present), 0);
		CHECK_STR(back.data, layout->files[i][1]);
	}
}

static void cut_everywhere(const struct layout *layout, bool revert)
{
	_cleanup_free_ char *before = NULL;
	bool whole = false;
	struct rig rig;

	rig_open(&rig, layout);
	before = fixture_listing(&rig.f);
	for (unsigned int at = 1; !whole; at++) {
		_cleanup_free_ char *after = NULL;

		if (revert)
			CHECK(run_cut(&rig, 0, false));
		whole = run_cut(&rig, at, revert);
		check_between(&rig, layout);
		/* The next start does the same again, then it is taken back. */
		CHECK(run_cut(&rig, 0, revert));
		check_between(&rig, layout);
		CHECK(run_cut(&rig, 0, true));
		after = fixture_listing(&rig.f);
		CHECK_STR(after, before);
		CHECK(vault_is_empty(&rig));
		CHECK(!whole || at > 3);
		CHECK(at < 200);
	}
	rig_close(&rig);
}

static void test_power_cuts(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		cut_everywhere(&layouts[i], false);
		cut_everywhere(&layouts[i], true);
	}
}

/* This machine's own files in a copied root, and the program that tries them out for real. */
static void test_this_machine(void)
{
	char self[PATH_MAX], *slash, body[3 * PATH_MAX];
	bool has_programs;
	_cleanup_free_ char *before = NULL, *after = NULL;
	_cleanup_(closedirp) DIR *dir = opendir("/etc/pam.d");
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 64);
	struct rig rig;

	CHECK(n > 0);
	self[n] = 0;
	for (int up = 0; up < 4 && (slash = strrchr(self, '/')); up++)
		*slash = 0;
	snprintf(body, sizeof(body), "%s/mdm-agent-pamcheck", self);
	has_programs = access(body, X_OK) == 0;
	snprintf(body, sizeof(body), "%s/pam_mdm.so", self);
	has_programs = has_programs && access(body, R_OK) == 0;
	if (!dir || !has_programs || geteuid() != 0 || check_emulated()) {
		check_skip("needs root, /etc/pam.d, mdm-agent-pamcheck and pam_mdm.so of this "
			   "machine");
		return;
	}
	rig_open(&rig, NULL);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		_cleanup_free_ char *text = NULL;
		_cleanup_close_ int fd = -1;
		char path[512];
		size_t n_text;

		snprintf(path, sizeof(path), "etc/pam.d/%s", entry->d_name);
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fs_read_fd(fd, LIMIT_PAM_FILE_BYTES, &text, &n_text) < 0)
			continue;
		fixture_write(&rig.f, path, text, n_text);
	}
	fixture_text(&rig.f, "usr/lib/security/pam_unix.so", "");
	fixture_text(&rig.f, "usr/lib/security/pam_mdm.so", "");
	before = fixture_listing(&rig.f);
	/* The module that was built stands for an installed one. */
	snprintf(body, sizeof(body),
		"sed -i 's|\tpam_mdm.so$|\t%s/pam_mdm.so|' \"$3\"/*\n"
		"exec '%s/mdm-agent-pamcheck' --user nobody \"$@\"",
		self, self);
	rig_program(&rig, body);
	CHECK_INT(rig_apply(&rig), 0);
	CHECK_JUDGED(&rig, SETTING_PASSWORD_FREE_ATTEMPTS, 5, COMPLIANT, NONE);
	CHECK(rig.b->apply_changed);
	CHECK_INT(rig_runs(), 1);
	CHECK_INT(fixture_revert(&rig.f, rig.b), 0);
	after = fixture_listing(&rig.f);
	CHECK_STR(after, before);
	rig_close(&rig);
}

static void test_watch(void)
{
	struct rig rig;

	rig_open(&rig, &layouts[0]);
	CHECK_INT(rig.b->ops->watch(rig.b, fixture_on_changed, &rig.f), 0);
	CHECK_INT(rig_apply(&rig), 0);
	fixture_settle(&rig.f);
	CHECK_INT(rig.f.n_changed, 0); /* its own changes are none */
	fixture_text(&rig.f, "usr/lib/pam.d/base-auth", "auth required pam_unix.so\n");
	fixture_settle(&rig.f);
	CHECK(rig.f.n_changed > 0);
	rig.f.n_changed = 0;
	fixture_text(&rig.f, "etc/shadow", "root:!::0:::::\n");
	fixture_settle(&rig.f);
	CHECK(rig.f.n_changed > 0);
	rig_close(&rig);
}

static const struct check_test tests[] = {
	{"layouts", test_layouts},
	{"vendor_upgrade", test_vendor_upgrade},
	{"files_come_and_go", test_files_come_and_go},
	{"lost_vault", test_lost_vault},
	{"trial_fails", test_trial_fails},
	{"trial_sets", test_trial_sets},
	{"left_alone", test_left_alone},
	{"without", test_without},
	{"power_cuts", test_power_cuts},
	{"this_machine", test_this_machine},
	{"watch", test_watch},
};
CHECK_MAIN(tests)
