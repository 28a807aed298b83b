/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec.h - base64url (RFC 4648, section 5) without padding, hexadecimal, identifiers and numbers,
 * all strict: one text for each value, nothing skipped, nothing assumed. Base64 (section 4) as mail
 * and EST write it, in lines, is the exception.
 */
#ifndef MDM_UTIL_CODEC_H
#define MDM_UTIL_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that n bytes need in base64url without padding. */
#define BASE64URL_LENGTH(n) (((n)*4 + 2) / 3)

/* Writes BASE64URL_LENGTH(n_bytes) characters and a NUL to ret_text. */
void base64url_encode(const void *data, size_t n_bytes, char *ret_text);

/*
 * Decodes exactly n_text characters into ret_data, which holds max_bytes. Refuses padding, white
 * space, characters outside the alphabet, an impossible length and non-zero trailing bits.
 * Returns 0; -EBADMSG for malformed text; -EFBIG if it does not fit. ret_n_bytes is set on
 * success; the contents of ret_data are undefined on failure.
 */
int base64url_decode(
	const char *text, size_t n_text, void *ret_data, size_t max_bytes, size_t *ret_n_bytes);

/*
 * Base64 (RFC 4648, section 4): space, tab, CR and LF may stand anywhere, no other foreign
 * character, no NUL; trailing bits are zero. The padding must be right: what was cut short is
 * refused. Arguments and answers as base64url_decode().
 */
int base64_decode(
	const char *text, size_t n_text, void *ret_data, size_t max_bytes, size_t *ret_n_bytes);

/* The same for senders who may leave out the padding: all of it or nothing. */
int base64_decode_unpadded(
	const char *text, size_t n_text, void *ret_data, size_t max_bytes, size_t *ret_n_bytes);

/* Appends base64 with padding in lines of 64 characters, line_end ("\n", "\r\n") behind each. */
struct buf;
void base64_write(const void *data, size_t n_bytes, const char *line_end, struct buf *out);

/* Writes 2 * n_bytes lower-case digits and a NUL. */
void hex_encode(const void *data, size_t n_bytes, char *ret_text);

/* Decodes exactly 2 * n_bytes lower-case digits followed by NUL. 0 or -EBADMSG. */
int hex_decode(const char *text, void *ret_data, size_t n_bytes);

/* Numbers in files, little-endian in n_bytes (1 to 8); what does not fit is cut off. */
void le_put(uint8_t *out, uint64_t value, unsigned int n_bytes);
uint64_t le_get(const uint8_t *in, unsigned int n_bytes);

/* 1..LIMIT_NAME_BYTES characters of [A-Za-z0-9._-], not starting with '.' or '-'. */
bool name_is_valid(const char *text);

/* Exactly n_bytes * 2 lower-case hexadecimal digits. */
bool hex_is_valid(const char *text, size_t n_bytes);

/* Decimal digits only (a single leading '-' if min < 0), whole string, within [min, max]: 0 or
 * -EINVAL, -ERANGE. */
int parse_int64(const char *text, int64_t min, int64_t max, int64_t *ret_value);

/* Well-formed UTF-8 (RFC 3629) without control characters below 0x20 and 0x7f. */
bool text_is_valid(const char *text, size_t n_bytes);

/* Whether one of the lines, each ended by '\n', is that one. lines may be NULL: none is. */
bool text_has_line(const char *lines, const char *line);

#endif
