/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_activation.c - the record of activations. What is taken is written again as a record that is
 * taken with the same meaning; it is sorted, and nothing is due that is not active.
 */
#include <errno.h>
#include <stdlib.h>

#include "policies/activation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

/* Lines until one is refused. */
static void import_lines(char *text, struct activation *a)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t before = a->n_entries;
		int r = activation_import(a, line);

		expect(r == 0 || r == -EBADMSG || r == -E2BIG);
		expect(a->n_entries == before + (r == 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct activation a = ACTIVATION_INIT, again = ACTIVATION_INIT;
	_cleanup_buf_ struct buf first = BUF_INIT, second = BUF_INIT;
	_cleanup_free_ char *text = malloc(n_bytes + 1), *copy = NULL;

	if (!text)
		return 0;
	memcpy(text, data, n_bytes);
	text[n_bytes] = 0;
	import_lines(text, &a);
	for (size_t i = 0; i < a.n_entries; i++) {
		const struct activation_entry *entry = &a.entries[i];

		expect(!entry->due || entry->active);
		expect(entry->truth != TRUTH_TRUE || entry->active);
		expect(i == 0 || strcmp(a.entries[i - 1].stream, entry->stream) < 0 ||
			(strcmp(a.entries[i - 1].stream, entry->stream) == 0 &&
				strcmp(a.entries[i - 1].id, entry->id) < 0));
	}
	activation_export(&a, &first);
	buf_puts(&first, "");
	copy = strdup(first.data);
	expect(copy != NULL);
	import_lines(copy, &again);
	expect(again.n_entries == a.n_entries);
	activation_export(&again, &second);
	buf_puts(&second, "");
	expect(strcmp(first.data, second.data) == 0);
	activation_done(&a);
	activation_done(&again);
	return 0;
}
