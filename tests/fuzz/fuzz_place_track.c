/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_place_track.c - what is kept of places. What is taken is written again as the same, is taken
 * with the same meaning, and goes on with a policy, with any positions after it.
 */
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/place_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void import_lines(char *text, struct place_track *track, int64_t now_us)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t before = track->n_states;
		int r = place_track_import(track, now_us, line);

		expect(r == 0 || r == -EBADMSG || r == -E2BIG);
		expect(track->n_states == before + (r == 0));
	}
}

/* The places of two policies, whatever was kept of them. */
static void go_on(struct place_track *track, struct gen *gen, int64_t now_us)
{
	static struct policy *policy;
	struct rig rig = {.now_us = now_us};

	if (!policy)
		policy = policy_with(SHAPE ",\"enter_dwell\":30,\"forget_after\":300");
	expect(policy && place_track_configure(track, &policy, 1, now_us, NULL) == 0);
	for (int i = 0; i < 20; i++) {
		struct when_place fact;
		struct fix fix;

		rig.now_us += gen_between(gen, 0, 400) * S_US;
		fix = fix_at(&rig, (double)gen_between(gen, -2000, 2000), 0,
			(double)gen_between(gen, 1, 200));
		fix.taken_us -= gen_between(gen, 0, 200) * S_US;
		place_track_fix(track, &fix, rig.now_us, NULL);
		expect(track->n_states == 1);
		place_track_facts(track, rig.now_us, &fact);
		expect(fact.inside == track->states[0].state && fact.held_s >= 0);
		expect(place_track_next_us(track) > rig.now_us);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct gen gen = gen_from_bytes(data, n_bytes);
	int64_t now_us = gen_between(&gen, 0, INT64_C(1) << 40) * S_US;
	_cleanup_buf_ struct buf first = BUF_INIT, second = BUF_INIT;
	_cleanup_free_ char *text = malloc(n_bytes + 1), *copy = NULL;
	struct place_track track, again;

	if (!text)
		return 0;
	memcpy(text, data, n_bytes);
	text[n_bytes] = 0;
	place_track_init(&track);
	place_track_init(&again);
	import_lines(text, &track, now_us);
	place_track_export(&track, now_us, &first);
	buf_puts(&first, "");
	copy = strdup(first.data);
	expect(copy != NULL);
	import_lines(copy, &again, now_us);
	expect(again.n_states == track.n_states);
	place_track_export(&again, now_us, &second);
	buf_puts(&second, "");
	expect(strcmp(first.data, second.data) == 0);
	go_on(&track, &gen, now_us);
	place_track_done(&track);
	place_track_done(&again);
	return 0;
}
