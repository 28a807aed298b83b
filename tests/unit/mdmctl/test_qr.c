/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_qr.c - what is drawn on the terminal is read back, module by module, and decoded by a small
 * reader written from ISO/IEC 18004 (level L, versions 1 to 20, no error correction).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/ctl/qr.h"
#include "tests/lib/check.h"

#define MAX_WIDTH 97 /* version 20 */

static const struct {
	int n_first, first, n_second, second; /* blocks and their data codewords */
	int error_correction;
	int alignment[5];
} versions[] = {
	{1, 19, 0, 0, 7, {0}},
	{1, 34, 0, 0, 10, {6, 18}},
	{1, 55, 0, 0, 15, {6, 22}},
	{1, 80, 0, 0, 20, {6, 26}},
	{1, 108, 0, 0, 26, {6, 30}},
	{2, 68, 0, 0, 18, {6, 34}},
	{2, 78, 0, 0, 20, {6, 22, 38}},
	{2, 97, 0, 0, 24, {6, 24, 42}},
	{2, 116, 0, 0, 30, {6, 26, 46}},
	{2, 68, 2, 69, 18, {6, 28, 50}},
	{4, 81, 0, 0, 20, {6, 30, 54}},
	{2, 92, 2, 93, 24, {6, 32, 58}},
	{4, 107, 0, 0, 26, {6, 34, 62}},
	{3, 115, 1, 116, 30, {6, 26, 46, 66}},
	{5, 87, 1, 88, 22, {6, 26, 48, 70}},
	{5, 98, 1, 99, 24, {6, 26, 50, 74}},
	{1, 107, 5, 108, 28, {6, 30, 54, 78}},
	{5, 120, 1, 121, 30, {6, 30, 56, 82}},
	{3, 113, 4, 114, 28, {6, 30, 58, 86}},
	{3, 107, 5, 108, 28, {6, 34, 62, 90}},
};

struct matrix {
	unsigned char dark[MAX_WIDTH][MAX_WIDTH];
	int width;
};

static bool is_function(int version, int width, int row, int column)
{
	const int *a = versions[version - 1].alignment;

	if ((row < 9 && column < 9) || (row < 9 && column >= width - 8) ||
		(row >= width - 8 && column < 9) || row == 6 || column == 6)
		return true;
	if (version >= 7 &&
		((row < 6 && column >= width - 11) || (column < 6 && row >= width - 11)))
		return true;
	for (int i = 0; i < 5 && a[i]; i++)
		for (int j = 0; j < 5 && a[j]; j++) {
			bool corner = (a[i] == 6 && a[j] == 6) ||
				      (a[i] == 6 && a[j] == width - 7) ||
				      (a[i] == width - 7 && a[j] == 6);

			if (!corner && abs(row - a[i]) <= 2 && abs(column - a[j]) <= 2)
				return true;
		}
	return false;
}

static bool mask_at(int mask, int r, int c)
{
	switch (mask) {
	case 0:
		return (r + c) % 2 == 0;
	case 1:
		return r % 2 == 0;
	case 2:
		return c % 3 == 0;
	case 3:
		return (r + c) % 3 == 0;
	case 4:
		return (r / 2 + c / 3) % 2 == 0;
	case 5:
		return r * c % 2 + r * c % 3 == 0;
	case 6:
		return (r * c % 2 + r * c % 3) % 2 == 0;
	default:
		return ((r + c) % 2 + r * c % 3) % 2 == 0;
	}
}

static int format_of(const struct matrix *m)
{
	int format = 0;

	for (int i = 0; i < 6; i++)
		format |= m->dark[i][8] << i;
	format |= m->dark[7][8] << 6 | m->dark[8][8] << 7 | m->dark[8][7] << 8;
	for (int i = 9; i < 15; i++)
		format |= m->dark[8][14 - i] << i;
	return format ^ 0x5412;
}

static size_t read_codewords(const struct matrix *m, int version, int mask, unsigned char *out)
{
	size_t n_bits = 0;
	bool up = true;

	memset(out, 0, 4096);
	for (int right = m->width - 1; right > 0; right -= 2, up = !up) {
		if (right == 6)
			right--;
		for (int i = 0; i < m->width; i++) {
			int row = up ? m->width - 1 - i : i;

			for (int column = right; column > right - 2; column--) {
				if (is_function(version, m->width, row, column))
					continue;
				if (m->dark[row][column] ^ mask_at(mask, row, column))
					out[n_bits / 8] |= (unsigned char)(0x80 >> n_bits % 8);
				n_bits++;
			}
		}
	}
	return n_bits / 8;
}

/* Data codewords in order, out of their interleaved blocks. */
static size_t join_blocks(int version, const unsigned char *in, unsigned char *out)
{
	int n_first = versions[version - 1].n_first, first = versions[version - 1].first;
	int n_second = versions[version - 1].n_second, second = versions[version - 1].second;
	int n_blocks = n_first + n_second, longest = n_second ? second : first;
	size_t n = 0;

	for (int i = 0; i < longest; i++)
		for (int block = 0; block < n_blocks; block++) {
			int length = block < n_first ? first : second;
			int start = block < n_first ? block * first
						    : n_first * first + (block - n_first) * second;

			if (i < length)
				out[start + i] = in[n++];
		}
	return n;
}

static unsigned int take_bits(const unsigned char *data, size_t *at, int n)
{
	unsigned int value = 0;

	for (int i = 0; i < n; i++, ++*at)
		value = value << 1 | (data[*at / 8] >> (7 - *at % 8) & 1);
	return value;
}

/* The text of the code, or "" with what is wrong printed. */
static void decode(const struct matrix *m, char ret_text[2048])
{
	static unsigned char raw[4096], data[4096];
	int version = (m->width - 17) / 4, format = format_of(m);
	size_t at = 0, n;
	unsigned int length;

	*ret_text = 0;
	CHECK(version >= 1 && version <= 20 && m->width == version * 4 + 17);
	/* Level L is 01. */
	CHECK_INT(format >> 13, 1);
	n = read_codewords(m, version, format >> 10 & 7, raw);
	CHECK_INT(n, (versions[version - 1].n_first + versions[version - 1].n_second) *
				     versions[version - 1].error_correction +
			     versions[version - 1].n_first * versions[version - 1].first +
			     versions[version - 1].n_second * versions[version - 1].second);
	n = join_blocks(version, raw, data);
	/* 0100: bytes. */
	CHECK_INT(take_bits(data, &at, 4), 4);
	length = take_bits(data, &at, version < 10 ? 8 : 16);
	CHECK(length < 2048 && length <= n);
	for (unsigned int i = 0; i < length; i++)
		ret_text[i] = (char)take_bits(data, &at, 8);
	ret_text[length] = 0;
}

/* What a drawing shows as light (1) and dark (0), one entry a module, quiet zone included. */
static bool read_drawing(const char *text, enum qr_style style, bool inverted, int full,
	unsigned char light[MAX_WIDTH + 8][MAX_WIDTH + 8])
{
	int y = 0, x = 0;

	memset(light, 0, (MAX_WIDTH + 8) * (MAX_WIDTH + 8));
	while (*text) {
		int upper = 0, lower = 0, n = 1;

		if (*text == '\033') {
			text = strchr(text, 'm');
			if (!text)
				return false;
			text++;
			continue;
		}
		if (*text == '\n') {
			if (x != full)
				return false;
			x = 0;
			y += style == QR_ASCII ? 1 : 2;
			text++;
			continue;
		}
		if (style == QR_ASCII) {
			n = 2;
			upper = lower = text[0] == '#' && text[1] == '#';
		} else if (strncmp(text, "\u2588", 3) == 0) {
			n = 3;
			upper = lower = 1;
		} else if (strncmp(text, "\u2580", 3) == 0) {
			n = 3;
			upper = 1;
		} else if (strncmp(text, "\u2584", 3) == 0) {
			n = 3;
			lower = 1;
		} else if (*text != ' ') {
			return false;
		}
		if (x >= full || y >= full)
			return false;
		light[y][x] = (unsigned char)(upper ^ inverted);
		if (style != QR_ASCII && y + 1 < full)
			light[y + 1][x] = (unsigned char)(lower ^ inverted);
		x++;
		text += n;
	}
	return y == full || (style != QR_ASCII && y == full + 1);
}

static void check_style(
	const struct qr *qr, enum qr_style style, bool inverted, const char *expected)
{
	static unsigned char light[MAX_WIDTH + 8][MAX_WIDTH + 8];
	_cleanup_buf_ struct buf drawing = BUF_INIT;
	int full = qr->width + 2 * QR_QUIET;
	struct matrix m = {.width = qr->width};
	char text[2048];

	qr_write(qr, style, inverted, &drawing);
	CHECK_INT(drawing.error, 0);
	CHECK(read_drawing(drawing.data, style, inverted || style == QR_COLOUR, full, light));
	for (int y = 0; y < full; y++)
		for (int x = 0; x < full; x++) {
			int row = y - QR_QUIET, column = x - QR_QUIET;

			if (row < 0 || column < 0 || row >= qr->width || column >= qr->width)
				CHECK_INT(light[y][x], 1);
			else
				m.dark[row][column] = !light[y][x];
		}
	decode(&m, text);
	CHECK_STR(text, expected);
}

static void check_text(const char *text)
{
	struct qr qr;

	CHECK_INT(qr_encode(text, &qr), 0);
	for (int style = 0; style < QR_STYLE_MAX; style++) {
		check_style(&qr, (enum qr_style)style, false, text);
		check_style(&qr, (enum qr_style)style, true, text);
	}
	qr_done(&qr);
	CHECK(!qr.dark);
}

static void test_ticket(void)
{
	check_text("mdm://mdm.example.org:8443/?t=00112233445566778899aabbccddeeff&s="
		   "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8&c="
		   "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8&k="
		   "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8&x=1800000000");
}

/* Every version up to the longest ticket of level L that fits version 20. */
static void test_lengths(void)
{
	char text[900];

	for (size_t n = 1; n <= 858; n += 37) {
		for (size_t i = 0; i < n; i++)
			text[i] = (char)('a' + (i * 7 + n) % 26);
		text[n] = 0;
		check_text(text);
	}
}

static void test_too_long(void)
{
	char *text = malloc(3001);
	struct qr qr = {0};
	int r;

	CHECK(text != NULL);
	memset(text, 'x', 3000);
	text[3000] = 0;
	r = qr_encode(text, &qr);
	free(text);
	CHECK_INT(r, -EFBIG);
	CHECK(!qr.dark);
}

static const struct check_test tests[] = {
	{"ticket", test_ticket},
	{"lengths", test_lengths},
	{"too_long", test_too_long},
};
CHECK_MAIN(tests)
