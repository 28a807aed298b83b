/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_when.c - conditions. What is taken has one truth until the announced change, whatever the
 * tree; "not" of it is the opposite and changes no sooner; it can be written for people.
 */
#include <stdlib.h>

#include "policies/when.h"
#include "tests/lib/policy_gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void count(void *userdata, const char *kind)
{
	expect(*kind);
	++*(size_t *)userdata;
}

static void check_evaluation(struct gen *gen, const struct when *when, const struct when *negated)
{
	static const enum truth opposite[TRUTH_MAX] = {
		[TRUTH_FALSE] = TRUTH_TRUE,
		[TRUTH_TRUE] = TRUTH_FALSE,
		[TRUTH_UNKNOWN] = TRUTH_UNKNOWN,
	};
	struct when_facts facts = gen_facts(gen);
	int64_t next_s = INT64_MAX, negated_next_s = INT64_MAX, limit_s;
	enum truth now = when_evaluate(when, &facts, &next_s);

	expect(now < TRUTH_MAX);
	expect(next_s > 0);
	if (negated) {
		expect(when_evaluate(negated, &facts, &negated_next_s) == opposite[now]);
		expect(negated_next_s == next_s);
	}
	limit_s = next_s < 10 * 86400 ? next_s : 10 * 86400;
	for (int i = 0; i < 8; i++) {
		int64_t ignored = INT64_MAX, t = i ? gen_between(gen, 0, limit_s - 1) : limit_s - 1;
		struct when_facts later = gen_facts_later(&facts, t);

		expect(when_evaluate(when, &later, &ignored) == now);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_json_ struct json_object *object = NULL, *outer = json_object_new_object();
	_cleanup_(when_freep) struct when *when = NULL, *negated = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct gen gen = gen_from_bytes(data, n_bytes);
	struct json_error error = {0};
	size_t n_unknown = 0;

	if (!outer || n_bytes > LIMIT_PAYLOAD_BYTES ||
		json_parse((const char *)data, n_bytes, &object, &error) < 0)
		return 0;
	if (when_parse(object, "when", &when, &error) < 0) {
		expect(*error.message && strncmp(error.path, "when", 4) == 0);
		return 0;
	}
	/* One level more can be too deep. */
	json_object_object_add(outer, "not", json_object_get(object));
	if (when_parse(outer, "when", &negated, NULL) < 0)
		negated = NULL;
	for (int i = 0; i < 4; i++)
		check_evaluation(&gen, when, negated);
	when_format(when, &text);
	expect(text.error == 0 && text.n_bytes > 0);
	when_each_unknown(when, count, &n_unknown);
	expect(n_unknown <= LIMIT_WHEN_NODES);
	return 0;
}
