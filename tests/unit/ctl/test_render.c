/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_render.c - every page against golden text at 40 and 80 columns (tests/fixtures/ctl/), and
 * what hostile answers cannot do. With MDM_UPDATE_GOLDEN=1 the texts are written anew. Runs from
 * the top of the source tree.
 */
#include "agent/ctl/render.h"

#include <fcntl.h>
#include <time.h>

#include "agent/ctl/glyph.h"
#include "agent/ctl/input.h"
#include "agent/ctl/render_journal.h"
#include "agent/enforcer/journal.h"
#include "agent/util/fs.h"
#include "tests/lib/check.h"

#define NOW INT64_C(1795000000)
#define FIXTURES "tests/fixtures/ctl"
#define FIXTURE_BYTES (64 * 1024)

/* A fixture as text; the caller's. NULL if it cannot be read. */
static char *read_fixture(const char *path)
{
	char *text = malloc(FIXTURE_BYTES + 1);
	size_t n_text;

	if (text && input_read(path, FIXTURE_BYTES, text, &n_text) == 0)
		return text;
	free(text);
	return NULL;
}

static struct json_object *load(const char *name)
{
	_cleanup_free_ char *text = NULL;
	struct json_object *object = NULL;
	char path[256];

	snprintf(path, sizeof(path), FIXTURES "/%s.json", name);
	text = read_fixture(path);
	if (text)
		object = json_tokener_parse(text);
	if (!object)
		check_fail(__FILE__, __LINE__, "%s cannot be read; run from the top of the tree",
			path);
	return object;
}

static void show_status(struct page *p, struct json_object *answer, int64_t now_s)
{
	render_status(p, answer, NULL, now_s);
}

static void show_status_well(struct page *p, struct json_object *answer, int64_t now_s)
{
	_cleanup_json_ struct json_object *compliance = load("compliance_well");

	render_status(p, answer, compliance, now_s);
}

static void show_status_trouble(struct page *p, struct json_object *answer, int64_t now_s)
{
	_cleanup_json_ struct json_object *compliance = load("compliance");

	render_status(p, answer, compliance, now_s);
}

static void show_status_unseen(struct page *p, struct json_object *answer, int64_t now_s)
{
	_cleanup_json_ struct json_object *compliance = load("compliance_unseen");

	render_status(p, answer, compliance, now_s);
}

static void show_explain(struct page *p, struct json_object *answer, int64_t now_s)
{
	(void)now_s;
	render_policy_explain(p, answer, NULL, NULL);
}

static void show_verify(struct page *p, struct json_object *answer, int64_t now_s)
{
	(void)now_s;
	render_journal_verify(p, answer);
}

static void show_place(struct page *p, struct json_object *answer, int64_t now_s)
{
	CHECK(render_place(p, answer, "nowhere", now_s) == 0);
	render_place(p, answer, "office", now_s);
	render_place(p, answer, "yard", now_s);
}

static const struct {
	const char *name;
	void (*show)(struct page *p, struct json_object *answer, int64_t now_s);
} pages[] = {
	{"status_well", show_status_well},
	{"status_trouble", show_status_trouble},
	{"status_unmanaged", show_status},
	{"status_unseen", show_status_unseen},
	{"status_hostile", show_status},
	{"compliance", render_compliance},
	{"compliance_unseen", render_compliance},
	{"policy_show", render_policy_show},
	{"policy_explain", show_explain},
	{"journal", render_journal},
	{"journal_all", render_journal},
	{"verify_whole", show_verify},
	{"verify_damaged", show_verify},
	{"privacy", render_privacy},
	{"commands", render_commands},
	{"commands_none", render_commands},
	{"apps", render_apps},
	{"apps_flatpak_only", render_apps},
	{"apps_unmanaged", render_apps},
	{"apps_early", render_apps},
	{"compliance_unmanaged", render_compliance},
	{"policy_unmanaged", render_policy_show},
	{"explain_unmanaged", show_explain},
	{"places", render_places},
	{"places_shown", show_place},
	{"places_none", render_places},
	{"places_unmanaged", render_places},
	{"privacy_told", render_privacy},
	{"status_lost", show_status_well},
};

static void check_golden(size_t i, unsigned width)
{
	_cleanup_json_ struct json_object *answer = load(pages[i].name);
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page p = {0};
	_cleanup_free_ char *golden = NULL;
	char path[256];

	page_init(&p, &out, width, false);
	CHECK(answer);
	pages[i].show(&p, answer, NOW);
	CHECK_INT(out.error, 0);
	snprintf(path, sizeof(path), FIXTURES "/%s.%u.txt", pages[i].name, width);
	if (getenv("MDM_UPDATE_GOLDEN")) {
		_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		CHECK(fd >= 0);
		CHECK_INT(fs_write_all(fd, out.data, out.n_bytes), 0);
		return;
	}
	golden = read_fixture(path);
	CHECK(golden);
	CHECK_STR(out.data, golden);
}

static void test_golden(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		check_golden(i, 40);
		check_golden(i, 80);
	}
}

/* Each type has sentences and an example, and none shows JSON. */
static void test_journal_is_for_people(void)
{
	_cleanup_free_ char *fixture = read_fixture(FIXTURES "/journal_all.json");
	_cleanup_json_ struct json_object *answer = load("journal_all");
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page p = {0};

	CHECK(fixture && answer);
	for (int type = 0; type < JOURNAL_TYPE_MAX; type++) {
		char member[64];

		snprintf(member, sizeof(member), "\"type\":\"%s\"",
			journal_type_name((enum journal_type)type));
		CHECK(render_journal_has_words(journal_type_name((enum journal_type)type)));
		CHECK(strstr(fixture, member));
	}
	CHECK(!render_journal_has_words("of_a_newer_agent"));
	page_init(&p, &out, 80, false);
	render_journal(&p, answer, NOW);
	CHECK_INT(out.error, 0);
	CHECK_INT(strcspn(out.data, "{}[]"), out.n_bytes);
}

/* Every page over every answer, at every width: nothing but text, and no line too long. */
static void check_harmless(size_t page, size_t answer_of, unsigned width)
{
	_cleanup_json_ struct json_object *answer = load(pages[answer_of].name);
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page p = {0};
	bool verbatim = pages[page].show == render_privacy;

	page_init(&p, &out, width, false);
	CHECK(answer);
	pages[page].show(&p, answer, NOW);
	for (const char *line = out.data ? out.data : ""; *line;) {
		size_t n = strcspn(line, "\n");
		uint32_t code;

		CHECK(verbatim || glyph_columns(line, n) <= width);
		for (size_t i = 0; i < n;) {
			i += glyph_decode(line + i, n - i, &code);
			CHECK(glyph_is_safe(code));
		}
		line += n + 1;
	}
}

static void test_no_answer_steers_the_terminal(void)
{
	for (size_t page = 0; page < ARRAY_SIZE(pages); page++)
		for (size_t answer = 0; answer < ARRAY_SIZE(pages); answer++)
			for (unsigned width = 30; width <= 100; width += 10)
				check_harmless(page, answer, width);
}

static void test_colour_never_stands_alone(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		_cleanup_json_ struct json_object *answer = load(pages[i].name);
		_cleanup_buf_ struct buf plain = BUF_INIT, coloured = BUF_INIT, stripped = BUF_INIT;
		_cleanup_(page_done) struct page p = {0}, q = {0};

		page_init(&p, &plain, 60, false);
		page_init(&q, &coloured, 60, true);
		CHECK(answer);
		pages[i].show(&p, answer, NOW);
		pages[i].show(&q, answer, NOW);
		for (const char *c = coloured.data; *c; c++) {
			if (*c != '\033') {
				buf_append(&stripped, c, 1);
				continue;
			}
			c += strcspn(c, "m");
			CHECK(*c == 'm');
		}
		/* What colour says is said in words as well. */
		CHECK_STR(stripped.data, plain.data);
		CHECK_INT(strstr(coloured.data, "\033[") != NULL,
			pages[i].show != render_privacy || coloured.n_bytes > plain.n_bytes);
	}
}

static void test_explain_selects(void)
{
	_cleanup_json_ struct json_object *answer = load("policy_explain");
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page p = {0};

	page_init(&p, &out, 80, false);
	CHECK(answer);
	CHECK_INT(render_policy_explain(&p, answer, "encryption", NULL), 1);
	CHECK(strstr(out.data, "encryption.swap"));
	CHECK(!strstr(out.data, "screen_lock"));
	CHECK_INT(render_policy_explain(&p, answer, "screen_lock", "idle_delay"), 1);
	CHECK_INT(render_policy_explain(&p, answer, "screen_lock", "enabled"), 0);
	CHECK_INT(render_policy_explain(&p, answer, "encryption", "idle_delay"), 0);
	CHECK_INT(render_policy_explain(&p, NULL, NULL, NULL), 0);
}

static void test_explain_says_why(void)
{
	static const char text[] =
		"{\"settings\":[{\"area\":\"password\",\"setting\":\"max_age\",\"value\":9,"
		"\"text\":\"9 days\",\"stream\":\"s\",\"profile\":\"p\",\"help\":\"A rule.\","
		"\"why\":\"Recommended: not set.\",\"contributors\":[]},{\"area\":\"password\","
		"\"setting\":\"history\",\"value\":1,\"text\":\"1\",\"stream\":\"s\","
		"\"profile\":\"p\",\"help\":\"Another.\",\"why\":null,\"contributors\":[]}]}";
	_cleanup_json_ struct json_object *answer = json_tokener_parse(text);
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page p = {0};

	page_init(&p, &out, 80, false);
	CHECK_INT(render_policy_explain(&p, answer, "password", "max_age"), 1);
	CHECK(strstr(out.data, "  A rule.\n  Recommended: not set.\n"));
	CHECK_INT(render_policy_explain(&p, answer, "password", "history"), 1);
	CHECK(strstr(out.data, "  Another.\n  Decided by"));
}

static void test_states_have_words(void)
{
	static const char *const states[] = {
		"compliant", "noncompliant", "pending", "unsupported", "error", "unknown"};

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct render_words words = render_state(states[i], NULL);

		CHECK(words.text[0]);
		CHECK(words.sentence[0]);
		CHECK_INT(words.style == PAGE_GOOD, i == 0);
		for (size_t j = 0; j < i; j++)
			CHECK(strcmp(words.text, render_state(states[j], NULL).text) != 0);
	}
	CHECK_STR(render_state("of a newer agent", NULL).text, "of a newer agent");
	CHECK_STR(render_state("of a newer agent", "untraceable").sentence, "of a newer agent");
	CHECK(render_state("of a newer agent", NULL).style != PAGE_GOOD);
	CHECK(render_state(NULL, NULL).style != PAGE_GOOD);
	CHECK(render_state(NULL, "ok").style != PAGE_GOOD);
}

/* What was looked at in vain is not called "not looked at yet", and the other way round. */
static void test_unknown_says_why(void)
{
	static const struct {
		const char *settings, *text;
	} rows[] = {
		{"[]", "not known"},
		{"[7,{\"state\":\"unknown\"}]", "not known"},
		{"[{\"state\":\"unknown\",\"reason\":\"not_observed\"}]", "not looked at yet"},
		{"[{\"state\":\"unknown\",\"reason\":\"untraceable\"}]", "cannot be told"},
		{"[{\"state\":\"unknown\",\"reason\":\"of a newer agent\"}]", "cannot be told"},
		{"[{\"state\":\"unknown\",\"reason\":\"not_observed\"},"
		 "{\"state\":\"unknown\",\"reason\":\"untraceable\"}]",
			"cannot be told"},
		{"[{\"state\":\"unknown\",\"reason\":\"untraceable\"},"
		 "{\"state\":\"unknown\",\"reason\":\"not_observed\"}]",
			"cannot be told"},
		{"[{\"state\":\"unknown\",\"reason\":\"not_observed\"},"
		 "{\"state\":\"compliant\",\"reason\":\"untraceable\"}]",
			"not looked at yet"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_json_ struct json_object *settings = json_tokener_parse(rows[i].settings);

		CHECK(settings);
		CHECK_STR(render_state("unknown", render_reason(settings, "unknown")).text,
			rows[i].text);
	}
	CHECK(!render_reason(NULL, "unknown"));
	CHECK(!render_reason(NULL, NULL));
}

/* All is well is said only where everything is. */
static void test_all_is_well_needs_everything(void)
{
	static const struct {
		const char *object, *member, *json;
	} spoilers[] = {
		{"compliance", "state", "\"pending\""},
		{"compliance", "state", "\"unknown\""},
		{"compliance", "state", "null"},
		{"checkin", "failures", "1"},
		{"keyset", "expired", "true"},
		{"clock", "verdict", "\"behind\""},
		{NULL, "problems", "[{\"what\":\"x\"}]"},
		{NULL, "policies", "[]"},
		{NULL, "policies", "[{\"stream\":\"a\",\"expired\":true}]"},
		{NULL, "enrolled", "false"},
	};

	for (size_t i = 0; i <= ARRAY_SIZE(spoilers); i++) {
		_cleanup_json_ struct json_object *answer = load("status_well");
		_cleanup_buf_ struct buf out = BUF_INIT;
		_cleanup_(page_done) struct page p = {0};
		struct json_object *object = answer;

		page_init(&p, &out, 80, false);
		CHECK(answer);
		if (i < ARRAY_SIZE(spoilers)) {
			if (spoilers[i].object)
				CHECK(json_object_object_get_ex(
					answer, spoilers[i].object, &object));
			json_object_object_add(
				object, spoilers[i].member, json_tokener_parse(spoilers[i].json));
		}
		render_status(&p, answer, NULL, NOW);
		CHECK_INT(strstr(out.data, "All is well") != NULL, i == ARRAY_SIZE(spoilers));
	}
}

/* What a phone cannot do is not said to be in force. */
static void test_what_is_impossible_is_not_in_force(void)
{
	for (int impossible = 0; impossible < 2; impossible++) {
		_cleanup_json_ struct json_object *answer = load("status_well");
		_cleanup_json_ struct json_object *compliance = load("compliance_well");
		_cleanup_buf_ struct buf out = BUF_INIT;
		_cleanup_(page_done) struct page p = {0};
		struct json_object *settings;

		CHECK(answer && json_object_object_get_ex(compliance, "settings", &settings));
		if (impossible)
			json_object_object_add(json_object_array_get_idx(settings, 0), "state",
				json_object_new_string("unsupported"));
		page_init(&p, &out, 200, false);
		render_status(&p, answer, compliance, NOW);
		CHECK(strstr(out.data, "All is well"));
		CHECK_INT(strstr(out.data, "everything the organisation asks for") != NULL,
			!impossible);
		CHECK_INT(strstr(out.data, "but for what is not possible on this phone") != NULL,
			impossible);
	}
}

static const struct check_test tests[] = {
	{"golden", test_golden},
	{"no_answer_steers_the_terminal", test_no_answer_steers_the_terminal},
	{"colour_never_stands_alone", test_colour_never_stands_alone},
	{"journal_is_for_people", test_journal_is_for_people},
	{"explain_selects", test_explain_selects},
	{"explain_says_why", test_explain_says_why},
	{"states_have_words", test_states_have_words},
	{"unknown_says_why", test_unknown_says_why},
	{"all_is_well_needs_everything", test_all_is_well_needs_everything},
	{"what_is_impossible_is_not_in_force", test_what_is_impossible_is_not_in_force},
};

int main(int argc, char **argv)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	return check_main(argc, argv, tests, ARRAY_SIZE(tests));
}
