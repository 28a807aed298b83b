/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_backend.c - backend "apps": what is installed is as the policy wants it. Decides when a job
 * is begun, and of which steps; it is carried out by mdm-agent-apps, which talks to apk and flatpak
 * and outlives the agent. What came of it is looked at, as it lies there; the answers of the
 * program only explain what is still missing.
 *
 * A job takes minutes, and other backends are not to wait for it: applying ends when it was begun,
 * its end is a change like any other. Enforcer only.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "platform/apps_backend.h"
#include "platform/apps_job.h"
#include "platform/apps_known.h"
#include "platform/backend.h"
#include "platform/backends.h"
#include "platform/flatpak_remotes.h"

#define POLICY_DEADLINE_S 1800
#define UPDATE_DEADLINE_S 3600
#define REVERT_DEADLINE_S 120
#define ID_HEX 16

/* --- jobs ------------------------------------------------------------------------------------ */

static uint64_t now_us(const struct backend *b)
{
	uint64_t now = 0;

	(void)sd_event_now(b->platform->event, CLOCK_BOOTTIME, &now);
	return now;
}

static void tell_acting(const struct backend *b, bool is_acting)
{
	const struct apps_known *known = b->platform->apps;

	if (known && known->acting)
		known->acting(is_acting, known->userdata);
}

static void forget_outcomes(struct apps_backend *s)
{
	free(TAKE_PTR(s->outcomes));
	s->n_outcomes = 0;
	s->failure[0] = 0;
}

/* Whether all that was missing was a network. */
static bool needs_network(const struct apps_progress *progress)
{
	bool any = false;

	for (size_t i = 0; i < progress->n_outcomes; i++) {
		enum apps_result result = progress->outcomes[i].result;

		if (result == APPS_E_NETWORK)
			any = true;
		else if (result != APPS_DONE && result != APPS_NOTHING_TO_DO)
			return false;
	}
	return any;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct backend *b = userdata;
	struct apps_backend *s = b->state;

	(void)source;
	(void)usec;
	s->again = sd_event_source_unref(s->again);
	if (s->changed)
		s->changed(b, s->changed_userdata);
	return 0;
}

/* Looks again then, unless that is planned for an earlier time already. */
static void look_at(struct backend *b, uint64_t at_us)
{
	struct apps_backend *s = b->state;

	if (s->again && s->again_us <= at_us)
		return;
	s->again = sd_event_source_unref(s->again);
	s->again_us = at_us;
	(void)sd_event_add_time(
		b->platform->event, &s->again, CLOCK_BOOTTIME, at_us, USEC_PER_SEC, on_again, b);
}

static void keep_outcomes(
	struct apps_backend *s, const struct apps_progress *progress, const char *failure)
{
	forget_outcomes(s);
	if (!progress) {
		text_printf(s->failure, "%s", failure);
		return;
	}
	s->outcomes = calloc(progress->n_outcomes + 1, sizeof(*s->outcomes));
	if (!s->outcomes)
		return;
	if (progress->n_outcomes)
		memcpy(s->outcomes, progress->outcomes,
			progress->n_outcomes * sizeof(*s->outcomes));
	s->n_outcomes = progress->n_outcomes;
}

static void policy_ended(
	struct apps_order *order, const struct apps_progress *progress, const char *failure)
{
	struct backend *b = order->userdata;
	struct apps_backend *s = b->state;

	apps_job_done(&order->job);
	keep_outcomes(s, progress, failure);
	apps_retry_ended(
		&s->retry, s->plan, progress && needs_network(progress), (int64_t)now_us(b));
	s->did = true;
	tell_acting(b, false);
	if (s->is_leaving) {
		/* The end of an enrolment waited for it. */
		bool failed = !progress || progress->n_outcomes == 0;
		struct apps_look look;

		for (size_t i = 0; progress && i < progress->n_outcomes; i++)
			failed |= progress->outcomes[i].result != APPS_DONE &&
				  progress->outcomes[i].result != APPS_NOTHING_TO_DO;
		s->is_leaving = false;
		if (!failed && apps_look_take(b->platform, NULL, &look) == 0) {
			flatpak_remotes_tidy(b->platform, &look, true);
			apps_look_done(&look);
		}
		b->apply_changed = true;
		backend_call_finish(&s->call, failed ? -EIO : 0,
			!failed ? ""
			: progress
				? "the rules about packages could not be lifted: `apk del " APPS_VIRTUAL
				  "` does it"
				: failure);
		return;
	}
	if (s->changed)
		s->changed(b, s->changed_userdata);
}

/* Takes the steps. 0; -EALREADY: one is under way; -errno. */
static int give(struct backend *b, struct apps_order *order, const char *kind,
	const uint8_t digest[SHA256_BYTES], uint32_t deadline_s)
{
	struct apps_backend *s = b->state;
	char hex[2 * SHA256_BYTES + 1];
	int r;

	hex_encode(digest, SHA256_BYTES, hex);
	snprintf(order->job.id, sizeof(order->job.id), "%s-%.*s", kind, ID_HEX, hex);
	order->job.deadline_s = deadline_s;
	order->userdata = b;
	r = -ENOENT;
	/* A restart in the middle, or soon after the end: what came of it is worth knowing. */
	if (order == &s->policy && !s->resumed)
		r = apps_jobs_resume(b->platform->apps_jobs, order);
	s->resumed |= order == &s->policy;
	if (r == -ENOENT)
		r = apps_jobs_give(b->platform->apps_jobs, order);
	if (r < 0 && r != -EALREADY)
		apps_job_done(&order->job);
	if (r == 0)
		tell_acting(b, true);
	return r;
}

static int give_policy(struct backend *b, struct apps_look *look, uint32_t deadline_s)
{
	struct apps_backend *s = b->state;
	int r = flatpak_remotes_prepare(b->platform, look);

	if (r == 0)
		r = apps_look_remember(b->platform, look);
	if (r < 0)
		return r;
	s->n_undone = look->n_later ? look->n_undone : 0;
	s->policy.ended = policy_ended;
	s->policy.job.steps = TAKE_PTR(look->steps);
	s->policy.job.n_steps = look->n_steps;
	look->n_steps = 0;
	memcpy(s->plan, look->digest, sizeof(s->plan));
	return give(b, &s->policy, "policy", look->digest, deadline_s);
}

/* --- updates --------------------------------------------------------------------------------- */

static void load_updates(struct backend *b)
{
	struct apps_backend *s = b->state;
	_cleanup_free_ char *text = NULL;
	size_t n;

	if (s->updates_loaded || b->platform->state_fd <= 0)
		return;
	s->updates_loaded = true;
	/* Damaged or gone: they are due, which does no harm. */
	if (fs_read(b->platform->state_fd, APPS_UPDATES_FILE, LIMIT_STATE_BYTES, &text, &n) == 0)
		(void)apps_updates_read(text, n, &s->updates);
}

static void save_updates(struct backend *b)
{
	const struct fs_owner owner = {geteuid(), getegid(), 0600};
	struct apps_backend *s = b->state;
	_cleanup_buf_ struct buf text = BUF_INIT;

	apps_updates_write(&s->updates, &text);
	if (!text.error && b->platform->state_fd > 0)
		(void)fs_replace(
			b->platform->state_fd, APPS_UPDATES_FILE, text.data, text.n_bytes, &owner);
}

static void updates_ended(
	struct apps_order *order, const struct apps_progress *progress, const char *failure)
{
	struct backend *b = order->userdata;
	struct apps_backend *s = b->state;
	bool went_through = progress && progress->n_outcomes;

	apps_job_done(&order->job);
	text_printf(s->updates_failure, "%s", failure);
	for (size_t i = 0; progress && i < progress->n_outcomes; i++) {
		const struct apps_outcome *outcome = &progress->outcomes[i];

		/* A phone without Flatpak, or without apk, is up to date there. */
		if (outcome->result == APPS_DONE || outcome->result == APPS_NOTHING_TO_DO ||
			outcome->result == APPS_E_NO_MANAGER ||
			outcome->result == APPS_E_READ_ONLY || outcome->result == APPS_E_SCRIPT)
			continue;
		went_through = false;
		text_printf(s->updates_failure, "%.60s: %.180s", apps_result_names[outcome->result],
			outcome->detail);
	}
	if (went_through) {
		s->updates.done_s = clock_realtime_s();
		s->updates_failure[0] = 0;
		save_updates(b);
	}
	tell_acting(b, false);
	if (s->changed)
		s->changed(b, s->changed_userdata);
}

static void update_facts(const struct backend *b, struct apps_updates_facts *ret_facts)
{
	time_t now = (time_t)clock_realtime_s();
	struct tm local = {0};

	tzset();
	localtime_r(&now, &local);
	*ret_facts = (struct apps_updates_facts){
		.device = device_facts(b->platform->device),
		.now_s = (int64_t)now,
		.hour = local.tm_hour,
	};
}

enum apps_updates_say apps_backend_updates(
	struct backend *b, const struct effective *desired, const char **ret_why)
{
	struct apps_backend *s = b->state;
	struct apps_updates_facts facts;
	enum apps_updates_say say;
	int64_t look_s;

	load_updates(b);
	update_facts(b, &facts);
	say = apps_updates_judge(desired, &s->updates, &facts, ret_why, &look_s);
	if (s->changed)
		look_at(b, now_us(b) + (uint64_t)(look_s * USEC_PER_SEC));
	return say;
}

static int begin_updates(
	struct backend *b, const struct effective *desired, const struct apps_look *look)
{
	static const uint8_t any[SHA256_BYTES];
	struct apps_backend *s = b->state;
	const char *why;
	int r;

	if (!desired->settings[SETTING_APPS_UPDATE_EVERY].present || s->update.is_given ||
		apps_backend_updates(b, desired, &why) != APPS_UPDATES_BEGIN)
		return 0;
	r = apps_steps_keep(&s->update.job.steps, &s->update.job.n_steps, look->snapshot);
	if (r == 0)
		r = apps_steps_add(
			&s->update.job.steps, &s->update.job.n_steps, APPS_STEP_UPGRADE, "");
	if (r == 0)
		r = apps_steps_add(
			&s->update.job.steps, &s->update.job.n_steps, APPS_STEP_FLATPAK_UPDATE, "");
	if (r < 0) {
		apps_job_done(&s->update.job);
		return r;
	}
	s->update.ended = updates_ended;
	s->updates.tried_s = clock_realtime_s();
	save_updates(b);
	return give(b, &s->update, "update", any, UPDATE_DEADLINE_S);
}

/* --- observe ---------------------------------------------------------------------------------- */

static int apps_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	struct apps_backend *s = b->state;
	const struct effective *desired = b->platform->desired;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	struct apps_look look = {0};
	int r;

	backend_call_begin(&s->call, b, done, userdata);
	r = apps_look_take(b->platform, desired, &look);
	if (r == 0)
		r = apps_backend_tell(b, &look, desired);
	if (r < 0) {
		text_printf(message, "what is installed cannot be looked at: %s", strerror(-r));
		for (enum setting_id id = 0; id < SETTING_MAX; id++)
			if (b->ops->serves[id])
				backend_saw_none(b, id, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
	}
	apps_look_done(&look);
	return backend_call_end(&s->call, r, message);
}

/* --- apply, revert ---------------------------------------------------------------------------- */

static void apps_settle(struct backend *b)
{
	struct apps_backend *s = b->state;

	watch_settle(s->watch);
}

/* Begins what is to be done, if this is a time for it. 0 or -errno. */
static int begin_policy(struct backend *b, struct apps_look *look)
{
	struct apps_backend *s = b->state;
	int64_t at_us;

	if (!look->n_steps) {
		s->is_settling = false;
		s->n_undone = 0;
		apps_retry_settled(&s->retry);
		forget_outcomes(s);
		return 0;
	}
	if (s->policy.is_given)
		return 0;
	/* Another portion of the same, and less than before: no pause. */
	if (s->n_undone > look->n_undone)
		apps_retry_settled(&s->retry);
	if (device_facts(b->platform->device)->online == TRUTH_TRUE && !s->was_online)
		apps_retry_online(&s->retry);
	at_us = apps_retry_at_us(&s->retry, look->digest);
	if (at_us > (int64_t)now_us(b)) {
		look_at(b, (uint64_t)at_us);
		return 0;
	}
	return give_policy(b, look, POLICY_DEADLINE_S);
}

/* Whoever signs another policy does not wait for the pauses that the last one earned. */
static void note_policy(struct backend *b, const struct effective *desired)
{
	struct apps_backend *s = b->state;
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint8_t digest[SHA256_BYTES];

	for (enum setting_id id = 0; id < SETTING_MAX; id++) {
		if (!b->ops->serves[id] || !desired->settings[id].present)
			continue;
		buf_printf(&text, "\n%d ", (int)id);
		value_format(setting_row(id), &desired->settings[id].value, &text);
	}
	buf_append(&text, "", 0);
	if (text.error || sha256(text.data, text.n_bytes, digest) < 0 ||
		memcmp(digest, s->wanted, sizeof(digest)) == 0)
		return;
	memcpy(s->wanted, digest, sizeof(digest));
	s->is_settling = true;
	apps_retry_settled(&s->retry);
}

static int apps_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	struct apps_backend *s = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	struct apps_look look = {0};
	int r;

	backend_call_begin(&s->call, b, done, userdata);
	/* What the last job did is told when it is seen. */
	b->apply_changed = s->did;
	s->did = false;
	s->again = sd_event_source_unref(s->again);
	note_policy(b, desired);
	b->apply_late = s->is_settling;
	r = apps_look_take(b->platform, desired, &look);
	if (r == 0 && !b->platform->apps_jobs && look.n_steps)
		r = -ENOSYS;
	if (r == 0 && !s->policy.is_given)
		flatpak_remotes_tidy(b->platform, &look, false);
	if (r == 0)
		r = begin_policy(b, &look);
	if (r == 0 && b->platform->apps_jobs)
		r = begin_updates(b, desired, &look);
	if (r < 0)
		text_printf(message, "nothing can be installed or removed: %s",
			r == -ENOSYS ? "the run-time directory cannot be used" : strerror(-r));
	s->was_online = device_facts(b->platform->device)->online == TRUTH_TRUE;
	apps_look_done(&look);
	apps_settle(b);
	return backend_call_end(&s->call, r, message);
}

/*
 * Bans and requirements end. With the virtual package goes what was required and nobody else asked
 * for; Flatpaks stay, of which nothing tells who asked for them. In a round of the policy nobody
 * waits for it; at the end of the enrolment somebody does, and nothing is wanted any more.
 */
static int apps_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	struct apps_backend *s = b->state;
	bool is_leaving = !b->platform->desired;
	struct apps_look look = {0};
	int r;

	backend_call_begin(&s->call, b, done, userdata);
	b->apply_changed = s->did;
	b->apply_late = true;
	s->did = false;
	s->again = sd_event_source_unref(s->again);
	if (is_leaving && b->platform->apps_jobs) {
		/* Whatever they still do is nobody's business any more. */
		apps_jobs_forget(b->platform->apps_jobs, &s->policy);
		apps_jobs_forget(b->platform->apps_jobs, &s->update);
		apps_job_done(&s->policy.job);
		apps_job_done(&s->update.job);
		s->retry = (struct apps_retry){0};
		s->updates = (struct apps_updates){0};
		if (b->platform->state_fd > 0)
			(void)fs_remove(b->platform->state_fd, APPS_UPDATES_FILE);
		if (b->platform->state_fd > 0)
			(void)fs_remove(b->platform->state_fd, APPS_BANS_FILE);
	}
	forget_outcomes(s);
	r = apps_look_take(b->platform, NULL, &look);
	if (r < 0 || look.n_steps == 0) {
		if (r == 0)
			flatpak_remotes_tidy(b->platform, &look, is_leaving);
		apps_look_done(&look);
		return backend_call_end(
			&s->call, r, r < 0 ? "what is installed cannot be looked at" : "");
	}
	if (!b->platform->apps_jobs)
		r = -ENOSYS;
	else if (is_leaving)
		r = give_policy(b, &look, REVERT_DEADLINE_S);
	else
		r = begin_policy(b, &look);
	apps_look_done(&look);
	if (r == 0 && is_leaving) {
		s->is_leaving = true; /* policy_ended() answers */
		return 0;
	}
	return backend_call_end(&s->call, r,
		r < 0 ? "the rules about packages stay: `apk del " APPS_VIRTUAL "` lifts them"
		      : "");
}

/* --- the backend ------------------------------------------------------------------------------ */

static void apps_probe(struct backend *b, struct backend_fact *ret_fact)
{
	static const char *const places[] = {
		"lib/apk/db/installed", "usr/bin/flatpak", "var/lib/flatpak/repo"};

	*ret_fact = (struct backend_fact){.reason = REASON_NO_MECHANISM};
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (backend_file_exists(b->platform->sysroot_fd, places[i])) {
			ret_fact->present = true;
			return;
		}
	text_printf(ret_fact->detail, "neither apk nor Flatpak is here: packages of other package "
				      "managers are not managed");
}

static void apps_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct apps_backend *s = b->state;

	/* Its end is told by itself; until then every step would cause a round. */
	if (!s->policy.is_given && !s->update.is_given)
		s->changed(b, s->changed_userdata);
}

static int apps_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	struct apps_backend *s = b->state;

	s->changed = changed;
	s->changed_userdata = userdata;
	watch_free(s->watch);
	s->watch = NULL;
	return watch_new(b->platform->event, b->platform->sysroot_fd, apps_watch_paths,
		apps_n_watch_paths, apps_on_change, b, &s->watch);
}

static void apps_free(struct backend *b)
{
	struct apps_backend *s = b->state;

	if (b->platform->apps_jobs) {
		apps_jobs_forget(b->platform->apps_jobs, &s->policy);
		apps_jobs_forget(b->platform->apps_jobs, &s->update);
	}
	apps_job_done(&s->policy.job);
	apps_job_done(&s->update.job);
	backend_call_cancel(&s->call);
	watch_free(s->watch);
	sd_event_source_unref(s->again);
	forget_outcomes(s);
	free(s);
}

static const struct backend_ops apps_ops = {
	.name = "apps",
	.help = "Installs and removes packages and Flatpaks as the policy wants.",
	.serves =
		{
			[SETTING_APPS_MODE] = true,
			[SETTING_APPS_ALLOWED] = true,
			[SETTING_APPS_BLOCKED] = true,
			[SETTING_APPS_REQUIRED] = true,
			[SETTING_APPS_PINNED] = true,
			[SETTING_APPS_FLATPAK_REMOTES] = true,
			[SETTING_APPS_USER_FLATPAKS] = true,
			[SETTING_APPS_UPDATE_EVERY] = true,
			[SETTING_APPS_UPDATE_HOURS] = true,
		},
	.probe = apps_probe,
	.observe = apps_observe,
	.apply = apps_apply,
	.watch = apps_watch,
	.revert = apps_revert,
	.free = apps_free,
};

int apps_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(platform, &apps_ops, sizeof(struct apps_backend), ret_backend);
}
