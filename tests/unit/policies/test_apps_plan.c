/* SPDX-License-Identifier: Apache-2.0 */
/* test_apps_plan.c - what has to change among the packages of a phone, and what cannot. */
#include "policies/apps_plan.h"

#include <errno.h>

#include "agent/util/limits.h"
#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

/* One line each: name version ~ depends ~ provides ~ origin. */
static const char *const phone[] = {
	"musl 1.2~~so:libc.musl-x86_64.so.1=1 cmd:ldd=1~musl",
	"busybox 1.37~so:libc.musl-x86_64.so.1~/bin/sh cmd:sh=1~busybox",
	"linux-lts 6.12~mkinitfs kmodx~~linux-lts",
	"mkinitfs 3~busybox~~mkinitfs",
	"kmodx 33~so:libc.musl-x86_64.so.1~~kmodx",
	"eudev 3.2~~udev=176 so:libudev.so.1=1~eudev",
	"phosh 0.45~gtk3 phoc squeekboard osk~~phosh",
	"gtk3 3.24~so:libcairo.so.2 !gtk3-old~~gtk",
	"cairo 1.18~~so:libcairo.so.2=2~cairo",
	"phoc 0.45~so:libc.musl-x86_64.so.1~~phoc",
	"squeekboard 1.4~~osk~squeekboard",
	"stevia 0.1~~osk~stevia",
	"firefox 133~gtk3 nss~~mozilla",
	"nss 3.100~~so:libnss3.so=1~nss",
	"webapps 1~firefox~~webapps",
	"epiphany 47~gtk3~www-browser~epiphany",
	"office 24~office-writer office-calc~~office",
	"office-writer 24~gtk3~~office",
	"office-calc 24~gtk3~~office",
	"htop 3.3~~~htop",
	"vim 9.1-r0~~~vim",
	NULL,
};

static const char phone_world[] = "busybox linux-lts phosh eudev@testing firefox webapps epiphany "
				  "office htop>3 vim !telnet\n";
static const char phone_base[] = " musl busybox linux-lts mkinitfs kmodx eudev phosh gtk3 cairo "
				 "phoc squeekboard ";
static const char phone_desktop[] = " firefox webapps epiphany office-writer office-calc phosh ";

/* All that an input borrows from. */
struct rig {
	struct policy *policy;
	struct effective effective;
	struct apps_policy apps;
	struct buf text;
	struct apk_db db;
	bool *base, *has_desktop;
	struct apps_plan plan;
};

static void rig_done(struct rig *rig)
{
	apps_plan_done(&rig->plan);
	effective_done(&rig->effective);
	policy_free(rig->policy);
	apk_db_done(&rig->db);
	buf_done(&rig->text);
	free(rig->base);
	free(rig->has_desktop);
}

static size_t field(const char **at, const char *end, char letter, struct buf *out)
{
	size_t n = strcspn(*at, end);

	if (n)
		buf_printf(out, "%c:%.*s\n", letter, (int)n, *at);
	*at += n + ((*at)[n] != 0);
	return n;
}

static void write_package(const char *line, struct buf *out)
{
	field(&line, " ", 'P', out);
	field(&line, "~", 'V', out);
	field(&line, "~", 'D', out);
	field(&line, "~", 'p', out);
	field(&line, "~", 'o', out);
	buf_puts(out, "F:usr/bin\nR:x\n\n");
}

static bool is_listed(const char *list, const struct apk_text *name)
{
	char word[LIMIT_TEXT_BYTES + 3];

	snprintf(word, sizeof(word), " %.*s ", (int)name->n, name->at);
	return strstr(list, word) != NULL;
}

/* in_force: the virtual package's dependencies; NULL: there is none. */
static bool rig_init(
	struct rig *rig, const char *const *packages, const char *in_force, const char *settings)
{
	static const struct when_facts facts;
	_cleanup_buf_ struct buf profile = BUF_INIT, text = BUF_INIT;
	struct json_error error = {0};

	*rig = (struct rig){0};
	buf_printf(&profile, "{\"id\":\"p\",\"settings\":{\"apps\":{%s}}}", settings);
	gen_policy("s", NULL, profile.data, &text);
	rig->policy = gen_parse(text.data, &error);
	if (!rig->policy)
		check_fail(__FILE__, __LINE__, "%s: %s", settings, error.message);
	if (!rig->policy || effective_compute(&rig->policy, 1, &facts, &rig->effective) < 0)
		return false;
	apps_policy_read(&rig->effective, &rig->apps);
	for (; *packages; packages++)
		write_package(*packages, &rig->text);
	if (in_force)
		buf_printf(&rig->text, "P:" APPS_VIRTUAL "\nV:20260101\nD:%s\n\n", in_force);
	if (apk_db_read(rig->text.data, rig->text.n_bytes, &rig->db) < 0)
		return false;
	rig->base = calloc(rig->db.n_packages + 1, sizeof(bool));
	rig->has_desktop = calloc(rig->db.n_packages + 1, sizeof(bool));
	for (size_t i = 0; rig->base && rig->has_desktop && i < rig->db.n_packages; i++) {
		rig->base[i] = is_listed(phone_base, &rig->db.packages[i].name);
		rig->has_desktop[i] = is_listed(phone_desktop, &rig->db.packages[i].name);
	}
	return rig->base && rig->has_desktop;
}

static int rig_plan(struct rig *rig, const char *world, const char *const *available, size_t n)
{
	struct apps_plan_input input = {
		.policy = &rig->apps,
		.db = &rig->db,
		.world = {world, strlen(world)},
		.base = rig->base,
		.available = available,
		.n_available = n,
		.has_desktop = rig->has_desktop,
	};

	return apps_plan_make(&input, &rig->plan);
}

/* "wish name[=version] why_not[ done][: chain]" in lines. */
static void show(const struct apps_plan *plan, struct buf *out)
{
	static const char *const why[APPS_WHY_MAX] = {
		"can", "protected", "base", "needed", "conflict"};

	buf_puts(out, "");
	for (size_t i = 0; i < plan->n_items; i++) {
		const struct apps_item *item = &plan->items[i];

		buf_printf(out, "%s %s%s%s %s%s%s%s\n", apps_wish_name(item->wish), item->name,
			*item->version ? "=" : "", item->version, why[item->why_not],
			item->is_done ? " done" : "", *item->chain ? ": " : "", item->chain);
	}
}

struct plan_case {
	const char *settings, *in_force, *items, *words;
	bool is_settled;
};

static void check_cases(const struct plan_case *cases, size_t n_cases)
{
	for (size_t i = 0; i < n_cases; i++) {
		_cleanup_(rig_done) struct rig rig = {0};
		_cleanup_buf_ struct buf items = BUF_INIT, words = BUF_INIT;
		bool is_settled;

		CHECK(rig_init(&rig, phone, cases[i].in_force, cases[i].settings));
		CHECK_INT(rig_plan(&rig, phone_world, NULL, 0), 0);
		show(&rig.plan, &items);
		if (strcmp(items.data, cases[i].items) != 0)
			check_fail(__FILE__, __LINE__, "{%s}:\n%s  not\n%s", cases[i].settings,
				items.data, cases[i].items);
		CHECK_INT(apps_plan_words(&rig.plan, &words), 0);
		CHECK_STR(words.data, cases[i].words);
		CHECK_INT(apps_plan_is_settled(&rig.plan, &rig.db, &is_settled), 0);
		if (is_settled != cases[i].is_settled)
			check_fail(__FILE__, __LINE__, "{%s} is %ssettled", cases[i].settings,
				is_settled ? "" : "not ");
	}
}

#define DENY "\"mode\":\"deny\","
#define ALLOW "\"mode\":\"allow\","

static void test_bans(void)
{
	static const struct plan_case cases[] = {
		{"\"mode\":\"off\",\"blocked\":[\"*\"],\"required\":[\"x\"]", NULL, "", "", true},
		{"\"blocked\":[\"*\"]", NULL, "", "", true},
		{DENY "\"blocked\":[]", NULL, "", "", true},
		/* Somebody's own virtual words are not wanted any more. */
		{DENY "\"blocked\":[]", "!htop", "", "", false},
		{DENY "\"blocked\":[\"htop\"]", NULL, "ban htop can\n", "!htop", false},
		{DENY "\"blocked\":[\"hto?\"]", NULL, "ban htop can\n", "!htop", false},
		{DENY "\"blocked\":[\"telnet\"]", NULL, "ban telnet can\n", "!telnet", false},
		{DENY "\"blocked\":[\"telnet\"]", "!telnet", "ban telnet can done\n", "!telnet",
			true},
		{DENY "\"blocked\":[\"telnet\"]", "!telnet !x", "ban telnet can done\n", "!telnet",
			false},
		/* In force but still there: not done. */
		{DENY "\"blocked\":[\"htop\"]", "!htop", "ban htop can\n", "!htop", false},
		{DENY "\"blocked\":[\"origin:mozilla\"]", NULL,
			"ban firefox can\n"
			"remove webapps can: firefox <- webapps (firefox is blocked)\n",
			"!firefox", false},
		/* A library goes with all that people chose to have on top of it. */
		{DENY "\"blocked\":[\"nss\"]", NULL,
			"ban nss can\n"
			"remove firefox can: nss <- firefox (nss is blocked)\n"
			"remove webapps can: nss <- firefox <- webapps (nss is blocked)\n",
			"!nss", false},
		/* What is there because of another goes on its own. */
		{DENY "\"blocked\":[\"office-writer\"]", NULL,
			"ban office-writer can\n"
			"remove office can: office-writer <- office (office-writer is blocked)\n",
			"!office-writer", false},
		{DENY "\"blocked\":[\"flatpak:*\",\"remote:x\"]", NULL, "", "", true},
	};

	check_cases(cases, ARRAY_SIZE(cases));
}

static void test_refused_bans(void)
{
	static const struct plan_case cases[] = {
		{DENY "\"blocked\":[\"busybox\",\"htop\"]", NULL,
			"ban busybox protected: busybox (the init system)\nban htop can\n", "!htop",
			false},
		{DENY "\"blocked\":[\"phosh\"]", NULL,
			"ban phosh base: phosh (the phone came with it)\n", "", true},
		/* Not installed, but what the next version of the system may bring. */
		{DENY "\"blocked\":[\"systemd\"]", NULL,
			"ban systemd protected: systemd (the init system)\n", "", true},
		{DENY "\"blocked\":[\".rules-of-your-organisation--run-agentctl-apps\"]", "!telnet",
			"ban .rules-of-your-organisation--run-agentctl-apps protected: .rules-of-your-organisation--run-agentctl-apps (the agent)\n",
			"", false},
		/* By what it provides. */
		{DENY "\"blocked\":[\"udev\"]", NULL,
			"ban udev protected: udev (the init system)\n", "", true},
		{DENY "\"blocked\":[\"www-browser\"]", NULL,
			"ban www-browser can\n"
			"remove epiphany can: epiphany (www-browser is blocked)\n",
			"!www-browser", false},
		/* Either of two keyboards may go, both may not. */
		{DENY "\"blocked\":[\"stevia\"]", NULL, "ban stevia can\n", "!stevia", false},
		{DENY "\"blocked\":[\"osk\"]", NULL,
			"ban osk base: squeekboard (the phone came with it)\n", "", true},
	};

	check_cases(cases, ARRAY_SIZE(cases));
}

/* What the base needs is refused as well, with the way that leads there. */
static void test_needed(void)
{
	static const char *const packages[] = {
		"phosh 1~a~~phosh",
		"a 1~b so:c.so.1~~a",
		"b 1~~~b",
		"c 1~~so:c.so.1=1~c",
		"linux-lts 1~d e|~~linux-lts",
		"d 1~~~d",
		"x 1~~any~x",
		"y 1~~any~y",
		"base-any 1~any~~base-any",
		"l1 1~~~l",
		"l2 1~l1~~l",
		"l3 1~l2~~l",
		"l4 1~l3~~l",
		"l5 1~l4~~l",
		"l6 1~l5~~l",
		"l7 1~l6~~l",
		"l8 1~l7~~l",
		"l9 1~l8~~l",
		"dbus 1~l9~~dbus",
		NULL,
	};
	static const struct {
		const char *blocked, *items;
	} cases[] = {
		{"\"b\"", "ban b needed: b <- a <- phosh (the phone came with it)\n"},
		{"\"c\"", "ban c needed: c <- a <- phosh (the phone came with it)\n"},
		{"\"d\"", "ban d needed: d <- linux-lts (the kernel)\n"},
		{"\"x\"", "ban x can\n"},
		{"\"y\"", "ban y can\n"},
		/* The first by name goes; then the other one is the last. */
		{"\"y\",\"x\"",
			"ban x can\nban y needed: y <- base-any (the phone came with it)\n"},
		{"\"any\"", "ban any needed: y <- base-any (the phone came with it)\n"},
		{"\"l1\"", "ban l1 needed: l1 <- l2 <- l3 <- l4 <- ... <- l7 <- l8 <- l9 <- dbus "
			   "(the message bus)\n"},
		{"\"l3\"", "ban l3 needed: l3 <- l4 <- l5 <- l6 <- l7 <- l8 <- l9 <- dbus "
			   "(the message bus)\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(rig_done) struct rig rig = {0};
		_cleanup_buf_ struct buf settings = BUF_INIT, items = BUF_INIT;

		buf_printf(&settings, DENY "\"blocked\":[%s]", cases[i].blocked);
		CHECK(rig_init(&rig, packages, NULL, settings.data));
		rig.base[apk_db_find(&rig.db, "base-any", 8)] = true;
		CHECK_INT(rig_plan(&rig, "phosh linux-lts x y base-any dbus", NULL, 0), 0);
		show(&rig.plan, &items);
		CHECK_STR(items.data, cases[i].items);
	}
}

static void test_demands(void)
{
	static const struct plan_case cases[] = {
		{DENY "\"required\":[\"nano\",\"htop\",\"flatpak:hub/org.x.Y\"]", NULL,
			"install htop can\ninstall nano can\n", "htop nano", false},
		{DENY "\"required\":[\"htop\"]", "htop", "install htop can done\n", "htop", true},
		{DENY "\"required\":[\"nano\"]", "nano", "install nano can\n", "nano", false},
		{DENY "\"required\":[\"www-browser\"]", "www-browser",
			"install www-browser can done\n", "www-browser", true},
		{DENY "\"pinned\":[\"vim=9.1-r0\"]", NULL, "pin vim=9.1-r0 can\n", "vim=9.1-r0",
			false},
		{DENY "\"pinned\":[\"vim=9.1-r0\"]", "vim=9.1-r0", "pin vim=9.1-r0 can done\n",
			"vim=9.1-r0", true},
		{DENY "\"pinned\":[\"vim=9.0-r0\"]", "vim=9.0-r0", "pin vim=9.0-r0 can\n",
			"vim=9.0-r0", false},
		{DENY "\"pinned\":[\"vim=9.1-r0\"]", "vim", "pin vim=9.1-r0 can\n", "vim=9.1-r0",
			false},
		/* A pin installs nothing. */
		{DENY "\"pinned\":[\"nano=8\"]", NULL, "", "", true},
		{DENY "\"pinned\":[\"nano=8\"],\"required\":[\"nano\"]", NULL,
			"install nano can\npin nano=8 can\n", "nano=8", false},
		{DENY "\"pinned\":[\"vim=9.1-r0\"],\"required\":[\"vim\"]", "vim=9.1-r0",
			"install vim can done\npin vim=9.1-r0 can done\n", "vim=9.1-r0", true},
		{DENY "\"pinned\":[\"vim=9.1-r0\",\"vim=9.0-r0\",\"vim-x=1\"]", NULL,
			"pin vim=9.0-r0 conflict: pinned to another version as well\n"
			"pin vim=9.1-r0 conflict: pinned to another version as well\n",
			"", true},
		/* Blocked wins. */
		{DENY "\"blocked\":[\"na*\"],\"required\":[\"nano\",\"htop\"]", NULL,
			"install htop can\ninstall nano conflict: blocked by na*\n", "htop", false},
		{DENY "\"blocked\":[\"htop\"],\"required\":[\"htop\"],\"pinned\":[\"htop=3.3\"]",
			NULL,
			"ban htop can\ninstall htop conflict: blocked by htop\n"
			"pin htop=3.3 conflict: blocked by htop\n",
			"!htop", false},
		{DENY "\"blocked\":[\"nss\"],\"required\":[\"firefox\"]", NULL,
			"ban nss can\n"
			"remove firefox can: nss <- firefox (nss is blocked)\n"
			"remove webapps can: nss <- firefox <- webapps (nss is blocked)\n"
			"install firefox conflict: nss <- firefox (nss is blocked)\n",
			"!nss", false},
		/* Not over what stays anyway. */
		{DENY "\"blocked\":[\"phosh\",\"busybox\"],\"required\":[\"phosh\",\"busybox\"]",
			"busybox phosh",
			"ban busybox protected: busybox (the init system)\n"
			"ban phosh base: phosh (the phone came with it)\n"
			"install busybox can done\ninstall phosh can done\n",
			"busybox phosh", true},
		/* Where it comes from is known when it is there; until then it may be. */
		{DENY "\"blocked\":[\"htop repository:x\"],\"required\":[\"htop\"]", "htop",
			"install htop can done\n", "htop", true},
	};

	check_cases(cases, ARRAY_SIZE(cases));
}

static void test_permissions(void)
{
	static const struct plan_case cases[] = {
		{ALLOW "\"blocked\":[]", NULL, "", "", true},
		{ALLOW "\"allowed\":[\"*\"]", NULL, "", "", true},
		{ALLOW "\"allowed\":[]", NULL,
			"remove epiphany can: not in a list of allowed\n"
			"remove firefox can: not in a list of allowed\n"
			"remove htop can: not in a list of allowed\n"
			"remove office can: not in a list of allowed\n"
			"remove vim can: not in a list of allowed\n"
			"remove webapps can: not in a list of allowed\n",
			"", false},
		/* What an allowed app brings is shown by the launcher and has to be allowed. */
		{ALLOW "\"allowed\":[\"office\",\"?*-writer\",\"e*\",\"h*\",\"f*\",\"w*\",\"vi?\"]",
			NULL,
			"remove office-calc needed: office-calc <- office (which is allowed)\n", "",
			true},
		{ALLOW "\"allowed\":[\"origin:*\"]", NULL, "", "", true},
		/* Required by the same profile is allowed, and by another list it may not be. */
		{ALLOW "\"allowed\":[\"?*\"],\"required\":[\"nano\"]", "nano", "install nano can\n",
			"nano", false},
		{ALLOW "\"allowed\":[\"origin:*\"],\"required\":[\"nano\"]", NULL,
			"install nano can\n", "nano", false},
		/* Libraries need no permission to be held, apps do. */
		{ALLOW "\"allowed\":[\"?*\"],\"pinned\":[\"nss=3.100\"]", "nss=3.100",
			"pin nss=3.100 can done\n", "nss=3.100", true},
		{ALLOW "\"allowed\":[\"origin:mozilla\",\"webapps\",\"office*\",\"e*\",\"vim\"],"
		       "\"pinned\":[\"htop=3.3\",\"nss=3.100\"]",
			"nss=3.100",
			"remove htop can: not in a list of allowed\n"
			"pin htop=3.3 conflict: not in a list of allowed\n"
			"pin nss=3.100 can done\n",
			"nss=3.100", false},
	};

	check_cases(cases, ARRAY_SIZE(cases));
}

/* Nothing of another profile's list is let in by what one profile requires. */
static void test_required_elsewhere(void)
{
	_cleanup_(rig_done) struct rig rig = {0};
	_cleanup_buf_ struct buf items = BUF_INIT;
	char list[] = "vim", name[] = "nano";
	char *lists[] = {list}, *required[] = {name};
	struct string_set allowed = {lists, 1}, wanted = {required, 1};

	CHECK(rig_init(
		&rig, (const char *const[]){"vim 1~~~vim", NULL}, NULL, "\"mode\":\"allow\""));
	rig.apps.allowed = &allowed;
	rig.apps.required = &wanted;
	CHECK_INT(rig_plan(&rig, "vim", NULL, 0), 0);
	show(&rig.plan, &items);
	CHECK_STR(items.data, "install nano conflict: not in a list of allowed\n");
}

/* Names that nobody has installed are banned ahead, as far as there is room. */
static void test_ahead(void)
{
	static const char *const available[] = {
		"busybox-extras", "firefox", "nano", "nano-doc", "nano-doc", "nanx", "osk", "zz"};
	_cleanup_(rig_done) struct rig rig = {0};
	_cleanup_buf_ struct buf items = BUF_INIT;

	CHECK(rig_init(&rig, phone, "!nano-doc",
		DENY "\"blocked\":[\"nan*\",\"nano\",\"busybox-*\","
		     "\"os?\",\"zz origin:*\"]"));
	CHECK_INT(rig_plan(&rig, phone_world, available, ARRAY_SIZE(available)), 0);
	show(&rig.plan, &items);
	CHECK_STR(items.data, "ban nano can\nban nano-doc can done\nban nanx can\n"
			      "ban osk base: squeekboard (the phone came with it)\n");
	CHECK_INT(rig.plan.n_left_out, 0);
}

static void test_limits(void)
{
	for (size_t n = LIMIT_APPS_BANS - 1; n <= LIMIT_APPS_BANS + 1; n++) {
		char(*names)[12] = calloc(n, sizeof(*names));
		const char **available = calloc(n, sizeof(*available));
		_cleanup_(rig_done) struct rig rig = {0};
		bool is_settled = false;

		CHECK(rig_init(&rig, phone, NULL, DENY "\"blocked\":[\"n?????\",\"htop\"]"));
		for (size_t i = 0; i < n; i++) {
			snprintf(names[i], sizeof(names[i]), "n%05u", (unsigned int)i % 100000);
			available[i] = names[i];
		}
		/* htop is one of them, and comes first whatever else there is. */
		CHECK_INT(rig_plan(&rig, phone_world, available, n), 0);
		CHECK_INT(rig.plan.n_items, LIMIT_APPS_BANS);
		CHECK_INT(rig.plan.n_left_out, n - (LIMIT_APPS_BANS - 1));
		CHECK_INT(rig.plan.n_later, 0);
		CHECK_STR(rig.plan.items[0].name, "htop");
		free(names);
		free(available);
		CHECK_INT(apps_plan_is_settled(&rig.plan, &rig.db, &is_settled), 0);
		CHECK(!is_settled);
	}
	/* Of installed ones the next plan has those that found no place. */
	for (size_t n = LIMIT_APPS_BANS; n <= LIMIT_APPS_BANS + 1; n++) {
		_cleanup_(rig_done) struct rig rig = {0};
		struct apps_plan_input input;

		CHECK(rig_init(&rig, phone, NULL, DENY "\"blocked\":[\"n?????\"]"));
		apk_db_done(&rig.db);
		buf_reset(&rig.text);
		for (size_t i = 0; i < n; i++)
			buf_printf(&rig.text, "P:n%05zu\nV:1\n\n", i);
		CHECK_INT(apk_db_read(rig.text.data, rig.text.n_bytes, &rig.db), 0);
		input = (struct apps_plan_input){.policy = &rig.apps, .db = &rig.db};
		CHECK_INT(apps_plan_make(&input, &rig.plan), 0);
		CHECK_INT(rig.plan.n_items, LIMIT_APPS_BANS);
		CHECK_INT(rig.plan.n_later, n - LIMIT_APPS_BANS);
	}
}

/* No word more than a line of apk's database may have, however long the names are. */
static void test_bytes_limit(void)
{
	const size_t n_name = 200, n_fit = LIMIT_APPS_BAN_BYTES / (n_name + 2);

	for (size_t n = n_fit; n <= n_fit + 1; n++) {
		_cleanup_(rig_done) struct rig rig = {0};
		_cleanup_buf_ struct buf words = BUF_INIT;
		struct apps_plan_input input;

		CHECK(rig_init(&rig, phone, NULL, DENY "\"blocked\":[\"n*\"]"));
		apk_db_done(&rig.db);
		buf_reset(&rig.text);
		for (size_t i = 0; i < n; i++)
			buf_printf(&rig.text, "P:n%0*zu\nV:1\n\n", (int)n_name - 1, i);
		CHECK_INT(apk_db_read(rig.text.data, rig.text.n_bytes, &rig.db), 0);
		input = (struct apps_plan_input){.policy = &rig.apps, .db = &rig.db};
		CHECK_INT(apps_plan_make(&input, &rig.plan), 0);
		CHECK_INT(rig.plan.n_items, n_fit);
		CHECK_INT(rig.plan.n_later, n - n_fit);
		CHECK_INT(apps_plan_words(&rig.plan, &words), 0);
		CHECK(words.n_bytes <= LIMIT_APPS_BAN_BYTES);
	}
}

/* The bytes of a portion, and one name more. */
static void test_portion_bytes(void)
{
	const size_t n_name = 200, n_fit = LIMIT_APPS_PORTION_BYTES / (n_name + 1);

	for (size_t n = n_fit; n <= n_fit + 1; n++) {
		_cleanup_(rig_done) struct rig rig = {0};
		_cleanup_buf_ struct buf world = BUF_INIT;
		struct apps_plan_input input;

		CHECK(rig_init(&rig, phone, NULL, ALLOW "\"allowed\":[]"));
		apk_db_done(&rig.db);
		buf_reset(&rig.text);
		for (size_t i = 0; i < n; i++) {
			buf_printf(&rig.text, "P:n%0*zu\nV:1\n\n", (int)n_name - 1, i);
			buf_printf(&world, "n%0*zu\n", (int)n_name - 1, i);
		}
		CHECK_INT(apk_db_read(rig.text.data, rig.text.n_bytes, &rig.db), 0);
		input = (struct apps_plan_input){
			.policy = &rig.apps, .db = &rig.db, .world = {world.data, world.n_bytes}};
		CHECK_INT(apps_plan_make(&input, &rig.plan), 0);
		CHECK_INT(rig.plan.n_items, n);
		CHECK_INT(rig.plan.n_later, n - n_fit);
	}
}

/* One dependency more than is looked at. */
static void test_needs_limit(void)
{
	for (int extra = 0; extra <= 1; extra++) {
		_cleanup_(rig_done) struct rig rig = {0};
		struct apps_plan_input input;

		CHECK(rig_init(&rig, phone, NULL, DENY "\"blocked\":[\"a\"]"));
		apk_db_done(&rig.db);
		buf_reset(&rig.text);
		buf_puts(&rig.text, "P:a\nV:1\nD:");
		for (int i = 0; i < LIMIT_APK_NEEDS + extra; i++)
			buf_puts(&rig.text, "a ");
		buf_puts(&rig.text, "\n\n");
		CHECK_INT(apk_db_read(rig.text.data, rig.text.n_bytes, &rig.db), 0);
		input = (struct apps_plan_input){.policy = &rig.apps, .db = &rig.db};
		CHECK_INT(apps_plan_make(&input, &rig.plan), extra ? -E2BIG : 0);
	}
}

/* What could not be a word of a job is left to itself. */
static void test_hostile_names(void)
{
	static const char *const names[] = {"-x", "/x", "a=1", "a@b", "x<", "\xff\xfe", "a\x80"};
	_cleanup_(rig_done) struct rig rig = {0};
	struct apps_plan_input input;

	CHECK(rig_init(&rig, phone, NULL, DENY "\"blocked\":[\"*\",\"lib\"]"));
	apk_db_done(&rig.db);
	buf_reset(&rig.text);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		buf_printf(&rig.text, "P:%s\nV:1\nD:lib\n\n", names[i]);
	buf_puts(&rig.text, "P:lib\nV:1\n\nP:mid\xc3\nV:1\nD:lib\n\nP:dbus\nV:1\nD:mid\xc3\n\n");
	CHECK_INT(apk_db_read(rig.text.data, rig.text.n_bytes, &rig.db), 0);
	input = (struct apps_plan_input){.policy = &rig.apps, .db = &rig.db};
	CHECK_INT(apps_plan_make(&input, &rig.plan), 0);
	CHECK_INT(rig.plan.n_items, 2);
	CHECK_STR(rig.plan.items[0].name, "dbus");
	CHECK_STR(rig.plan.items[1].chain, "lib <- mid? <- dbus (the message bus)");
}

static void test_words_for_people(void)
{
	for (enum apps_wish wish = 0; wish < APPS_WISH_MAX; wish++)
		CHECK(apps_wish_name(wish) && *apps_wish_name(wish));
	for (enum apps_why_not why = 0; why < APPS_WHY_MAX; why++)
		CHECK(apps_why_not_help(why) && *apps_why_not_help(why));
}

static const struct check_test tests[] = {
	{"bans", test_bans},
	{"refused_bans", test_refused_bans},
	{"needed", test_needed},
	{"demands", test_demands},
	{"permissions", test_permissions},
	{"required_elsewhere", test_required_elsewhere},
	{"ahead", test_ahead},
	{"limits", test_limits},
	{"bytes_limit", test_bytes_limit},
	{"portion_bytes", test_portion_bytes},
	{"needs_limit", test_needs_limit},
	{"hostile_names", test_hostile_names},
	{"words_for_people", test_words_for_people},
};

CHECK_MAIN(tests)
