/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glyph.h - text as a terminal shows it: UTF-8 in code points, how many columns each takes, and
 * which ones must never reach a terminal. Independent of the locale. Pure; agentctl.
 */
#ifndef MDM_CTL_GLYPH_H
#define MDM_CTL_GLYPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/buf.h"

#define GLYPH_BAD UINT32_C(0xfffd) /* stands for a byte that is not UTF-8 */

/* Decodes the first code point of n_bytes > 0. Returns the bytes it takes; for a malformed
 * sequence 1 byte and GLYPH_BAD. */
size_t glyph_decode(const char *text, size_t n_bytes, uint32_t *ret_code);

/* Columns of a code point: 0 (combining), 1 or 2 (East Asian wide, emoji). */
unsigned glyph_width(uint32_t code);

/*
 * False for what could steer a terminal or disguise text: control characters (C0, DEL, C1), line
 * and paragraph separators, direction marks and overrides, invisible fillers, tags.
 */
bool glyph_is_safe(uint32_t code);

/* Columns of a text. */
unsigned glyph_columns(const char *text, size_t n_bytes);

/*
 * Appends the text without anything unsafe: white space becomes a space, other unsafe characters
 * vanish, bytes that are not UTF-8 become U+FFFD, and of a pile of combining marks
 * GLYPH_MARKS_MAX stay.
 */
#define GLYPH_MARKS_MAX 4
void glyph_clean(const char *text, size_t n_bytes, struct buf *out);

/*
 * Appends JSON text unchanged but for unsafe code points, which are written as \u escapes: the
 * same JSON value, harmless on a terminal. The text must be valid JSON; there such characters
 * other than white space stand inside strings only.
 */
void glyph_escape_json(const char *json, size_t n_bytes, struct buf *out);

#endif
