/* SPDX-License-Identifier: Apache-2.0 */
/* test_apps.c - what a policy says of one app; what is protected from every policy. */
#include "policies/apps.h"

#include "policies/app_pattern.h"
#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A policy out of profiles as documents have them; all that is borrowed lives in here. */
struct rig {
	struct policy *policies[2];
	struct effective effective;
	struct apps_policy apps;
};

static void rig_done(struct rig *rig)
{
	effective_done(&rig->effective);
	policy_free(rig->policies[0]);
	policy_free(rig->policies[1]);
}

/* b NULL: one policy alone. */
static bool rig_init(struct rig *rig, const char *a, const char *b)
{
	static const struct when_facts facts;
	const char *texts[] = {a, b};
	size_t n = 0;

	*rig = (struct rig){0};
	for (size_t i = 0; i < ARRAY_SIZE(texts) && texts[i]; i++) {
		_cleanup_buf_ struct buf profile = BUF_INIT, text = BUF_INIT;
		struct json_error error = {0};

		buf_printf(&profile, "{\"id\":\"p\",\"settings\":{\"apps\":{%s}}}", texts[i]);
		gen_policy(i ? "b" : "a", NULL, profile.data, &text);
		rig->policies[n] = gen_parse(text.data, &error);
		if (!rig->policies[n++]) {
			check_fail(__FILE__, __LINE__, "%s: %s", texts[i], error.message);
			return false;
		}
	}
	if (effective_compute(rig->policies, n, &facts, &rig->effective) < 0)
		return false;
	apps_policy_read(&rig->effective, &rig->apps);
	return true;
}

static const struct app firefox = {.kind = APP_PACKAGE,
	.name = "firefox",
	.origin = "mozilla",
	.repository = "",
	.is_explicit = true,
	.is_shown = true};
static const struct app shown = {
	.kind = APP_PACKAGE, .name = "writer", .origin = "office", .is_shown = true};
static const struct app library = {.kind = APP_PACKAGE, .name = "libx", .origin = "x"};
static const struct app base_app = {.kind = APP_PACKAGE,
	.name = "phosh",
	.origin = "phosh",
	.is_explicit = true,
	.is_base = true};
static const struct app kernel = {
	.kind = APP_PACKAGE, .name = "linux-lts", .origin = "linux-lts", .is_explicit = true};
static const struct app maps = {
	.kind = APP_FLATPAK, .name = "org.gnome.Maps", .remote = "flathub", .user = ""};
static const struct app own_maps = {
	.kind = APP_FLATPAK, .name = "org.gnome.Maps", .remote = "flathub", .user = "user"};
static const struct app image = {.kind = APP_FILE, .name = "/home/user/x", .sha256 = HEX};
static const struct app unlooked = {.kind = APP_FILE, .name = "/home/user/y", .sha256 = ""};

static void test_judge(void)
{
	static const struct {
		const char *settings;
		const struct app *app;
		enum app_verdict verdict;
	} cases[] = {
		/* Off, or nobody says what the lists mean. */
		{"\"mode\":\"off\",\"blocked\":[\"*\"]", &firefox, APP_ALLOWED},
		{"\"blocked\":[\"*\"],\"user_programs\":false", &firefox, APP_ALLOWED},
		{"\"mode\":\"off\",\"user_flatpaks\":false", &own_maps, APP_ALLOWED},
		/* Deny: everything but. */
		{"\"mode\":\"deny\"", &firefox, APP_ALLOWED},
		{"\"mode\":\"deny\",\"blocked\":[\"fire*\"]", &firefox, APP_BLOCKED},
		{"\"mode\":\"deny\",\"blocked\":[\"origin:x\"]", &library, APP_BLOCKED},
		{"\"mode\":\"deny\",\"blocked\":[\"*\"]", &base_app, APP_PROTECTED},
		{"\"mode\":\"deny\",\"blocked\":[\"*\"]", &kernel, APP_PROTECTED},
		{"\"mode\":\"deny\",\"blocked\":[\"*\"]", &maps, APP_ALLOWED},
		{"\"mode\":\"deny\",\"blocked\":[\"flatpak:*\"]", &maps, APP_BLOCKED},
		{"\"mode\":\"deny\",\"allowed\":[\"vim\"]", &firefox, APP_ALLOWED},
		{"\"mode\":\"deny\",\"blocked\":[\"sha256:" HEX "\"]", &image, APP_BLOCKED},
		{"\"mode\":\"deny\"", &image, APP_ALLOWED},
		/* Allow: only what a list names. Blocked comes first. */
		{"\"mode\":\"allow\",\"allowed\":[\"fire*\"]", &firefox, APP_ALLOWED},
		{"\"mode\":\"allow\",\"allowed\":[\"fire*\"],\"blocked\":[\"origin:moz*\"]",
			&firefox, APP_BLOCKED},
		{"\"mode\":\"allow\",\"allowed\":[\"vim\"]", &firefox, APP_NOT_ALLOWED},
		{"\"mode\":\"allow\",\"allowed\":[]", &firefox, APP_NOT_ALLOWED},
		{"\"mode\":\"allow\"", &firefox, APP_ALLOWED},
		{"\"mode\":\"allow\",\"allowed\":[]", &shown, APP_NOT_ALLOWED},
		{"\"mode\":\"allow\",\"allowed\":[]", &library, APP_ALLOWED},
		{"\"mode\":\"allow\",\"allowed\":[]", &base_app, APP_PROTECTED},
		{"\"mode\":\"allow\",\"allowed\":[]", &kernel, APP_PROTECTED},
		{"\"mode\":\"allow\",\"allowed\":[\"remote:flathub\"]", &maps, APP_ALLOWED},
		{"\"mode\":\"allow\",\"allowed\":[\"*\"]", &maps, APP_NOT_ALLOWED},
		{"\"mode\":\"allow\",\"allowed\":[],\"required\":[\"firefox\"]", &firefox,
			APP_ALLOWED},
		/* Flatpaks of one user. */
		{"\"mode\":\"deny\",\"user_flatpaks\":false", &own_maps, APP_NOT_ALLOWED},
		{"\"mode\":\"deny\",\"user_flatpaks\":false", &maps, APP_ALLOWED},
		{"\"mode\":\"deny\",\"user_flatpaks\":true", &own_maps, APP_ALLOWED},
		{"\"mode\":\"allow\",\"allowed\":[\"flatpak:*\"],\"user_flatpaks\":false",
			&own_maps, APP_NOT_ALLOWED},
		/* Files: by what is in them. */
		{"\"mode\":\"allow\"", &image, APP_NOT_ALLOWED},
		{"\"mode\":\"allow\",\"allowed\":[\"*\"]", &image, APP_NOT_ALLOWED},
		{"\"mode\":\"allow\",\"allowed\":[\"sha256:" HEX "\"]", &image, APP_ALLOWED},
		{"\"mode\":\"allow\",\"allowed\":[\"sha256:" HEX "\"]", &unlooked, APP_NOT_ALLOWED},
		{"\"mode\":\"deny\",\"user_programs\":false", &image, APP_NOT_ALLOWED},
		{"\"mode\":\"deny\",\"user_programs\":false,\"allowed\":[\"sha256:" HEX "\"]",
			&image, APP_ALLOWED},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(rig_done) struct rig rig = {0};
		enum app_verdict verdict;

		CHECK(rig_init(&rig, cases[i].settings, NULL));
		verdict = apps_judge(&rig.apps, cases[i].app);
		if (verdict != cases[i].verdict)
			check_fail(__FILE__, __LINE__, "{%s}: %s is %s, not %s", cases[i].settings,
				cases[i].app->name, app_verdict_name(verdict),
				app_verdict_name(cases[i].verdict));
	}
}

static void test_blocked_by(void)
{
	_cleanup_(rig_done) struct rig rig = {0};

	CHECK(rig_init(&rig, "\"mode\":\"deny\",\"blocked\":[\"vim\",\"origin:moz*\"]", NULL));
	CHECK_STR(apps_blocked_by(&rig.apps, &firefox), "origin:moz*");
	CHECK(!apps_blocked_by(&rig.apps, &library));
}

/* One word each of which some fit and some do not. */
static void gen_patterns(struct gen *gen, const char *key, struct jsonw *w)
{
	static const char *const patterns[] = {"a*", "name:?b", "origin:o", "a* origin:p",
		"repository:edge", "flatpak:a*", "remote:r", "flatpak:?b remote:r",
		("sha256:" HEX)};

	jsonw_array(w, key);
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		if (gen_below(gen, 4) == 0)
			jsonw_string(w, NULL, patterns[i]);
	jsonw_array_end(w);
}

static void gen_apps(struct gen *gen, struct buf *out)
{
	static const char *const modes[] = {"off", "deny", "allow"};
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	if (gen_below(gen, 4))
		jsonw_string(&w, "mode", modes[gen_below(gen, 3)]);
	if (gen_below(gen, 3))
		gen_patterns(gen, "allowed", &w);
	if (gen_below(gen, 2))
		gen_patterns(gen, "blocked", &w);
	if (gen_below(gen, 2))
		jsonw_bool(&w, "user_flatpaks", gen_below(gen, 2));
	if (gen_below(gen, 2))
		jsonw_bool(&w, "user_programs", gen_below(gen, 2));
	jsonw_object_end(&w);
	/* Without the braces, which the rig has. */
	out->data[out->n_bytes - 1] = 0;
	memmove(out->data, out->data + 1, out->n_bytes - 1);
}

static struct app gen_app(struct gen *gen)
{
	static const char *const names[] = {"a", "ab", "bb", "c"};
	static const char *const others[] = {"o", "p", "edge", "r", ""};
	struct app app = {
		.kind = (enum app_kind)gen_below(gen, APP_KIND_MAX),
		.name = names[gen_below(gen, ARRAY_SIZE(names))],
		.origin = others[gen_below(gen, ARRAY_SIZE(others))],
		.repository = others[gen_below(gen, ARRAY_SIZE(others))],
		.remote = others[gen_below(gen, ARRAY_SIZE(others))],
		.user = gen_below(gen, 2) ? "" : "user",
		.sha256 = gen_below(gen, 2) ? HEX : "",
		.is_explicit = gen_below(gen, 2),
		.is_base = gen_below(gen, 8) == 0,
		.is_shown = gen_below(gen, 2),
	};

	return app;
}

static bool lets(const struct rig *rig, const struct app *app)
{
	enum app_verdict verdict = apps_judge(&rig->apps, app);

	return verdict == APP_ALLOWED || verdict == APP_PROTECTED;
}

/* A list is the exception from a prohibition of programs, so it can only be judged beside one. */
static bool is_exception(const struct rig *a, const struct rig *b, const struct app *app)
{
	return app->kind == APP_FILE && !a->apps.allowed != !b->apps.allowed;
}

/*
 * Two policies together let through what both let through alone, and no more: the same where both
 * mean the same by their lists.
 */
static void test_merged_is_both(void)
{
	struct gen gen = {11};
	int n_compared = 0, n_let = 0;

	for (int i = 0; i < 3000; i++) {
		_cleanup_buf_ struct buf text_a = BUF_INIT, text_b = BUF_INIT;
		_cleanup_(rig_done) struct rig a = {0};
		_cleanup_(rig_done) struct rig b = {0};
		_cleanup_(rig_done) struct rig both = {0};
		_cleanup_(rig_done) struct rig other_way = {0};

		gen_apps(&gen, &text_a);
		gen_apps(&gen, &text_b);
		CHECK(rig_init(&a, text_a.data, NULL) && rig_init(&b, text_b.data, NULL));
		CHECK(rig_init(&both, text_a.data, text_b.data));
		CHECK(rig_init(&other_way, text_b.data, text_a.data));
		for (int k = 0; k < 20; k++) {
			struct app app = gen_app(&gen);
			bool merged = lets(&both, &app), each = lets(&a, &app) && lets(&b, &app);

			CHECK_INT(merged, lets(&other_way, &app));
			if (is_exception(&a, &b, &app))
				continue;
			if (merged && !each)
				check_fail(__FILE__, __LINE__, "{%s} and {%s}: %s %s got in",
					text_a.data, text_b.data, app_kind_name(app.kind),
					app.name);
			if (a.apps.mode != b.apps.mode || app.kind == APP_FILE)
				continue;
			n_compared++;
			n_let += merged;
			CHECK_INT(merged, each);
		}
	}
	CHECK(n_compared > 5000 && n_let > 1000 && n_let < n_compared - 1000);
}

static void test_protected(void)
{
	static const char *const yes[] = {"mdm-agent", "mdm-agent-openrc", "mdm-agent-doc",
		".rules-of-your-organisation--run-agentctl-apps", "linux-lts",
		"linux-postmarketos-qcom-sdm845", "linux-purism-librem5", "linux-pam",
		"linux-firmware-qcom", "busybox", "busybox-binsh", "openrc", "systemd",
		"systemd-boot", "eudev", "networkmanager", "networkmanager-wifi", "iwd",
		"wpa_supplicant", "modemmanager", "eg25-manager", "apk-tools", "alpine-keys",
		"postmarketos-keys", "musl", "musl-utils", "cryptsetup", "cryptsetup-libs",
		"unl0kr", "mkinitfs", "postmarketos-initramfs", "device-pine64-pinephone",
		"soc-qcom-sdm845", "firmware-pine64-rtl8723", "dbus", "dbus-libs", "greetd",
		"greetd-phrog", "tinydm", "elogind", "polkit", "shadow", "alpine-base",
		"postmarketos-base", "kmod", "device-mapper-libs", "/bin/sh",
		"so:libc.musl-aarch64.so.1", "cmd:init", "cmd:apk"};
	static const char *const no[] = {"", "firefox", "linux", "linux-headers", "linux-tools",
		"linux-lts-dev", "musl-dev", "musl-fts-dev", "networkmanager-doc", "busyboxx",
		"wireguard-tools", "gdmap", "device", "musl-libs-doc", "systemdx", "openrc-dbg",
		"cmd:vi", "so:libssl.so.3", "bash", "mdm-agentx", "s6x", "iwdx", "htop"};

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		if (!app_is_protected(yes[i]) || !*app_protected_why(yes[i]))
			check_fail(__FILE__, __LINE__, "%s is not protected", yes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		if (app_is_protected(no[i]) || app_protected_why(no[i]))
			check_fail(__FILE__, __LINE__, "%s is protected", no[i]);
	CHECK_STR(app_protected_why("linux-lts"), "the kernel");
	CHECK_STR(app_protected_why("linux-pam"), "the way to log in");
}

static void test_names(void)
{
	CHECK_STR(app_kind_name(APP_PACKAGE), "package");
	CHECK_STR(app_kind_name(APP_FLATPAK), "flatpak");
	CHECK_STR(app_kind_name(APP_FILE), "file");
	for (enum app_verdict verdict = 0; verdict < APP_VERDICT_MAX; verdict++)
		CHECK(app_verdict_name(verdict) && *app_verdict_name(verdict));
}

/* Nothing is forbidden that nobody speaks of. */
static void test_no_policy(void)
{
	struct effective none = {0};
	struct apps_policy policy;

	apps_policy_read(&none, &policy);
	CHECK_INT(policy.mode, APPS_OFF);
	CHECK(!policy.allowed && !policy.blocked && !policy.required && !policy.pinned);
	CHECK(policy.user_flatpaks && policy.user_programs);
}

static const struct check_test tests[] = {
	{"judge", test_judge},
	{"blocked_by", test_blocked_by},
	{"merged_is_both", test_merged_is_both},
	{"protected", test_protected},
	{"names", test_names},
	{"no_policy", test_no_policy},
};

CHECK_MAIN(tests)
