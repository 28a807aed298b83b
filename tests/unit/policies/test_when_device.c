/* SPDX-License-Identifier: Apache-2.0 */
/* test_when_device.c - the conditions "charging", "locked", "network" and "enrolled" over every
 * combination of facts. */
#include <errno.h>

#include "policies/when_leaf.h"
#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

static int parse(const char *text, struct when **ret_when, struct json_error *error)
{
	_cleanup_json_ struct json_object *object = NULL;
	int r = json_parse(text, strlen(text), &object, error);

	return r < 0 ? r : when_parse(object, "w", ret_when, error);
}

static void test_refused(void)
{
	static const struct {
		const char *text, *path, *message;
	} cases[] = {
		{"{\"charging\":true}", "w.charging", "must be an object"},
		{"{\"charging\":{}}", "w.charging.is", "missing"},
		{"{\"charging\":{\"is\":1}}", "w.charging.is", "true or false"},
		{"{\"charging\":{\"is\":null}}", "w.charging.is", "true or false"},
		{"{\"charging\":{\"is\":true,\"level\":50}}", "w.charging", ""},
		{"{\"charging\":{\"metered\":true}}", "w.charging", ""},
		{"{\"network\":[]}", "w.network", "must be an object"},
		{"{\"network\":{}}", "w.network", "online, metered, roaming or"},
		{"{\"network\":{\"online\":\"true\"}}", "w.network.online", "true or false"},
		{"{\"network\":{\"online\":true,\"roaming\":0}}", "w.network.roaming",
			"true or false"},
		{"{\"network\":{\"online\":true,\"ssid\":\"home\"}}", "w.network", ""},
		{"{\"not\":{\"network\":{\"is\":true}}}", "w.not.network", ""},
		{"{\"network\":{\"connected\":[]}}", "w.network.connected", "1 to 16 links"},
		{"{\"network\":{\"connected\":\"wifi\"}}", "w.network.connected", "array"},
		{"{\"network\":{\"connected\":[1]}}", "w.network.connected[0]", "text"},
		{"{\"network\":{\"connected\":[\"wifi\",\"\"]}}", "w.network.connected[1]",
			"a link"},
		{"{\"network\":{\"connected\":[\"wi fi\"]}}", "w.network.connected[0]", "a link"},
		{"{\"network\":{\"connected\":[\"wifi:\"]}}", "w.network.connected[0]",
			"1 to 32 bytes"},
		{"{\"network\":{\"connected\":[\"wifi:123456789012345678901234567890123\"]}}",
			"w.network.connected[0]", "1 to 32 bytes"},
		{"{\"network\":{\"connected\":[\"ethernet:x\"]}}", "w.network.connected[0]",
			"a link"},
		{"{\"network\":{\"connected\":[\"vpn\",\"wifi\",\"vpn\"]}}",
			"w.network.connected[2]", "is 0 again"},
		{"{\"locked\":{}}", "w.locked.is", "missing"},
		{"{\"locked\":{\"is\":\"yes\"}}", "w.locked.is", "true or false"},
		{"{\"locked\":{\"is\":true,\"for\":1}}", "w.locked", ""},
		{"{\"enrolled\":{}}", "w.enrolled.for", "missing"},
		{"{\"enrolled\":{\"for\":-1}}", "w.enrolled.for", "0 to 31536000"},
		{"{\"enrolled\":{\"for\":31536001}}", "w.enrolled.for", "0 to 31536000"},
		{"{\"enrolled\":{\"for\":1,\"is\":true}}", "w.enrolled", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(when_freep) struct when *when = NULL;
		struct json_error error = {0};
		int r = parse(cases[i].text, &when, &error);

		if (r != -EBADMSG || when ||
			strncmp(error.path, cases[i].path, strlen(cases[i].path)) != 0 ||
			!strstr(error.message, cases[i].message))
			check_fail(__FILE__, __LINE__, "%s: %d \"%s\": \"%s\"", cases[i].text, r,
				error.path, error.message);
	}
}

/* What the tables of Kleene's logic say, written down without the code under test. */
static enum truth model_wish(int wish, enum truth fact)
{
	if (wish < 0)
		return TRUTH_TRUE;
	if (fact == TRUTH_UNKNOWN)
		return TRUTH_UNKNOWN;
	return (wish == 1) == (fact == TRUTH_TRUE) ? TRUTH_TRUE : TRUTH_FALSE;
}

static enum truth model_and(enum truth a, enum truth b)
{
	static const enum truth table[TRUTH_MAX][TRUTH_MAX] = {
		[TRUTH_FALSE] = {TRUTH_FALSE, TRUTH_FALSE, TRUTH_FALSE},
		[TRUTH_TRUE] = {TRUTH_FALSE, TRUTH_TRUE, TRUTH_UNKNOWN},
		[TRUTH_UNKNOWN] = {TRUTH_FALSE, TRUTH_UNKNOWN, TRUTH_UNKNOWN},
	};

	return table[a][b];
}

static void write_wish(struct jsonw *w, const char *name, int wish)
{
	if (wish >= 0)
		jsonw_bool(w, name, wish == 1);
}

/* One condition, wishes in {absent, false, true}, against all 27 states of the link. */
static void check_network(int online, int metered, int roaming)
{
	_cleanup_(when_freep) struct when *when = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct jsonw w = JSONW_INIT(&text);
	struct json_error error = {0};

	jsonw_object(&w, NULL);
	jsonw_object(&w, "network");
	write_wish(&w, "online", online);
	write_wish(&w, "metered", metered);
	write_wish(&w, "roaming", roaming);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	CHECK_INT(parse(text.data, &when, &error), 0);
	for (unsigned int i = 0; i < 27; i++) {
		struct when_facts facts = {
			.charging = TRUTH_UNKNOWN,
			.online = (enum truth)(i % 3),
			.metered = (enum truth)(i / 3 % 3),
			.roaming = (enum truth)(i / 9),
		};
		enum truth expected = model_and(model_and(model_wish(online, facts.online),
							model_wish(metered, facts.metered)),
			model_wish(roaming, facts.roaming));
		int64_t next_s = INT64_MAX;

		CHECK_INT(when_evaluate(when, &facts, &next_s), expected);
		/* Only an event changes it. */
		CHECK(next_s == INT64_MAX);
	}
}

static void test_network_exhaustively(void)
{
	for (int i = 1; i < 27; i++)
		check_network(i % 3 - 1, i / 3 % 3 - 1, i / 9 - 1);
}

static void test_charging(void)
{
	for (int wish = 0; wish <= 1; wish++)
		for (size_t fact = 0; fact < TRUTH_MAX; fact++) {
			_cleanup_(when_freep) struct when *when = NULL, *negated = NULL;
			struct when_facts facts = {
				.charging = (enum truth)fact,
				.online = TRUTH_UNKNOWN,
				.metered = TRUTH_UNKNOWN,
				.roaming = TRUTH_UNKNOWN,
			};
			int64_t next_s = INT64_MAX;

			CHECK_INT(parse(wish ? "{\"charging\":{\"is\":true}}"
					     : "{\"charging\":{\"is\":false}}",
					  &when, NULL),
				0);
			CHECK_INT(when_evaluate(when, &facts, &next_s),
				model_wish(wish, (enum truth)fact));
			CHECK_INT(parse(wish ? "{\"not\":{\"charging\":{\"is\":false}}}"
					     : "{\"not\":{\"charging\":{\"is\":true}}}",
					  &negated, NULL),
				0);
			CHECK_INT(when_evaluate(negated, &facts, &next_s),
				model_wish(wish, (enum truth)fact));
		}
}

static void test_locked(void)
{
	for (int wish = 0; wish <= 1; wish++)
		for (size_t fact = 0; fact < TRUTH_MAX; fact++) {
			_cleanup_(when_freep) struct when *when = NULL;
			struct when_facts facts = {.locked = (enum truth)fact};
			int64_t next_s = INT64_MAX;

			CHECK_INT(parse(wish ? "{\"locked\":{\"is\":true}}"
					     : "{\"locked\":{\"is\":false}}",
					  &when, NULL),
				0);
			CHECK_INT(when_evaluate(when, &facts, &next_s),
				model_wish(wish, (enum truth)fact));
			CHECK(next_s == INT64_MAX);
		}
}

static void test_enrolled(void)
{
	static const struct {
		int64_t age_s;
		enum truth truth;
		int64_t next_s;
	} cases[] = {
		{-1, TRUTH_UNKNOWN, INT64_MAX},
		{0, TRUTH_FALSE, 3600},
		{3599, TRUTH_FALSE, 1},
		{3600, TRUTH_TRUE, INT64_MAX},
		{INT64_MAX, TRUTH_TRUE, INT64_MAX},
	};
	_cleanup_(when_freep) struct when *when = NULL;

	CHECK_INT(parse("{\"enrolled\":{\"for\":3600}}", &when, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct when_facts facts = {.enrolled_s = cases[i].age_s};
		int64_t next_s = INT64_MAX;

		CHECK_INT(when_evaluate(when, &facts, &next_s), cases[i].truth);
		CHECK_INT(next_s, cases[i].next_s);
	}
}

#define STAFF                                                                                      \
	{                                                                                          \
		"staff", 5, true                                                                   \
	}
#define OPEN                                                                                       \
	{                                                                                          \
		"staff", 5, false                                                                  \
	}
#define LONGER                                                                                     \
	{                                                                                          \
		"staff2", 6, true                                                                  \
	}

/* Which links fit; "wifi:NAME" only where a key was proved. */
static void test_connected(void)
{
	static const struct {
		const char *wish;
		struct when_links links;
		enum truth truth;
	} cases[] = {
		{"[\"wifi\"]", {.known = false, .kinds = 1u << WHEN_LINK_WIFI}, TRUTH_UNKNOWN},
		{"[\"wifi\"]", {.known = true}, TRUTH_FALSE},
		{"[\"wifi\"]", {true, 1u << WHEN_LINK_WIFI, {OPEN}, 1}, TRUTH_TRUE},
		{"[\"wifi\"]", {true, 1u << WHEN_LINK_ETHERNET}, TRUTH_FALSE},
		{"[\"wifi\",\"ethernet\"]", {true, 1u << WHEN_LINK_ETHERNET}, TRUTH_TRUE},
		{"[\"mobile\"]", {true, 1u << WHEN_LINK_MOBILE | 1u << WHEN_LINK_VPN}, TRUTH_TRUE},
		{"[\"bluetooth\"]", {true, 1u << WHEN_LINK_MOBILE}, TRUTH_FALSE},
		{"[\"wifi:staff\"]", {true, 1u << WHEN_LINK_WIFI, {STAFF}, 1}, TRUTH_TRUE},
		{"[\"wifi:staff\"]", {true, 1u << WHEN_LINK_WIFI, {OPEN}, 1}, TRUTH_FALSE},
		{"[\"wifi:staff\"]", {true, 1u << WHEN_LINK_WIFI, {LONGER}, 1}, TRUTH_FALSE},
		{"[\"wifi:staff\"]", {true, 1u << WHEN_LINK_WIFI, {LONGER, OPEN, STAFF}, 3},
			TRUTH_TRUE},
		{"[\"wifi:staf\"]", {true, 1u << WHEN_LINK_WIFI, {STAFF}, 1}, TRUTH_FALSE},
		{"[\"wifi:staff\"]", {true, 1u << WHEN_LINK_VPN}, TRUTH_FALSE},
		{"[\"balloon\"]", {true, 1u << WHEN_LINK_WIFI, {STAFF}, 1}, TRUTH_UNKNOWN},
		{"[\"balloon\",\"wifi\"]", {true, 1u << WHEN_LINK_WIFI, {STAFF}, 1}, TRUTH_TRUE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(when_freep) struct when *when = NULL;
		struct when_facts facts = {.links = cases[i].links, .online = TRUTH_FALSE};
		char text[128];
		int64_t next_s = INT64_MAX;
		enum truth truth;

		snprintf(text, sizeof(text), "{\"network\":{\"connected\":%s}}", cases[i].wish);
		CHECK_INT(parse(text, &when, NULL), 0);
		truth = when_evaluate(when, &facts, &next_s);
		if (truth != cases[i].truth)
			check_fail(__FILE__, __LINE__, "%s in case %zu is %s", text, i,
				truth_name(truth));
		when_free(TAKE_PTR(when));
		/* Beside another wish, both have to hold. */
		snprintf(text, sizeof(text), "{\"network\":{\"online\":true,\"connected\":%s}}",
			cases[i].wish);
		CHECK_INT(parse(text, &when, NULL), 0);
		CHECK_INT(when_evaluate(when, &facts, &next_s), TRUTH_FALSE);
		facts.online = TRUTH_UNKNOWN;
		CHECK_INT(when_evaluate(when, &facts, &next_s),
			model_and(TRUTH_UNKNOWN, cases[i].truth));
	}
}

/* As many links as a condition may have, and one more. */
static void test_links_limit(void)
{
	for (int n = WHEN_LINKS_MAX; n <= WHEN_LINKS_MAX + 1; n++) {
		_cleanup_(when_freep) struct when *when = NULL;
		_cleanup_buf_ struct buf text = BUF_INIT;

		buf_puts(&text, "{\"network\":{\"connected\":[");
		for (int i = 0; i < n; i++)
			buf_printf(&text, "%s\"wifi:%d\"", i ? "," : "", i);
		buf_puts(&text, "]}}");
		CHECK_INT(parse(text.data, &when, NULL), n > WHEN_LINKS_MAX ? -EBADMSG : 0);
	}
}

static void visit_kind(void *userdata, const char *kind)
{
	buf_printf(userdata, "%s;", kind);
}

static void test_link_names(void)
{
	_cleanup_(when_freep) struct when *when = NULL;
	_cleanup_buf_ struct buf names = BUF_INIT;

	for (size_t i = 0; i < WHEN_LINK_MAX; i++)
		CHECK(when_link_name((enum when_link)i));
	CHECK(!when_link_name(WHEN_LINK_MAX));
	CHECK_INT(parse("{\"network\":{\"connected\":[\"vpn\",\"balloon\",\"wifi:a b\"]}}", &when,
			  NULL),
		0);
	when_each_unknown(when, visit_kind, &names);
	CHECK_STR(names.data, "network.connected.balloon;");
}

static void test_format(void)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"{\"charging\":{\"is\":true}}", "charging"},
		{"{\"charging\":{\"is\":false}}", "not charging"},
		{"{\"network\":{\"roaming\":false,\"metered\":false,\"online\":true}}",
			"online and unmetered and not roaming"},
		{"{\"network\":{\"connected\":[\"wifi:Staff 1\",\"vpn\"]}}",
			"connected by wifi:Staff 1 or vpn"},
		{"{\"network\":{\"connected\":[\"vpn\"],\"roaming\":true}}",
			"roaming and connected by vpn"},
		{"{\"locked\":{\"is\":true}}", "locked"},
		{"{\"locked\":{\"is\":false}}", "unlocked"},
		{"{\"enrolled\":{\"for\":86400}}", "enrolled for 1 d"},
		{"{\"enrolled\":{\"for\":0}}", "enrolled"},
		{"{\"not\":{\"network\":{\"online\":false}}}", "not (offline)"},
		{"{\"any\":[{\"network\":{\"metered\":true}},{\"network\":{\"roaming\":true}}]}",
			"metered or roaming"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(when_freep) struct when *when = NULL;
		_cleanup_buf_ struct buf out = BUF_INIT;

		CHECK_INT(parse(cases[i].text, &when, NULL), 0);
		when_format(when, &out);
		CHECK_STR(out.data, cases[i].expected);
	}
}

/* More knowledge never turns a decided answer: from unknown to anything, nothing else changes. */
static void test_knowledge_is_monotone(void)
{
	struct gen gen = {23};

	for (int i = 0; i < 500; i++) {
		_cleanup_(when_freep) struct when *when = NULL;
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct jsonw w = JSONW_INIT(&text);
		struct when_facts less = gen_facts(&gen), more;
		int64_t ignored = INT64_MAX;
		enum truth before;

		gen_when(&gen, 3, &w, NULL);
		CHECK_INT(parse(text.data, &when, NULL), 0);
		more = less;
		if (more.charging == TRUTH_UNKNOWN)
			more.charging = (enum truth)gen_below(&gen, 2);
		if (more.online == TRUTH_UNKNOWN)
			more.online = (enum truth)gen_below(&gen, 2);
		if (more.metered == TRUTH_UNKNOWN)
			more.metered = (enum truth)gen_below(&gen, 2);
		if (more.roaming == TRUTH_UNKNOWN)
			more.roaming = (enum truth)gen_below(&gen, 2);
		if (more.locked == TRUTH_UNKNOWN)
			more.locked = (enum truth)gen_below(&gen, 2);
		if (!more.links.known)
			more.links.known = gen_below(&gen, 2);
		if (more.enrolled_s < 0)
			more.enrolled_s = gen_between(&gen, -1, 20 * 86400);
		before = when_evaluate(when, &less, &ignored);
		if (before != TRUTH_UNKNOWN)
			CHECK_INT(when_evaluate(when, &more, &ignored), before);
	}
}

static const struct check_test tests[] = {
	{"refused", test_refused},
	{"network_exhaustively", test_network_exhaustively},
	{"charging", test_charging},
	{"locked", test_locked},
	{"enrolled", test_enrolled},
	{"connected", test_connected},
	{"links_limit", test_links_limit},
	{"link_names", test_link_names},
	{"format", test_format},
	{"knowledge_is_monotone", test_knowledge_is_monotone},
};
CHECK_MAIN(tests)
