/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_tz_rule.c - rules of time zones. What is taken has one of two offsets at any moment, keeps
 * it until the announced change, and announces one at all only with summer time.
 */
#include <errno.h>
#include <stdlib.h>

#include "policies/tz_rule.h"
#include "tests/lib/policy_gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct gen gen = gen_from_bytes(data, n_bytes);
	char text[256];
	struct tz_rule rule;

	if (n_bytes >= sizeof(text))
		return 0;
	memcpy(text, data, n_bytes);
	text[n_bytes] = 0;
	if (tz_rule_parse(text, &rule) < 0)
		return 0;
	expect(strcmp(rule.text, text) == 0);
	for (int i = 0; i < 16; i++) {
		int64_t t = gen_between(&gen, -(INT64_C(1) << 36), INT64_C(1) << 36), next_s,
			ignored;
		int32_t offset_s = tz_rule_offset(&rule, t, &next_s);

		expect(offset_s == rule.standard_s || offset_s == rule.summer_s);
		expect(next_s > 0 && (rule.has_summer || next_s == INT64_MAX));
		expect(abs(offset_s) < 26 * 3600);
		if (next_s == INT64_MAX)
			continue;
		expect(next_s < 3 * 366 * INT64_C(86400));
		expect(tz_rule_offset(&rule, t + gen_between(&gen, 0, next_s - 1), &ignored) ==
			offset_s);
	}
	return 0;
}
