/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - see run.h. mdm-agent-wipe only. */
#include "agent/wipe/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "agent/wipe/destroy.h"
#include "agent/wipe/run_private.h"
#include "agent/wipe/tpm.h"
#include "agent/wipe/tree.h"

/* Locked in memory, so no larger than a walk over directories needs. */
#define STACK_BYTES (512 * 1024)
/* What progress and the end may take beyond the devices. */
#define SLACK_SECONDS 10
/* For the last words on a root file system that is gone. */
#define LAST_WORDS_SECONDS 5
#define TOLD_SECONDS 5
#define TPM_SECONDS 5
#define STEP_MS 2
#define WAIT_MS 200

enum phase {
	PHASE_WAIT,
	PHASE_KEYS,
	PHASE_TPM,
	PHASE_REST
};

static void pause_ms(unsigned int ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&t, NULL);
}

/* --- threads -------------------------------------------------------------------------------- */

static void wait_for_phase(struct run *run, enum phase phase)
{
	while (run->phase < (int)phase)
		pause_ms(STEP_MS);
}

static int destroy_files(struct run *run, struct wipe_target *t)
{
	const struct tree_order order = {.deadline_us = run->rest_deadline_us,
		/* A test leaves the disk of its machine alone. */
		.is_trimmed = !run->plan->test,
		.kept = run->kept,
		.n_kept = run->n_kept};
	struct tree_result result;
	int r = wipe_tree(t->fd, &order, &result);

	snprintf(t->detail, sizeof(t->detail), "%zu removed, %zu mounts left alone",
		result.n_removed, result.n_mounts);
	return r;
}

static void *work(void *userdata)
{
	struct worker *w = userdata;
	struct wipe_target *t = &w->target;
	struct run *run = w->run;

	wait_for_phase(run, PHASE_KEYS);
	if (t->device->kind == WIPE_KIND_LUKS) {
		pthread_mutex_lock(w->turn);
		t->keys_error = wipe_destroy_keys(t);
		pthread_mutex_unlock(w->turn);
	}
	t->step = WIPE_STEP_KEYS;
	wait_for_phase(run, PHASE_REST);
	t->rest_error = t->device->kind == WIPE_KIND_FILES
				? destroy_files(run, t)
				: wipe_destroy_rest(t, run->rest_deadline_us);
	t->step = WIPE_STEP_REST;
	return NULL;
}

/* Nothing that hangs keeps the system from ending. */
static void *watch(void *userdata)
{
	struct run *run = userdata;

	while (clock_boottime_us() < run->watchdog_us)
		pause_ms(WAIT_MS);
	run->options->finish(run->plan->finish);
	_exit(WIPE_EXIT_LEFT);
}

static int start_thread(void *(*body)(void *), void *userdata)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &attributes, body, userdata);
	pthread_attr_destroy(&attributes);
	return -r;
}

/* Until all have come so far, or have hung for too long. */
static bool wait_for_step(struct run *run, enum wipe_step step, int64_t deadline_us)
{
	bool all;

	do {
		all = true;
		for (size_t i = 0; i < run->n_workers; i++)
			if (run->workers[i].is_running && run->workers[i].target.step < (int)step)
				all = false;
		if (!all)
			pause_ms(STEP_MS);
	} while (!all && clock_boottime_us() < deadline_us);
	return all;
}

/* --- looking -------------------------------------------------------------------------------- */

static size_t count_ready(const struct run *run)
{
	size_t n = 0;

	for (size_t i = 0; i < run->plan->n_devices; i++)
		n += run->workers[i].target.verdict == WIPE_VERDICT_READY;
	return n;
}

/* Whether waiting would change nothing. */
static bool is_settled(const struct run *run)
{
	for (size_t i = 0; i < run->plan->n_devices; i++) {
		enum wipe_verdict verdict = run->workers[i].target.verdict;

		if (verdict < WIPE_VERDICT_DONE && verdict != WIPE_VERDICT_READY)
			return false;
	}
	return true;
}

static pthread_mutex_t *find_turn(struct run *run, size_t i)
{
	const struct wipe_device *device = run->workers[i].target.device;

	for (size_t k = 0; k < i; k++)
		if (strcmp(run->workers[k].target.device->uuid, device->uuid) == 0)
			return &run->workers[k].own_turn;
	return &run->workers[i].own_turn;
}

/* What has the header of a container has its keys. */
static void open_copies(struct run *run, struct wipe_search *search, struct sysfs_number *taken)
{
	for (size_t i = 0; i < run->plan->n_devices; i++) {
		const struct wipe_device *device = &run->plan->devices[i];

		if (device->major == 0 && device->minor == 0)
			continue;
		while (run->n_workers < WORKERS_MAX) {
			struct worker *w = &run->workers[run->n_workers];

			if (!wipe_target_open_copy(&w->target, device, search))
				break;
			w->run = run;
			w->index = i;
			taken[search->n_taken++] = w->target.number;
			run->n_workers++;
		}
	}
}

/* Early boot is never the boot in which the plan was written. */
static bool may_have_moved(const struct wipe_options *options)
{
	return options->is_started || options->boot_path;
}

static void open_targets(struct run *run, bool is_only_look)
{
	const struct wipe_options *options = run->options;
	struct sysfs_number taken[WORKERS_MAX];
	struct lower state = {.n = 0};
	struct wipe_search search = {.root_fd = options->root_fd,
		.home_fd = options->boot_path ? run->places.place[0].fd : options->root_fd,
		.only_on = run->is_from_card ? &run->boot : NULL,
		.is_early = options->boot_path,
		.test = run->plan->test,
		.may_move = may_have_moved(options),
		.is_only_look = is_only_look,
		.taken = taken};
	int64_t until_us = clock_boottime_us() + options->wait_s * USEC_PER_SEC;

	for (;;) {
		search.n_taken = 0;
		run->n_workers = run->plan->n_devices;
		for (size_t i = 0; i < run->plan->n_devices; i++) {
			struct worker *w = &run->workers[i];

			w->run = run;
			w->index = i;
			wipe_target_open(
				&w->target, &run->plan->devices[i], &search, &run->memories[i]);
			if (w->target.verdict == WIPE_VERDICT_READY)
				taken[search.n_taken++] = w->target.number;
		}
		if (is_settled(run) || clock_boottime_us() >= until_us)
			break;
		for (size_t i = 0; i < run->plan->n_devices; i++)
			wipe_target_done(&run->workers[i].target);
		pause_ms(WAIT_MS);
	}
	if (run->places.n > 0 && !run->places.place[0].is_boot)
		lower_of_directory(options->root_fd, run->places.place[0].fd, &state);
	if (!is_only_look)
		open_copies(run, &search, taken);
	for (size_t i = 0; i < run->n_workers; i++) {
		struct worker *w = &run->workers[i];

		w->holds_state = w->target.device->kind != WIPE_KIND_FILES &&
				 (state.n == 0 || lower_has(&state, w->target.number));
		pthread_mutex_init(&w->own_turn, NULL);
		run->workers[i].turn = find_turn(run, i);
	}
}

static void close_targets(struct run *run)
{
	for (size_t i = 0; i < run->plan->n_devices; i++)
		wipe_target_done(&run->workers[i].target);
}

/* The first that must not be touched; NULL: there is none. */
static const struct wipe_target *find_wrong(const struct run *run)
{
	for (size_t i = 0; i < run->plan->n_devices; i++) {
		const struct wipe_target *t = &run->workers[i].target;

		if (t->verdict == WIPE_VERDICT_FOREIGN || t->verdict == WIPE_VERDICT_MISMATCH)
			return t;
	}
	return NULL;
}

int wipe_check(const struct wipe_plan *plan, const struct wipe_options *options)
{
	struct run run = {.plan = plan, .options = options};
	const char *verdict;
	bool wrong;
	size_t n;

	open_targets(&run, true);
	for (size_t i = 0; i < plan->n_devices; i++) {
		const struct wipe_target *t = &run.workers[i].target;

		printf("device %zu %s %s %s %s\n", i, wipe_kind_names[t->device->kind],
			t->device->path, wipe_verdict_names[t->verdict], t->detail);
	}
	n = count_ready(&run);
	wrong = find_wrong(&run) != NULL;
	close_targets(&run);
	verdict = wrong || n == 0 ? "refused" : n < plan->n_devices ? "partly" : "ready";
	printf("verdict %s\n", verdict);
	return wrong || n == 0	     ? WIPE_EXIT_REFUSED
	       : n < plan->n_devices ? WIPE_EXIT_LEFT
				     : WIPE_EXIT_DONE;
}

/* --- the wipe ------------------------------------------------------------------------------- */

/* A TPM that hangs keeps its thread, and nothing else. */
static void *evict(void *userdata)
{
	struct run *run = userdata;

	wait_for_phase(run, PHASE_TPM);
	for (size_t i = 0; i < run->plan->n_tpm_handles; i++) {
		run->tpm_results[i] = run->tpm_fd < 0
					      ? -ENODEV
					      : tpm_evict(run->tpm_fd, run->plan->tpm_handles[i]);
		run->n_evicted = i + 1;
	}
	return NULL;
}

static void evict_tpm(struct run *run)
{
	int64_t until_us = clock_boottime_us() + TPM_SECONDS * USEC_PER_SEC;

	run->phase = PHASE_TPM;
	while (run->is_evicting && run->n_evicted < run->plan->n_tpm_handles &&
		clock_boottime_us() < until_us)
		pause_ms(STEP_MS);
	for (size_t i = 0; i < run->plan->n_tpm_handles; i++) {
		int r = i < run->n_evicted ? run->tpm_results[i] : -ETIMEDOUT;

		/* Without the key slots nothing is left that it could open. */
		progress_say(&run->progress, "tpm %08x %s %s", run->plan->tpm_handles[i],
			r < 0 ? "left" : "gone", r < 0 ? strerror(-r) : "");
	}
}

static void start_workers(struct run *run)
{
	for (size_t i = 0; i < run->n_workers; i++) {
		struct worker *w = &run->workers[i];

		if (w->target.verdict != WIPE_VERDICT_READY)
			continue;
		w->is_running = start_thread(work, w) == 0;
		if (!w->is_running)
			snprintf(w->target.detail, sizeof(w->target.detail), "no thread for it");
	}
}

static void destroy(struct run *run)
{
	const struct wipe_options *options = run->options;
	int64_t patience_us = options->patience_s * USEC_PER_SEC, now_us, end_us;
	bool is_over;

	run->phase = PHASE_KEYS;
	wait_for_step(run, WIPE_STEP_KEYS, clock_boottime_us() + patience_us);
	run_say_keys(run);
	for (unsigned int i = 0; i < run->plan->linger_s; i++)
		pause_ms(1000);
	/* The last words may have needed the phone's own key, which can be in there. */
	evict_tpm(run);
	/* From here on the root file system may be gone. */
	for (size_t i = 0; i < run->n_workers; i++)
		run->progress.is_root_gone |=
			run->workers[i].is_running && run->workers[i].holds_state;
	now_us = clock_boottime_us();
	run->rest_deadline_us = now_us + 2 * patience_us - USEC_PER_SEC;
	run->phase = PHASE_REST;
	end_us = now_us + 2 * patience_us;
	do {
		now_us = clock_boottime_us() + TOLD_SECONDS * USEC_PER_SEC;
		is_over = wait_for_step(run, WIPE_STEP_REST, now_us < end_us ? now_us : end_us);
		run_say_written(run);
	} while (!is_over && clock_boottime_us() < end_us);
}

/* The last words, on a file system that may be destroyed by now: in a thread of its own. */
static void *conclude(void *userdata)
{
	struct run *run = userdata;

	if (count_ready(run) > 0)
		run_say_rest(run);
	if (!run->is_left)
		run->removal_error = wipe_intent_remove(&run->places);
	/* Where nothing was left to do and the plan stays, the next boot must not end here, too. */
	if (run->removal_error < 0 && count_ready(run) == 0)
		progress_say(&run->progress, "stuck the plan cannot be removed: %s",
			strerror(-run->removal_error));
	else
		progress_say(&run->progress, "finishing %s", wipe_finish_names[run->plan->finish]);
	run->is_concluded = true;
	return NULL;
}

static int end(struct run *run)
{
	unsigned int wait_s = run->options->patience_s;
	int64_t until_us;

	if (run->progress.is_root_gone && !run->plan->test)
		wait_s = LAST_WORDS_SECONDS;
	until_us = clock_boottime_us() + wait_s * USEC_PER_SEC;
	if (start_thread(conclude, run) == 0)
		while (!run->is_concluded && clock_boottime_us() < until_us)
			pause_ms(STEP_MS);
	if (run->is_concluded && run->removal_error < 0 && count_ready(run) == 0)
		return WIPE_EXIT_LEFT;
	run->options->finish(run->plan->finish);
	return run->is_left || run->are_data_left || !run->is_concluded ? WIPE_EXIT_LEFT
									: WIPE_EXIT_DONE;
}

static int refuse(struct run *run, const char *what, const char *reason)
{
	progress_say(&run->progress, "refused %s: %s", what, reason);
	fprintf(stderr, "mdm-agent-wipe: %s: %s; nothing was touched\n", what, reason);
	return WIPE_EXIT_REFUSED;
}

static void keep_places(struct run *run)
{
	for (size_t i = 0; i < run->places.n; i++) {
		const struct wipe_place *place = &run->places.place[i];
		const char *const names[] = {place->is_boot ? WIPE_BOOT_PLAN : WIPE_STATE_PLAN,
			place->is_boot ? WIPE_BOOT_PROGRESS : WIPE_STATE_PROGRESS};
		struct stat st;

		for (size_t k = 0; k < ARRAY_SIZE(names); k++)
			if (fstatat(place->fd, names[k], &st, AT_SYMLINK_NOFOLLOW) == 0)
				run->kept[run->n_kept++] = (struct tree_kept){st.st_dev, st.st_ino};
	}
}

static int run_opened(struct run *run)
{
	const struct wipe_target *wrong = find_wrong(run);
	size_t n_ready = count_ready(run);
	int r;

	if (!may_have_moved(run->options) && wrong)
		return refuse(run, wrong->device->path, wrong->detail);
	if (!may_have_moved(run->options) && n_ready == 0)
		return refuse(
			run, run->workers[0].target.device->path, run->workers[0].target.detail);
	if (n_ready == 0) {
		run_say_keys(run);
		run_say_data(run);
		/* Devices and directories come with the root, and whoever opens that. */
		if (run->is_left && run->options->boot_path)
			return WIPE_EXIT_LEFT;
		return end(run);
	}
	run->watchdog_us =
		clock_boottime_us() +
		(4 * run->options->patience_s + run->plan->linger_s + SLACK_SECONDS) * USEC_PER_SEC;
	r = start_thread(watch, run);
	if (r < 0 && !run->options->is_started)
		return refuse(run, "no thread can be started", strerror(-r));
	/* Early boot has it from the boot partition, and no other place. */
	r = run->options->boot_path ? 0 : wipe_intent_write_places(&run->places, run->plan);
	if (r < 0 && !run->options->is_started)
		return refuse(run, "the plan cannot be stored", strerror(-r));
	progress_say(&run->progress, "started %s", run->plan->id);
	run_say_found(run);
	keep_places(run);
	start_workers(run);
	run->is_evicting = run->plan->n_tpm_handles > 0 && start_thread(evict, run) == 0;
	destroy(run);
	return end(run);
}

/*
 * Whether early boot may believe a plan, by where it lies: whoever plugs in a stick with the name
 * of the boot partition is not to say what goes, and who puts in a card no more than what is on it.
 */
static const char *look_at_boot(struct run *run)
{
	int root_fd = run->options->root_fd, boot_fd = run->places.place[0].fd;
	struct sysfs_number number;
	const char *reason;

	if (lower_device_of(root_fd, boot_fd, &number) < 0)
		return "on no device that can be found";
	reason = sysfs_foreign_from(root_fd, boot_fd, number, false);
	if (reason)
		return reason;
	run->is_from_card = sysfs_foreign_from(root_fd, -1, number, false) != NULL;
	lower_of_device(root_fd, number, &run->boot);
	return NULL;
}

int wipe_run(const struct wipe_plan *plan, const struct wipe_options *options)
{
	/* Threads that hang may still use it, and what it holds, until the process is gone. */
	static struct run run;
	const char *reason;

	memset(&run, 0, sizeof(run));
	run.plan = plan;
	run.options = options;
	run.tpm_fd = -1;
	wipe_places_open(options->root_fd, options->boot_path, &run.places);
	if (options->boot_path && run.places.n == 0) {
		fprintf(stderr, "mdm-agent-wipe: %s: not there; nothing was touched\n",
			options->boot_path);
		return WIPE_EXIT_REFUSED;
	}
	reason = options->boot_path && !plan->test ? look_at_boot(&run) : NULL;
	if (reason) {
		fprintf(stderr, "mdm-agent-wipe: the plan in %s is %s; nothing was touched\n",
			options->boot_path, reason);
		return WIPE_EXIT_REFUSED;
	}
	progress_init(&run.progress, &run.places, options->listener_fd);
	if (plan->n_tpm_handles > 0) {
		run.tpm_fd = fs_open_in_root(options->root_fd, "dev/tpmrm0", O_RDWR);
		if (run.tpm_fd < 0)
			run.tpm_fd = -1;
	}
	if (may_have_moved(options))
		wipe_memory_read(&run.places, plan, run.memories);
	open_targets(&run, false);
	return run_opened(&run);
}
