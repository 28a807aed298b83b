/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_reactions.c - sleep, networks, links and power as pacing and the check-in timer see them, on
 * a device that is told what it sees. Real services: tests/system/device.py.
 */
#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/commands_private.h"
#include "agent/enforcer/renewal.h"
#include "tests/unit/enforcer/device_rig.h"

#define S USEC_PER_SEC
#define CHECKIN "{\"interval\":3600,\"metered_interval\":86400,\"jitter\":0}"

static bool within_s(const struct device_rig *rig, int64_t seconds)
{
	return rig->e.pacing.next_us - clock_boottime_us() <= seconds * S;
}

/* Not the slot, but soon after the last exchange. */
static bool is_early(const struct device_rig *rig)
{
	return !rig->e.pacing.is_slot && within_s(rig, 60 + 300);
}

static void test_without_reactions(void)
{
	struct enforcer *e = calloc(1, sizeof(*e));

	CHECK(e);
	CHECK_INT(reactions_facts(e)->online, TRUTH_UNKNOWN);
	CHECK(reactions_is_awake(e) && reactions_may_start(e) && !reactions_is_expensive(e));
	reactions_hold(e, REACTIONS_EXCHANGE);
	reactions_release(e, REACTIONS_EXCHANGE);
	reactions_free(NULL);
	free(e);
}

static void test_conditions_see_facts(void)
{
	_device_rig_ struct device_rig rig;
	struct when_facts facts;

	device_rig_init(&rig, CHECKIN);
	reconcile_facts(&rig.e.reconcile, &facts);
	CHECK_INT(facts.charging, TRUTH_UNKNOWN);
	CHECK_INT(facts.metered, TRUTH_UNKNOWN);
	rig.facts = (struct device_facts){TRUTH_TRUE, TRUTH_TRUE, TRUTH_FALSE, TRUTH_TRUE, ""};
	device_rig_see(&rig);
	reconcile_facts(&rig.e.reconcile, &facts);
	CHECK_INT(facts.charging, TRUTH_TRUE);
	CHECK_INT(facts.online, TRUTH_TRUE);
	CHECK_INT(facts.metered, TRUTH_FALSE);
	CHECK_INT(facts.roaming, TRUTH_TRUE);
	/* They are looked at again, once for all that changed together. */
	CHECK(!rig.e.reconcile.defer);
	signer_must(sd_event_source_set_enabled(rig.e.checkin_timer, SD_EVENT_OFF) >= 0 ||
		    !rig.e.checkin_timer);
	for (int i = 0; i < 30 && !rig.e.reconcile.defer; i++)
		signer_must(sd_event_run(rig.e.event, 100 * 1000) >= 0);
	CHECK(rig.e.reconcile.defer);
}

static void test_expensive_links(void)
{
	static const struct {
		enum truth metered, roaming;
		bool expensive;
	} cases[] = {
		{TRUTH_TRUE, TRUTH_FALSE, true},
		{TRUTH_UNKNOWN, TRUTH_TRUE, true},
		{TRUTH_FALSE, TRUTH_FALSE, false},
		/* Nobody says so: the interval of the policy. */
		{TRUTH_UNKNOWN, TRUTH_UNKNOWN, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_device_rig_ struct device_rig rig;

		device_rig_init(&rig, CHECKIN);
		rig.facts.metered = cases[i].metered;
		rig.facts.roaming = cases[i].roaming;
		device_rig_see(&rig);
		CHECK_INT(reactions_is_expensive(&rig.e), cases[i].expensive);
		enforcer_configure_pacing(&rig.e);
		CHECK_INT(rig.e.pacing.interval_s, cases[i].expensive ? 86400 : 3600);
	}
}

static void test_link_changes(void)
{
	_device_rig_ struct device_rig rig;

	device_rig_init(&rig, CHECKIN);
	rig.e.state.facts.enrolled = false; /* no rounds here */
	device_rig_checked_in(&rig);
	CHECK(within_s(&rig, 3600 + 60));
	rig.facts.metered = TRUTH_TRUE;
	device_rig_see(&rig);
	device_rig_settle(&rig);
	CHECK_INT(rig.e.pacing.interval_s, 86400);
	rig.facts.metered = TRUTH_FALSE;
	device_rig_see(&rig);
	device_rig_settle(&rig);
	CHECK_INT(rig.e.pacing.interval_s, 3600);
	CHECK(within_s(&rig, 3600 + 60));
}

static void test_edges(void)
{
	static const struct {
		enum device_event event;
		enum truth online, metered;
		bool failed, early;
	} cases[] = {
		{DEVICE_RESUMED, TRUTH_UNKNOWN, TRUTH_UNKNOWN, false, true},
		{DEVICE_RESUMED, TRUTH_TRUE, TRUTH_FALSE, false, true},
		/* The network's return is the edge then. */
		{DEVICE_RESUMED, TRUTH_FALSE, TRUTH_FALSE, false, false},
		{DEVICE_ONLINE, TRUTH_TRUE, TRUTH_FALSE, false, true},
		{DEVICE_ONLINE, TRUTH_UNKNOWN, TRUTH_UNKNOWN, false, true},
		/* What costs money is no reason, but to make up for a failure. */
		{DEVICE_RESUMED, TRUTH_TRUE, TRUTH_TRUE, false, false},
		{DEVICE_ONLINE, TRUTH_TRUE, TRUTH_TRUE, false, false},
		{DEVICE_ONLINE, TRUTH_TRUE, TRUTH_TRUE, true, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_device_rig_ struct device_rig rig;

		device_rig_init(&rig, CHECKIN);
		rig.facts.online = cases[i].online;
		rig.facts.metered = cases[i].metered;
		device_rig_see(&rig);
		device_rig_checked_in(&rig);
		/* Far enough that an early one shows. */
		rig.e.pacing.next_us = clock_boottime_us() + 3000 * S;
		rig.e.pacing.failures = cases[i].failed;
		device_fake_tell(rig.device, cases[i].event);
		CHECK_INT(is_early(&rig), cases[i].early);
	}
}

static void test_sleep(void)
{
	_device_rig_ struct device_rig rig;

	device_rig_init(&rig, CHECKIN);
	device_rig_checked_in(&rig);
	checkin_schedule(&rig.e);
	CHECK(rig.e.checkin_timer);
	device_fake_tell(rig.device, DEVICE_SLEEPING);
	CHECK(!reactions_is_awake(&rig.e) && !reactions_may_start(&rig.e));
	CHECK(!rig.e.checkin_timer);
	/* Whatever happens now, nothing is begun. */
	pacing_wake(&rig.e.pacing, clock_boottime_us(), 0);
	checkin_schedule(&rig.e);
	CHECK(!rig.e.checkin_timer);
	/* A round that was under way for a check-in leaves it for later. */
	rig.e.checkin_pending = true;
	checkin_after_round(&rig.e, false);
	CHECK(!rig.e.checkin_pending && !rig.e.exchange);
	CHECK_INT(rig.e.pacing.state, PACING_WAITING);
	device_fake_tell(rig.device, DEVICE_RESUMED);
	CHECK(reactions_is_awake(&rig.e) && rig.e.checkin_timer);
}

/* An overdue check-in waits for the network a moment, and not for ever. */
static void test_network_after_resume(void)
{
	_device_rig_ struct device_rig rig;

	device_rig_init(&rig, CHECKIN);
	device_rig_checked_in(&rig);
	rig.facts.online = TRUTH_FALSE;
	device_rig_see(&rig);
	CHECK(reactions_may_start(&rig.e));
	device_fake_tell(rig.device, DEVICE_SLEEPING);
	device_fake_tell(rig.device, DEVICE_RESUMED);
	CHECK(reactions_is_awake(&rig.e) && !reactions_may_start(&rig.e));
	CHECK(!rig.e.checkin_timer);
	rig.facts.online = TRUTH_TRUE;
	device_rig_see(&rig);
	CHECK(reactions_may_start(&rig.e) && rig.e.checkin_timer);
	/* It came up because of the resume: without the spread of a network's return. */
	CHECK(!rig.e.pacing.is_slot && within_s(&rig, 60 + 5));
}

static void test_holds(void)
{
	_device_rig_ struct device_rig rig;

	device_rig_init(&rig, CHECKIN);
	CHECK_INT(device_fake_holds(rig.device), 0);
	reactions_hold(&rig.e, REACTIONS_EXCHANGE);
	reactions_hold(&rig.e, REACTIONS_EXCHANGE);
	CHECK_INT(device_fake_holds(rig.device), 1);
	reactions_hold(&rig.e, REACTIONS_COMMAND);
	reactions_release(&rig.e, REACTIONS_EXCHANGE);
	reactions_release(&rig.e, REACTIONS_EXCHANGE);
	CHECK_INT(device_fake_holds(rig.device), 1);
	reactions_release(&rig.e, REACTIONS_COMMAND);
	CHECK_INT(device_fake_holds(rig.device), 0);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	(void)userdata;
	return 0;
}

static bool can_wake(void)
{
	int fd = timerfd_create(CLOCK_BOOTTIME_ALARM, TFD_CLOEXEC);
	struct timespec now;

	/* The right to it, and a clock that can. */
	if (fd >= 0)
		close(fd);
	return fd >= 0 && clock_gettime(CLOCK_BOOTTIME_ALARM, &now) == 0;
}

/* The problem is there exactly while the policy wants it and the system refuses. */
static void test_wake_device(void)
{
	for (int wanted = 0; wanted < 2; wanted++) {
		sd_event_source *source = NULL;
		_device_rig_ struct device_rig rig;
		clockid_t clock = -1;
		bool alarm = wanted && can_wake();

		device_rig_init(&rig, wanted ? "{\"wake_device\":true}" : CHECKIN);
		enforcer_configure_pacing(&rig.e);
		CHECK_INT(rig.e.wake_device, wanted);
		CHECK_INT(reactions_add_timer(
				  &rig.e, clock_boottime_us() + 3600 * S, S, on_timer, &source),
			0);
		CHECK(sd_event_source_get_time_clock(source, &clock) >= 0);
		CHECK_INT(clock, alarm ? CLOCK_BOOTTIME_ALARM : CLOCK_BOOTTIME);
		CHECK_INT(rig.e.problems[PROBLEM_WAKE_DEVICE].what[0] != 0, wanted && !alarm);
		rig.e.wake_device = false;
		sd_event_source_unref(source);
		CHECK_INT(reactions_add_timer(
				  &rig.e, clock_boottime_us() + 3600 * S, S, on_timer, &source),
			0);
		CHECK(!rig.e.problems[PROBLEM_WAKE_DEVICE].what[0]);
		sd_event_source_unref(source);
	}
}

/* The last word to the server that is left behind does not keep the phone awake for ever. */
static void test_released_when_left(void)
{
	_device_rig_ struct device_rig rig;

	device_rig_init(&rig, CHECKIN);
	rig.e.documents.n_policies = 0; /* it stays the rig's */
	CHECK_INT(renewal_new(&rig.e, &rig.e.renewal), 0);
	rig.e.commands->unenroll = UNENROLL_LAST_WORDS;
	reactions_hold(&rig.e, REACTIONS_EXCHANGE);
	CHECK_INT(device_fake_holds(rig.device), 1);
	command_unenroll_exchanged(&rig.e, false);
	CHECK(!rig.e.state.facts.enrolled);
	CHECK_INT(device_fake_holds(rig.device), 0);
	renewal_free(rig.e.renewal);
}

static const struct check_test tests[] = {
	{"without_reactions", test_without_reactions},
	{"conditions_see_facts", test_conditions_see_facts},
	{"expensive_links", test_expensive_links},
	{"link_changes", test_link_changes},
	{"edges", test_edges},
	{"sleep", test_sleep},
	{"network_after_resume", test_network_after_resume},
	{"holds", test_holds},
	{"released_when_left", test_released_when_left},
	{"wake_device", test_wake_device},
};
CHECK_MAIN(tests)
