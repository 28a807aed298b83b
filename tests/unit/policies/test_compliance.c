/* SPDX-License-Identifier: Apache-2.0 */
/* test_compliance.c - observed against wanted: every state and reason, several backends, the
 * report. */
#include "policies/compliance.h"

#include <errno.h>

#include "agent/util/codec.h"
#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

#define NOW 1000

/* Short enough for tables. */
#define OK COMPLIANCE_COMPLIANT
#define BAD COMPLIANCE_NONCOMPLIANT
#define UNSUPPORTED COMPLIANCE_UNSUPPORTED

/* One effective policy and up to three backends, by hand. */
struct bench {
	struct effective effective;
	struct observation seen[3][SETTING_MAX];
	struct observation *saw[3][SETTING_MAX];
	struct compliance_input inputs[3];
	size_t n_inputs;
};

static void bench_init(struct bench *bench, size_t n_inputs)
{
	static const char *const names[] = {"first", "second", "third"};

	memset(bench, 0, sizeof(*bench));
	bench->n_inputs = n_inputs;
	for (size_t i = 0; i < 3; i++) {
		for (size_t id = 0; id < SETTING_MAX; id++)
			bench->saw[i][id] = &bench->seen[i][id];
		bench->inputs[i] = (struct compliance_input){names[i], bench->saw[i]};
	}
}

static void bench_want(struct bench *bench, enum setting_id id, int64_t number)
{
	bench->effective.settings[id].present = true;
	bench->effective.settings[id].value =
		(struct value){.type = setting_row(id)->type, .number = number};
}

static void bench_see(
	struct bench *bench, size_t backend, enum setting_id id, int64_t number, bool enforced)
{
	bench->seen[backend][id].has_value = true;
	bench->seen[backend][id].enforced = enforced;
	bench->seen[backend][id].value =
		(struct value){.type = setting_row(id)->type, .number = number};
}

static void bench_say(struct bench *bench, size_t backend, enum setting_id id,
	enum compliance_state state, enum compliance_reason reason)
{
	bench->seen[backend][id].state = state;
	bench->seen[backend][id].reason = reason;
}

static struct compliance bench_evaluate(
	const struct bench *bench, const struct compliance *previous, int64_t now_s)
{
	struct compliance compliance = {0};

	if (compliance_evaluate(&bench->effective, bench->inputs, bench->n_inputs, previous, now_s,
		    &compliance) != 0)
		abort();
	return compliance;
}

static void test_names(void)
{
	for (size_t i = 0; i < COMPLIANCE_STATE_MAX; i++) {
		CHECK(name_is_valid(compliance_state_name(i)) && *compliance_state_help(i));
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(compliance_state_name(i), compliance_state_name(k)));
	}
	for (size_t i = 0; i < COMPLIANCE_REASON_MAX; i++) {
		CHECK(name_is_valid(compliance_reason_name(i)) && *compliance_reason_help(i));
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(compliance_reason_name(i), compliance_reason_name(k)));
	}
	CHECK_STR(compliance_reason_name(REASON_NONE), "ok");
	CHECK_STR(compliance_reason_name(REASON_NEEDS_SESSION), "needs_session_restart");
}

/* One backend, one setting. */
static void test_values(void)
{
	static const struct {
		enum setting_id id;
		int64_t wanted, seen;
		bool enforced;
		enum compliance_state state;
		enum compliance_reason reason;
	} cases[] = {
		{SETTING_SCREEN_LOCK_IDLE_DELAY, 300, 300, true, OK, REASON_NONE},
		{SETTING_SCREEN_LOCK_IDLE_DELAY, 300, 60, true, OK, REASON_NONE},
		{SETTING_SCREEN_LOCK_IDLE_DELAY, 300, 301, true, BAD, REASON_WEAKER},
		{SETTING_SCREEN_LOCK_IDLE_DELAY, 300, 300, false, BAD, REASON_NOT_ENFORCED},
		{SETTING_SCREEN_LOCK_IDLE_DELAY, 300, 301, false, BAD, REASON_WEAKER},
		{SETTING_SCREEN_LOCK_ENABLED, 1, 1, true, OK, REASON_NONE},
		{SETTING_SCREEN_LOCK_ENABLED, 1, 0, true, BAD, REASON_WEAKER},
		{SETTING_SCREEN_LOCK_ENABLED, 0, 0, false, OK, REASON_NONE},
		{SETTING_SCREEN_LOCK_ENABLED, 0, 1, false, OK, REASON_NONE},
		{SETTING_ENCRYPTION_STORAGE, 0, 0, false, OK, REASON_NONE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct compliance_result *result;
		struct compliance compliance;
		struct bench bench;

		bench_init(&bench, 1);
		bench_want(&bench, cases[i].id, cases[i].wanted);
		bench_see(&bench, 0, cases[i].id, cases[i].seen, cases[i].enforced);
		compliance = bench_evaluate(&bench, NULL, NOW);
		result = compliance.results[cases[i].id];
		CHECK(result->present && result->has_observed);
		if (result->state != cases[i].state || result->reason != cases[i].reason)
			check_fail(__FILE__, __LINE__, "case %zu: %s, %s", i,
				compliance_state_name(result->state),
				compliance_reason_name(result->reason));
		CHECK_INT(result->observed.number, cases[i].seen);
		CHECK_INT(result->desired.number, cases[i].wanted);
		CHECK_STR(result->backend, "first");
		CHECK_INT(result->since_s, NOW);
		CHECK_INT(compliance.overall, cases[i].state);
		CHECK_INT(compliance.area[setting_row(cases[i].id)->area], cases[i].state);
		compliance_done(&compliance);
	}
}

/* What a backend says itself is kept; a state without a fitting reason gets its usual one. */
static void test_own_words(void)
{
	static const struct {
		enum compliance_state state;
		enum compliance_reason said, reason;
	} cases[] = {
		{UNSUPPORTED, REASON_NO_LOCKER, REASON_NO_LOCKER},
		{UNSUPPORTED, REASON_NO_MECHANISM, REASON_NO_MECHANISM},
		{UNSUPPORTED, REASON_NONE, REASON_NO_MECHANISM},
		{COMPLIANCE_ERROR, REASON_APPLY_FAILED, REASON_APPLY_FAILED},
		{COMPLIANCE_ERROR, REASON_NONE, REASON_OBSERVE_FAILED},
		{COMPLIANCE_ERROR, REASON_ENCRYPTED, REASON_OBSERVE_FAILED},
		{COMPLIANCE_PENDING, REASON_NONE, REASON_NEEDS_SESSION},
		{COMPLIANCE_UNKNOWN, REASON_UNTRACEABLE, REASON_UNTRACEABLE},
		{COMPLIANCE_UNKNOWN, REASON_NONE, REASON_NOT_OBSERVED},
		{BAD, REASON_PLAIN_STORAGE, REASON_PLAIN_STORAGE},
		{BAD, REASON_NONE, REASON_WEAKER},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct compliance compliance;
		struct bench bench;

		bench_init(&bench, 1);
		bench_want(&bench, SETTING_ENCRYPTION_STORAGE, 1);
		bench_say(&bench, 0, SETTING_ENCRYPTION_STORAGE, cases[i].state, cases[i].said);
		snprintf(bench.seen[0][SETTING_ENCRYPTION_STORAGE].detail, 16, "why");
		compliance = bench_evaluate(&bench, NULL, NOW);
		CHECK_INT(compliance.results[SETTING_ENCRYPTION_STORAGE]->state, cases[i].state);
		CHECK_INT(compliance.results[SETTING_ENCRYPTION_STORAGE]->reason, cases[i].reason);
		CHECK_STR(compliance.results[SETTING_ENCRYPTION_STORAGE]->detail, "why");
		CHECK(!compliance.results[SETTING_ENCRYPTION_STORAGE]->has_observed);
		CHECK_INT(compliance.overall, cases[i].state);
		compliance_done(&compliance);
		/* Encryption that is not asked for is never missing. */
		bench_want(&bench, SETTING_ENCRYPTION_STORAGE, 0);
		compliance = bench_evaluate(&bench, NULL, NOW);
		CHECK_INT(compliance.overall, OK);
		CHECK_INT(compliance.results[SETTING_ENCRYPTION_STORAGE]->reason, REASON_NONE);
		compliance_done(&compliance);
	}
}

static void test_nothing_seen(void)
{
	struct compliance compliance;
	struct bench bench;

	for (size_t n = 0; n <= 2; n++) {
		bench_init(&bench, n);
		bench_want(&bench, SETTING_SCREEN_LOCK_DELAY, 0);
		compliance = bench_evaluate(&bench, NULL, NOW);
		CHECK_INT(compliance.results[SETTING_SCREEN_LOCK_DELAY]->state, COMPLIANCE_UNKNOWN);
		CHECK_INT(
			compliance.results[SETTING_SCREEN_LOCK_DELAY]->reason, REASON_NOT_OBSERVED);
		CHECK_STR(compliance.results[SETTING_SCREEN_LOCK_DELAY]->backend, "");
		compliance_done(&compliance);
	}
}

/* A backend that mixes up its types is an error, never compliant by chance. */
static void test_wrong_type(void)
{
	struct compliance compliance;
	struct bench bench;

	bench_init(&bench, 1);
	bench_want(&bench, SETTING_SCREEN_LOCK_IDLE_DELAY, 300);
	bench_see(&bench, 0, SETTING_SCREEN_LOCK_IDLE_DELAY, 1, true);
	bench.seen[0][SETTING_SCREEN_LOCK_IDLE_DELAY].value.type = VALUE_BOOL;
	compliance = bench_evaluate(&bench, NULL, NOW);
	CHECK_INT(compliance.overall, COMPLIANCE_ERROR);
	compliance_done(&compliance);
}

/* Two backends: each says a state (compliant: the value), this is the answer. */
static void test_several_backends(void)
{
	static const struct {
		enum compliance_state first, second;
		enum compliance_reason first_reason, second_reason;
		enum compliance_state state;
		enum compliance_reason reason;
		const char *backend;
	} cases[] = {
		{OK, OK, 0, 0, OK, REASON_NONE, "first"},
		{OK, UNSUPPORTED, 0, REASON_NO_LOCKER, OK, REASON_NONE, "first"},
		{UNSUPPORTED, OK, REASON_NO_LOCKER, 0, OK, REASON_NONE, "second"},
		{OK, BAD, 0, REASON_WEAKER, BAD, REASON_WEAKER, "second"},
		{COMPLIANCE_PENDING, BAD, REASON_NEEDS_SESSION, REASON_WEAKER, BAD, REASON_WEAKER,
			"second"},
		{COMPLIANCE_ERROR, BAD, REASON_APPLY_FAILED, REASON_WEAKER, COMPLIANCE_ERROR,
			REASON_APPLY_FAILED, "first"},
		{COMPLIANCE_UNKNOWN, OK, REASON_NOT_OBSERVED, 0, COMPLIANCE_UNKNOWN,
			REASON_NOT_OBSERVED, "first"},
		{COMPLIANCE_UNKNOWN, COMPLIANCE_PENDING, REASON_NOT_OBSERVED, REASON_NEEDS_SESSION,
			COMPLIANCE_PENDING, REASON_NEEDS_SESSION, "second"},
		{UNSUPPORTED, UNSUPPORTED, REASON_NO_MECHANISM, REASON_NO_LOCKER, UNSUPPORTED,
			REASON_NO_LOCKER, "second"},
		{UNSUPPORTED, UNSUPPORTED, REASON_UNKNOWN_SETTING, REASON_NO_LOCKER, UNSUPPORTED,
			REASON_NO_LOCKER, "second"},
		{UNSUPPORTED, UNSUPPORTED, REASON_UNKNOWN_SETTING, REASON_NO_MECHANISM, UNSUPPORTED,
			REASON_UNKNOWN_SETTING, "first"},
		{UNSUPPORTED, UNSUPPORTED, REASON_NO_LOCKER, REASON_NO_MECHANISM, UNSUPPORTED,
			REASON_NO_LOCKER, "first"},
	};
	enum setting_id id = SETTING_SCREEN_LOCK_ENABLED;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum compliance_state states[] = {cases[i].first, cases[i].second};
		enum compliance_reason reasons[] = {cases[i].first_reason, cases[i].second_reason};
		struct compliance compliance;
		struct bench bench;

		/* The third is silent and does not count. */
		bench_init(&bench, 3);
		bench_want(&bench, id, 1);
		for (size_t k = 0; k < 2; k++) {
			if (states[k] == OK)
				bench_see(&bench, k, id, 1, true);
			bench_say(&bench, k, id, states[k], reasons[k]);
		}
		compliance = bench_evaluate(&bench, NULL, NOW);
		CHECK_INT(compliance.results[id]->state, cases[i].state);
		CHECK_INT(compliance.results[id]->reason, cases[i].reason);
		CHECK_STR(compliance.results[id]->backend, cases[i].backend);
		compliance_done(&compliance);
	}
}

static void test_items(void)
{
	static const struct {
		enum compliance_state states[3];
		enum compliance_reason reasons[3];
		enum compliance_state state;
		enum compliance_reason reason;
	} cases[] = {
		{{OK, OK, OK}, {REASON_ENCRYPTED, REASON_MEMORY, REASON_BOOT_EXEMPT}, OK,
			REASON_NONE},
		/* Exempt by their reason, whatever state they were given. */
		{{BAD, COMPLIANCE_UNKNOWN, UNSUPPORTED},
			{REASON_REMOTE, REASON_MEMORY, REASON_VERIFIED_READONLY}, OK, REASON_NONE},
		{{OK, BAD, OK}, {REASON_ENCRYPTED, REASON_PLAIN_STORAGE, REASON_MEMORY}, BAD,
			REASON_PLAIN_STORAGE},
		/* A forgotten state does not make plain storage compliant. */
		{{OK, OK, OK}, {REASON_ENCRYPTED, REASON_ENCRYPTED, REASON_PLAIN_STORAGE}, BAD,
			REASON_PLAIN_STORAGE},
		{{OK, COMPLIANCE_UNKNOWN, OK},
			{REASON_ENCRYPTED, REASON_UNTRACEABLE, REASON_MEMORY}, COMPLIANCE_UNKNOWN,
			REASON_UNTRACEABLE},
		{{OK, OK, OK}, {REASON_ENCRYPTED, REASON_UNTRACEABLE, REASON_MEMORY},
			COMPLIANCE_UNKNOWN, REASON_UNTRACEABLE},
		{{COMPLIANCE_UNKNOWN, BAD, COMPLIANCE_ERROR},
			{REASON_UNTRACEABLE, REASON_PLAIN_STORAGE, REASON_OBSERVE_FAILED},
			COMPLIANCE_ERROR, REASON_OBSERVE_FAILED},
		{{OK, UNSUPPORTED, OK}, {REASON_NONE, REASON_NO_MECHANISM, REASON_NONE},
			COMPLIANCE_UNKNOWN, REASON_NO_MECHANISM},
	};
	enum setting_id id = SETTING_ENCRYPTION_STORAGE;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static struct observed_item items[3];
		struct compliance compliance;
		struct bench bench;

		bench_init(&bench, 1);
		bench_want(&bench, id, 1);
		for (size_t k = 0; k < 3; k++) {
			items[k].state = cases[i].states[k];
			items[k].reason = cases[i].reasons[k];
		}
		bench.seen[0][id].items = items;
		bench.seen[0][id].n_items = 3;
		compliance = bench_evaluate(&bench, NULL, NOW);
		if (compliance.results[id]->state != cases[i].state ||
			compliance.results[id]->reason != cases[i].reason)
			check_fail(__FILE__, __LINE__, "case %zu: %s, %s", i,
				compliance_state_name(compliance.results[id]->state),
				compliance_reason_name(compliance.results[id]->reason));
		CHECK_INT(compliance.results[id]->n_items, 3);
		CHECK(compliance.results[id]->items != items);
		compliance_done(&compliance);
		/* With a value of the whole as well, the item still gives the reason. */
		bench_see(&bench, 0, id, cases[i].state == OK, false);
		compliance = bench_evaluate(&bench, NULL, NOW);
		if (cases[i].state != COMPLIANCE_UNKNOWN) {
			CHECK_INT(compliance.results[id]->state, cases[i].state);
			CHECK_INT(compliance.results[id]->reason, cases[i].reason);
		}
		compliance_done(&compliance);
		/* Good items do not hide that the backend calls the whole weak. */
		bench_see(&bench, 0, id, 0, false);
		compliance = bench_evaluate(&bench, NULL, NOW);
		CHECK(compliance.results[id]->state == BAD ||
			compliance.results[id]->state == COMPLIANCE_ERROR);
		compliance_done(&compliance);
	}
}

/* Settings of both areas in given states. */
static void test_overall(void)
{
	enum {
		NONE = COMPLIANCE_STATE_MAX,
	};
	static const struct {
		int screen_lock, encryption;
		enum compliance_state overall;
	} cases[] = {
		{NONE, NONE, OK},
		{OK, NONE, OK},
		{UNSUPPORTED, NONE, UNSUPPORTED},
		{UNSUPPORTED, UNSUPPORTED, UNSUPPORTED},
		{UNSUPPORTED, OK, OK},
		{COMPLIANCE_UNKNOWN, OK, COMPLIANCE_UNKNOWN},
		{COMPLIANCE_UNKNOWN, UNSUPPORTED, COMPLIANCE_UNKNOWN},
		{COMPLIANCE_UNKNOWN, COMPLIANCE_PENDING, COMPLIANCE_PENDING},
		{BAD, COMPLIANCE_PENDING, BAD},
		{BAD, COMPLIANCE_ERROR, COMPLIANCE_ERROR},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const int states[] = {cases[i].screen_lock, cases[i].encryption};
		static const enum setting_id ids[] = {
			SETTING_SCREEN_LOCK_ENABLED, SETTING_ENCRYPTION_SWAP};
		struct compliance compliance;
		struct bench bench;

		bench_init(&bench, 1);
		for (size_t k = 0; k < 2; k++) {
			if (states[k] == NONE)
				continue;
			bench_want(&bench, ids[k], 1);
			bench_say(&bench, 0, ids[k], states[k], REASON_NONE);
			if (states[k] == OK)
				bench_see(&bench, 0, ids[k], 1, true);
		}
		compliance = bench_evaluate(&bench, NULL, NOW);
		CHECK_INT(compliance.overall, cases[i].overall);
		for (size_t k = 0; k < 2; k++)
			CHECK_INT(compliance.area[setting_row(ids[k])->area],
				states[k] == NONE ? OK : states[k]);
		compliance_done(&compliance);
	}
}

/* A policy of which nothing is understood is not one that asks for nothing. */
static void test_only_unknown_settings(void)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct jsonw w = JSONW_INIT(&out);
	struct compliance compliance;
	struct bench bench;

	bench_init(&bench, 1);
	compliance = bench_evaluate(&bench, NULL, NOW);
	compliance_write(&compliance, NULL, 0, &w, NULL);
	CHECK_STR(out.data, "{\"state\":\"compliant\",\"settings\":[],\"unsupported\":[]}");
	compliance_done(&compliance);
	bench.effective.n_unsupported = 2;
	compliance = bench_evaluate(&bench, NULL, NOW);
	CHECK_INT(compliance.overall, UNSUPPORTED);
	CHECK_INT(compliance.n_unsupported, 2);
	compliance_done(&compliance);
	bench_want(&bench, SETTING_SCREEN_LOCK_ENABLED, 1);
	bench_see(&bench, 0, SETTING_SCREEN_LOCK_ENABLED, 1, true);
	compliance = bench_evaluate(&bench, NULL, NOW);
	CHECK_INT(compliance.overall, OK);
	compliance_done(&compliance);
}

/* since: kept while state and reason stay, whatever the values do. */
static void test_since_and_equal(void)
{
	enum setting_id id = SETTING_SCREEN_LOCK_IDLE_DELAY;
	struct compliance a, b, c, d, e;
	struct bench bench;

	bench_init(&bench, 1);
	bench_want(&bench, id, 300);
	bench_see(&bench, 0, id, 400, true);
	a = bench_evaluate(&bench, NULL, 10);
	b = bench_evaluate(&bench, &a, 20);
	CHECK_INT(b.results[id]->since_s, 10);
	CHECK(compliance_equal(&a, &b));
	bench_see(&bench, 0, id, 500, true);
	c = bench_evaluate(&bench, &b, 30);
	CHECK_INT(c.results[id]->since_s, 10);
	CHECK(!compliance_equal(&b, &c));
	bench_see(&bench, 0, id, 300, false);
	d = bench_evaluate(&bench, &c, 40);
	CHECK_INT(d.results[id]->since_s, 40);
	CHECK(!compliance_equal(&c, &d));
	bench.effective.settings[id].present = false;
	e = bench_evaluate(&bench, &d, 50);
	CHECK(!e.results[id]);
	CHECK(!compliance_equal(&d, &e) && !compliance_equal(&e, &d));
	compliance_done(&d);
	bench.effective.settings[id].present = true;
	d = bench_evaluate(&bench, &e, 60);
	CHECK_INT(d.results[id]->since_s, 60);
	compliance_done(&a);
	compliance_done(&b);
	compliance_done(&c);
	compliance_done(&d);
	compliance_done(&e);
}

static void test_equal_items(void)
{
	enum setting_id id = SETTING_ENCRYPTION_STORAGE;
	static struct observed_item items[2] = {
		{"/", OK, REASON_ENCRYPTED, "LUKS2: dm-0"},
		{"/home", OK, REASON_ENCRYPTED, "LUKS2: dm-0"},
	};
	struct compliance a, b;
	struct bench bench;

	bench_init(&bench, 1);
	bench_want(&bench, id, 1);
	bench.seen[0][id].items = items;
	bench.seen[0][id].n_items = 2;
	a = bench_evaluate(&bench, NULL, NOW);
	snprintf(items[1].detail, sizeof(items[1].detail), "LUKS2: dm-1");
	b = bench_evaluate(&bench, &a, NOW);
	CHECK(!compliance_equal(&a, &b));
	compliance_done(&b);
	bench.seen[0][id].n_items = 1;
	b = bench_evaluate(&bench, &a, NOW);
	CHECK(!compliance_equal(&a, &b));
	CHECK(compliance_equal(&b, &b));
	compliance_done(&a);
	compliance_done(&b);
}

static void test_observation_move(void)
{
	struct observation from = {.detail = "x"}, to = {0};

	from.items = calloc(2, sizeof(*from.items));
	CHECK(from.items);
	from.n_items = 2;
	observation_move(&to, &from);
	CHECK(to.items && to.n_items == 2 && !from.items && from.n_items == 0);
	CHECK_STR(to.detail, "x");
	from.items = calloc(1, sizeof(*from.items));
	from.n_items = 1;
	observation_move(&to, &from);
	CHECK_INT(to.n_items, 1);
	observation_done(&to);
	CHECK(!to.items);
	observation_done(&to);
}

static struct policy *policy_with(const char *stream, const char *settings)
{
	_cleanup_buf_ struct buf text = BUF_INIT, profile = BUF_INIT;

	buf_printf(&profile, "{\"id\":\"a\",\"settings\":%s}", settings);
	gen_policy(stream, NULL, profile.data, &text);
	return gen_parse(text.data, NULL);
}

/* Word for word, as docs/protocol.md has it. */
static void test_write(void)
{
	static const char expected[] =
		"{\"c\":{\"state\":\"noncompliant\",\"settings\":["
		"{\"area\":\"screen_lock\",\"setting\":\"idle_delay\",\"state\":\"unknown\","
		"\"reason\":\"not_observed\",\"desired\":300,\"desired_text\":\"300 s\","
		"\"observed\":null,\"observed_text\":null,\"backend\":\"\",\"detail\":\"\","
		"\"since\":1000,\"items\":[]},"
		"{\"area\":\"encryption\",\"setting\":\"storage\",\"state\":\"noncompliant\","
		"\"reason\":\"plain_storage\",\"desired\":true,\"desired_text\":\"yes\","
		"\"observed\":false,\"observed_text\":\"no\",\"backend\":\"first\","
		"\"detail\":\"1 of 2 mounts\",\"since\":1000,\"items\":["
		"{\"name\":\"/\",\"state\":\"noncompliant\",\"reason\":\"plain_storage\","
		"\"detail\":\"plain: mmcblk0p3\"},"
		"{\"name\":\"/tmp\",\"state\":\"compliant\",\"reason\":\"memory\",\"detail\":\"\"}]}],"
		"\"unsupported\":[\"gadgets\",\"network\",\"updates\"]}}";
	static struct observed_item items[2] = {
		{"/", BAD, REASON_PLAIN_STORAGE, "plain: mmcblk0p3"},
		{"/tmp", OK, REASON_MEMORY, ""},
	};
	_cleanup_(policy_freep) struct policy *b =
		policy_with("b", "{\"updates\":1,\"gadgets\":1}");
	_cleanup_(policy_freep) struct policy *a =
		policy_with("a", "{\"network\":1,\"gadgets\":1}");
	struct policy *policies[] = {b, a};
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct jsonw w = JSONW_INIT(&out);
	struct compliance compliance;
	struct bench bench;

	CHECK(a && b);
	bench_init(&bench, 1);
	bench_want(&bench, SETTING_SCREEN_LOCK_IDLE_DELAY, 300);
	bench_want(&bench, SETTING_ENCRYPTION_STORAGE, 1);
	bench_see(&bench, 0, SETTING_ENCRYPTION_STORAGE, 0, true);
	bench.seen[0][SETTING_ENCRYPTION_STORAGE].items = items;
	bench.seen[0][SETTING_ENCRYPTION_STORAGE].n_items = 2;
	snprintf(bench.seen[0][SETTING_ENCRYPTION_STORAGE].detail, 64, "1 of 2 mounts");
	compliance = bench_evaluate(&bench, NULL, NOW);
	jsonw_object(&w, NULL);
	compliance_write(&compliance, policies, 2, &w, "c");
	jsonw_object_end(&w);
	compliance_done(&compliance);
	CHECK_STR(out.data, expected);
}

/* Whatever backends say, a setting that is not known to be met is never compliant. */
static void test_never_compliant_by_accident(void)
{
	struct gen gen = {10};

	for (int i = 0; i < 2000; i++) {
		enum setting_id id = gen_below(&gen, SETTING_MAX);
		const struct setting_row *row = setting_row(id);
		bool met = false;
		struct compliance compliance;
		struct bench bench;

		bench_init(&bench, 3);
		bench_want(&bench, id, gen_between(&gen, row->min, row->max));
		for (size_t k = 0; k < 3; k++) {
			struct observation *o = &bench.seen[k][id];

			if (gen_below(&gen, 2))
				bench_see(&bench, k, id, gen_between(&gen, row->min, row->max),
					gen_below(&gen, 2));
			bench_say(&bench, k, id, gen_below(&gen, COMPLIANCE_STATE_MAX),
				gen_below(&gen, COMPLIANCE_REASON_MAX));
			met |= o->state == OK && o->has_value && o->enforced &&
			       value_satisfies(row, &o->value, &bench.effective.settings[id].value);
		}
		met |= value_demands_nothing(row, &bench.effective.settings[id].value);
		compliance = bench_evaluate(&bench, NULL, NOW);
		CHECK(compliance.results[id]->state != OK || met);
		compliance_done(&compliance);
	}
}

static const struct check_test tests[] = {
	{"names", test_names},
	{"values", test_values},
	{"own_words", test_own_words},
	{"nothing_seen", test_nothing_seen},
	{"wrong_type", test_wrong_type},
	{"several_backends", test_several_backends},
	{"items", test_items},
	{"overall", test_overall},
	{"only_unknown_settings", test_only_unknown_settings},
	{"since_and_equal", test_since_and_equal},
	{"equal_items", test_equal_items},
	{"observation_move", test_observation_move},
	{"write", test_write},
	{"never_compliant_by_accident", test_never_compliant_by_accident},
};

CHECK_MAIN(tests)
