/* SPDX-License-Identifier: Apache-2.0 */
/* test_launcher.c - desktop files that are hidden, shown again, and what comes before them. */
#include "tests/unit/platform/people.h"
#include "tests/unit/platform/want_set.h"

#define MAPS "usr/share/applications/org.gnome.Maps.desktop"
#define OURS "usr/local/share/applications/org.gnome.Maps.desktop"

static const char maps[] = "[Desktop Entry]\nName=Maps\nNoDisplay=false\nExec=maps\n"
			   "MimeType=x-scheme-handler/geo;\n\n[Desktop Action new]\nNoDisplay=x\n";

struct phone {
	struct fixture f;
	struct effective want;
	struct backend *b;
};

static void begin(struct phone *p)
{
	static const char *const people[] = {"ann"};

	memset(p, 0, sizeof(*p));
	fixture_open(&p->f);
	fixture_text(&p->f, MAPS, maps);
	fixture_directory(&p->f, "usr/local/share");
	people_make(&p->f, people, ARRAY_SIZE(people), true);
	if (launcher_backend_new(&p->f.platform, &p->b) < 0)
		abort();
}

static void end(struct phone *p)
{
	backend_free(p->b);
	fixture_close(&p->f);
}

static void test_hides_and_restores(void)
{
	char *ids[] = {(char *)"org.gnome.Maps.desktop"};
	enum compliance_state state;
	enum compliance_reason reason;
	struct phone p;
	char *before;

	begin(&p);
	before = fixture_listing(&p.f);
	want_set(&p.f, &p.want, SETTING_APPS_HIDDEN, ids, 1);
	CHECK_INT(fixture_observe(&p.f, p.b), 0);
	judged(&p.want, p.b, SETTING_APPS_HIDDEN, &state, &reason);
	CHECK_INT(state, COMPLIANCE_NONCOMPLIANT);
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK(p.b->apply_changed);
	CHECK_STR(fixture_read(&p.f, OURS),
		"# Hidden by the organisation; comes back with the rule's end (mdm-agent).\n"
		"[Desktop Entry]\nNoDisplay=true\nName=Maps\nExec=maps\n"
		"MimeType=x-scheme-handler/geo;\n\n[Desktop Action new]\nNoDisplay=x\n");
	CHECK_INT(fixture_observe(&p.f, p.b), 0);
	judged(&p.want, p.b, SETTING_APPS_HIDDEN, &state, &reason);
	CHECK_INT(state, COMPLIANCE_COMPLIANT);
	/* The package is upgraded: the copy follows. */
	fixture_text(&p.f, MAPS, "[Desktop Entry]\nName=Maps 2\n");
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK(strstr(fixture_read(&p.f, OURS), "NoDisplay=true\nName=Maps 2\n"));
	fixture_text(&p.f, MAPS, maps);
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	{
		_cleanup_free_ char *after = fixture_listing(&p.f);

		CHECK_STR(after, before);
	}
	free(before);
	end(&p);
}

static void test_list_changes(void)
{
	char *ids[] = {(char *)"absent.desktop", (char *)"org.gnome.Maps.desktop"};
	struct phone p;

	begin(&p);
	want_set(&p.f, &p.want, SETTING_APPS_HIDDEN, ids, 2);
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	/* What is not installed yet is not shown when it comes. */
	CHECK(strstr(
		fixture_read(&p.f, "usr/local/share/applications/absent.desktop"), "Hidden=true"));
	want_set(&p.f, &p.want, SETTING_APPS_HIDDEN, ids, 1);
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK(!fixture_has(&p.f, OURS));
	CHECK(fixture_has(&p.f, "usr/local/share/applications/absent.desktop"));
	end(&p);
}

static void test_administrators_own(void)
{
	char *ids[] = {(char *)"org.gnome.Maps.desktop"};
	struct phone p;

	begin(&p);
	fixture_text(&p.f, OURS, "[Desktop Entry]\nName=Our maps\n");
	want_set(&p.f, &p.want, SETTING_APPS_HIDDEN, ids, 1);
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK(strstr(fixture_read(&p.f, OURS), "NoDisplay=true\nName=Our maps\n"));
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	CHECK_STR(fixture_read(&p.f, OURS), "[Desktop Entry]\nName=Our maps\n");
	end(&p);
}

static void test_what_comes_first(void)
{
	static const char *const places[] = {
		"home/ann/.local/share/applications/org.gnome.Maps.desktop",
		"home/ann/.local/share/flatpak/exports/share/applications/org.gnome.Maps.desktop",
		"var/lib/flatpak/exports/share/applications/org.gnome.Maps.desktop"};
	char *ids[] = {(char *)"org.gnome.Maps.desktop"};
	enum compliance_state state;
	enum compliance_reason reason;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct phone p;

		begin(&p);
		want_set(&p.f, &p.want, SETTING_APPS_HIDDEN, ids, 1);
		CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
		fixture_text(&p.f, places[i], maps);
		CHECK_INT(fixture_observe(&p.f, p.b), 0);
		CHECK(!strstr(p.b->observations[SETTING_APPS_HIDDEN]->items[0].detail, "ann"));
		judged(&p.want, p.b, SETTING_APPS_HIDDEN, &state, &reason);
		CHECK_INT(state, COMPLIANCE_NONCOMPLIANT);
		CHECK_INT(reason, REASON_NOT_ENFORCED);
		CHECK_INT(p.b->observations[SETTING_APPS_HIDDEN]->n_items, 1);
		end(&p);
	}
}

/* Names of the policy never lead elsewhere, and links of a user are not followed. */
static void test_hostile(void)
{
	char *ids[] = {(char *)"../../../etc/x.desktop", (char *)".desktop"};
	char *maps_id[] = {(char *)"org.gnome.Maps.desktop"};
	enum compliance_state state;
	enum compliance_reason reason;
	struct phone p;

	begin(&p);
	want_set(&p.f, &p.want, SETTING_APPS_HIDDEN, ids, 2);
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK(!fixture_has(&p.f, "etc/x.desktop"));
	CHECK(!fixture_has(&p.f, "usr/local/share/applications"));
	CHECK_INT(fixture_observe(&p.f, p.b), 0);
	judged(&p.want, p.b, SETTING_APPS_HIDDEN, &state, &reason);
	CHECK_INT(state, COMPLIANCE_NONCOMPLIANT);
	/* ~/.local is a link to where such a file is: it is none of ann's. */
	fixture_text(&p.f, "srv/share/applications/org.gnome.Maps.desktop", maps);
	fixture_link(&p.f, "home/ann/.local", "/srv");
	want_set(&p.f, &p.want, SETTING_APPS_HIDDEN, maps_id, 1);
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK_INT(fixture_observe(&p.f, p.b), 0);
	judged(&p.want, p.b, SETTING_APPS_HIDDEN, &state, &reason);
	CHECK_INT(state, COMPLIANCE_COMPLIANT);
	end(&p);
}

static void test_nothing_wanted(void)
{
	struct backend_fact fact;
	struct phone p;

	begin(&p);
	CHECK_INT(fixture_observe(&p.f, p.b), 0);
	CHECK_INT(p.b->observations[SETTING_APPS_HIDDEN]->n_items, 0);
	CHECK(!p.b->observations[SETTING_APPS_HIDDEN]->has_value);
	p.b->ops->probe(p.b, &fact);
	CHECK(fact.present);
	end(&p);
}

static const struct check_test tests[] = {
	{"hides_and_restores", test_hides_and_restores},
	{"list_changes", test_list_changes},
	{"administrators_own", test_administrators_own},
	{"what_comes_first", test_what_comes_first},
	{"hostile", test_hostile},
	{"nothing_wanted", test_nothing_wanted},
};
CHECK_MAIN(tests)
