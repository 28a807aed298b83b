/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_rig.h - an enforcer on a device that is told what it sees: state, journal, documents and
 * a loop, no processes. Header only.
 */
#ifndef MDM_TESTS_DEVICE_RIG_H
#define MDM_TESTS_DEVICE_RIG_H

#include <unistd.h>

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/reactions.h"
#include "agent/util/clock.h"
#include "platform/device_fake.h"
#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"
#include "tests/lib/signer.h"

struct device_rig {
	struct enforcer e;
	struct device *device; /* owned by reactions */
	struct policy *policy;
	struct device_facts facts;
};

/* The constructor that reactions_new() gets has no place for the rig. */
static struct device_rig *device_rig_of_constructor;

static inline int device_rig_device(struct platform *platform, device_event_fn event,
	void *userdata, struct device **ret_device)
{
	int r = device_fake_new(platform, event, userdata, ret_device);

	device_rig_of_constructor->device = *ret_device;
	return r;
}

static inline void device_rig_init(struct device_rig *rig, const char *checkin)
{
	struct journal_recovery recovery;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct enforcer *e = &rig->e;
	char path[256];

	memset(rig, 0, sizeof(*rig));
	e->sysroot_fd = check_tmpdir(path);
	close(check_tmpdir(path));
	signer_must(sd_event_new(&e->event) >= 0);
	signer_must(state_open(path, &e->state) == 0);
	signer_must(journal_open(e->state.dir_fd, 0, &e->journal, &recovery) == 0);
	documents_init(&e->documents, &e->state, e->journal);
	e->platform = (struct platform){e->event, e->sysroot_fd, false, -1};
	e->reconcile.event = e->event;
	e->reconcile.documents = &e->documents;
	e->state.facts.enrolled = true;
	gen_policy("staff", checkin, "", &text);
	rig->policy = gen_parse(text.data, NULL);
	signer_must(rig->policy != NULL);
	e->documents.policies[0].policy = rig->policy;
	e->documents.n_policies = 1;
	pacing_init(&e->pacing, "0123456789abcdef0123456789abcdef");
	device_rig_of_constructor = rig;
	signer_must(reactions_new(e, device_rig_device, &e->reactions) == 0);
	rig->facts = *device_facts(NULL);
	signer_must(commands_new(e, &e->commands) == 0);
}

/* A check-in was answered just now. */
static inline void device_rig_checked_in(struct device_rig *rig)
{
	enforcer_configure_pacing(&rig->e);
	pacing_start(&rig->e.pacing, clock_boottime_us(), 0, true);
	pacing_begin(&rig->e.pacing, clock_boottime_us());
	pacing_succeed(&rig->e.pacing, clock_boottime_us(), 0, -1, false);
}

/* Lets the loop run until what changed together has settled. */
static inline void device_rig_settle(struct device_rig *rig)
{
	int64_t until_us = clock_boottime_us() + 2 * USEC_PER_SEC;

	while (clock_boottime_us() < until_us)
		signer_must(sd_event_run(rig->e.event, 100 * 1000) >= 0);
}

static inline void device_rig_see(struct device_rig *rig)
{
	device_fake_see(rig->device, &rig->facts);
}

static inline void device_rig_done(struct device_rig *rig)
{
	struct enforcer *e = &rig->e;

	reactions_free(e->reactions);
	sd_event_source_unref(e->checkin_timer);
	sd_event_source_unref(e->reconcile.defer);
	rig->e.documents.n_policies = 0;
	policy_free(rig->policy);
	documents_done(&e->documents);
	commands_free(e->commands);
	journal_free(e->journal);
	state_done(&e->state);
	sd_event_unref(e->event);
	close(e->sysroot_fd);
}
#define _device_rig_ _cleanup_(device_rig_done)

#endif
