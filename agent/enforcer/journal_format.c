/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_format.c - the bytes of the journal; see journal_format.h. Only reads; trusts nothing
 * that it reads. Runs as root in the enforcer.
 */
#include "agent/enforcer/journal_format.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/codec.h"

/* 0xff never stands in UTF-8, so no payload can look like a header. */
static const uint8_t journal_magic[4] = {0xff, 'M', 'J', 'r'};
static const uint8_t journal_file_magic[8] = {0xff, 'M', 'D', 'M', 'j', 'n', 'l', '\n'};

enum {
	JOURNAL_VERSION = 1,
	JOURNAL_FLAG_SECURITY = 1,
	/* As far as a scan behind damage looks for record headers. */
	JOURNAL_SCAN_BYTES = 4 * LIMIT_JOURNAL_BYTES,
};

/* CRC-32 of IEEE 802.3, bit by bit: a header is 52 bytes, a table would cost more than it saves. */
static uint32_t crc32_of(const uint8_t *data, size_t n_bytes)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n_bytes; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
	}
	return ~crc;
}

int journal_file_header_encode(
	const struct journal_file_header *header, uint8_t ret_bytes[JOURNAL_FILE_HEADER_BYTES])
{
	memcpy(ret_bytes, journal_file_magic, sizeof(journal_file_magic));
	le_put(ret_bytes + 8, JOURNAL_VERSION, 4);
	le_put(ret_bytes + 12, JOURNAL_FILE_HEADER_BYTES, 4);
	le_put(ret_bytes + 16, header->dropped, 8);
	le_put(ret_bytes + 24, header->base_seq, 8);
	return sha256(ret_bytes, 32, ret_bytes + 32);
}

int journal_file_header_decode(
	const uint8_t bytes[JOURNAL_FILE_HEADER_BYTES], struct journal_file_header *ret_header)
{
	uint8_t digest[SHA256_BYTES];
	struct journal_file_header header = {
		.dropped = le_get(bytes + 16, 8),
		.base_seq = le_get(bytes + 24, 8),
	};
	int r = sha256(bytes, 32, digest);

	if (r < 0)
		return r;
	if (memcmp(bytes, journal_file_magic, sizeof(journal_file_magic)) != 0 ||
		le_get(bytes + 8, 4) != JOURNAL_VERSION ||
		le_get(bytes + 12, 4) != JOURNAL_FILE_HEADER_BYTES ||
		memcmp(bytes + 32, digest, sizeof(digest)) != 0 ||
		header.base_seq > JOURNAL_SEQ_MAX || header.dropped > JOURNAL_SEQ_MAX)
		return -EBADMSG;
	*ret_header = header;
	return 0;
}

void journal_header_encode(
	const struct journal_header *header, uint8_t ret_bytes[JOURNAL_HEADER_BYTES])
{
	memcpy(ret_bytes, journal_magic, sizeof(journal_magic));
	le_put(ret_bytes + 4, header->n_payload, 4);
	le_put(ret_bytes + 8, header->type, 2);
	le_put(ret_bytes + 10, header->security ? JOURNAL_FLAG_SECURITY : 0, 2);
	le_put(ret_bytes + 12, header->seq, 8);
	memcpy(ret_bytes + 20, header->boot_id, BOOT_ID_BYTES);
	le_put(ret_bytes + 36, (uint64_t)header->realtime_us, 8);
	le_put(ret_bytes + 44, (uint64_t)header->boottime_us, 8);
	le_put(ret_bytes + 52, crc32_of(ret_bytes, 52), 4);
}

bool journal_header_decode(
	const uint8_t bytes[JOURNAL_HEADER_BYTES], struct journal_header *ret_header)
{
	struct journal_header header;

	if (memcmp(bytes, journal_magic, sizeof(journal_magic)) != 0 ||
		le_get(bytes + 52, 4) != crc32_of(bytes, 52))
		return false;
	header.n_payload = (uint32_t)le_get(bytes + 4, 4);
	header.type = (uint16_t)le_get(bytes + 8, 2);
	header.security = le_get(bytes + 10, 2) & JOURNAL_FLAG_SECURITY;
	header.seq = le_get(bytes + 12, 8);
	memcpy(header.boot_id, bytes + 20, BOOT_ID_BYTES);
	header.realtime_us = (int64_t)le_get(bytes + 36, 8);
	header.boottime_us = (int64_t)le_get(bytes + 44, 8);
	if (header.n_payload < 2 || header.n_payload > LIMIT_JOURNAL_RECORD_BYTES ||
		header.seq == 0 || header.seq > JOURNAL_SEQ_MAX)
		return false;
	*ret_header = header;
	return true;
}

bool journal_payload_is_valid(const char *payload, size_t n_bytes)
{
	return n_bytes >= 2 && n_bytes <= LIMIT_JOURNAL_RECORD_BYTES && payload[0] == '{' &&
	       payload[n_bytes - 1] == '}' && text_is_valid(payload, n_bytes);
}

int journal_record_encode(const struct journal_header *header, const char *payload,
	const uint8_t previous[SHA256_BYTES], uint8_t *ret_record, uint8_t ret_digest[SHA256_BYTES])
{
	size_t n_digested = JOURNAL_HEADER_BYTES + header->n_payload;
	int r;

	journal_header_encode(header, ret_record);
	memcpy(ret_record + JOURNAL_HEADER_BYTES, payload, header->n_payload);
	r = sha256_pair(previous, SHA256_BYTES, ret_record, n_digested, ret_record + n_digested);
	if (r < 0)
		return r;
	memcpy(ret_digest, ret_record + n_digested, SHA256_BYTES);
	return 0;
}

int journal_read(int fd, void *ret_data, size_t n_bytes, uint64_t offset)
{
	uint8_t *out = ret_data;

	while (n_bytes) {
		ssize_t n = pread(fd, out, n_bytes, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EBADMSG;
		out += n;
		offset += (uint64_t)n;
		n_bytes -= (size_t)n;
	}
	return 0;
}

int journal_walk_begin(struct journal_walk *walk, int fd, uint64_t size)
{
	uint8_t bytes[JOURNAL_FILE_HEADER_BYTES];
	int r;

	walk->fd = fd;
	walk->size = size;
	walk->offset = 0;
	walk->n_records = walk->last_seq = 0;
	walk->window_offset = 0;
	walk->n_window = 0;
	walk->file = (struct journal_file_header){0};
	if (size < sizeof(bytes))
		return -EBADMSG;
	r = journal_read(fd, bytes, sizeof(bytes), 0);
	if (r == 0)
		r = journal_file_header_decode(bytes, &walk->file);
	if (r < 0)
		return r;
	walk->offset = sizeof(bytes);
	walk->last_seq = walk->file.base_seq;
	memcpy(walk->digest, bytes + sizeof(bytes) - SHA256_BYTES, SHA256_BYTES);
	return 0;
}

/* Makes n_bytes at the walk's offset readable. 0, -EBADMSG, -errno. */
static int journal_walk_load(struct journal_walk *walk, size_t n_bytes, uint8_t **ret_bytes)
{
	uint64_t left = walk->size - walk->offset;
	size_t n = sizeof(walk->window);
	int r;

	if (n_bytes > left)
		return -EBADMSG;
	if (walk->offset < walk->window_offset ||
		walk->offset + n_bytes > walk->window_offset + walk->n_window) {
		if (n > left)
			n = (size_t)left;
		walk->n_window = 0;
		r = journal_read(walk->fd, walk->window, n, walk->offset);
		if (r < 0)
			return r;
		walk->window_offset = walk->offset;
		walk->n_window = n;
	}
	*ret_bytes = walk->window + (walk->offset - walk->window_offset);
	return 0;
}

int journal_walk_next(struct journal_walk *walk)
{
	struct journal_header header;
	uint8_t digest[SHA256_BYTES], *bytes;
	size_t n_digested;
	char *payload;
	int r;

	if (walk->offset == walk->size)
		return 0;
	r = journal_walk_load(walk, JOURNAL_HEADER_BYTES, &bytes);
	if (r < 0)
		return r;
	if (!journal_header_decode(bytes, &header) || header.seq <= walk->last_seq)
		return -EBADMSG;
	n_digested = JOURNAL_HEADER_BYTES + header.n_payload;
	r = journal_walk_load(walk, n_digested + SHA256_BYTES, &bytes);
	if (r < 0)
		return r;
	r = sha256_pair(walk->digest, SHA256_BYTES, bytes, n_digested, digest);
	if (r < 0)
		return r;
	payload = (char *)bytes + JOURNAL_HEADER_BYTES;
	/* The header may have been read twice, and the file may have changed in between. */
	if (memcmp(bytes + n_digested, digest, SHA256_BYTES) != 0 ||
		!journal_header_decode(bytes, &header) ||
		n_digested != JOURNAL_HEADER_BYTES + header.n_payload ||
		!journal_payload_is_valid(payload, header.n_payload))
		return -EBADMSG;
	memcpy(walk->digest, digest, sizeof(digest));
	/* The first byte of the stored digest, which is not needed any more, ends the text. */
	payload[header.n_payload] = 0;
	walk->header = header;
	walk->payload = payload;
	walk->last_seq = header.seq;
	walk->offset += n_digested + SHA256_BYTES;
	walk->n_records++;
	return 1;
}

int journal_tail_judge(int fd, uint64_t offset, uint64_t size, uint64_t *seq)
{
	uint64_t end = size - offset > JOURNAL_SCAN_BYTES ? offset + JOURNAL_SCAN_BYTES : size;
	int verdict = size - offset > JOURNAL_RECORD_MAX;
	uint8_t window[JOURNAL_RECORD_MAX];

	for (uint64_t at = offset; at + JOURNAL_HEADER_BYTES <= end;) {
		size_t n = end - at < sizeof(window) ? (size_t)(end - at) : sizeof(window);
		int r = journal_read(fd, window, n, at);

		if (r < 0)
			return r == -EBADMSG ? 1 : r;
		for (size_t i = 0; i + JOURNAL_HEADER_BYTES <= n; i++) {
			struct journal_header header;

			if (!journal_header_decode(window + i, &header))
				continue;
			if (header.seq > *seq)
				*seq = header.seq;
			/* One append leaves nothing behind its own end and begins nowhere else. */
			if (at + i != offset || size - offset > JOURNAL_HEADER_BYTES +
									header.n_payload +
									SHA256_BYTES)
				verdict = 1;
		}
		at += n - JOURNAL_HEADER_BYTES + 1;
	}
	return verdict;
}
