/* SPDX-License-Identifier: Apache-2.0 */
/* header.c - see header.h. Pure: no system calls. */
#include "agent/wipe/header.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"

#define SECTOR_BYTES 512
#define LUKS_UUID_AT 168 /* in both versions */
#define LUKS1_SLOTS 8
#define USUAL_AREA_BYTES (16 * 1024 * 1024)
#define JSON_DEPTH_MAX 16

const uint64_t wipe_header_sizes[WIPE_HEADER_SIZES] = {
	0x4000,
	0x8000,
	0x10000,
	0x20000,
	0x40000,
	0x80000,
	0x100000,
	0x200000,
	0x400000,
};

static uint64_t be_get(const uint8_t *in, unsigned int n_bytes)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < n_bytes; i++)
		value = value << 8 | in[i];
	return value;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void set_area(struct wipe_header *header, uint64_t bytes)
{
	/* Whole blocks: some devices write no less. */
	uint64_t blocks = bytes / WIPE_BLOCK_BYTES + (bytes % WIPE_BLOCK_BYTES ? 1 : 0);
	uint64_t area = larger(blocks, 1) * WIPE_BLOCK_BYTES;

	header->area_bytes = area < LIMIT_WIPE_AREA_BYTES ? area : LIMIT_WIPE_AREA_BYTES;
}

static bool read_uuid(const uint8_t *block, struct wipe_header *header)
{
	memcpy(header->uuid, block + LUKS_UUID_AT, WIPE_UUID_BYTES);
	header->uuid[WIPE_UUID_BYTES] = 0;
	return block[LUKS_UUID_AT + WIPE_UUID_BYTES] == 0 && wipe_uuid_is_valid(header->uuid);
}

/* The data begin behind the slots; with a detached header the number of it is 0. */
static void read_luks1_area(const uint8_t *block, struct wipe_header *header)
{
	uint64_t payload = be_get(block + 104, 4) * SECTOR_BYTES,
		 key_bytes = be_get(block + 108, 4);
	uint64_t area = payload;

	for (unsigned int i = 0; i < LUKS1_SLOTS; i++) {
		const uint8_t *slot = block + 208 + 48 * i;
		uint64_t at = be_get(slot + 40, 4) * SECTOR_BYTES, stripes = be_get(slot + 44, 4);

		area = larger(area, at + stripes * key_bytes);
	}
	header->header_bytes = WIPE_BLOCK_BYTES;
	set_area(header, area);
}

int wipe_header_read(const uint8_t block[WIPE_BLOCK_BYTES], bool is_second, uint64_t offset,
	struct wipe_header *ret_header)
{
	static const uint8_t first[] = {'L', 'U', 'K', 'S', 0xba, 0xbe};
	static const uint8_t second[] = {'S', 'K', 'U', 'L', 0xba, 0xbe};
	struct wipe_header header = {0};
	bool size_is_known = false;

	if (memcmp(block, is_second ? second : first, sizeof(first)) != 0 ||
		!read_uuid(block, &header))
		return -ENODATA;
	header.version = (unsigned int)be_get(block + 6, 2);
	if (header.version == 1 && !is_second) {
		read_luks1_area(block, &header);
		*ret_header = header;
		return 0;
	}
	if (header.version != 2)
		return -ENODATA;
	header.header_bytes = be_get(block + 8, 8);
	for (size_t i = 0; i < WIPE_HEADER_SIZES; i++)
		size_is_known = size_is_known || header.header_bytes == wipe_header_sizes[i];
	if (!size_is_known || be_get(block + 256, 8) != offset ||
		(is_second && header.header_bytes != offset))
		return -ENODATA;
	set_area(&header, larger(USUAL_AREA_BYTES, 2 * header.header_bytes));
	*ret_header = header;
	return 0;
}

/* --- of the JSON only: segments.*.offset and config.keyslots_size, both numbers in quotes ---- */

struct scan {
	const char *at, *end;
	char keys[4][32]; /* the names on the way down, cut where they are longer */
	bool has_offset, has_size;
	uint64_t min_offset, keyslots_size;
};

static bool skip_space(struct scan *s)
{
	while (s->at < s->end && strchr(" \t\r\n", *s->at) && *s->at)
		s->at++;
	return s->at < s->end && *s->at;
}

/* The string that begins here; escapes are taken as they stand. */
static bool read_string(struct scan *s, char *ret_text, size_t size_bytes)
{
	size_t n = 0;

	for (s->at++; s->at < s->end && *s->at; s->at++) {
		if (*s->at == '"') {
			s->at++;
			ret_text[n] = 0;
			return true;
		}
		if (*s->at == '\\' && ++s->at == s->end)
			return false;
		if (n + 1 < size_bytes)
			ret_text[n++] = *s->at;
	}
	return false;
}

static void note_value(struct scan *s, unsigned int depth, const char *text)
{
	int64_t value;

	if (parse_int64(text, 0, INT64_MAX, &value) < 0)
		return;
	if (depth == 3 && strcmp(s->keys[1], "segments") == 0 &&
		strcmp(s->keys[3], "offset") == 0) {
		if (!s->has_offset || (uint64_t)value < s->min_offset)
			s->min_offset = (uint64_t)value;
		s->has_offset = true;
	} else if (depth == 2 && strcmp(s->keys[1], "config") == 0 &&
		   strcmp(s->keys[2], "keyslots_size") == 0) {
		s->keyslots_size = (uint64_t)value;
		s->has_size = true;
	}
}

/* Walks over the whole value: no recursion, for it runs on whatever a disk holds. */
static bool scan_json(struct scan *s)
{
	unsigned int depth = 0;
	char text[32];

	while (skip_space(s)) {
		switch (*s->at) {
		case '{':
		case '[':
			if (++depth > JSON_DEPTH_MAX)
				return false;
			s->at++;
			break;
		case '}':
		case ']':
			s->at++;
			if (depth == 0)
				return false;
			if (--depth == 0)
				return true;
			break;
		case '"':
			if (!read_string(s, text, sizeof(text)))
				return false;
			if (skip_space(s) && *s->at == ':') {
				s->at++;
				if (depth < 4)
					memcpy(s->keys[depth], text, sizeof(text));
			} else {
				note_value(s, depth, text);
			}
			break;
		default:
			s->at++; /* numbers, words, commas */
			break;
		}
		if (depth == 0)
			return false;
	}
	return false;
}

int wipe_header_add_json(struct wipe_header *header, const char *json, size_t n_bytes)
{
	struct scan s = {.at = json, .end = json + n_bytes};
	uint64_t slots_end;

	if (!scan_json(&s) || !s.has_offset || !s.has_size || s.keyslots_size > INT32_MAX)
		return -EBADMSG;
	slots_end = 2 * header->header_bytes + s.keyslots_size;
	set_area(header, larger(s.min_offset, slots_end));
	return 0;
}
