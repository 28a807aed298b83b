/* SPDX-License-Identifier: Apache-2.0 */
/* test_apps_rules.c - what a commit hook of apk lets be installed, and the file that says so. */
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/apps_rules.h"
#include "tests/lib/check.h"

static const char allow[] = "mdm-agent apps-rules 1\norganisation Example Org\nmode allow\n"
			    "blocked game-*\nblocked repository:testing name:x\nrequired htop\n"
			    "list\nallowed maps\nallowed fire*\nallowed repository:edge\n"
			    "list\nallowed maps\nallowed firefox\nend\n";
static const char base[] = "busybox\nvim\n";

/* 0, 1, or -1 for rules that cannot be read. words: of apk, separated by spaces. */
static int ask(const char *text, const char *words, const char *would, char *ret_why)
{
	_cleanup_(apps_rules_done) struct apps_rules rules = {0};
	_cleanup_free_ char *copy = strdup(text);
	char question[4096] = "", list[1024];

	snprintf(list, sizeof(list), "%s", words);
	for (char *rest = list, *word; (word = strsep(&rest, " "));)
		snprintf(question + strlen(question), sizeof(question) - strlen(question),
			"word %s\n", word);
	snprintf(question + strlen(question), sizeof(question) - strlen(question), "%s", would);
	if (!copy || apps_rules_read(copy, strlen(text), &rules) < 0)
		return -1;
	return apps_rules_judge(&rules, base, question, ret_why);
}

#define INSTALLS(name) "(1/1) Installing " name " (1.0-r0)\nOK: 1 MiB\n"

static void test_allow(void)
{
	char why[2 * LIMIT_TEXT_BYTES] = "";

	CHECK_INT(ask(allow, "apk add maps", INSTALLS("maps"), why), 0);
	CHECK_INT(ask(allow, "apk add firefox=1.0-r0", INSTALLS("firefox"), why), 0);
	/* Both lists have to let it be. */
	CHECK_INT(ask(allow, "apk add firewall", INSTALLS("firewall"), why), 1);
	CHECK(strstr(why, "firewall is not allowed on this phone by Example Org"));
	CHECK(strstr(why, "apps.allowed"));
	CHECK_INT(ask(allow, "apk add -t .x nano", INSTALLS("nano"), why), 1);
	CHECK_INT(ask(allow, "apk --root / add nano@edge", INSTALLS("nano@edge"), why), 1);
	/* Required, base, protected, virtual. */
	CHECK_INT(ask(allow, "apk add htop", INSTALLS("htop"), why), 0);
	CHECK_INT(ask(allow, "apk add vim", INSTALLS("vim"), why), 0);
	CHECK_INT(ask(allow, "apk add musl", INSTALLS("musl"), why), 0);
	CHECK_INT(ask(allow, "apk add -t .x maps", "(1/1) Installing .x (2026)\n", why), 0);
	/* What comes along is judged by blocked alone. */
	CHECK_INT(ask(allow, "apk add maps",
			  "(1/2) Installing libmaps (1)\n(2/2) Installing maps (1)\n", why),
		0);
	CHECK_INT(ask(allow, "apk add maps",
			  "(1/2) Installing game-engine (1)\n(2/2) Installing maps (1)\n", why),
		1);
	CHECK(strstr(why, "game-engine") && strstr(why, "apps.blocked"));
	/* Not an installation that somebody asked for. */
	CHECK_INT(ask(allow, "apk upgrade", INSTALLS("nano"), why), 0);
	CHECK_INT(ask(allow, "apk fix", INSTALLS("nano"), why), 0);
	CHECK_INT(ask(allow, "apk add maps", "(1/1) Upgrading nano (1 -> 2)\n", why), 0);
}

/* By what it provides: "by" lines say who that is. */
static void test_provided(void)
{
	char why[2 * LIMIT_TEXT_BYTES] = "";

	CHECK_INT(ask(allow, "apk add cmd:nano", "by nano\n" INSTALLS("nano"), why), 1);
	CHECK(strstr(why, "nano is not allowed"));
	CHECK_INT(ask(allow, "apk add cmd:maps", "by maps\n" INSTALLS("maps"), why), 0);
	/* What comes along is no more asked for than with another word. */
	CHECK_INT(
		ask(allow, "apk add cmd:maps",
			"by maps\nby other\n(1/2) Installing lib (1)\n(2/2) Installing maps (1)\n",
			why),
		0);
	CHECK_INT(ask(allow, "apk add browser", "by nano\nby maps\n" INSTALLS("nano"), why), 1);
	CHECK_INT(ask(allow, "apk add browser", "by nano\nby maps\n" INSTALLS("maps"), why), 0);
	/* Nobody says who. */
	CHECK_INT(ask(allow, "apk add cmd:nano", INSTALLS("nano"), why), 1);
	CHECK_INT(ask(allow, "apk add so:x.1", INSTALLS("maps"), why), 0);
	CHECK_INT(ask(allow, "apk add -X http://x maps", INSTALLS("nano"), why), 1);
	CHECK_INT(ask(allow, "apk add --repository=http://x maps", INSTALLS("maps"), why), 0);
	CHECK_INT(ask(allow, "apk --root /x:y add maps",
			  "(1/2) Installing lib (1)\n(2/2) Installing maps (1)\n", why),
		0);
}

/* Written into the world by hand, and installed by an "apk add" without words. */
static void test_world(void)
{
	char why[2 * LIMIT_TEXT_BYTES] = "";

	CHECK_INT(ask(allow, "apk add", "world maps\nworld nano\n" INSTALLS("nano"), why), 1);
	CHECK_INT(ask(allow, "apk add", "world maps\nworld nano\n" INSTALLS("nano@edge"), why), 1);
	CHECK_INT(ask(allow, "apk add", "world nano\nworld maps\n" INSTALLS("maps"), why), 0);
	CHECK_INT(ask(allow, "apk add", "world nan\nworld ano\nworld \n" INSTALLS("nano"), why), 0);
	/* It is there already. */
	CHECK_INT(ask(allow, "apk add maps", "world nano\n" INSTALLS("maps"), why), 0);
}

/* A package may be called like a virtual one; only what the command makes is one. */
static void test_virtual(void)
{
	static const char *const makes[] = {"-t .x", "-ut .x", "-t.x", "-ut.x", "--virtual .x",
		"--virtual=.x", "--virtual .x=1.0", "-t .x=2026"};
	static const char *const others[] = {"", "-t .y", "-u", "--virtual=.xx", "-t y"};
	char why[2 * LIMIT_TEXT_BYTES] = "", words[80];

	for (size_t i = 0; i < ARRAY_SIZE(makes); i++) {
		snprintf(words, sizeof(words), "apk add %s maps", makes[i]);
		CHECK_INT(ask(allow, words, INSTALLS(".x"), why), 0);
		snprintf(words, sizeof(words), "apk add %s nano", makes[i]);
		CHECK_INT(ask(allow, words, INSTALLS("nano"), why), 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		snprintf(words, sizeof(words), "apk add %s .x", others[i]);
		CHECK_INT(ask(allow, words, INSTALLS(".x"), why), 1);
	}
}

/* One word more than is kept: nothing slips through behind it. */
static void test_many_words(void)
{
	for (int n = LIMIT_APPS_STEPS - 2; n <= LIMIT_APPS_STEPS - 1; n++) {
		_cleanup_(apps_rules_done) struct apps_rules rules = {0};
		_cleanup_free_ char *copy = strdup(allow);
		_cleanup_buf_ struct buf question = BUF_INIT;
		char why[2 * LIMIT_TEXT_BYTES];

		CHECK(copy && apps_rules_read(copy, strlen(allow), &rules) == 0);
		buf_puts(&question, "word apk\nword add\n");
		for (int i = 0; i < n; i++)
			buf_puts(&question, "word maps\n");
		buf_puts(&question, "(1/2) Installing nano (1)\n(2/2) Installing maps (1)\n");
		/* As if it came along, and as if it had been asked for. */
		CHECK_INT(apps_rules_judge(&rules, base, question.data, why),
			n > LIMIT_APPS_STEPS - 2);
	}
}

static void test_files(void)
{
	char why[2 * LIMIT_TEXT_BYTES] = "";

	CHECK_INT(ask(allow, "apk add ./maps-1.0-r0.apk", INSTALLS("maps"), why), 0);
	CHECK_INT(ask(allow, "apk add --allow-untrusted ./maps-1.0-r0.apk", INSTALLS("maps"), why),
		1);
	CHECK_INT(ask(allow, "apk add /tmp/nano-1.0-r0.apk", INSTALLS("nano"), why), 1);
	/* apk itself may be called so. */
	CHECK_INT(ask(allow, "/x/y.apk add --allow-untrusted maps", INSTALLS("maps"), why), 0);
}

static void test_deny(void)
{
	static const char deny[] = "mdm-agent apps-rules 1\norganisation O\nmode deny\n"
				   "blocked origin:evil\nblocked name:bad repository:testing\n"
				   "blocked nano\nend\n";
	char why[2 * LIMIT_TEXT_BYTES] = "";

	CHECK_INT(ask(deny, "apk add htop", INSTALLS("htop"), why), 0);
	CHECK_INT(ask(deny, "apk add nano", INSTALLS("nano"), why), 1);
	/* Nobody knows yet what it was built from, or where it comes from. */
	CHECK_INT(ask(deny, "apk add bad", INSTALLS("bad"), why), 0);
	CHECK_INT(ask(deny, "apk add bad@testing", INSTALLS("bad@testing"), why), 1);
}

static void test_damaged(void)
{
	static const char *const bad[] = {"", "mdm-agent apps-rules 1\n",
		"mdm-agent apps-rules 2\nmode deny\nend\n",
		"mdm-agent apps-rules 1\nmode deny\nend",
		"mdm-agent apps-rules 1\nmode deny\nend\nmore\n",
		"mdm-agent apps-rules 1\nmode x\nend\n", "mdm-agent apps-rules 1\nallowed x\nend\n",
		"mdm-agent apps-rules 1\nblocked sha256:1\nend\n",
		"mdm-agent apps-rules 1\nwhat\nend\n"};
	char why[2 * LIMIT_TEXT_BYTES] = "";

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(ask(bad[i], "apk add x", INSTALLS("x"), why), -1);
	CHECK_INT(ask(allow, "apk add", "(1/1) Installing \nInstalling  (\n(x Installing (\n", why),
		0);
}

static void test_round_trip(void)
{
	_cleanup_(apps_rules_done) struct apps_rules rules = {0};
	_cleanup_free_ char *copy = strdup(allow);
	_cleanup_buf_ struct buf out = BUF_INIT;

	CHECK(copy);
	CHECK_INT(apps_rules_read(copy, strlen(allow), &rules), 0);
	apps_rules_write(&rules.policy, rules.organisation, &out);
	CHECK_STR(out.data, allow);
	buf_reset(&out);
	rules.policy.mode = APPS_OFF;
	buf_append(&out, "", 0);
	apps_rules_write(&rules.policy, rules.organisation, &out);
	CHECK_INT(out.n_bytes, 0);
}

/* One pattern more than a list may have. */
static void test_too_many(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char why[2 * LIMIT_TEXT_BYTES];

	buf_puts(&text, "mdm-agent apps-rules 1\nmode deny\n");
	for (int i = 0; i < LIMIT_STRING_SET; i++)
		buf_printf(&text, "blocked p%d\n", i);
	{
		_cleanup_free_ char *fits = NULL;

		CHECK(asprintf(&fits, "%send\n", text.data) > 0);
		CHECK_INT(ask(fits, "apk add p1", INSTALLS("p1"), why), 1);
	}
	buf_puts(&text, "blocked more\nend\n");
	CHECK_INT(ask(text.data, "apk add p1", INSTALLS("p1"), why), -1);
}

static const struct check_test tests[] = {
	{"allow", test_allow},
	{"provided", test_provided},
	{"world", test_world},
	{"virtual", test_virtual},
	{"many_words", test_many_words},
	{"files", test_files},
	{"deny", test_deny},
	{"damaged", test_damaged},
	{"round_trip", test_round_trip},
	{"too_many", test_too_many},
};
CHECK_MAIN(tests)
