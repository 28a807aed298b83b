/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_format.h - the bytes of the journal and a walk over them; docs/journal.md has the layout.
 *
 * The 32 bytes in front of every record are the digest that its own digest continues: those of the
 * record before it, or of the file header. So a record behind damage can still be recognised.
 */
#ifndef MDM_ENFORCER_JOURNAL_FORMAT_H
#define MDM_ENFORCER_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/clock.h"
#include "agent/util/digest.h"
#include "agent/util/limits.h"

#define JOURNAL_FILE_HEADER_BYTES 64
#define JOURNAL_HEADER_BYTES 56
#define JOURNAL_RECORD_MAX (JOURNAL_HEADER_BYTES + LIMIT_JOURNAL_RECORD_BYTES + SHA256_BYTES)
/* Numbers stay exact in every JSON reader. */
#define JOURNAL_SEQ_MAX ((UINT64_C(1) << 53) - 1)

struct journal_file_header {
	uint64_t dropped;  /* records dropped by compaction, ever */
	uint64_t base_seq; /* numbers up to this one were used before the first record */
};

struct journal_header {
	uint32_t n_payload;
	uint16_t type;
	bool security; /* decided when it was written, so that older agents can drop rightly too */
	uint64_t seq;
	uint8_t boot_id[BOOT_ID_BYTES];
	int64_t realtime_us, boottime_us;
};

/* 0 or -EIO (no SHA-256). */
int journal_file_header_encode(
	const struct journal_file_header *header, uint8_t ret_bytes[JOURNAL_FILE_HEADER_BYTES]);
/* 0, -EBADMSG, -EIO. */
int journal_file_header_decode(
	const uint8_t bytes[JOURNAL_FILE_HEADER_BYTES], struct journal_file_header *ret_header);

void journal_header_encode(
	const struct journal_header *header, uint8_t ret_bytes[JOURNAL_HEADER_BYTES]);
/* False unless magic, checksum and every field are right. */
bool journal_header_decode(
	const uint8_t bytes[JOURNAL_HEADER_BYTES], struct journal_header *ret_header);

/* Whether these bytes may be a payload: one JSON object by its ends, valid text, within the limit.
 */
bool journal_payload_is_valid(const char *payload, size_t n_bytes);

/*
 * Puts header, payload and digest together. previous: digest to continue; ret_digest: the new one.
 * ret_record holds JOURNAL_RECORD_MAX bytes. 0 or -EIO.
 */
int journal_record_encode(const struct journal_header *header, const char *payload,
	const uint8_t previous[SHA256_BYTES], uint8_t *ret_record,
	uint8_t ret_digest[SHA256_BYTES]);

/* Reads record after record of a file of a known size. Nothing is allocated. */
struct journal_walk {
	int fd; /* borrowed */
	uint64_t size;
	uint64_t offset; /* behind the last good record */
	uint64_t n_records, last_seq;
	uint8_t digest[SHA256_BYTES]; /* of the last good record */
	struct journal_file_header file;

	/* The current record. */
	struct journal_header header;
	char *payload; /* NUL-terminated, inside the window */

	uint64_t window_offset;
	size_t n_window;
	uint8_t window[2 * JOURNAL_RECORD_MAX];
};

/* Reads the file header. 0, -EBADMSG, -errno. */
int journal_walk_begin(struct journal_walk *walk, int fd, uint64_t size);
/* 1: the next record is current; 0: end; -EBADMSG: no good record at walk->offset; -errno. */
int journal_walk_next(struct journal_walk *walk);

/*
 * Judges the bytes from offset to size, which are not a good record. 0: what one interrupted append
 * can leave. 1: damage. Either way *seq rises to the highest number found in a record header.
 */
int journal_tail_judge(int fd, uint64_t offset, uint64_t size, uint64_t *seq);

/* pread(2) until n_bytes are there. 0; -EBADMSG at end of file; -errno. */
int journal_read(int fd, void *ret_data, size_t n_bytes, uint64_t offset);

#endif
