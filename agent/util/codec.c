/* SPDX-License-Identifier: Apache-2.0 */
/* codec.c - base64, hexadecimal, names and numbers; see codec.h. Any role; only base64_write()
 * allocates. */
#include "agent/util/codec.h"

#include <errno.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/limits.h"

#define BASE64_LINE_BYTES 48 /* 64 characters */

enum base64_padding {
	BASE64_UNPADDED,
	BASE64_EITHER,
	BASE64_PADDED
};

/* A base64 alphabet and how strictly it is read. */
struct base64_form {
	char value_62, value_63;
	bool spaces; /* are skipped */
	enum base64_padding padding;
};

static const struct base64_form base64url = {'-', '_', false, BASE64_UNPADDED};
static const struct base64_form base64_padded = {'+', '/', true, BASE64_PADDED};
static const struct base64_form base64_either = {'+', '/', true, BASE64_EITHER};

static char base64_character(const struct base64_form *form, uint32_t value)
{
	static const char common[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	return value < 62 ? common[value] : value == 62 ? form->value_62 : form->value_63;
}

static int base64_value(const struct base64_form *form, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == form->value_62)
		return 62;
	if (c == form->value_63)
		return 63;
	return -1;
}

/* Writes no padding and no NUL; returns the end of the text. */
static char *base64_encode(
	const struct base64_form *form, const uint8_t *in, size_t n_bytes, char *text)
{
	uint32_t bits = 0;
	unsigned int n_bits = 0;

	for (size_t i = 0; i < n_bytes; i++) {
		bits = bits << 8 | in[i];
		n_bits += 8;
		while (n_bits >= 6) {
			n_bits -= 6;
			*text++ = base64_character(form, bits >> n_bits & 63);
		}
	}
	if (n_bits)
		*text++ = base64_character(form, bits << (6 - n_bits) & 63);
	return text;
}

void base64url_encode(const void *data, size_t n_bytes, char *ret_text)
{
	*base64_encode(&base64url, data, n_bytes, ret_text) = 0;
}

void base64_write(const void *data, size_t n_bytes, const char *line_end, struct buf *out)
{
	const uint8_t *in = data;

	for (size_t n; n_bytes; in += n, n_bytes -= n) {
		char line[BASE64_LINE_BYTES / 3 * 4], *end;

		n = n_bytes < BASE64_LINE_BYTES ? n_bytes : BASE64_LINE_BYTES;
		end = base64_encode(&base64_padded, in, n, line);
		while ((end - line) % 4)
			*end++ = '=';
		buf_append(out, line, (size_t)(end - line));
		buf_puts(out, line_end);
	}
}

static bool base64_padding_is_right(const struct base64_form *form, size_t n_values, size_t n)
{
	size_t n_missing = -n_values % 4;

	/* Six bits are no byte, however much padding follows. */
	if (n_missing == 3)
		return false;
	switch (form->padding) {
	case BASE64_UNPADDED:
		return n == 0;
	case BASE64_EITHER:
		return n == 0 || n == n_missing;
	case BASE64_PADDED:
		return n == n_missing;
	}
	return false;
}

static int base64_read(const struct base64_form *form, const char *text, size_t n_text,
	void *ret_data, size_t max_bytes, size_t *ret_n_bytes)
{
	uint8_t *out = ret_data;
	size_t n_out = 0, n_values = 0, n_padding = 0;
	uint32_t bits = 0;
	unsigned int n_bits = 0;

	for (size_t i = 0; i < n_text; i++) {
		int value = base64_value(form, text[i]);

		if (form->spaces && text[i] && strchr(" \t\r\n", text[i]))
			continue;
		if (text[i] == '=') {
			n_padding++;
			continue;
		}
		if (value < 0 || n_padding)
			return -EBADMSG;
		n_values++;
		bits = bits << 6 | (uint32_t)value;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			if (n_out == max_bytes)
				return -EFBIG;
			out[n_out++] = (uint8_t)(bits >> n_bits);
		}
	}
	/* Bits that encode nothing must be zero, or one value would have several texts. */
	if (!base64_padding_is_right(form, n_values, n_padding) || bits & ((1u << n_bits) - 1))
		return -EBADMSG;
	*ret_n_bytes = n_out;
	return 0;
}

int base64url_decode(
	const char *text, size_t n_text, void *ret_data, size_t max_bytes, size_t *ret_n_bytes)
{
	/* Nothing is skipped here, so that a wrong length is known before what does not fit. */
	if (n_text % 4 == 1)
		return -EBADMSG;
	return base64_read(&base64url, text, n_text, ret_data, max_bytes, ret_n_bytes);
}

int base64_decode(
	const char *text, size_t n_text, void *ret_data, size_t max_bytes, size_t *ret_n_bytes)
{
	return base64_read(&base64_padded, text, n_text, ret_data, max_bytes, ret_n_bytes);
}

int base64_decode_unpadded(
	const char *text, size_t n_text, void *ret_data, size_t max_bytes, size_t *ret_n_bytes)
{
	return base64_read(&base64_either, text, n_text, ret_data, max_bytes, ret_n_bytes);
}

void hex_encode(const void *data, size_t n_bytes, char *ret_text)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *in = data;

	for (size_t i = 0; i < n_bytes; i++) {
		*ret_text++ = digits[in[i] >> 4];
		*ret_text++ = digits[in[i] & 15];
	}
	*ret_text = 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int hex_decode(const char *text, void *ret_data, size_t n_bytes)
{
	uint8_t *out = ret_data;

	if (!hex_is_valid(text, n_bytes))
		return -EBADMSG;
	for (size_t i = 0; i < n_bytes; i++)
		out[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
	return 0;
}

bool hex_is_valid(const char *text, size_t n_bytes)
{
	if (strlen(text) != 2 * n_bytes)
		return false;
	for (; *text; text++)
		if (hex_value(*text) < 0)
			return false;
	return true;
}

void le_put(uint8_t *out, uint64_t value, unsigned int n_bytes)
{
	for (unsigned int i = 0; i < n_bytes; i++)
		out[i] = (uint8_t)(value >> (8 * i));
}

uint64_t le_get(const uint8_t *in, unsigned int n_bytes)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < n_bytes; i++)
		value |= (uint64_t)in[i] << (8 * i);
	return value;
}

bool name_is_valid(const char *text)
{
	size_t n = strnlen(text, LIMIT_NAME_BYTES + 1);

	if (n == 0 || n > LIMIT_NAME_BYTES || *text == '.' || *text == '-')
		return false;
	for (; *text; text++)
		if (!(base64_value(&base64url, *text) >= 0 || *text == '.'))
			return false;
	return true;
}

int parse_int64(const char *text, int64_t min, int64_t max, int64_t *ret_value)
{
	bool negative = false;
	int64_t value = 0;

	if (*text == '-' && min < 0) {
		negative = true;
		text++;
	}
	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_sub_overflow(value, *text - '0', &value))
			return -ERANGE;
	}
	/* Accumulated as a negative number, whose range is the larger one. */
	if (!negative && __builtin_sub_overflow(0, value, &value))
		return -ERANGE;
	if (value < min || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

/* Length of the well-formed UTF-8 sequence at s (RFC 3629, section 4), or 0. */
static size_t utf8_sequence(const uint8_t *s, size_t n)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t length;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		length = 2;
	} else if (s[0] >= 0xe0 && s[0] <= 0xef) {
		length = 3;
		low = s[0] == 0xe0 ? 0xa0 : 0x80;
		high = s[0] == 0xed ? 0x9f : 0xbf;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		length = 4;
		low = s[0] == 0xf0 ? 0x90 : 0x80;
		high = s[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (n < length || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return length;
}

bool text_is_valid(const char *text, size_t n_bytes)
{
	const uint8_t *s = (const uint8_t *)text;

	while (n_bytes) {
		size_t length = utf8_sequence(s, n_bytes);

		if (length == 0 || *s < 0x20 || *s == 0x7f)
			return false;
		s += length;
		n_bytes -= length;
	}
	return true;
}

bool text_has_line(const char *lines, const char *line)
{
	size_t n = strlen(line);

	while (lines && *lines) {
		if (strncmp(lines, line, n) == 0 && lines[n] == '\n')
			return true;
		lines += strcspn(lines, "\n");
		lines += *lines == '\n';
	}
	return false;
}
