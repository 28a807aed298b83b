/* SPDX-License-Identifier: Apache-2.0 */
/* test_flatpak_remotes.c - remotes that are not listed, and the filters of those that are. */
#include "platform/flatpak_remotes.h"

#include <unistd.h>

#include "agent/util/fs.h"
#include "tests/unit/platform/flatpak_fixture.h"
#include "tests/unit/platform/people.h"
#include "tests/unit/platform/want_set.h"

#define CONFIG "var/lib/flatpak/repo/config"

static const char config[] = "[core]\nrepo_version=1\n\n[remote \"flathub\"]\n"
			     "url=https://dl.flathub.org/repo/\n\n[remote \"other\"]\n"
			     "url=https://other.example.org/repo\n\n[remote \"off\"]\n"
			     "url=https://off.example.org/repo\nxa.disable=true\n";

struct phone {
	struct fixture f;
	struct effective want;
	struct apps_look look;
	char state[256];
};

static void begin(struct phone *p)
{
	memset(p, 0, sizeof(*p));
	fixture_open(&p->f);
	fixture_text(&p->f, CONFIG, config);
	p->f.platform.state_fd = check_tmpdir(p->state);
}

static void end(struct phone *p)
{
	apps_look_done(&p->look);
	close(p->f.platform.state_fd);
	fixture_close(&p->f);
}

/* "kind words" lines of the steps. */
static const char *steps(struct phone *p, const struct effective *want)
{
	static char text[4096];

	apps_look_done(&p->look);
	if (apps_look_take(&p->f.platform, want, &p->look) < 0)
		return "(failed)";
	text[0] = 0;
	for (size_t i = 0; i < p->look.n_steps; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s %s\n",
			apps_step_names[p->look.steps[i].kind], p->look.steps[i].words);
	return text;
}

static void test_foreign(void)
{
	char *list[] = {(char *)"https://dl.flathub.org/repo"};
	struct phone p;

	begin(&p);
	CHECK_STR(steps(&p, NULL), "");
	want_set(&p.f, &p.want, SETTING_APPS_FLATPAK_REMOTES, list, 1);
	CHECK_STR(steps(&p, &p.want), "flatpak-remote-disable other\n");
	CHECK_INT(p.look.n_items, 1);
	CHECK_INT(p.look.items[0].reason, REASON_FOREIGN_SOURCE);
	CHECK_INT(flatpak_remotes_prepare(&p.f.platform, &p.look), 0);
	/* Done: and given back at the end, which the one that somebody had disabled is not. */
	fixture_text(&p.f, CONFIG,
		"[remote \"flathub\"]\nurl=https://dl.flathub.org/repo/\n[remote \"other\"]\n"
		"url=https://other.example.org/repo\nxa.disable=true\n[remote \"off\"]\n"
		"url=https://off.example.org/repo\nxa.disable=true\n");
	CHECK_STR(steps(&p, &p.want), "");
	CHECK_INT(p.look.n_items, 0);
	CHECK_STR(steps(&p, NULL), "flatpak-remote-enable other\n");
	fixture_text(&p.f, CONFIG, config);
	CHECK_STR(steps(&p, NULL), "");
	flatpak_remotes_tidy(&p.f.platform, &p.look, true);
	CHECK(!check_exists(p.f.platform.state_fd, FLATPAK_DISABLED_FILE));
	end(&p);
}

static void test_filters(void)
{
	char *blocked[] = {(char *)"flatpak:org.bad.*"};
	struct phone p;

	begin(&p);
	want(&p.want, SETTING_APPS_MODE, APPS_DENY);
	want_set(&p.f, &p.want, SETTING_APPS_BLOCKED, blocked, 1);
	CHECK_STR(
		steps(&p, &p.want), "flatpak-remote-filter flathub\nflatpak-remote-filter other\n");
	CHECK_INT(flatpak_remotes_prepare(&p.f.platform, &p.look), 0);
	CHECK_STR(
		fixture_read(&p.f, "etc/mdm-agent/flatpak-flathub.filter"), "deny app/org.bad.*\n");
	fixture_text(&p.f, CONFIG,
		"[remote \"flathub\"]\nurl=https://dl.flathub.org/repo/\n"
		"xa.filter=/etc/mdm-agent/flatpak-flathub.filter\n");
	CHECK_STR(steps(&p, &p.want), "");
	/* What no remote has goes; what the list says now is written again. */
	flatpak_remotes_tidy(&p.f.platform, &p.look, false);
	CHECK(!fixture_has(&p.f, "etc/mdm-agent/flatpak-other.filter"));
	CHECK(fixture_has(&p.f, "etc/mdm-agent/flatpak-flathub.filter"));
	blocked[0] = (char *)"flatpak:org.worse";
	CHECK_STR(steps(&p, &p.want), "flatpak-remote-filter flathub\n");
	CHECK_STR(steps(&p, NULL), "flatpak-remote-unfilter flathub\n");
	fixture_text(&p.f, CONFIG, "[remote \"flathub\"]\nurl=https://dl.flathub.org/repo/\n");
	CHECK_STR(steps(&p, NULL), "");
	flatpak_remotes_tidy(&p.f.platform, &p.look, true);
	CHECK(!fixture_has(&p.f, "etc/mdm-agent"));
	end(&p);
}

#define FLATHUB "[remote \"flathub\"]\nurl=https://dl.flathub.org/repo/\n"
#define OURS "xa.filter=/etc/mdm-agent/flatpak-flathub.filter\n"

/* A filter that an administrator had set is remembered, and named when ours ends. */
static void test_filters_of_others(void)
{
	static const struct {
		const char *filter, *record, *words;
	} rows[] = {
		{"", NULL, "flathub"},
		{"xa.filter=/etc/own.filter\n", "flathub /etc/own.filter\n",
			"flathub etc/own.filter"},
		/* What could be no word of a job. */
		{"xa.filter=/etc/my own\n", NULL, "flathub"},
		{"xa.filter=etc/own\n", NULL, "flathub"},
		{"xa.filter=//etc/own\n", NULL, "flathub"},
		{"xa.filter=/-x\n", NULL, "flathub"},
		{"xa.filter=/!x\n", NULL, "flathub"},
		{"xa.filter=/\n", NULL, "flathub"},
	};
	char *blocked[] = {(char *)"flatpak:org.bad.*"};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[256], wanted[256];
		struct phone p;

		begin(&p);
		want(&p.want, SETTING_APPS_MODE, APPS_DENY);
		want_set(&p.f, &p.want, SETTING_APPS_BLOCKED, blocked, 1);
		/* Another remote's is not lost, one from long ago is. */
		snprintf(text, sizeof(text), FLATHUB "%s", rows[i].filter);
		fixture_text(&p.f, CONFIG, text);
		CHECK_STR(steps(&p, &p.want), "flatpak-remote-filter flathub\n");
		CHECK_INT(flatpak_remotes_prepare(&p.f.platform, &p.look), 0);
		if (rows[i].record) {
			_cleanup_free_ char *record = NULL;

			CHECK_INT(fs_read(p.f.platform.state_fd, FLATPAK_FILTERS_FILE, 4096,
					  &record, NULL),
				0);
			CHECK_STR(record, rows[i].record);
		}
		fixture_text(&p.f, CONFIG, FLATHUB OURS);
		/* Asked for again it is not taken for somebody's. */
		blocked[0] = (char *)"flatpak:org.worse";
		CHECK_STR(steps(&p, &p.want), "flatpak-remote-filter flathub\n");
		CHECK_INT(flatpak_remotes_prepare(&p.f.platform, &p.look), 0);
		blocked[0] = (char *)"flatpak:org.bad.*";
		snprintf(wanted, sizeof(wanted), "flatpak-remote-unfilter %s\n", rows[i].words);
		CHECK_STR(steps(&p, NULL), wanted);
		/* It is back; without a filter the next time nothing is remembered. */
		fixture_text(&p.f, CONFIG, FLATHUB);
		CHECK_STR(steps(&p, &p.want), "flatpak-remote-filter flathub\n");
		CHECK_INT(flatpak_remotes_prepare(&p.f.platform, &p.look), 0);
		fixture_text(&p.f, CONFIG, FLATHUB OURS);
		CHECK_STR(steps(&p, NULL), "flatpak-remote-unfilter flathub\n");
		flatpak_remotes_tidy(&p.f.platform, &p.look, true);
		CHECK(faccessat(p.f.platform.state_fd, FLATPAK_FILTERS_FILE, F_OK, 0) < 0);
		end(&p);
	}
}

static const char *filter(const struct apps_policy *policy, const char *remote)
{
	static struct buf out;

	buf_done(&out);
	out = BUF_INIT;
	buf_append(&out, "", 0);
	return flatpak_filter_write(policy, remote, &out) ? out.data : "(none)";
}

static void test_filter_text(void)
{
	char *blocked[] = {(char *)"flatpak:a.b?", (char *)"flatpak:org.x remote:r*",
		(char *)"htop", (char *)"remote:bad"};
	char *allowed[] = {
		(char *)"firefox\nflatpak:a.b?\nflatpak:org.x remote:flathub\nremote:ours",
		(char *)"flatpak:*"};
	char *required[] = {(char *)"flatpak:flathub/org.needed", (char *)"htop"};
	const struct string_set blocks = {blocked, 4}, allows = {allowed, 2}, needs = {required, 2};
	struct apps_policy policy = {.mode = APPS_DENY, .blocked = &blocks};

	CHECK_STR(filter(&policy, "flathub"), "(none)");
	CHECK_STR(filter(&policy, "r2"), "deny app/org.x\n");
	CHECK_STR(filter(&policy, "bad"), "deny app/*\n");
	policy.mode = APPS_OFF;
	CHECK_STR(filter(&policy, "r2"), "(none)");
	policy = (struct apps_policy){.mode = APPS_ALLOW, .allowed = &allows, .required = &needs};
	CHECK_STR(filter(&policy, "flathub"),
		"deny *\nallow runtime/*\nallow app/a.b*\nallow app/org.x\nallow app/org.needed\n");
	CHECK_STR(
		filter(&policy, "ours"), "deny *\nallow runtime/*\nallow app/a.b*\nallow app/*\n");
	CHECK_STR(filter(&policy, "other"), "deny *\nallow runtime/*\nallow app/a.b*\n");
}

/* What is somebody's own is told, and neither who it is nor a path: it goes into the report. */
static void test_nobody_is_named(void)
{
	static const char *const people[] = {"annabel"};
	char *list[] = {(char *)"https://dl.flathub.org/repo/"}, *blocked[] = {(char *)"flatpak:*"};
	struct phone p;

	begin(&p);
	people_make(&p.f, people, 1, true);
	flatpak_install(&p.f, "home/annabel/.local/share/flatpak", "org.mine", "mine", "1", NULL);
	fixture_text(&p.f, "home/annabel/.local/share/flatpak/repo/config",
		"[remote \"mine\"]\nurl=file:///home/annabel/repo\n");
	want_set(&p.f, &p.want, SETTING_APPS_FLATPAK_REMOTES, list, 1);
	want_set(&p.f, &p.want, SETTING_APPS_BLOCKED, blocked, 1);
	p.want.settings[SETTING_APPS_MODE].present = true;
	p.want.settings[SETTING_APPS_MODE].value.number = APPS_DENY;
	steps(&p, &p.want);
	CHECK(p.look.n_items >= 3);
	for (size_t i = 0; i < p.look.n_items; i++) {
		CHECK(!strstr(p.look.items[i].detail, "annabel"));
		CHECK(!strstr(p.look.items[i].name, "annabel"));
	}
	end(&p);
}

/* One Flatpak more than a job takes out: the next one does, and until then it does not comply. */
static void test_portion(void)
{
	char *blocked[] = {(char *)"flatpak:org.bad.*"};

	for (size_t n = LIMIT_APPS_PORTION_FLATPAKS; n <= LIMIT_APPS_PORTION_FLATPAKS + 1; n++) {
		struct phone p;
		size_t n_later = 0;

		begin(&p);
		fixture_text(&p.f, CONFIG, "[core]\n");
		for (size_t i = 0; i < n; i++) {
			char name[32];

			snprintf(name, sizeof(name), "org.bad.App%02zu", i % 100);
			flatpak_install(&p.f, "var/lib/flatpak", name, "flathub", "1", NULL);
		}
		want(&p.want, SETTING_APPS_MODE, APPS_DENY);
		want_set(&p.f, &p.want, SETTING_APPS_BLOCKED, blocked, 1);
		CHECK(strncmp(steps(&p, &p.want), "flatpak-remove org.bad.App00\n", 29) == 0);
		CHECK_INT(p.look.n_steps, LIMIT_APPS_PORTION_FLATPAKS);
		CHECK_INT(p.look.n_later, n - LIMIT_APPS_PORTION_FLATPAKS);
		CHECK_INT(p.look.n_undone, n);
		CHECK_INT(p.look.n_items, n);
		for (size_t i = 0; i < n; i++)
			n_later += p.look.items[i].is_later;
		CHECK_INT(n_later, n - LIMIT_APPS_PORTION_FLATPAKS);
		end(&p);
	}
}

static const struct check_test tests[] = {
	{"nobody is named", test_nobody_is_named},
	{"foreign", test_foreign},
	{"filters", test_filters},
	{"filters_of_others", test_filters_of_others},
	{"filter_text", test_filter_text},
	{"portion", test_portion},
};
CHECK_MAIN(tests)
