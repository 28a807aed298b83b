/* SPDX-License-Identifier: Apache-2.0 */
/* test_apk_sources.c - repositories and keys that the policy does not list, taken out and given
 * back; and a phone that would be left without any. */
#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "platform/apk_lines.h"
#include "tests/unit/platform/want_set.h"

#define MAIN "http://dl.example.org/alpine/v3.24/main"
#define COMMUNITY "http://dl.example.org/alpine/v3.24/community"
#define FOREIGN "https://elsewhere.example.org/apk"
#define REPOSITORIES "etc/apk/repositories"

static const char repositories[] =
	"# mine\n" MAIN "\n" COMMUNITY "/\n@testing " FOREIGN "\n\n#" FOREIGN "\n" FOREIGN "/x";

struct phone {
	struct fixture f;
	struct effective want;
	struct backend *b;
};

static void begin(struct phone *p)
{
	memset(p, 0, sizeof(*p));
	fixture_open(&p->f);
	fixture_directory(&p->f, "lib/apk/db");
	fixture_text(&p->f, REPOSITORIES, repositories);
	fixture_text(&p->f, "etc/apk/keys/good.rsa.pub", "good key");
	fixture_text(&p->f, "etc/apk/keys/bad.rsa.pub", "bad key");
	if (apk_sources_backend_new(&p->f.platform, &p->b) < 0)
		abort();
}

static void end(struct phone *p)
{
	backend_free(p->b);
	fixture_close(&p->f);
}

static char *digest_of(const char *text)
{
	static char hex[4][2 * SHA256_BYTES + 1];
	static size_t next;
	uint8_t digest[SHA256_BYTES];
	char *to = hex[next++ % 4];

	if (sha256(text, strlen(text), digest) < 0)
		abort();
	hex_encode(digest, sizeof(digest), to);
	return to;
}

static enum compliance_state state_of(struct phone *p, enum setting_id id)
{
	enum compliance_state state;
	enum compliance_reason reason;

	if (fixture_observe(&p->f, p->b) < 0)
		return COMPLIANCE_ERROR;
	judged(&p->want, p->b, id, &state, &reason);
	return state;
}

static void test_repositories(void)
{
	char *list[] = {(char *)COMMUNITY, (char *)MAIN};
	struct phone p;
	char *before;

	begin(&p);
	before = fixture_listing(&p.f);
	want_set(&p.f, &p.want, SETTING_APPS_REPOSITORIES, list, 2);
	CHECK_INT(state_of(&p, SETTING_APPS_REPOSITORIES), COMPLIANCE_NONCOMPLIANT);
	CHECK_INT(p.b->observations[SETTING_APPS_REPOSITORIES]->n_items, 2);
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK(p.b->apply_changed);
	CHECK_STR(fixture_read(&p.f, REPOSITORIES),
		"# mine\n" MAIN "\n" COMMUNITY "/\n" APK_LINES_MARK "@testing " FOREIGN
		"\n\n#" FOREIGN "\n" APK_LINES_MARK FOREIGN "/x");
	CHECK_INT(state_of(&p, SETTING_APPS_REPOSITORIES), COMPLIANCE_COMPLIANT);
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK(!p.b->apply_changed);
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	{
		_cleanup_free_ char *after = fixture_listing(&p.f);

		CHECK_STR(after, before);
	}
	free(before);
	end(&p);
}

/* What somebody writes while the rule holds survives it. */
static void test_edits_survive(void)
{
	char *list[] = {(char *)MAIN};
	struct phone p;

	begin(&p);
	want_set(&p.f, &p.want, SETTING_APPS_REPOSITORIES, list, 1);
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	fixture_text(&p.f, REPOSITORIES,
		MAIN "\n# a note\n" APK_LINES_MARK FOREIGN "\nhttps://third.example.org\n");
	CHECK_INT(state_of(&p, SETTING_APPS_REPOSITORIES), COMPLIANCE_NONCOMPLIANT);
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK_STR(fixture_read(&p.f, REPOSITORIES),
		MAIN "\n# a note\n" APK_LINES_MARK FOREIGN "\n" APK_LINES_MARK
		     "https://third.example.org\n");
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	CHECK_STR(fixture_read(&p.f, REPOSITORIES),
		MAIN "\n# a note\n" FOREIGN "\nhttps://third.example.org\n");
	end(&p);
}

static void test_nothing_left(void)
{
	char *list[] = {(char *)"https://nothing.example.org"}, *keys[] = {digest_of("other")};
	struct phone p;

	begin(&p);
	want_set(&p.f, &p.want, SETTING_APPS_REPOSITORIES, list, 1);
	want_set(&p.f, &p.want, SETTING_APPS_SIGNING_KEYS, keys, 1);
	CHECK(fixture_apply(&p.f, p.b, &p.want) < 0);
	CHECK(strstr(p.f.message, "none of the phone's"));
	CHECK_STR(fixture_read(&p.f, REPOSITORIES), repositories);
	CHECK_STR(fixture_read(&p.f, "etc/apk/keys/bad.rsa.pub"), "bad key");
	CHECK_INT(state_of(&p, SETTING_APPS_REPOSITORIES), COMPLIANCE_NONCOMPLIANT);
	CHECK_INT(state_of(&p, SETTING_APPS_SIGNING_KEYS), COMPLIANCE_NONCOMPLIANT);
	end(&p);
}

/* A distribution's list below /lib is covered by one of the same name below /etc. */
static void test_vendor_lists(void)
{
	char *list[] = {(char *)"http://m.example.org/d/main"};
	struct phone p;

	begin(&p);
	fixture_text(&p.f, "lib/apk/repositories.d/distribution.list",
		"set -default mirror=http://m.example.org/d\nv3 ${mirror} main\nv3 ${mirror} more\n");
	fixture_text(&p.f, "lib/apk/repositories.d/README", FOREIGN "\n");
	want_set(&p.f, &p.want, SETTING_APPS_REPOSITORIES, list, 1);
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK_STR(fixture_read(&p.f, "etc/apk/repositories.d/distribution.list"),
		"set -default mirror=http://m.example.org/d\nv3 ${mirror} main\n" APK_LINES_MARK
		"v3 ${mirror} more\n");
	CHECK_INT(state_of(&p, SETTING_APPS_REPOSITORIES), COMPLIANCE_COMPLIANT);
	CHECK(strstr(fixture_read(&p.f, "lib/apk/repositories.d/distribution.list"),
		"\nv3 ${mirror} more"));
	/* The distribution's next version. */
	fixture_text(
		&p.f, "lib/apk/repositories.d/distribution.list", "http://m.example.org/d/main\n");
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	CHECK(!fixture_has(&p.f, "etc/apk/repositories.d"));
	end(&p);
}

static void test_keys(void)
{
	char *keys[] = {digest_of("good key")};
	struct phone p;
	char *before;

	begin(&p);
	fixture_text(&p.f, "lib/apk/keys/vendor.rsa.pub", "vendor key");
	before = fixture_listing(&p.f);
	want_set(&p.f, &p.want, SETTING_APPS_SIGNING_KEYS, keys, 1);
	CHECK_INT(state_of(&p, SETTING_APPS_SIGNING_KEYS), COMPLIANCE_NONCOMPLIANT);
	CHECK_INT(p.b->observations[SETTING_APPS_SIGNING_KEYS]->n_items, 2);
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK_INT(state_of(&p, SETTING_APPS_SIGNING_KEYS), COMPLIANCE_COMPLIANT);
	CHECK_STR(fixture_read(&p.f, "etc/apk/keys/good.rsa.pub"), "good key");
	CHECK(!strstr(fixture_read(&p.f, "etc/apk/keys/bad.rsa.pub"), "bad key"));
	CHECK(fixture_has(&p.f, "etc/apk/keys/vendor.rsa.pub"));
	/* It comes back by a package, and is covered again; then it is allowed. */
	fixture_text(&p.f, "etc/apk/keys/bad.rsa.pub", "bad key");
	CHECK_INT(state_of(&p, SETTING_APPS_SIGNING_KEYS), COMPLIANCE_NONCOMPLIANT);
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK_INT(state_of(&p, SETTING_APPS_SIGNING_KEYS), COMPLIANCE_COMPLIANT);
	keys[0] = digest_of("bad key");
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK_STR(fixture_read(&p.f, "etc/apk/keys/bad.rsa.pub"), "bad key");
	CHECK(!strstr(fixture_read(&p.f, "etc/apk/keys/good.rsa.pub"), "good key"));
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	{
		_cleanup_free_ char *after = fixture_listing(&p.f);

		CHECK_STR(after, before);
	}
	free(before);
	end(&p);
}

#define SYSTEM_DB                                                                                  \
	"P:alpine-keys\nV:1\nF:etc/apk/keys\nR:good.rsa.pub\nR:old.rsa.pub\n"                      \
	"F:usr/share/apk/keys\nR:bad.rsa.pub\n\n"                                                  \
	"P:postmarketos-keys\nV:1\nF:lib/apk/keys\nR:phone.rsa.pub\n\n"                            \
	"P:game-keys\nV:1\nF:etc/apk/keys\nR:bad.rsa.pub\n\n"

/* Keys that came with the system: one has to stay, and of which package none does is told. */
static void test_keys_of_the_system(void)
{
	char *keys[] = {digest_of("bad key")};
	struct phone p;
	const struct observation *o;

	begin(&p);
	o = p.b->observations[SETTING_APPS_SIGNING_KEYS];
	fixture_text(&p.f, "etc/apk/keys/old.rsa.pub", "old key");
	fixture_text(&p.f, "lib/apk/keys/phone.rsa.pub", "phone key");
	fixture_text(&p.f, "lib/apk/db/installed", SYSTEM_DB);
	want_set(&p.f, &p.want, SETTING_APPS_SIGNING_KEYS, keys, 1);
	/* A package that anybody can install has brought the one that is listed. */
	CHECK(fixture_apply(&p.f, p.b, &p.want) < 0);
	CHECK(strstr(p.f.message, "no key that came with the system (alpine-keys) is listed"));
	CHECK_STR(fixture_read(&p.f, "etc/apk/keys/good.rsa.pub"), "good key");
	CHECK_STR(fixture_read(&p.f, "etc/apk/keys/bad.rsa.pub"), "bad key");
	CHECK_INT(state_of(&p, SETTING_APPS_SIGNING_KEYS), COMPLIANCE_NONCOMPLIANT);
	/* One of them is listed: the list holds, and what it costs is told. */
	keys[0] = digest_of("old key");
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK_INT(state_of(&p, SETTING_APPS_SIGNING_KEYS), COMPLIANCE_COMPLIANT);
	CHECK_STR(fixture_read(&p.f, "etc/apk/keys/old.rsa.pub"), "old key");
	CHECK(!strstr(fixture_read(&p.f, "etc/apk/keys/good.rsa.pub"), "good key"));
	CHECK(strstr(o->detail, "no key of postmarketos-keys is listed"));
	/* From one to another: the covered ones are known, too. */
	keys[0] = digest_of("phone key");
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK_INT(state_of(&p, SETTING_APPS_SIGNING_KEYS), COMPLIANCE_COMPLIANT);
	CHECK(strstr(o->detail, "no key of alpine-keys is listed"));
	keys[0] = digest_of("nothing");
	CHECK(fixture_apply(&p.f, p.b, &p.want) < 0);
	/* A database that cannot be read says nothing. */
	fixture_text(&p.f, "lib/apk/db/installed", "");
	keys[0] = digest_of("bad key");
	CHECK_INT(fixture_apply(&p.f, p.b, &p.want), 0);
	CHECK_INT(fixture_revert(&p.f, p.b), 0);
	CHECK_STR(fixture_read(&p.f, "etc/apk/keys/good.rsa.pub"), "good key");
	end(&p);
}

static void test_too_many(void)
{
	char *keys[] = {digest_of("good key")};
	struct phone p;

	begin(&p);
	for (int i = 0; i < LIMIT_APK_SOURCES; i++) {
		char name[64];

		snprintf(name, sizeof(name), "etc/apk/keys/k%d.pub", i);
		fixture_text(&p.f, name, "good key");
	}
	want_set(&p.f, &p.want, SETTING_APPS_SIGNING_KEYS, keys, 1);
	CHECK(fixture_observe(&p.f, p.b) < 0);
	CHECK_INT(p.b->observations[SETTING_APPS_SIGNING_KEYS]->state, COMPLIANCE_ERROR);
	end(&p);
}

/* --- lines ---------------------------------------------------------------------------------- */

static void check_line(const char *text, const char *urls, bool is_strange)
{
	struct apk_variables *variables = calloc(1, sizeof(*variables));
	struct apk_line *line = calloc(1, sizeof(*line));
	char joined[2048] = "";

	(void)apk_line_read("set m=http://m", 14, variables, line);
	CHECK(apk_line_read(text, strlen(text), variables, line));
	for (size_t i = 0; i < line->n_urls; i++)
		snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "%s%s",
			i ? " " : "", line->urls[i]);
	CHECK_INT(line->is_strange, is_strange);
	if (!is_strange)
		CHECK_STR(joined, urls);
	free(variables);
	free(line);
}

static void test_lines(void)
{
	char longest[LIMIT_URL_BYTES + 2], many[64] = "v3 /r";

	check_line("http://a/b", "http://a/b", false);
	check_line("http://a/b///", "http://a/b", false);
	check_line("  @tag\thttp://a ", "http://a", false);
	check_line("v2 @tag http://a x y/", "http://a/x http://a/y", false);
	check_line("ndx http://a/i.adb", "http://a/i.adb", false);
	check_line("${m}/${q}/x", "http://m/${q}/x", false);
	check_line("${", "${", false);
	check_line("/", "/", false);
	check_line("v3", "", true);
	check_line("@tag", "", true);
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[LIMIT_URL_BYTES] = 0;
	check_line(longest, longest, false);
	longest[LIMIT_URL_BYTES] = 'a';
	longest[LIMIT_URL_BYTES + 1] = 0;
	check_line(longest, "", true);
	for (int i = 0; i < LIMIT_APK_COMPONENTS; i++)
		strcat(many, " c");
	check_line(many, "/r/c /r/c /r/c /r/c /r/c /r/c /r/c /r/c", false);
	strcat(many, " c");
	check_line(many, "", true);
}

static void test_variables(void)
{
	struct apk_variables *variables = calloc(1, sizeof(*variables));
	struct apk_line *line = calloc(1, sizeof(*line));
	char text[64];

	for (int i = 0; i <= LIMIT_APK_VARIABLES; i++) {
		snprintf(text, sizeof(text), "set v%d=x%d", i, i);
		CHECK(!apk_line_read(text, strlen(text), variables, line));
	}
	CHECK_INT(variables->n_rows, LIMIT_APK_VARIABLES);
	CHECK(!apk_line_read("set -default v0=other", 21, variables, line));
	CHECK_STR(variables->rows[0].value, "x0");
	CHECK(!apk_line_read("set v0=/${v1}", 13, variables, line));
	CHECK_STR(variables->rows[0].value, "/x1");
	CHECK(!apk_line_read("set APK_ARCH=z", 14, variables, line));
	CHECK(!apk_line_read("set", 3, variables, line));
	CHECK(!apk_line_read("set 1=2", 7, variables, line));
	CHECK_INT(variables->n_rows, LIMIT_APK_VARIABLES);
	free(variables);
	free(line);
}

static const struct check_test tests[] = {
	{"repositories", test_repositories},
	{"edits_survive", test_edits_survive},
	{"nothing_left", test_nothing_left},
	{"vendor_lists", test_vendor_lists},
	{"keys", test_keys},
	{"keys_of_the_system", test_keys_of_the_system},
	{"too_many", test_too_many},
	{"lines", test_lines},
	{"variables", test_variables},
};
CHECK_MAIN(tests)
