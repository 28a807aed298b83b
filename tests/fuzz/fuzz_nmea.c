/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_nmea.c - what a receiver says, line by line: what passes is on earth, a fix is sound and
 * never dated ahead of its arrival, and nothing passes twice with one bit changed.
 */
#include <stdlib.h>
#include <string.h>

#include "policies/nmea.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_sentence(const struct nmea_sentence *s, const char *line, size_t n)
{
	struct nmea_sentence other;
	char changed[256];

	if (s->kind >= NMEA_KIND_MAX || s->time_us < 0 || s->time_us > INT64_C(86401000000))
		abort();
	if (n == 0 || n > sizeof(changed))
		abort();
	memcpy(changed, line, n);
	changed[n / 2] ^= 0x10;
	if (nmea_parse(changed, n, &other) != -74 /* EBADMSG */)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct nmea_track track = {0};
	int64_t now_us = 1000000;

	while (size) {
		const char *end = memchr(text, '\n', size);
		size_t n = end ? (size_t)(end - text) + 1 : size;
		struct nmea_sentence s;
		struct fix fix;

		/* Some come at once, some later. */
		now_us += (int64_t)(unsigned char)text[n / 2] * 40000;
		if (nmea_parse(text, n, &s) == 0) {
			check_sentence(&s, text, n);
			if (nmea_track_add(&track, &s, now_us, &fix) == NMEA_E_FIX) {
				if (fix.taken_us > now_us)
					abort();
				if (fix.taken_us > 0 && !fix_is_sound(&fix))
					abort();
			}
		}
		text += n;
		size -= n;
	}
	return 0;
}
