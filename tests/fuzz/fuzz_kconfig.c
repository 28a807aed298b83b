/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: platform */
/*
 * fuzz_kconfig.c - derived files: for any original without our marks, strip(derive(x)) is x, what
 * we put in is what is read, for KDE's files and for dconf profiles.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "platform/dconf_profile.h"
#include "platform/kconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef int (*derive_fn)(const char *, size_t, void *, struct buf *);
typedef int (*strip_fn)(const char *, size_t, struct buf *, bool *);

/* Strips our marks off an arbitrary text until nothing of them is left. */
static void take_marks_out(strip_fn strip, const uint8_t *data, size_t size, struct buf *original)
{
	bool present;

	buf_append(original, data, size);
	for (;;) {
		struct buf next = BUF_INIT;
		size_t n_before = original->n_bytes;

		buf_puts(&next, "");
		if (strip(original->data, original->n_bytes, &next, &present) < 0)
			abort();
		buf_done(original);
		*original = next;
		if (original->n_bytes == n_before)
			return;
		if (original->n_bytes > n_before)
			abort();
	}
}

static void check_inverse(const struct buf *original, derive_fn derive, strip_fn strip,
	void *userdata, struct buf *derived)
{
	struct buf back = BUF_INIT;
	bool present;

	buf_puts(&back, "");
	if (derive(original->data, original->n_bytes, userdata, derived) < 0)
		abort();
	if (strip(derived->data, derived->n_bytes, &back, &present) < 0)
		abort();
	if (!present || back.n_bytes != original->n_bytes ||
		memcmp(back.data, original->data, back.n_bytes) != 0)
		abort();
	buf_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char lines[] = "[Daemon][$i]\nTimeout[$i]=2\n";
	struct buf original = BUF_INIT, derived = BUF_INIT;
	struct kconfig_entry entry;
	struct kconfig_group group;
	struct dconf_profile profile;

	take_marks_out(kconfig_strip, data, size, &original);
	check_inverse(&original, kconfig_derive, kconfig_strip, lines, &derived);
	kconfig_read(derived.data, derived.n_bytes, "Daemon", "Timeout", &entry, &group);
	if (!entry.present || strcmp(entry.value, "2") != 0 || !entry.key_immutable ||
		!group.immutable)
		abort();
	buf_done(&original);
	buf_done(&derived);

	take_marks_out(dconf_profile_strip, data, size, &original);
	check_inverse(&original, dconf_profile_derive, dconf_profile_strip, NULL, &derived);
	if (dconf_profile_parse(derived.data, derived.n_bytes, &profile) == 0 &&
		(profile.n_sources == 0 ||
			strcmp(profile.sources[profile.n_sources - 1].name, DCONF_DATABASE) != 0))
		abort();
	buf_done(&original);
	buf_done(&derived);
	return 0;
}
