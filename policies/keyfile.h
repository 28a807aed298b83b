/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyfile.h - files of groups, keys and values, as the Desktop Entry Specification describes them
 * and GLib's GKeyFile reads them: one line after the other, borrowed from the text. Pure.
 */
#ifndef MDM_POLICIES_KEYFILE_H
#define MDM_POLICIES_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>

struct span {
	const char *at; /* not ended by NUL */
	size_t n;
};

struct keyfile {
	struct span rest;
	struct span group; /* of the line that was read last, without its brackets */
	size_t n_groups;   /* seen up to now */
};

static inline void keyfile_begin(struct keyfile *file, const char *text, size_t n_bytes)
{
	*file = (struct keyfile){.rest = {text, n_bytes}};
}

/* The next line with an equals sign, white space around key and value taken off; file->group is
 * that which it is in. False: no more. */
bool keyfile_next(struct keyfile *file, struct span *ret_key, struct span *ret_value);

bool span_equals(const struct span *text, const char *expected);
struct span span_trim(struct span text);
bool span_is_true(const struct span *value); /* "true" or "1" */

/* A value of type string: its escapes undone, line ends as spaces, clean and cut. */
void span_read_string(const struct span *value, char *ret_text, size_t size_bytes);

/* Copies text so that it can be shown and reported: what is not UTF-8 and control characters become
 * '?', cut at size_bytes between characters. */
void text_clean(const char *text, size_t n_bytes, char *ret_text, size_t size_bytes);

#endif
