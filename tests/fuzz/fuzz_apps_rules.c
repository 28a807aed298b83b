/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: enforcer */
/*
 * fuzz_apps_rules.c - the rules of what may be installed, and what apk says it would do: whatever
 * is read is written in the same words, and every question has an answer. A NUL is between the two.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/apps_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t n = nul ? (size_t)(nul - data) : size, n_question = nul ? size - n - 1 : 0;
	char *text = malloc(n + 1), *copy = malloc(n + 1), *question = malloc(n_question + 1);
	char why[2 * LIMIT_TEXT_BYTES];
	struct apps_rules rules;

	if (!text || !copy || !question)
		abort();
	memcpy(text, data, n);
	text[n] = 0;
	memcpy(copy, text, n + 1);
	if (n_question)
		memcpy(question, nul + 1, n_question);
	question[n_question] = 0;
	if (apps_rules_read(text, n, &rules) == 0) {
		_cleanup_buf_ struct buf out = BUF_INIT, again = BUF_INIT;
		struct apps_rules twice;
		int r = apps_rules_judge(&rules, "busybox\n", question, why);

		if (r != 0 && r != 1)
			abort();
		apps_rules_write(&rules.policy, rules.organisation, &out);
		buf_append(&out, "", 0);
		if (out.n_bytes) {
			if (apps_rules_read(out.data, out.n_bytes, &twice) < 0)
				abort();
			apps_rules_write(&twice.policy, twice.organisation, &again);
			apps_rules_done(&twice);
		}
		apps_rules_done(&rules);
	}
	free(text);
	free(copy);
	free(question);
	return 0;
}
