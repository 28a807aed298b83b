/* SPDX-License-Identifier: Apache-2.0 */
/* test_effective.c - merging of whole policies: order plays no part, only ever stricter, who
 * decided. */
#include "policies/effective.h"

#include <errno.h>

#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

#define MAX_POLICIES 4
#define MAX_PROFILES 6

/* Texts of profiles, so that one set of them can be parsed in several orders. */
struct fleet {
	char *profiles[MAX_POLICIES][MAX_PROFILES];
	size_t n_profiles[MAX_POLICIES];
	size_t n_policies;
};

static void fleet_done(struct fleet *fleet)
{
	for (size_t i = 0; i < MAX_POLICIES; i++)
		for (size_t k = 0; k < MAX_PROFILES; k++)
			free(fleet->profiles[i][k]);
}

static void fleet_random(struct gen *gen, struct fleet *fleet)
{
	*fleet = (struct fleet){.n_policies = gen_below(gen, MAX_POLICIES + 1)};
	for (size_t i = 0; i < fleet->n_policies; i++) {
		fleet->n_profiles[i] = gen_below(gen, MAX_PROFILES + 1);
		for (size_t k = 0; k < fleet->n_profiles[i]; k++) {
			_cleanup_buf_ struct buf text = BUF_INIT;
			char id[32];

			snprintf(id, sizeof(id), "p%zu", k);
			gen_profile(gen, id, &text);
			if (buf_take(&text, &fleet->profiles[i][k], NULL) < 0)
				abort();
		}
	}
}

static void shuffle(struct gen *gen, size_t *order, size_t n)
{
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	for (size_t i = n; i > 1; i--) {
		size_t k = gen_below(gen, i), swap = order[i - 1];

		order[i - 1] = order[k];
		order[k] = swap;
	}
}

static void free_policies(struct policy *policies[MAX_POLICIES])
{
	for (size_t i = 0; i < MAX_POLICIES; i++)
		policy_free(policies[i]);
}

/* Parses the fleet with streams and profiles in a random order. */
static bool fleet_parse(
	struct gen *gen, const struct fleet *fleet, struct policy *ret_policies[MAX_POLICIES])
{
	size_t streams[MAX_POLICIES], profiles[MAX_PROFILES];

	for (size_t i = 0; i < MAX_POLICIES; i++)
		ret_policies[i] = NULL;
	shuffle(gen, streams, fleet->n_policies);
	for (size_t i = 0; i < fleet->n_policies; i++) {
		_cleanup_buf_ struct buf joined = BUF_INIT, text = BUF_INIT;
		size_t stream = streams[i];
		char checkin[64], name[8];

		shuffle(gen, profiles, fleet->n_profiles[stream]);
		buf_puts(&joined, "");
		for (size_t k = 0; k < fleet->n_profiles[stream]; k++)
			buf_printf(&joined, "%s%s", k ? "," : "",
				fleet->profiles[stream][profiles[k]]);
		snprintf(name, sizeof(name), "s%c", (char)('0' + stream));
		snprintf(checkin, sizeof(checkin), "{\"interval\":%zu,\"jitter\":%zu}",
			3600 + 600 * (stream % 2), 100 - stream);
		gen_policy(name, stream ? checkin : NULL, joined.data, &text);
		ret_policies[i] = gen_parse(text.data, NULL);
		if (!ret_policies[i])
			return false;
	}
	return true;
}

static bool same_deciders(const struct effective *a, const struct effective *b)
{
	for (size_t id = 0; id < SETTING_MAX; id++) {
		const struct effective_setting *sa = &a->settings[id], *sb = &b->settings[id];

		if (sa->n_contributors != sb->n_contributors)
			return false;
		if (sa->present && (strcmp(sa->policy->stream, sb->policy->stream) ||
					   strcmp(sa->profile->id, sb->profile->id)))
			return false;
	}
	return a->next_change_s == b->next_change_s && a->n_unsupported == b->n_unsupported;
}

static bool set_has(const struct string_set *set, const char *text)
{
	for (size_t i = 0; i < set->n_strings; i++)
		if (strcmp(set->strings[i], text) == 0)
			return true;
	return false;
}

/* Nobody need have asked for all of a merged set, but for each element somebody has. */
static bool is_asked_for(enum setting_id id, const struct value *value,
	struct policy *const *policies, size_t n, const struct when_facts *facts)
{
	size_t n_asked = 0;

	for (size_t e = 0; e < value->set.n_strings; e++) {
		bool asked = false;

		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < policies[i]->n_profiles; k++) {
				const struct profile *p = &policies[i]->profiles[k];
				int64_t next_s = INT64_MAX;

				asked |= p->has[id] &&
					 (!p->when || when_evaluate(p->when, facts, &next_s) ==
							      TRUTH_TRUE) &&
					 set_has(&p->values[id].set, value->set.strings[e]);
			}
		n_asked += asked;
	}
	return n_asked == value->set.n_strings;
}

/* At least as strict as every profile that applies, and no stricter than the strictest of them:
 * somebody asked for just this value. Profiles that do not apply play no part. */
static bool is_the_strictest(const struct effective *effective, struct policy *const *policies,
	size_t n, const struct when_facts *facts)
{
	for (size_t id = 0; id < SETTING_MAX; id++) {
		const struct effective_setting *setting = &effective->settings[id];
		bool joins = setting_row(id)->merge == MERGE_JOIN;
		size_t n_contributors = 0;
		int64_t joined = 0;

		for (size_t i = 0; i < n; i++) {
			for (size_t k = 0; k < policies[i]->n_profiles; k++) {
				const struct profile *p = &policies[i]->profiles[k];
				int64_t next_s = INT64_MAX;

				if (!p->has[id] || (p->when && when_evaluate(p->when, facts,
								       &next_s) != TRUTH_TRUE))
					continue;
				n_contributors++;
				joined |= p->values[id].number;
				if (!setting->present || !value_satisfies(setting_row(id),
								 &setting->value, &p->values[id]))
					return false;
			}
		}
		if (n_contributors != setting->n_contributors ||
			setting->present != (n_contributors > 0))
			return false;
		/* Nobody need have asked for both of two words, but for each somebody has. */
		if (joins && setting->present && (setting->value.number & ~joined))
			return false;
		if (setting_row(id)->type == VALUE_SET || setting_row(id)->type == VALUE_LISTS) {
			if (!is_asked_for(id, &setting->value, policies, n, facts))
				return false;
			continue;
		}
		if (!joins && setting->present &&
			!value_equal(&setting->value, &setting->profile->values[id]))
			return false;
	}
	return true;
}

static void test_order_plays_no_part(void)
{
	struct gen gen = {7};

	for (int i = 0; i < 300; i++) {
		struct policy *first[MAX_POLICIES], *second[MAX_POLICIES];
		struct when_facts facts = gen_facts(&gen);
		struct effective a = {0}, b = {0};
		struct fleet fleet;
		bool ok;

		fleet_random(&gen, &fleet);
		ok = fleet_parse(&gen, &fleet, first) && fleet_parse(&gen, &fleet, second) &&
		     effective_compute(first, fleet.n_policies, &facts, &a) == 0 &&
		     effective_compute(second, fleet.n_policies, &facts, &b) == 0 &&
		     effective_equal(&a, &b) && same_deciders(&a, &b) &&
		     is_the_strictest(&a, first, fleet.n_policies, &facts);
		effective_done(&a);
		effective_done(&b);
		free_policies(first);
		free_policies(second);
		fleet_done(&fleet);
		CHECK(ok);
	}
}

/* Taking every policy twice changes nothing; dropping one never makes anything stricter. */
static bool more_is_stricter(
	struct policy *const *policies, size_t n, const struct when_facts *facts)
{
	struct policy *twice[2 * MAX_POLICIES];
	struct effective all = {0}, doubled = {0}, fewer = {0};
	bool ok;

	for (size_t i = 0; i < n; i++)
		twice[i] = twice[n + i] = policies[i];
	ok = effective_compute(policies, n, facts, &all) == 0 &&
	     effective_compute(twice, 2 * n, facts, &doubled) == 0 &&
	     effective_compute(policies, n ? n - 1 : 0, facts, &fewer) == 0 &&
	     effective_equal(&all, &doubled) && effective_equal(&doubled, &all);
	for (size_t id = 0; ok && id < SETTING_MAX; id++)
		if (fewer.settings[id].present)
			ok = all.settings[id].present &&
			     value_satisfies(setting_row(id), &all.settings[id].value,
				     &fewer.settings[id].value);
	ok = ok && all.next_change_s <= fewer.next_change_s && all.next_change_s > 0;
	effective_done(&all);
	effective_done(&doubled);
	effective_done(&fewer);
	return ok;
}

static void test_idempotent_and_monotone(void)
{
	struct gen gen = {8};

	for (int i = 0; i < 300; i++) {
		struct policy *policies[MAX_POLICIES];
		struct when_facts facts = gen_facts(&gen);
		struct fleet fleet;
		bool ok;

		fleet_random(&gen, &fleet);
		ok = fleet_parse(&gen, &fleet, policies) &&
		     more_is_stricter(policies, fleet.n_policies, &facts);
		free_policies(policies);
		fleet_done(&fleet);
		CHECK(ok);
	}
}

/* Until next_change_s the effective policy is the same by time alone. */
static void test_next_change(void)
{
	struct gen gen = {9};

	for (int i = 0; i < 200; i++) {
		struct policy *policies[MAX_POLICIES];
		struct when_facts facts = gen_facts(&gen);
		struct effective now = {0};
		struct fleet fleet;
		bool ok;

		fleet_random(&gen, &fleet);
		ok = fleet_parse(&gen, &fleet, policies) &&
		     effective_compute(policies, fleet.n_policies, &facts, &now) == 0;
		for (int k = 0; ok && k < 10; k++) {
			int64_t limit_s = now.next_change_s < 1000000 ? now.next_change_s : 1000000;
			int64_t t = k ? gen_between(&gen, 0, limit_s - 1) : limit_s - 1;
			struct when_facts later_facts = gen_facts_later(&facts, t);
			struct effective later = {0};

			ok = effective_compute(policies, fleet.n_policies, &later_facts, &later) ==
				     0 &&
			     effective_equal(&now, &later);
			effective_done(&later);
		}
		effective_done(&now);
		free_policies(policies);
		fleet_done(&fleet);
		CHECK(ok);
	}
}

static struct policy *policy_of(const char *stream, const char *checkin, const char *profiles)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct json_error error = {0};
	struct policy *policy;

	gen_policy(stream, checkin, profiles, &text);
	policy = gen_parse(text.data, &error);
	if (!policy)
		check_fail(__FILE__, __LINE__, "%s: %s", error.path, error.message);
	return policy;
}

static struct when_facts plain_facts(void)
{
	/* Monday 2026-11-23 10:00 UTC. */
	struct when_facts facts = {.realtime_s = 1795392000 + 36000, .clock_known = true};

	for (size_t i = 0; i < AREA_MAX; i++)
		facts.noncompliant_s[i] = -1;
	return facts;
}

static void test_nothing(void)
{
	struct when_facts facts = plain_facts();
	struct effective effective;

	CHECK_INT(effective_compute(NULL, 0, &facts, &effective), 0);
	for (size_t id = 0; id < SETTING_MAX; id++)
		CHECK(!effective.settings[id].present);
	CHECK_INT(effective.checkin.interval_s, 3600);
	CHECK_INT(effective.checkin.jitter_s, 360);
	CHECK(effective.next_change_s == INT64_MAX);
	effective_done(&effective);
}

static void test_checkin(void)
{
	static const char *const checkins[] = {NULL, "{\"interval\":7200,\"jitter\":10}",
		"{\"interval\":7200,\"jitter\":5}", "{\"interval\":86400,\"jitter\":0}",
		"{\"interval\":600}"};
	static const int64_t expected[][2] = {
		{3600, 360}, {7200, 10}, {7200, 5}, {7200, 5}, {600, 60}};
	struct policy *policies[ARRAY_SIZE(checkins)] = {0};
	struct when_facts facts = plain_facts();

	for (size_t i = 0; i < ARRAY_SIZE(checkins); i++) {
		char stream[8];
		struct effective effective;

		snprintf(stream, sizeof(stream), "s%c", (char)('0' + i));
		policies[i] = policy_of(stream, checkins[i], "");
		CHECK(policies[i]);
		CHECK_INT(effective_compute(policies, i + 1, &facts, &effective), 0);
		CHECK_INT(effective.checkin.interval_s, expected[i][0]);
		CHECK_INT(effective.checkin.jitter_s, expected[i][1]);
		effective_done(&effective);
	}
	for (size_t i = 0; i < ARRAY_SIZE(checkins); i++)
		policy_free(policies[i]);
}

static void test_equal(void)
{
	_cleanup_(policy_freep) struct policy *a = policy_of(
		"a", NULL, "{\"id\":\"x\",\"settings\":{\"screen_lock\":{\"idle_delay\":60}}}");
	_cleanup_(policy_freep) struct policy *b = policy_of(
		"b", NULL, "{\"id\":\"y\",\"settings\":{\"screen_lock\":{\"idle_delay\":60}}}");
	_cleanup_(policy_freep) struct policy *c = policy_of(
		"c", NULL, "{\"id\":\"x\",\"settings\":{\"screen_lock\":{\"idle_delay\":61}}}");
	_cleanup_(policy_freep) struct policy *d = policy_of("d", "{\"interval\":300}",
		"{\"id\":\"x\",\"settings\":{\"screen_lock\":{\"idle_delay\":60}}}");
	struct when_facts facts = plain_facts();
	struct effective ea, eb, ec, ed, none;

	CHECK(a && b && c && d);
	CHECK_INT(effective_compute(&a, 1, &facts, &ea), 0);
	CHECK_INT(effective_compute(&b, 1, &facts, &eb), 0);
	CHECK_INT(effective_compute(&c, 1, &facts, &ec), 0);
	CHECK_INT(effective_compute(&d, 1, &facts, &ed), 0);
	CHECK_INT(effective_compute(NULL, 0, &facts, &none), 0);
	CHECK(effective_equal(&ea, &eb));
	CHECK(!effective_equal(&ea, &ec));
	CHECK(!effective_equal(&ea, &ed));
	CHECK(!effective_equal(&ea, &none));
	CHECK(!effective_equal(&none, &ea));
	effective_done(&ea);
	effective_done(&eb);
	effective_done(&ec);
	effective_done(&ed);
	effective_done(&none);
}

/* The strictest of two streams, an inactive profile, an unknown condition: word for word. */
static void test_explain(void)
{
	static const char expected[] =
		"{\"settings\":["
		"{\"area\":\"screen_lock\",\"setting\":\"idle_delay\",\"value\":60,\"text\":\"60 s\","
		"\"stream\":\"staff\",\"profile\":\"base\","
		"\"help\":\"Seconds without input after which the screen turns blank.\",\"why\":null,"
		"\"contributors\":["
		"{\"stream\":\"all\",\"profile\":\"base\",\"value\":300,\"text\":\"300 s\","
		"\"active\":\"true\",\"when\":null},"
		"{\"stream\":\"staff\",\"profile\":\"base\",\"value\":60,\"text\":\"60 s\","
		"\"active\":\"true\",\"when\":null},"
		"{\"stream\":\"staff\",\"profile\":\"night\",\"value\":15,\"text\":\"15 s\","
		"\"active\":\"false\",\"when\":\"daily 22:00-06:00\"}]},"
		"{\"area\":\"encryption\",\"setting\":\"storage\",\"value\":null,\"text\":null,"
		"\"stream\":null,\"profile\":null,"
		"\"help\":\"Every mounted local file system lies on LUKS; /boot and the EFI "
		"partition are exempt.\",\"why\":null,"
		"\"contributors\":["
		"{\"stream\":\"staff\",\"profile\":\"trip\",\"value\":true,\"text\":\"yes\","
		"\"active\":\"unknown\",\"when\":\"unknown condition tide\"}]}]}";
	_cleanup_(policy_freep) struct policy *staff = policy_of("staff", NULL,
		"{\"id\":\"trip\",\"when\":{\"tide\":1},\"settings\":{\"encryption\":{\"storage\":"
		"true}}},"
		"{\"id\":\"night\",\"when\":{\"time\":{\"from\":\"22:00\",\"to\":\"06:00\"}},"
		"\"settings\":{\"screen_lock\":{\"idle_delay\":15}}},"
		"{\"id\":\"base\",\"settings\":{\"screen_lock\":{\"idle_delay\":60}}}");
	_cleanup_(policy_freep) struct policy *all = policy_of("all", NULL,
		"{\"id\":\"base\",\"settings\":{\"screen_lock\":{\"idle_delay\":300}}}");
	struct policy *policies[] = {staff, all};
	struct when_facts facts = plain_facts();
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct jsonw w = JSONW_INIT(&out);
	struct effective effective;

	CHECK(staff && all);
	CHECK_INT(effective_compute(policies, 2, &facts, &effective), 0);
	CHECK_INT(effective.next_change_s, 12 * 3600);
	CHECK_INT(effective.settings[SETTING_SCREEN_LOCK_IDLE_DELAY].n_contributors, 2);
	CHECK_INT(effective.n_unsupported, 1);
	jsonw_object(&w, NULL);
	effective_write_explain(&effective, policies, 2, &facts, &w, "settings");
	jsonw_object_end(&w);
	effective_done(&effective);
	CHECK_STR(out.data, expected);
}

static void test_explain_nothing(void)
{
	struct when_facts facts = plain_facts();
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct jsonw w = JSONW_INIT(&out);
	struct effective effective;

	CHECK_INT(effective_compute(NULL, 0, &facts, &effective), 0);
	effective_write_explain(&effective, NULL, 0, &facts, &w, NULL);
	effective_done(&effective);
	CHECK_STR(out.data, "[]");
}

static const struct check_test tests[] = {
	{"order_plays_no_part", test_order_plays_no_part},
	{"idempotent_and_monotone", test_idempotent_and_monotone},
	{"next_change", test_next_change},
	{"nothing", test_nothing},
	{"checkin", test_checkin},
	{"equal", test_equal},
	{"explain", test_explain},
	{"explain_nothing", test_explain_nothing},
};

CHECK_MAIN(tests)
