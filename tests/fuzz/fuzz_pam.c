/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: platform */
/*
 * fuzz_pam.c - PAM service files: for any text without our marks strip(derive(x)) is x, what was
 * derived is guarded, and derived from only once.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "platform/pam_stack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Strips our marks off an arbitrary text until nothing of them is left. */
static void take_marks_out(const uint8_t *data, size_t size, struct buf *text)
{
	bool present;

	buf_puts(text, "");
	buf_append(text, data, size);
	for (;;) {
		struct buf next = BUF_INIT;
		size_t n_before = text->n_bytes;

		buf_puts(&next, "");
		if (pam_stack_strip(text->data, text->n_bytes, &next, &present) < 0)
			abort();
		buf_done(text);
		*text = next;
		if (text->n_bytes == n_before)
			return;
		if (text->n_bytes > n_before)
			abort();
	}
}

static void ignore_name(const char *name, bool jumped, void *userdata)
{
	(void)jumped;
	(void)userdata;
	if (strlen(name) > LIMIT_TEXT_BYTES)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT, derived = BUF_INIT, again = BUF_INIT, back = BUF_INIT;
	struct pam_facts facts;
	bool present;

	take_marks_out(data, size, &text);
	if (pam_stack_includes(text.data, text.n_bytes, ignore_name, NULL) < 0)
		abort();
	if (pam_stack_derive(text.data, text.n_bytes, NULL, &derived) == 0) {
		buf_puts(&back, "");
		if (pam_stack_strip(derived.data, derived.n_bytes, &back, &present) < 0 ||
			!present || back.n_bytes != text.n_bytes ||
			memcmp(back.data, text.data, back.n_bytes) != 0)
			abort();
		if (pam_stack_examine(derived.data, derived.n_bytes, &facts) < 0 ||
			facts.asks_auth != facts.guarded_auth ||
			facts.asks_password != facts.guarded_password)
			abort();
		if (pam_stack_derive(derived.data, derived.n_bytes, NULL, &again) != -EEXIST)
			abort();
	} else if (derived.n_bytes) {
		abort();
	}
	buf_done(&text);
	buf_done(&derived);
	buf_done(&again);
	buf_done(&back);
	return 0;
}
