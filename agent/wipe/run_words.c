/* SPDX-License-Identifier: Apache-2.0 */
/* run_words.c - see run_private.h and progress.h. */
#include <inttypes.h>
#include <string.h>

#include "agent/wipe/run_private.h"

static void note_left(struct run *run, const struct wipe_target *t)
{
	run->is_left = true;
	if (t->device->kind == WIPE_KIND_LUKS)
		run->are_keys_left = true;
	else
		run->are_data_left = true;
}

/* What nothing is done to, and why. */
static void say_untouched(struct run *run, const struct worker *w)
{
	const struct wipe_target *t = &w->target;
	const char *word = "failed";

	if (t->verdict == WIPE_VERDICT_DONE) {
		word = "gone";
	} else if (t->verdict == WIPE_VERDICT_GIVEN) {
		/* The next boot would know no more. */
		word = "left";
		run->are_data_left = true;
	} else {
		if (t->verdict == WIPE_VERDICT_LATER)
			word = "later";
		note_left(run, t);
	}
	progress_say(&run->progress, "device %zu %s %s", w->index, word, t->detail);
}

void run_say_keys(struct run *run)
{
	for (size_t i = 0; i < run->n_workers; i++) {
		const struct worker *w = &run->workers[i];
		const struct wipe_target *t = &w->target;
		const char *word = "gone", *detail = "";

		if (!w->is_running) {
			say_untouched(run, w);
			continue;
		}
		if (t->device->kind != WIPE_KIND_LUKS)
			continue;
		if (t->step < WIPE_STEP_KEYS && t->is_overwritten) {
			detail = "to discard them takes longer";
		} else if (t->step < WIPE_STEP_KEYS) {
			word = "hung";
		} else if (t->keys_error) {
			word = "failed";
			detail = strerror(-t->keys_error);
		}
		if (strcmp(word, "gone") != 0)
			note_left(run, t);
		progress_say(&run->progress, "device %zu %s %s", w->index, word, detail);
	}
	progress_say(&run->progress, run->are_keys_left ? "keys-left" : "keys-gone");
}

/* Where there are data without keys: what became of them. */
void run_say_data(struct run *run)
{
	for (size_t i = 0; i < run->plan->n_devices; i++)
		if (run->plan->devices[i].kind != WIPE_KIND_LUKS) {
			progress_say(
				&run->progress, run->are_data_left ? "plain-left" : "plain-gone");
			return;
		}
}

void run_say_rest(struct run *run)
{
	bool discarded = true, any = false;

	for (size_t i = 0; i < run->n_workers; i++) {
		const struct worker *w = &run->workers[i];
		const struct wipe_target *t = &w->target;

		if (!w->is_running)
			continue;
		if (t->device->kind != WIPE_KIND_FILES) {
			any = true;
			discarded = discarded && t->is_discarded;
		}
		if (t->device->kind == WIPE_KIND_LUKS)
			continue;
		if (t->step < WIPE_STEP_REST) {
			progress_say(&run->progress, "device %zu hung", w->index);
			note_left(run, t);
		} else if (t->rest_error) {
			progress_say(&run->progress, "device %zu left %s: %s", w->index,
				strerror(-t->rest_error), t->detail);
			run->are_data_left = true;
			/* What was tried everywhere once is given up. */
			run->is_left |= t->device->kind != WIPE_KIND_PLAIN ||
					t->written_bytes < t->size_bytes;
		} else {
			progress_say(&run->progress, "device %zu gone %s", w->index, t->detail);
		}
	}
	run_say_data(run);
	progress_say(&run->progress, any && discarded ? "discarded" : "undiscarded");
}

/* By what a restart knows it again, before the first byte goes. */
void run_say_found(struct run *run)
{
	for (size_t i = 0; i < run->plan->n_devices; i++) {
		const struct wipe_target *t = &run->workers[i].target;

		if (t->verdict == WIPE_VERDICT_READY && t->device->kind != WIPE_KIND_FILES)
			progress_say(&run->progress,
				"found %zu %u:%u %" PRIu64 " %" PRIx64 " %u %" PRIu64 " %" PRIu64
				" %" PRIu64,
				i, t->number.major, t->number.minor, t->size_bytes, t->seed,
				t->header.version, t->header.header_bytes, t->header.area_bytes,
				t->mark_at);
	}
}

/* From where a restart goes on. */
void run_say_written(struct run *run)
{
	for (size_t i = 0; i < run->plan->n_devices; i++) {
		struct worker *w = &run->workers[i];
		uint64_t bytes = w->target.written_bytes;

		if (!w->is_running || bytes == w->told_bytes)
			continue;
		progress_say(&run->progress, "wrote %zu %" PRIu64, i, bytes);
		w->told_bytes = bytes;
	}
}
