/* SPDX-License-Identifier: Apache-2.0 */
/* test_activation.c - what begins and ends to apply, why, and what is done once: every transition,
 * policies that change, restarts, records. */
#include "policies/activation.h"

#include <errno.h>

#include "agent/util/codec.h"
#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

struct rig {
	struct policy *policy;
	struct activation activation;
	struct when_facts facts;
	struct buf log;
};

static void rig_done(struct rig *rig)
{
	policy_free(rig->policy);
	activation_done(&rig->activation);
	buf_done(&rig->log);
}
#define _rig_ _cleanup_(rig_done)

static struct policy *policy_of(const char *profiles)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct json_error error = {0};
	struct policy *policy;

	gen_policy("staff", NULL, profiles, &text);
	policy = gen_parse(text.data, &error);
	if (!policy)
		check_fail(__FILE__, __LINE__, "%s: %s %s", profiles, error.path, error.message);
	return policy;
}

#define CHARGING "\"when\":{\"charging\":{\"is\":true}}"
#define ACTIONS "\"actions\":[{\"lock\":{}},{\"notify\":{\"text\":\"a\"}}]"
#define PROFILE(id, when, actions) "{\"id\":\"" id "\"," when ",\"settings\":{}," actions "}"

static bool rig_init(struct rig *rig, const char *profiles)
{
	*rig = (struct rig){.policy = policy_of(profiles)};
	rig->facts.charging = TRUTH_FALSE;
	buf_puts(&rig->log, "");
	return rig->policy != NULL;
}

static void note(void *userdata, const struct activation_change *change)
{
	struct rig *rig = userdata;

	buf_printf(&rig->log, "%s.%s %s>%s %s %s:%s;", change->stream, change->id,
		truth_name(change->before), truth_name(change->after),
		activation_cause_name(change->cause), change->kind, change->text);
}

/* What was noted, then what is due, each marked. */
static const char *rig_update(struct rig *rig)
{
	static char text[2048];
	struct activation_due due;

	buf_reset(&rig->log);
	buf_puts(&rig->log, "");
	if (activation_update(&rig->activation, &rig->policy, 1, &rig->facts, note, rig) < 0)
		return NULL;
	for (int i = 0; i < 20 && activation_next(&rig->activation, &rig->policy, 1, &due); i++) {
		buf_printf(&rig->log, "do %s.%s;", due.profile->id,
			action_row(due.action->kind)->name);
		activation_mark(&rig->activation, &due);
	}
	snprintf(text, sizeof(text), "%s", rig->log.data);
	return text;
}

static void test_edges(void)
{
	static const struct {
		enum truth charging;
		const char *expected;
	} steps[] = {
		{TRUTH_FALSE, ""},
		{TRUTH_UNKNOWN, ""},
		{TRUTH_TRUE,
			"staff.a unknown>true condition charging:charging;do a.lock;do a.notify;"},
		{TRUTH_TRUE, ""},
		/* Unknown ends nothing: what was done is not done again. */
		{TRUTH_UNKNOWN, "staff.a true>unknown condition charging:nobody knows any more "
				"whether charging;"},
		{TRUTH_TRUE, "staff.a unknown>true condition charging:charging;"},
		{TRUTH_FALSE, "staff.a true>false condition charging:no longer charging;"},
		{TRUTH_TRUE,
			"staff.a false>true condition charging:charging;do a.lock;do a.notify;"},
		{TRUTH_UNKNOWN, "staff.a true>unknown condition charging:nobody knows any more "
				"whether charging;"},
		{TRUTH_FALSE, ""},
		{TRUTH_TRUE,
			"staff.a false>true condition charging:charging;do a.lock;do a.notify;"},
	};
	_rig_ struct rig rig;

	CHECK(rig_init(&rig, PROFILE("a", CHARGING, ACTIONS)));
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		rig.facts.charging = steps[i].charging;
		CHECK_STR(rig_update(&rig), steps[i].expected);
	}
	for (size_t i = 0; i < ACTIVATION_CAUSE_MAX; i++)
		CHECK(activation_cause_name((enum activation_cause)i));
	CHECK(!activation_cause_name(ACTIVATION_CAUSE_MAX));
}

/* Which of several facts it was. */
static void test_causes(void)
{
	struct when_place places[] = {{"staff", "office", TRUTH_TRUE, 0}};
	_rig_ struct rig rig;

	CHECK(rig_init(
		&rig, PROFILE("a",
			      "\"when\":{\"any\":[{\"not\":{\"place\":{\"inside\":\"office\"}}},"
			      "{\"charging\":{\"is\":true}}]}",
			      "\"actions\":[]")));
	rig.facts.places = places;
	rig.facts.n_places = 1;
	CHECK_STR(rig_update(&rig), "");
	places[0].inside = TRUTH_FALSE;
	CHECK_STR(rig_update(&rig), "staff.a false>true condition place:no longer inside office;");
	/* It stays true for another reason: nothing to tell. */
	rig.facts.charging = TRUTH_TRUE;
	places[0].inside = TRUTH_TRUE;
	CHECK_STR(rig_update(&rig), "");
	rig.facts.charging = TRUTH_FALSE;
	CHECK_STR(rig_update(&rig), "staff.a true>false condition charging:no longer charging;");
	rig.facts.charging = TRUTH_TRUE;
	places[0].inside = TRUTH_UNKNOWN;
	CHECK_STR(rig_update(&rig),
		"staff.a false>true condition place:nobody knows any more whether inside office "
		"and charging;");
}

/* Long conditions are cut off between two characters. */
static void test_long_text(void)
{
	_cleanup_buf_ struct buf profile = BUF_INIT;
	_rig_ struct rig rig;
	const char *text;

	buf_puts(&profile, "{\"id\":\"a\",\"settings\":{},\"when\":{\"all\":[");
	for (int i = 0; i < 30; i++)
		buf_printf(&profile,
			"%s{\"network\":{\"connected\":[\"wifi:\u00e4\u00f6\u00fc%d\"]}}",
			i ? "," : "", i);
	buf_puts(&profile, "]}}");
	CHECK(rig_init(&rig, profile.data));
	rig.facts.links.known = true;
	CHECK_STR(rig_update(&rig), "");
	rig.facts.links.kinds = 1u << WHEN_LINK_WIFI;
	CHECK_STR(rig_update(&rig), "");
	policy_free(rig.policy);
	buf_reset(&profile);
	buf_puts(&profile, "{\"id\":\"a\",\"settings\":{},\"when\":{\"any\":[");
	for (int i = 0; i < 30; i++)
		buf_printf(&profile,
			"%s{\"not\":{\"network\":{\"connected\":[\"wifi:\u00e4\u00f6\u00fc%d\"]}}}",
			i ? "," : "", i);
	buf_puts(&profile, "]}}");
	rig.policy = policy_of(profile.data);
	CHECK(rig.policy);
	rig.facts.links.known = false;
	CHECK_STR(rig_update(&rig), "");
	rig.facts.links.known = true;
	text = rig_update(&rig);
	CHECK(strstr(text, "unknown>true condition network:no longer connected by wifi:"));
	CHECK(strlen(text) < LIMIT_TEXT_BYTES + 64);
	CHECK(text_is_valid(text, strlen(text)));
}

static void rig_replace(struct rig *rig, const char *profiles)
{
	policy_free(rig->policy);
	rig->policy = policy_of(profiles);
}

/* Policies come, change and go. */
static void test_policies(void)
{
	_rig_ struct rig rig;

	CHECK(rig_init(&rig, PROFILE("a", CHARGING, ACTIONS)));
	rig.facts.charging = TRUTH_TRUE;
	CHECK_STR(rig_update(&rig), "staff.a false>true policy :;do a.lock;do a.notify;");
	/* The same id with more to do: that is for the next time. */
	rig_replace(&rig, PROFILE("a", CHARGING, "\"actions\":[{\"lock\":{}},{\"report\":{}}]"));
	CHECK_STR(rig_update(&rig), "");
	/* Another condition that is true, too: it goes on. */
	rig_replace(
		&rig, PROFILE("a", "\"when\":{\"not\":{\"charging\":{\"is\":false}}}", ACTIONS));
	CHECK_STR(rig_update(&rig), "");
	/* One that is not: it ends. */
	rig_replace(&rig, PROFILE("a", "\"when\":{\"charging\":{\"is\":false}}", ACTIONS));
	CHECK_STR(rig_update(&rig), "staff.a true>false policy :;");
	rig_replace(&rig, PROFILE("a", CHARGING, ACTIONS));
	CHECK_STR(rig_update(&rig), "staff.a false>true policy :;do a.lock;do a.notify;");
	/* What has no condition applies always and never begins. */
	rig_replace(&rig, "{\"id\":\"b\",\"settings\":{}}");
	CHECK_STR(rig_update(&rig), "staff.a true>false policy :;");
	CHECK_INT(rig.activation.n_entries, 0);
	/* What is due of a profile that goes is not due any more. */
	rig_replace(&rig, PROFILE("a", CHARGING, ACTIONS));
	CHECK_INT(activation_update(&rig.activation, &rig.policy, 1, &rig.facts, NULL, NULL), 0);
	CHECK_INT(rig.activation.entries[0].due, 1u << ACTION_LOCK | 1u << ACTION_NOTIFY);
	rig_replace(&rig, "");
	CHECK_STR(rig_update(&rig), "staff.a true>false policy :;");
	CHECK_INT(activation_update(&rig.activation, NULL, 0, &rig.facts, NULL, NULL), 0);
}

/* Until it is marked it stays due, in the order of the profile; what ends takes it along. */
static void test_due(void)
{
	_rig_ struct rig rig;
	struct activation_due due;

	CHECK(rig_init(
		&rig, PROFILE("a", CHARGING,
			      "\"actions\":[{\"report\":{}},{\"wipe\":{\"scope\":\"corporate\"}},"
			      "{\"lock\":{}}]")));
	rig.facts.charging = TRUTH_TRUE;
	CHECK_INT(activation_update(&rig.activation, &rig.policy, 1, &rig.facts, NULL, NULL), 0);
	for (int i = 0; i < 2; i++) {
		CHECK(activation_next(&rig.activation, &rig.policy, 1, &due));
		CHECK_INT(due.action->kind, ACTION_REPORT);
	}
	activation_mark(&rig.activation, &due);
	activation_mark(&rig.activation, &due);
	CHECK(activation_next(&rig.activation, &rig.policy, 1, &due));
	CHECK_INT(due.action->kind, ACTION_WIPE);
	rig.facts.charging = TRUTH_UNKNOWN;
	CHECK_INT(activation_update(&rig.activation, &rig.policy, 1, &rig.facts, NULL, NULL), 0);
	CHECK(activation_next(&rig.activation, &rig.policy, 1, &due));
	rig.facts.charging = TRUTH_FALSE;
	CHECK_INT(activation_update(&rig.activation, &rig.policy, 1, &rig.facts, NULL, NULL), 0);
	CHECK(!activation_next(&rig.activation, &rig.policy, 1, &due));
}

/* The record of one run is the beginning of the next. */
static void rig_restart(struct rig *rig)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char *save = NULL;

	activation_export(&rig->activation, &text);
	buf_puts(&text, "");
	activation_done(&rig->activation);
	for (char *line = strtok_r(text.data, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save))
		if (activation_import(&rig->activation, line) < 0)
			check_fail(__FILE__, __LINE__, "%s is refused", line);
}

static void test_restart(void)
{
	_rig_ struct rig rig;

	CHECK(rig_init(&rig, PROFILE("a", CHARGING, ACTIONS)));
	rig.facts.charging = TRUTH_TRUE;
	rig_update(&rig);
	rig_restart(&rig);
	CHECK_STR(rig_update(&rig), "");
	/* At the next start nobody knows yet. */
	rig_restart(&rig);
	rig.facts.charging = TRUTH_UNKNOWN;
	CHECK_STR(rig_update(&rig), "staff.a true>unknown start :;");
	rig_restart(&rig);
	rig.facts.charging = TRUTH_TRUE;
	CHECK_STR(rig_update(&rig), "staff.a unknown>true start :;");
	/* It ended meanwhile. */
	rig_restart(&rig);
	rig.facts.charging = TRUTH_FALSE;
	CHECK_STR(rig_update(&rig), "staff.a true>false start :;");
	rig_restart(&rig);
	rig.facts.charging = TRUTH_TRUE;
	CHECK_STR(rig_update(&rig), "staff.a false>true start :;do a.lock;do a.notify;");
	/* A fall between what was due and what was done. */
	rig.facts.charging = TRUTH_FALSE;
	rig_update(&rig);
	rig.facts.charging = TRUTH_TRUE;
	CHECK_INT(activation_update(&rig.activation, &rig.policy, 1, &rig.facts, NULL, NULL), 0);
	rig_restart(&rig);
	CHECK_STR(rig_update(&rig), "do a.lock;do a.notify;");
}

/* Where the record is lost, nothing is done a second time. */
static void test_adopt(void)
{
	_rig_ struct rig rig;

	CHECK(rig_init(&rig, PROFILE("a", CHARGING, ACTIONS)));
	rig.facts.charging = TRUTH_TRUE;
	CHECK_INT(activation_adopt(&rig.activation, &rig.policy, 1, &rig.facts), 0);
	CHECK_STR(rig_update(&rig), "");
	rig.facts.charging = TRUTH_FALSE;
	rig_update(&rig);
	rig.facts.charging = TRUTH_TRUE;
	CHECK_STR(rig_update(&rig),
		"staff.a false>true condition charging:charging;do a.lock;do a.notify;");
}

static void test_import(void)
{
	static const struct {
		const char *line;
		bool taken;
	} cases[] = {
		{"staff a true 1 -", true},
		{"staff b true 1 lock,wipe", true},
		{"staff c unknown 1 report", true},
		{"staff d unknown 0 -", true},
		{"staff e false 0 -", true},
		/* Of a newer agent. */
		{"staff f true 1 siren,lock", true},
		{"staff a true 1 -", false},
		{"", false},
		{"staff", false},
		{"staff g true 1", false},
		{"staff g true 1 ", false},
		{"staff g true 1 - ", false},
		{"staff g true 1 - x", false},
		{" staff g true 1 -", false},
		{"staff  g true 1 -", false},
		{".staff g true 1 -", false},
		{"staff -g true 1 -", false},
		{"staff g maybe 1 -", false},
		{"staff g true 2 -", false},
		{"staff g true 11 -", false},
		{"staff g true 0 -", false},
		{"staff g false 1 -", false},
		{"staff g unknown 0 lock", false},
		{"staff g true 1 lock,lock", false},
		{"staff g true 1 lock,", false},
		{"staff g true 1 ,lock", false},
		{"staff g true 1 lo ck", false},
	};
	struct activation a = ACTIVATION_INIT;
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (activation_import(&a, cases[i].line) != (cases[i].taken ? 0 : -EBADMSG))
			check_fail(__FILE__, __LINE__, "\"%s\"", cases[i].line);
	CHECK_INT(a.n_entries, 6);
	activation_export(&a, &text);
	CHECK_STR(text.data,
		"staff a true 1 -\nstaff b true 1 lock,wipe\nstaff c unknown 1 report\n"
		"staff d unknown 0 -\nstaff e false 0 -\nstaff f true 1 lock\n");
	activation_done(&a);
}

static void test_import_limit(void)
{
	struct activation a = ACTIVATION_INIT;
	int n, r = 0;

	for (n = 0; r == 0 && n < 10000; n++) {
		char line[64];

		snprintf(line, sizeof(line), "staff p%05d true 1 -", n);
		r = activation_import(&a, line);
	}
	CHECK_INT(r, -E2BIG);
	CHECK_INT(n - 1, LIMIT_PROFILES * LIMIT_ASSIGNMENT_GROUPS);
	activation_done(&a);
}

static const struct check_test tests[] = {
	{"edges", test_edges},
	{"causes", test_causes},
	{"long_text", test_long_text},
	{"policies", test_policies},
	{"due", test_due},
	{"restart", test_restart},
	{"adopt", test_adopt},
	{"import", test_import},
	{"import_limit", test_import_limit},
};

CHECK_MAIN(tests)
