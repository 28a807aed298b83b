/* SPDX-License-Identifier: Apache-2.0 */
/* glyph.c - code points, columns, cleaning; see glyph.h. Pure; agentctl. */
#include "agent/ctl/glyph.h"

struct glyph_range {
	uint32_t first, last;
};

static const struct glyph_range glyph_unsafe[] = {
	{0x00, 0x1f}, {0x7f, 0x9f},	    /* C0, DEL, C1: terminals obey them */
	{0xad, 0xad},			    /* soft hyphen: invisible */
	{0x34f, 0x34f}, {0x61c, 0x61c},	    /* grapheme joiner, Arabic letter mark */
	{0x115f, 0x1160}, {0x17b4, 0x17b5}, /* fillers */
	{0x180e, 0x180e}, {0x200b, 0x200b}, /* zero-width spaces */
	{0x200e, 0x200f},		    /* direction marks */
	{0x2028, 0x202e},		    /* separators, embeddings, overrides */
	{0x2060, 0x206f},		    /* invisible operators, isolates */
	{0x3164, 0x3164}, {0xfdd0, 0xfdef}, /* filler, noncharacters */
	{0xfeff, 0xfeff}, {0xffa0, 0xffa0}, /* byte order mark, filler */
	{0xfff0, 0xfffb}, {0xfffe, 0xffff}, /* annotations, noncharacters */
	{0xe0000, 0xe0fff},		    /* tags, more variation selectors */
	{0xf0000, 0x10ffff},		    /* private planes */
};

static const struct glyph_range glyph_zero[] = {
	{0x300, 0x36f},
	{0x483, 0x489},
	{0x591, 0x5bd},
	{0x610, 0x61a},
	{0x64b, 0x65f},
	{0x1ab0, 0x1aff},
	{0x1dc0, 0x1dff},
	{0x200c, 0x200d},
	{0x20d0, 0x20ff},
	{0xfe00, 0xfe0f},
	{0xfe20, 0xfe2f},
};

static const struct glyph_range glyph_wide[] = {
	{0x1100, 0x115f},
	{0x231a, 0x231b},
	{0x2329, 0x232a},
	{0x23e9, 0x23f3},
	{0x25fd, 0x25fe},
	{0x2614, 0x2615},
	{0x2648, 0x2653},
	{0x26a1, 0x26a1},
	{0x26d4, 0x26d4},
	{0x2705, 0x2705},
	{0x270a, 0x270b},
	{0x2728, 0x2728},
	{0x274c, 0x274c},
	{0x2753, 0x2757},
	{0x2795, 0x2797},
	{0x2b1b, 0x2b1c},
	{0x2b50, 0x2b50},
	{0x2e80, 0x303e},
	{0x3041, 0x4dbf},
	{0x4e00, 0xa4cf},
	{0xa960, 0xa97f},
	{0xac00, 0xd7a3},
	{0xf900, 0xfaff},
	{0xfe30, 0xfe6f},
	{0xff01, 0xff60},
	{0xffe0, 0xffe6},
	{0x1f004, 0x1f004},
	{0x1f0cf, 0x1f0cf},
	{0x1f18e, 0x1f19a},
	{0x1f200, 0x1f64f},
	{0x1f680, 0x1f6ff},
	{0x1f7e0, 0x1f7eb},
	{0x1f900, 0x1faff},
	{0x20000, 0x3fffd},
};

static bool glyph_in(uint32_t code, const struct glyph_range *ranges, size_t n_ranges)
{
	for (size_t i = 0; i < n_ranges; i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

size_t glyph_decode(const char *text, size_t n_bytes, uint32_t *ret_code)
{
	static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *bytes = (const unsigned char *)text;
	uint32_t code;
	size_t length;

	*ret_code = GLYPH_BAD;
	if (bytes[0] < 0x80) {
		*ret_code = bytes[0];
		return 1;
	}
	if (bytes[0] >= 0xc2 && bytes[0] <= 0xdf)
		length = 2;
	else if (bytes[0] >= 0xe0 && bytes[0] <= 0xef)
		length = 3;
	else if (bytes[0] >= 0xf0 && bytes[0] <= 0xf4)
		length = 4;
	else
		return 1;
	if (length > n_bytes)
		return 1;
	code = bytes[0] & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 1;
		code = code << 6 | (bytes[i] & 0x3fU);
	}
	if (code < lowest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 1;
	*ret_code = code;
	return length;
}

unsigned glyph_width(uint32_t code)
{
	if (code < 0x300)
		return 1;
	if (glyph_in(code, glyph_zero, ARRAY_SIZE(glyph_zero)))
		return 0;
	return glyph_in(code, glyph_wide, ARRAY_SIZE(glyph_wide)) ? 2 : 1;
}

bool glyph_is_safe(uint32_t code)
{
	if (code >= 0x20 && code < 0x7f)
		return true;
	return !glyph_in(code, glyph_unsafe, ARRAY_SIZE(glyph_unsafe));
}

unsigned glyph_columns(const char *text, size_t n_bytes)
{
	unsigned columns = 0;
	uint32_t code;

	for (size_t i = 0; i < n_bytes;) {
		i += glyph_decode(text + i, n_bytes - i, &code);
		columns += glyph_width(code);
	}
	return columns;
}

void glyph_clean(const char *text, size_t n_bytes, struct buf *out)
{
	unsigned marks = 0;
	size_t length;
	uint32_t code;

	for (size_t i = 0; i < n_bytes; i += length) {
		length = glyph_decode(text + i, n_bytes - i, &code);
		if ((code >= '\t' && code <= '\r') || code == 0x85 || code == 0x2028 ||
			code == 0x2029) {
			buf_puts(out, " ");
			marks = 0;
			continue;
		}
		if (!glyph_is_safe(code))
			continue;
		marks = glyph_width(code) == 0 ? marks + 1 : 0;
		if (marks > GLYPH_MARKS_MAX)
			continue;
		/* A malformed byte must not be copied, whatever it decodes to. */
		if (code == GLYPH_BAD)
			buf_puts(out, "\xef\xbf\xbd");
		else
			buf_append(out, text + i, length);
	}
}

void glyph_escape_json(const char *json, size_t n_bytes, struct buf *out)
{
	size_t length;
	uint32_t code;

	for (size_t i = 0; i < n_bytes; i += length) {
		length = glyph_decode(json + i, n_bytes - i, &code);
		if (code == GLYPH_BAD)
			buf_puts(out, "\xef\xbf\xbd");
		else if (code == '\n' || code == '\t' || glyph_is_safe(code))
			buf_append(out, json + i, length);
		else if (code == '\r')
			continue; /* white space between values, nothing else in valid JSON */
		else if (code < 0x10000)
			buf_printf(out, "\\u%04x", code);
		else
			buf_printf(out, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
				0xdc00 + ((code - 0x10000) & 0x3ff));
	}
}
