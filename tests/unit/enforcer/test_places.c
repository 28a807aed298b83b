/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_places.c - places on a location that is told what it answers: what is asked and when it is
 * not, what is kept over restarts and reboots, what damage does. Real sources and people:
 * tests/system/places.py.
 */
#include <fcntl.h>

#include "agent/enforcer/places_private.h"
#include "agent/util/fs.h"
#include "tests/unit/enforcer/device_rig.h"

#define S USEC_PER_SEC
#define CHECKIN "{\"interval\":3600,\"jitter\":0}"

/* The location of the test: one at a time. */
static struct fake {
	int n_new, n_want, n_scan;
	unsigned int watches;
	enum location_need need;
	bool honour;
	location_event_fn event;
	void *userdata;
} fake;

static int fake_new(struct platform *platform, location_event_fn event, void *userdata,
	struct location **ret_location)
{
	(void)platform;
	fake.n_new++;
	fake.event = event;
	fake.userdata = userdata;
	*ret_location = (struct location *)&fake;
	return 0;
}

static void fake_free(struct location *location)
{
	(void)location;
	fake.event = NULL;
	fake.need = LOCATION_OFF;
}

static void fake_honour(struct location *location, bool honour)
{
	(void)location;
	fake.honour = honour;
}

static int fake_want(struct location *location, enum location_need need, int64_t deadline_us)
{
	(void)location;
	signer_must(need == LOCATION_OFF || deadline_us > clock_boottime_us());
	fake.n_want += need != LOCATION_OFF;
	fake.need = need;
	return 0;
}

static void fake_watch(struct location *location, unsigned int watches)
{
	(void)location;
	fake.watches = watches;
}

static int fake_scan(struct location *location, int64_t deadline_us)
{
	(void)location;
	(void)deadline_us;
	fake.n_scan++;
	return 0;
}

static void fake_facts(struct location *location, struct location_facts *ret_facts)
{
	(void)location;
	*ret_facts = (struct location_facts){.need = fake.need, .user_switch = TRUTH_TRUE};
	ret_facts->sources[LOCATION_WIFI].present = true;
}

static const struct places_source fake_source = {
	fake_new, fake_free, fake_honour, fake_want, fake_watch, fake_scan, fake_facts};

/* --- a phone ------------------------------------------------------------------------------- */

#define OFFICE                                                                                     \
	"\"places\":{\"office\":{\"shape\":{\"circle\":{\"latitude\":52.52,\"longitude\":13.405,"  \
	"\"radius\":200}},\"enter_dwell\":0,\"leave_dwell\":0%s}}"
#define PROFILES                                                                                   \
	"\"profiles\":[{\"id\":\"away\",\"when\":{\"place\":{\"outside\":\"office\"}},"            \
	"\"settings\":{},\"actions\":[{\"report\":{}}]}]"

static struct policy *parse_policy(const char *places, const char *profiles)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_printf(&text,
		"{\"type\":\"policy\",\"org\":\"00112233445566778899aabbccddeeff\",\"serial\":1,"
		"\"issued\":1793491200,\"expires\":1888185600,\"target\":{\"stream\":\"staff\"},%s,%s}",
		places, profiles);
	buf_append(&text, "", 0);
	return gen_parse(text.data, NULL);
}

static void set_policy(struct device_rig *rig, const char *places, const char *profiles)
{
	struct policy *policy = parse_policy(places, profiles);

	signer_must(policy != NULL);
	policy_free(rig->policy);
	rig->policy = rig->e.documents.policies[0].policy = policy;
	places_policies_changed(&rig->e);
}

static void rig_places(struct device_rig *rig, const char *extra, const char *profiles)
{
	char places[512];

	device_rig_init(rig, CHECKIN);
	fake = (struct fake){.need = LOCATION_OFF};
	rig->e.reconcile.look = places_look;
	rig->e.reconcile.judged = places_judged;
	rig->e.reconcile.userdata = &rig->e;
	signer_must(places_new(&rig->e, &fake_source, &rig->e.places) == 0);
	places_enrolled(&rig->e);
	snprintf(places, sizeof(places), OFFICE, extra);
	set_policy(rig, places, profiles);
}

static void rig_done(struct device_rig *rig)
{
	places_free(TAKE_PTR(rig->e.places));
	device_rig_done(rig);
}
#define _places_rig_ _cleanup_(rig_done)

static void see(double latitude, double accuracy_m)
{
	struct fix fix = {
		.latitude = latitude,
		.longitude = 13.405,
		.accuracy_m = accuracy_m,
		.speed_ms = -1,
		.taken_us = clock_boottime_us(),
		.source = FIX_GNSS,
		.provider = "gpsd",
	};
	const struct location_event event = {.kind = LOCATION_FIX, .fix = &fix};

	fake.need = LOCATION_OFF;
	fake.event(&event, fake.userdata);
}

static enum truth taken(const struct device_rig *rig)
{
	struct when_facts facts;

	reconcile_facts(&rig->e.reconcile, &facts);
	return facts.n_places == 1 ? facts.places[0].inside : TRUTH_MAX;
}

/* The conditions are judged as in a round; then what is due is done. */
static void judge(struct device_rig *rig)
{
	struct when_facts facts;

	reconcile_facts(&rig->e.reconcile, &facts);
	places_judged(&rig->e.reconcile, &facts, &rig->e);
	/* No rounds here. */
	rig->e.reconcile.defer = sd_event_source_unref(rig->e.reconcile.defer);
	for (int i = 0; i < 20 && rig->e.places->act; i++)
		signer_must(sd_event_run(rig->e.event, 0) >= 0);
}

static int count_record(const struct journal_record *record, void *userdata)
{
	int *counts = userdata;

	if (record->type < JOURNAL_TYPE_MAX)
		counts[record->type]++;
	return 0;
}

static int journalled(const struct device_rig *rig, enum journal_type type)
{
	int counts[JOURNAL_TYPE_MAX] = {0};

	signer_must(journal_each(rig->e.journal, 0, count_record, counts) == 0);
	return counts[type];
}

/* The agent ends and is started again. */
static void restart(struct device_rig *rig)
{
	places_free(TAKE_PTR(rig->e.places));
	signer_must(places_new(&rig->e, &fake_source, &rig->e.places) == 0);
}

/* --- tests --------------------------------------------------------------------------------- */

static void test_nothing_is_asked(void)
{
	_places_rig_ struct device_rig rig;
	char places[512];

	rig_places(&rig, "", "\"profiles\":[]");
	CHECK_INT(fake.n_new, 0);
	CHECK(!rig.e.places->location && !rig.e.places->timer);
	CHECK_INT(taken(&rig), TRUTH_UNKNOWN);
	/* A condition names it: then it is looked for at once, and no longer than that. */
	snprintf(places, sizeof(places), OFFICE, "");
	set_policy(&rig, places, PROFILES);
	CHECK_INT(fake.n_new, 1);
	CHECK_INT(fake.n_want, 1);
	CHECK(fake.watches & LOCATION_WATCH_MOTION);
	CHECK_INT(fake.n_scan, 0);
	CHECK(fake.honour);
	set_policy(&rig, "\"places\":{}", "\"profiles\":[]");
	CHECK(!fake.event && !rig.e.places->location);
}

static void test_fixes(void)
{
	_places_rig_ struct device_rig rig;
	struct places_view view;

	rig_places(&rig, "", PROFILES);
	see(52.52, 10);
	CHECK_INT(taken(&rig), TRUTH_TRUE);
	CHECK_INT(journalled(&rig, JOURNAL_PLACE), 1);
	CHECK(rig.e.reconcile.defer);
	/* What was asked for came: the next look is later. */
	CHECK_INT(fake.n_want, 1);
	CHECK(rig.e.places->timer);
	CHECK(places_view(&rig.e, &view));
	CHECK_INT(view.n_places, 1);
	CHECK_STR(view.places[0].cause, "position");
	/* Nobody gets there so soon; it is told once. */
	see(53.9, 10);
	see(53.9, 10);
	CHECK_INT(taken(&rig), TRUTH_TRUE);
	CHECK_INT(journalled(&rig, JOURNAL_POSITION), 1);
}

static void test_actions_once(void)
{
	_places_rig_ struct device_rig rig;

	rig_places(&rig, "", PROFILES);
	judge(&rig);
	CHECK_INT(journalled(&rig, JOURNAL_PROFILE), 0);
	see(52.60, 10);
	judge(&rig);
	judge(&rig);
	CHECK_INT(journalled(&rig, JOURNAL_PROFILE), 1);
	CHECK_INT(journalled(&rig, JOURNAL_ACTION), 1);
	restart(&rig);
	CHECK_INT(taken(&rig), TRUTH_FALSE);
	judge(&rig);
	CHECK_INT(journalled(&rig, JOURNAL_PROFILE), 1);
	CHECK_INT(journalled(&rig, JOURNAL_ACTION), 1);
}

/* Without a record of it nothing is begun. */
static void test_no_record_no_action(void)
{
	_places_rig_ struct device_rig rig;
	int dir_fd;

	rig_places(&rig, "", PROFILES);
	see(52.60, 10);
	dir_fd = rig.e.state.dir_fd;
	rig.e.state.dir_fd = -1;
	judge(&rig);
	rig.e.state.dir_fd = dir_fd;
	CHECK_INT(journalled(&rig, JOURNAL_ACTION), 0);
	CHECK(rig.e.places->act); /* again in a minute */
	judge(&rig);
	CHECK_INT(journalled(&rig, JOURNAL_ACTION), 1);
}

static void write_kept(struct device_rig *rig, const char *name, const char *text)
{
	signer_must(state_write(&rig->e.state, name, text, strlen(text)) == 0);
}

static void test_damage(void)
{
	static const char *const names[] = {PLACES_FILE, ACTIVATIONS_FILE};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_places_rig_ struct device_rig rig;
		char broken[64];

		rig_places(&rig, "", PROFILES);
		see(52.60, 10);
		judge(&rig);
		CHECK_INT(journalled(&rig, JOURNAL_ACTION), 1);
		places_free(TAKE_PTR(rig.e.places));
		write_kept(&rig, names[i], "mdm-agent-places 1\nstaff office nonsense\n");
		signer_must(places_new(&rig.e, &fake_source, &rig.e.places) == 0);
		CHECK(rig.e.problems[PROBLEM_PLACES].what[0]);
		snprintf(broken, sizeof(broken), "%s.broken", names[i]);
		CHECK_INT(faccessat(rig.e.state.dir_fd, broken, F_OK, 0), 0);
		judge(&rig);
		see(52.60, 10);
		judge(&rig);
		CHECK_INT(taken(&rig), TRUTH_FALSE);
		CHECK_INT(journalled(&rig, JOURNAL_ACTION), 1);
	}
}

static void test_enrolment_ends(void)
{
	_places_rig_ struct device_rig rig;

	rig_places(&rig, "", PROFILES);
	see(52.60, 10);
	judge(&rig);
	CHECK_INT(faccessat(rig.e.state.dir_fd, PLACES_FILE, F_OK, 0), 0);
	CHECK_INT(faccessat(rig.e.state.dir_fd, ACTIVATIONS_FILE, F_OK, 0), 0);
	places_release(&rig.e);
	CHECK(!fake.event);
	CHECK_INT(taken(&rig), TRUTH_MAX);
	/* Until it is over, what says that it is under way stays. */
	CHECK_INT(faccessat(rig.e.state.dir_fd, ACTIVATIONS_FILE, F_OK, 0), 0);
	places_forget(&rig.e);
	CHECK(faccessat(rig.e.state.dir_fd, PLACES_FILE, F_OK, 0) < 0);
	CHECK(faccessat(rig.e.state.dir_fd, ACTIVATIONS_FILE, F_OK, 0) < 0);
}

/* The user's switch counts, unless the policy says openly that it does not. */
static void test_switch(void)
{
	static const char overrides[] =
		"\"profiles\":[{\"id\":\"a\",\"when\":{\"place\":{\"inside\":\"office\"}},"
		"\"settings\":{}},{\"id\":\"b\",\"settings\":{\"location\":{"
		"\"override_switch\":true}}}]";
	_places_rig_ struct device_rig rig;
	struct reconcile *r = &rig.e.reconcile;
	struct when_facts facts;

	rig_places(&rig, "", overrides);
	CHECK(fake.honour);
	reconcile_facts(r, &facts);
	signer_must(effective_compute(&rig.policy, 1, &facts, &r->effective) == 0);
	r->has_effective = true;
	places_judged(r, &facts, &rig.e);
	CHECK(!fake.honour);
	effective_done(&r->effective);
	r->has_effective = false;
	places_judged(r, &facts, &rig.e);
	CHECK(fake.honour);
}

/* --- somebody else's question -------------------------------------------------------------- */

static int n_answers;
static bool was_answered;

static void on_answer(struct enforcer *e, const struct fix *fix, void *userdata)
{
	CHECK(e->places && userdata == &n_answers);
	n_answers++;
	was_answered = fix != NULL;
}

static void test_ask(void)
{
	static const struct location_event missed = {
		.kind = LOCATION_MISSED, .why = LOCATION_SWITCHED_OFF};
	_places_rig_ struct device_rig rig;

	n_answers = 0;
	rig_places(&rig, "", "\"profiles\":[]");
	CHECK_INT(places_ask(&rig.e, PLACE_NEED_FINE, clock_boottime_us() + 60 * S, on_answer,
			  &n_answers),
		0);
	CHECK_INT(fake.need, LOCATION_FINE);
	see(52.52, 300); /* not what was asked for */
	CHECK_INT(n_answers, 0);
	see(52.52, 20);
	CHECK_INT(n_answers, 1);
	CHECK(was_answered && places_last_fix(&rig.e));
	/* Nobody else wants it. */
	CHECK(!rig.e.places->location && !fake.event);
	CHECK_INT(places_ask(&rig.e, PLACE_NEED_COARSE, clock_boottime_us() + 60 * S, on_answer,
			  &n_answers),
		0);
	fake.event(&missed, fake.userdata);
	CHECK_INT(n_answers, 2);
	CHECK(!was_answered && !rig.e.places->location);
}

static const struct check_test tests[] = {
	{"nothing_is_asked", test_nothing_is_asked},
	{"fixes", test_fixes},
	{"actions_once", test_actions_once},
	{"no_record_no_action", test_no_record_no_action},
	{"damage", test_damage},
	{"enrolment_ends", test_enrolment_ends},
	{"switch", test_switch},
	{"ask", test_ask},
};
CHECK_MAIN(tests)
