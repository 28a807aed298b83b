/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_apps_backend.c - what the backend says of systems with apk, with Flatpaks alone, and with
 * neither, and what it plans; nothing is carried out (tests/system/apps_policy.py does that).
 */
#include "platform/apps_ask.h"
#include "platform/apps_look.h"
#include "tests/unit/platform/flatpak_fixture.h"
#include "tests/unit/platform/want_set.h"

static const char db[] = "P:musl\nV:1\np:so:libc.so=1\n\nP:busybox\nV:1\nD:so:libc.so\n\n"
			 "P:alpine-base\nV:1\nD:busybox\n\n"
			 "P:firefox\nV:1\nD:so:libc.so\nF:usr/share/applications\n"
			 "R:firefox.desktop\n\nP:nano\nV:1\n\n";

struct phone {
	struct fixture f;
	struct effective want;
	struct backend *b;
	struct apps_look look;
};

static void begin(struct phone *p, bool apk)
{
	memset(p, 0, sizeof(*p));
	fixture_open(&p->f);
	fixture_text(&p->f, "etc/alpine-release", "3.24\n");
	if (apk) {
		fixture_text(&p->f, "lib/apk/db/installed", db);
		fixture_text(&p->f, "etc/apk/world", "alpine-base\nfirefox\nnano\n");
	} else {
		fixture_text(&p->f, "var/lib/flatpak/repo/config", "[core]\n");
	}
	if (apps_backend_new(&p->f.platform, &p->b) < 0)
		abort();
}

static void end(struct phone *p)
{
	apps_look_done(&p->look);
	backend_free(p->b);
	fixture_close(&p->f);
}

static const char *steps(struct phone *p)
{
	static char text[4096];

	apps_look_done(&p->look);
	if (apps_look_take(&p->f.platform, &p->want, &p->look) < 0)
		return "(failed)";
	text[0] = 0;
	for (size_t i = 0; i < p->look.n_steps; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s %s\n",
			apps_step_names[p->look.steps[i].kind], p->look.steps[i].words);
	return text;
}

static enum compliance_reason reason_of(
	struct phone *p, enum setting_id id, enum compliance_state expected)
{
	enum compliance_state state;
	enum compliance_reason reason;

	if (fixture_observe(&p->f, p->b) < 0)
		return COMPLIANCE_REASON_MAX;
	judged(&p->want, p->b, id, &state, &reason);
	return state == expected ? reason : COMPLIANCE_REASON_MAX;
}

static void test_packages(void)
{
	char *blocked[] = {(char *)"busybox", (char *)"firefox"}, *required[] = {(char *)"htop"};
	struct phone p;

	begin(&p, true);
	want(&p.want, SETTING_APPS_MODE, APPS_DENY);
	want_set(&p.f, &p.want, SETTING_APPS_BLOCKED, blocked, 2);
	want_set(&p.f, &p.want, SETTING_APPS_REQUIRED, required, 1);
	CHECK_STR(steps(&p), "policy !firefox htop\n");
	CHECK_INT(
		reason_of(&p, SETTING_APPS_BLOCKED, COMPLIANCE_NONCOMPLIANT), REASON_APP_PROTECTED);
	CHECK_INT(p.b->observations[SETTING_APPS_BLOCKED]->n_items, 2);
	CHECK_INT(
		reason_of(&p, SETTING_APPS_REQUIRED, COMPLIANCE_NONCOMPLIANT), REASON_APP_MISSING);
	CHECK_INT(reason_of(&p, SETTING_APPS_MODE, COMPLIANCE_COMPLIANT), REASON_NONE);
	/* Nobody to carry it out. */
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), -ENOSYS);
	CHECK(p.f.message[0]);
	end(&p);
}

static void test_off(void)
{
	char *blocked[] = {(char *)"firefox"};
	struct phone p;

	begin(&p, true);
	want(&p.want, SETTING_APPS_MODE, APPS_OFF);
	want_set(&p.f, &p.want, SETTING_APPS_BLOCKED, blocked, 1);
	CHECK_STR(steps(&p), "");
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	end(&p);
}

/* An image: its apps are Flatpaks. */
static void test_immutable(void)
{
	char *blocked[] = {(char *)"flatpak:org.bad.*"}, *pinned[] = {(char *)"nano=1"};
	char *required[] = {(char *)"flatpak:flathub/org.good.App", (char *)"htop"};
	struct phone p;

	begin(&p, false);
	flatpak_install(&p.f, "var/lib/flatpak", "org.bad.App", "flathub", "1", NULL);
	want(&p.want, SETTING_APPS_MODE, APPS_DENY);
	want_set(&p.f, &p.want, SETTING_APPS_BLOCKED, blocked, 1);
	want_set(&p.f, &p.want, SETTING_APPS_REQUIRED, required, 2);
	want_set(&p.f, &p.want, SETTING_APPS_PINNED, pinned, 1);
	CHECK_STR(steps(&p), "flatpak-remove org.bad.App\nflatpak-install flathub org.good.App\n");
	CHECK_INT(reason_of(&p, SETTING_APPS_BLOCKED, COMPLIANCE_NONCOMPLIANT), REASON_APP_PRESENT);
	CHECK_INT(reason_of(&p, SETTING_APPS_PINNED, COMPLIANCE_UNSUPPORTED),
		REASON_READ_ONLY_SYSTEM);
	CHECK(reason_of(&p, SETTING_APPS_REQUIRED, COMPLIANCE_NONCOMPLIANT) !=
		COMPLIANCE_REASON_MAX);
	CHECK_INT(p.b->observations[SETTING_APPS_REQUIRED]->n_items, 2);
	end(&p);
}

/* Another package manager: what it installs nobody judges, and that is said. */
static void test_other_manager(void)
{
	char *blocked[] = {(char *)"firefox"};
	struct phone p;

	begin(&p, false);
	if (unlinkat(p.f.platform.sysroot_fd, "etc/alpine-release", 0) < 0)
		abort();
	want(&p.want, SETTING_APPS_MODE, APPS_DENY);
	want_set(&p.f, &p.want, SETTING_APPS_BLOCKED, blocked, 1);
	CHECK_INT(reason_of(&p, SETTING_APPS_BLOCKED, COMPLIANCE_UNSUPPORTED), REASON_NO_MECHANISM);
	CHECK(p.b->observations[SETTING_APPS_BLOCKED]->detail[0]);
	end(&p);
}

static void test_unreadable(void)
{
	struct phone p;

	begin(&p, true);
	if (unlinkat(p.f.platform.sysroot_fd, "lib/apk/db/installed", 0) < 0)
		abort();
	fixture_directory(&p.f, "lib/apk/db/installed");
	want(&p.want, SETTING_APPS_MODE, APPS_DENY);
	p.f.platform.desired = &p.want;
	CHECK_INT(reason_of(&p, SETTING_APPS_MODE, COMPLIANCE_ERROR), REASON_OBSERVE_FAILED);
	end(&p);
}

/* More findings than are told one by one. */
static void test_many(void)
{
	char *required[200];
	struct phone p;

	begin(&p, true);
	for (int i = 0; i < 200; i++)
		if (asprintf(&required[i], "p%03d", i) < 0)
			abort();
	want(&p.want, SETTING_APPS_MODE, APPS_DENY);
	want_set(&p.f, &p.want, SETTING_APPS_REQUIRED, required, 200);
	CHECK_INT(
		reason_of(&p, SETTING_APPS_REQUIRED, COMPLIANCE_NONCOMPLIANT), REASON_APP_MISSING);
	CHECK_INT(p.b->observations[SETTING_APPS_REQUIRED]->n_items, 64);
	CHECK(strstr(p.b->observations[SETTING_APPS_REQUIRED]->detail, "and 136 more"));
	end(&p);
	for (int i = 0; i < 200; i++)
		free(required[i]);
}

static enum apps_answer answer_of(struct phone *p, int r, struct apps_asked *asked)
{
	enum apps_answer answer = r < 0 ? APPS_ANSWER_MAX : asked->answer;

	(void)p;
	if (r == 0)
		apps_asked_done(asked);
	return answer;
}

static void test_asking(void)
{
	char *allowed[] = {(char *)"firefox\nflatpak:org.good.*"}, *blocked[] = {(char *)"vim"};
	char *required[] = {(char *)"nano"};
	struct apps_asked asked;
	struct platform *platform;
	struct phone p;

	begin(&p, true);
	platform = &p.f.platform;
	want(&p.want, SETTING_APPS_MODE, APPS_ALLOW);
	want_set(&p.f, &p.want, SETTING_APPS_BLOCKED, blocked, 1);
	want_set(&p.f, &p.want, SETTING_APPS_REQUIRED, required, 1);
	want_set(&p.f, &p.want, SETTING_APPS_ALLOWED, allowed, 1);
#define INSTALL(name, remote)                                                                      \
	answer_of(&p, apps_ask_install(platform, name, remote, &asked), &asked)
#define REMOVE(name) answer_of(&p, apps_ask_remove(platform, name, &asked), &asked)
#define UPDATE(name) answer_of(&p, apps_ask_update(platform, name, &asked), &asked)
	CHECK_INT(INSTALL("firefox", ""), APPS_ANSWER_DO);
	CHECK_INT(INSTALL("vim", ""), APPS_ANSWER_BLOCKED);
	CHECK_INT(INSTALL("htop", ""), APPS_ANSWER_NOT_ALLOWED);
	CHECK_INT(INSTALL("nano", ""), APPS_ANSWER_DO);
	CHECK_INT(INSTALL("org.good.App", "flathub"), APPS_ANSWER_DO);
	CHECK_INT(INSTALL("org.other.App", "flathub"), APPS_ANSWER_NOT_ALLOWED);
	CHECK_INT(REMOVE("nano"), APPS_ANSWER_REQUIRED);
	CHECK_INT(REMOVE("firefox"), APPS_ANSWER_DO);
	CHECK_INT(REMOVE("busybox"), APPS_ANSWER_PROTECTED);
	CHECK_INT(REMOVE("nosuch"), APPS_ANSWER_NOTHING);
	CHECK_INT(UPDATE(""), APPS_ANSWER_DO);
	CHECK_INT(UPDATE("firefox"), APPS_ANSWER_DO);
	CHECK_INT(UPDATE("nosuch"), APPS_ANSWER_UNKNOWN);
	end(&p);
}

static void test_too_many_steps(void)
{
	struct apps_step *list = NULL;
	size_t n = 0;

	for (int i = 0; i < LIMIT_APPS_STEPS; i++)
		CHECK_INT(apps_steps_add(&list, &n, APPS_STEP_REMOVE, "x"), 0);
	CHECK_INT(apps_steps_add(&list, &n, APPS_STEP_REMOVE, "x"), -E2BIG);
	for (size_t i = 0; i < n; i++)
		free(list[i].words);
	free(list);
}

static const struct check_test tests[] = {
	{"packages", test_packages},
	{"off", test_off},
	{"immutable", test_immutable},
	{"other_manager", test_other_manager},
	{"unreadable", test_unreadable},
	{"many", test_many},
	{"asking", test_asking},
	{"too_many_steps", test_too_many_steps},
};
CHECK_MAIN(tests)
