/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconcile.c - the round observe -> apply -> observe; see reconcile.h. Enforcer. The only file
 * that includes both policies/ and platform/; it holds no policy and no mechanism itself.
 */
#include "agent/enforcer/reconcile.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

#include "agent/enforcer/reconcile_journal.h"
#include "agent/util/clock.h"

#define DEBOUNCE_US (150 * 1000)	    /* a change by hand is several events */
#define DEBOUNCE_BUSY_US (5 * USEC_PER_SEC) /* somebody keeps changing things back */
#define FAR_FUTURE_S INT64_C(9000000000)    /* year 2255, within the kernel's range */
#define BUSY_WINDOW_US (60 * USEC_PER_SEC)
#define CONDITION_MAX_S 3600 /* look again at least hourly where time decides (daylight saving) */

const char *reconcile_state_name(enum reconcile_state state)
{
	static const char *const names[RECONCILE_STATE_MAX] = {
		[RECONCILE_IDLE] = "idle",
		[RECONCILE_OBSERVING] = "observing",
		[RECONCILE_APPLYING] = "applying",
		[RECONCILE_CHECKING] = "checking",
		[RECONCILE_REVERTING] = "reverting",
	};

	return state < RECONCILE_STATE_MAX ? names[state] : NULL;
}

static void reconcile_set_state(struct reconcile *r, enum reconcile_state state)
{
	r->current = state;
}

/* --- evaluation -------------------------------------------------------------------------- */

void reconcile_export_timers(struct reconcile *r)
{
	escalation_export(
		&r->escalation, clock_boottime_us(), r->documents->state->facts.noncompliant_s);
}

static int reconcile_compute(struct reconcile *r)
{
	struct policy *policies[LIMIT_ASSIGNMENT_GROUPS];
	size_t n = documents_policies(r->documents, policies);
	struct effective effective;
	struct when_facts facts;
	int error;

	reconcile_facts(r, &facts);
	error = effective_compute(policies, n, &facts, &effective);
	if (error < 0)
		return error;
	if (!r->has_effective || !effective_equal(&r->effective, &effective))
		r->policy_changed = true;
	if (r->has_effective)
		effective_done(&r->effective);
	r->effective = effective;
	r->has_effective = true;
	r->platform->desired = &r->effective;
	if (r->judged)
		r->judged(r, &facts, r->userdata);
	return 0;
}

/* Where applying failed, that is why a setting is not as it should be. */
static void reconcile_blame(struct reconcile *r)
{
	for (size_t i = 0; i < SETTING_MAX; i++) {
		struct compliance_result *result = r->compliance.results[i];

		if (!result || result->state != COMPLIANCE_NONCOMPLIANT)
			continue;
		for (size_t j = 0; j < r->n_backends; j++) {
			const struct reconcile_backend *rb = &r->backends[j];

			if (strcmp(result->backend, rb->backend->ops->name) != 0 ||
				!rb->failures[RECONCILE_APPLY][0])
				continue;
			result->reason = REASON_APPLY_FAILED;
			snprintf(result->detail, sizeof(result->detail), "%s",
				rb->failures[RECONCILE_APPLY]);
		}
	}
}

/* Compares what all backends saw with the effective policy. */
static int reconcile_evaluate(struct reconcile *r)
{
	struct compliance_input inputs[RECONCILE_BACKENDS_MAX + 1];
	_cleanup_free_ struct observation *own = NULL;
	struct observation *seen[SETTING_MAX];
	struct compliance compliance, before = r->compliance;
	bool had = r->has_compliance;
	size_t n = 0;
	int error = reconcile_compute(r);

	if (error < 0)
		return error;
	for (size_t i = 0; i < r->n_backends; i++)
		inputs[n++] = (struct compliance_input){
			.backend = r->backends[i].backend->ops->name,
			.observations = r->backends[i].backend->observations,
		};
	own = reconcile_own(&r->effective, seen);
	if (!own)
		return -ENOMEM;
	inputs[n++] = (struct compliance_input){.backend = "agent", .observations = seen};
	error = compliance_evaluate(
		&r->effective, inputs, n, had ? &before : NULL, clock_realtime_s(), &compliance);
	if (error < 0)
		return error;
	r->compliance = compliance;
	r->has_compliance = true;
	reconcile_blame(r);
	if (had)
		reconcile_note_drift(r, &before);
	if (!had || !compliance_equal(&before, &r->compliance)) {
		r->changed = true;
		reconcile_journal_changes(r, had ? &before : NULL);
	}
	if (had)
		compliance_done(&before);
	escalation_update(&r->escalation, &r->compliance, clock_boottime_us());
	return 0;
}

static bool reconcile_serves_desired(const struct reconcile *r, const struct backend *b)
{
	for (size_t i = 0; i < SETTING_MAX; i++)
		if (b->ops->serves[i] && r->effective.settings[i].present)
			return true;
	return false;
}

static bool reconcile_serves_noncompliant(const struct reconcile *r, const struct backend *b)
{
	for (size_t i = 0; i < SETTING_MAX; i++)
		if (b->ops->serves[i] && r->compliance.results[i] &&
			r->compliance.results[i]->state == COMPLIANCE_NONCOMPLIANT)
			return true;
	return false;
}

/* --- the round --------------------------------------------------------------------------- */

static void reconcile_step(struct reconcile *r);

static bool reconcile_busy(const struct reconcile *r)
{
	for (size_t i = 0; i < r->n_backends; i++)
		if (r->backends[i].busy)
			return true;
	return false;
}

static struct reconcile_backend *reconcile_find(struct reconcile *r, struct backend *b)
{
	for (size_t i = 0; i < r->n_backends; i++)
		if (r->backends[i].backend == b)
			return &r->backends[i];
	return NULL;
}

const char *reconcile_failure(const struct reconcile_backend *rb)
{
	for (size_t i = 0; i < RECONCILE_OPERATION_MAX; i++)
		if (rb->failures[i][0])
			return rb->failures[i];
	return "";
}

static enum reconcile_operation reconcile_operation(const struct reconcile *r)
{
	return r->current == RECONCILE_APPLYING || r->current == RECONCILE_REVERTING
		       ? RECONCILE_APPLY
		       : RECONCILE_OBSERVE;
}

/* One operation of a backend has ended; the same failure again is not journalled again. */
static void reconcile_note(
	struct reconcile *r, struct reconcile_backend *rb, int error, const char *message)
{
	enum reconcile_operation operation = reconcile_operation(r);
	char *failure = rb->failures[operation];
	bool same = strcmp(failure, message) == 0;

	if (error == 0) {
		failure[0] = 0;
		return;
	}
	snprintf(failure, LIMIT_TEXT_BYTES + 1, "%s", *message ? message : strerror(-error));
	if (!same && operation == RECONCILE_APPLY)
		reconcile_journal_backend(r, JOURNAL_APPLY_FAILED, rb, failure);
}

static void reconcile_backend_done(
	struct backend *b, int error, const char *message, void *userdata)
{
	struct reconcile *r = userdata;
	struct reconcile_backend *rb = reconcile_find(r, b);

	rb->busy = false;
	reconcile_note(r, rb, error, message);
	if (error == 0 && r->current == RECONCILE_APPLYING && b->apply_changed) {
		/* A changed file whose compiled value was still right is drift as well. */
		reconcile_journal_backend(r,
			rb->touched && !r->policy_changed && !b->apply_late ? JOURNAL_DRIFT_REPAIRED
									    : JOURNAL_APPLIED,
			rb, "");
		r->changed = true;
	}
	if (!reconcile_busy(r))
		reconcile_step(r);
}

/* Notes the start of one operation; a refusal to start counts as its failed end. */
static void reconcile_started(struct reconcile *r, struct reconcile_backend *rb, int started)
{
	if (started < 0)
		reconcile_note(r, rb, started, "");
	else
		rb->busy = true;
}

void reconcile_absent(const struct reconcile_backend *rb)
{
	for (size_t i = 0; i < SETTING_MAX; i++) {
		struct observation *o = rb->backend->observations[i];

		if (!o)
			continue;
		observation_done(o);
		*o = (struct observation){
			.state = COMPLIANCE_UNSUPPORTED,
			.reason = rb->fact.reason,
		};
		snprintf(o->detail, sizeof(o->detail), "%s", rb->fact.detail);
	}
}

static void reconcile_observe(struct reconcile *r, enum reconcile_state state)
{
	reconcile_set_state(r, state);
	for (size_t i = 0; i < r->n_backends; i++) {
		struct reconcile_backend *rb = &r->backends[i];

		rb->backend->ops->probe(rb->backend, &rb->fact);
		if (!rb->fact.present)
			reconcile_absent(rb);
		if (!rb->fact.present || (state == RECONCILE_CHECKING && !rb->needs_apply))
			continue;
		reconcile_started(
			r, rb, rb->backend->ops->observe(rb->backend, reconcile_backend_done, r));
	}
	if (!reconcile_busy(r))
		reconcile_step(r);
}

static bool reconcile_choose(struct reconcile *r)
{
	bool any = false;

	for (size_t i = 0; i < r->n_backends; i++) {
		struct reconcile_backend *rb = &r->backends[i];
		struct backend *b = rb->backend;

		rb->needs_apply =
			rb->fact.present && b->ops->apply &&
			(r->policy_changed || rb->touched || reconcile_serves_noncompliant(r, b));
		any |= rb->needs_apply;
	}
	return any;
}

static void reconcile_apply(struct reconcile *r)
{
	reconcile_set_state(r, RECONCILE_APPLYING);
	for (size_t i = 0; i < r->n_backends; i++) {
		struct reconcile_backend *rb = &r->backends[i];
		struct backend *b = rb->backend;

		if (!rb->needs_apply)
			continue;
		b->apply_changed = false;
		reconcile_started(r, rb,
			reconcile_serves_desired(r, b)
				? b->ops->apply(b, &r->effective, reconcile_backend_done, r)
				: b->ops->revert(b, reconcile_backend_done, r));
	}
	if (!reconcile_busy(r))
		reconcile_step(r);
}

static int reconcile_set_timer(
	struct reconcile *r, sd_event_source **source, int64_t delay_us, sd_event_time_handler_t fn)
{
	sd_event_source_unref(*source);
	*source = NULL;
	return sd_event_add_time(r->event, source, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + delay_us), 50 * 1000, fn, r);
}

static int reconcile_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	reconcile_request(userdata, false);
	return 0;
}

static void reconcile_finish(struct reconcile *r)
{
	bool changed = r->changed;
	int64_t next_s = r->effective.next_change_s;

	reconcile_set_state(r, RECONCILE_IDLE);
	r->policy_changed = false;
	for (size_t i = 0; i < r->n_backends; i++)
		if (r->backends[i].needs_apply)
			r->backends[i].touched = r->backends[i].needs_apply = false;
	if (r->has_effective && next_s != INT64_MAX) {
		next_s = next_s < 1 ? 1 : next_s;
		next_s = next_s > CONDITION_MAX_S ? CONDITION_MAX_S : next_s;
		(void)reconcile_set_timer(r, &r->timer, next_s * USEC_PER_SEC, reconcile_on_timer);
	} else {
		r->timer = sd_event_source_unref(r->timer);
	}
	if (r->revert_wanted) {
		reconcile_revert(r);
		return;
	}
	if (r->again) {
		r->again = false;
		reconcile_request(r, false);
		return;
	}
	r->changed = false;
	if (r->done)
		r->done(r, changed, r->userdata);
}

static void reconcile_failed(struct reconcile *r)
{
	/* Out of memory: what is in force stays in force; look again in a minute. */
	reconcile_set_state(r, RECONCILE_IDLE);
	r->again = false;
	if (r->revert_wanted) {
		reconcile_revert(r);
		return;
	}
	(void)reconcile_set_timer(r, &r->timer, 60 * USEC_PER_SEC, reconcile_on_timer);
	if (r->done)
		r->done(r, false, r->userdata);
}

static void reconcile_reverted(struct reconcile *r)
{
	bool failed = false;

	for (size_t i = 0; i < r->n_backends; i++)
		failed |= r->backends[i].failures[RECONCILE_APPLY][0] != 0;
	if (r->has_effective)
		effective_done(&r->effective);
	if (r->has_compliance)
		compliance_done(&r->compliance);
	r->has_effective = r->has_compliance = false;
	memset(r->drifted, 0, sizeof(r->drifted));
	escalation_init(&r->escalation, (const int64_t[AREA_MAX]){[0 ... AREA_MAX - 1] = -1});
	r->again = false;
	r->timer = sd_event_source_unref(r->timer);
	reconcile_set_state(r, RECONCILE_IDLE);
	if (r->reverted)
		r->reverted(r, failed, r->userdata);
}

/* All operations of a state have ended. */
static void reconcile_step(struct reconcile *r)
{
	int error = 0;

	switch (r->current) {
	case RECONCILE_OBSERVING:
		error = reconcile_evaluate(r);
		if (error == 0 && reconcile_choose(r))
			reconcile_apply(r);
		else if (error == 0)
			reconcile_finish(r);
		break;
	case RECONCILE_APPLYING:
		reconcile_observe(r, RECONCILE_CHECKING);
		break;
	case RECONCILE_CHECKING:
		error = reconcile_evaluate(r);
		if (error == 0)
			reconcile_finish(r);
		break;
	case RECONCILE_REVERTING:
		reconcile_reverted(r);
		break;
	case RECONCILE_IDLE:
	case RECONCILE_STATE_MAX:
		break;
	}
	if (error < 0)
		reconcile_failed(r);
}

static int reconcile_on_defer(sd_event_source *source, void *userdata)
{
	struct reconcile *r = userdata;

	(void)source;
	r->defer = sd_event_source_unref(r->defer);
	if (r->current != RECONCILE_IDLE)
		return 0;
	if (r->begin)
		r->begin(r, r->userdata);
	(void)reconcile_compute(r); /* some see things beside what is wanted; fails again later */
	reconcile_observe(r, RECONCILE_OBSERVING);
	return 0;
}

void reconcile_request(struct reconcile *r, bool policy_changed)
{
	r->policy_changed |= policy_changed;
	if (r->held || r->current != RECONCILE_IDLE) {
		r->again = true;
		return;
	}
	if (!r->defer)
		(void)sd_event_add_defer(r->event, &r->defer, reconcile_on_defer, r);
}

void reconcile_hold(struct reconcile *r)
{
	r->held = true;
}

void reconcile_release(struct reconcile *r)
{
	bool wanted = r->held && r->again;

	r->held = false;
	if (!wanted)
		return;
	r->again = false;
	reconcile_request(r, false);
}

void reconcile_revert(struct reconcile *r)
{
	/* Asked for twice is done once: a wish that stays would revert the next enrolment. */
	if (r->current == RECONCILE_REVERTING)
		return;
	if (r->current != RECONCILE_IDLE) {
		r->revert_wanted = true;
		return;
	}
	r->revert_wanted = r->held = false;
	r->platform->desired = NULL;
	reconcile_set_state(r, RECONCILE_REVERTING);
	r->defer = sd_event_source_unref(r->defer);
	r->debounce = sd_event_source_unref(r->debounce);
	for (size_t i = 0; i < r->n_backends; i++) {
		struct reconcile_backend *rb = &r->backends[i];

		if (!rb->backend->ops->revert)
			continue;
		rb->failures[RECONCILE_APPLY][0] = 0;
		reconcile_started(
			r, rb, rb->backend->ops->revert(rb->backend, reconcile_backend_done, r));
	}
	if (!reconcile_busy(r))
		reconcile_step(r);
}

/* --- events from outside ----------------------------------------------------------------- */

/* Somebody who keeps changing things back must not make the agent spin. */
static int64_t reconcile_debounce_us(struct reconcile *r)
{
	int64_t now = clock_boottime_us();
	size_t kept = 0;

	for (size_t i = 0; i < r->n_recent; i++)
		if (now - r->recent_us[i] < BUSY_WINDOW_US)
			r->recent_us[kept++] = r->recent_us[i];
	r->n_recent = kept;
	if (kept == ARRAY_SIZE(r->recent_us))
		return DEBOUNCE_BUSY_US;
	r->recent_us[r->n_recent++] = now;
	return DEBOUNCE_US;
}

static int reconcile_on_debounce(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct reconcile *r = userdata;

	(void)source;
	(void)usec;
	r->debounce = sd_event_source_unref(r->debounce);
	reconcile_request(r, false);
	return 0;
}

static void reconcile_on_change(struct backend *b, void *userdata)
{
	struct reconcile *r = userdata;

	reconcile_find(r, b)->touched = true;
	if (!r->debounce)
		(void)reconcile_set_timer(
			r, &r->debounce, reconcile_debounce_us(r), reconcile_on_debounce);
}

/* The wall clock was set: conditions on the time of day may read differently now. */
static int reconcile_on_clock(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct itimerspec far = {.it_value.tv_sec = FAR_FUTURE_S};
	uint64_t ticks;

	(void)source;
	(void)events;
	if (read(fd, &ticks, sizeof(ticks)) < 0 && errno != ECANCELED)
		return 0;
	(void)timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);
	reconcile_request(userdata, false);
	return 0;
}

static int reconcile_watch_clock(struct reconcile *r)
{
	struct itimerspec far = {.it_value.tv_sec = FAR_FUTURE_S};

	r->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r->clock_fd < 0)
		return -errno;
	/* Fires never, but is cancelled (readable) when somebody sets the clock. */
	if (timerfd_settime(r->clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL) <
		0)
		return -errno;
	return sd_event_add_io(
		r->event, &r->clock_source, r->clock_fd, EPOLLIN, reconcile_on_clock, r);
}

int reconcile_init(struct reconcile *r, sd_event *event, struct platform *platform,
	struct documents *documents, const backend_new_fn *constructors, size_t n_constructors)
{
	int error;

	*r = (struct reconcile){
		.event = event,
		.platform = platform,
		.documents = documents,
		.clock_fd = -1,
	};
	escalation_init(&r->escalation, documents->state->facts.noncompliant_s);
	if (n_constructors > RECONCILE_BACKENDS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n_constructors; i++) {
		struct reconcile_backend *rb = &r->backends[r->n_backends];

		error = constructors[i](platform, &rb->backend);
		if (error < 0)
			return error;
		r->n_backends++;
		rb->backend->ops->probe(rb->backend, &rb->fact);
		if (!rb->backend->ops->watch)
			continue;
		error = rb->backend->ops->watch(rb->backend, reconcile_on_change, r);
		if (error < 0)
			snprintf(rb->failures[RECONCILE_WATCH], LIMIT_TEXT_BYTES + 1,
				"changes to %s cannot be watched: %s", rb->backend->ops->name,
				strerror(-error));
	}
	return reconcile_watch_clock(r);
}

void reconcile_done(struct reconcile *r)
{
	for (size_t i = 0; i < r->n_backends; i++)
		backend_free(r->backends[i].backend);
	if (r->has_effective)
		effective_done(&r->effective);
	if (r->has_compliance)
		compliance_done(&r->compliance);
	sd_event_source_unref(r->debounce);
	sd_event_source_unref(r->timer);
	sd_event_source_unref(r->defer);
	sd_event_source_unref(r->clock_source);
	closep(&r->clock_fd);
}
