/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_rewrite.h - making the journal's file anew: at first, when it is full, when it is
 * damaged. Internal to the journal; others use journal.h.
 */
#ifndef MDM_ENFORCER_JOURNAL_REWRITE_H
#define MDM_ENFORCER_JOURNAL_REWRITE_H

#include "agent/enforcer/journal.h"
#include "agent/enforcer/journal_format.h"

struct journal {
	int dir_fd, fd; /* owned */
	uint64_t max_bytes;
	uint64_t size; /* of the good records; the next one goes there */
	uint8_t digest[SHA256_BYTES];
	uint64_t last_seq, base_seq, acked_seq, dropped;
	uint64_t torn_bytes; /* cut, but not yet recorded */
	bool tail_dirty;     /* a failed append could not be cut off */
	bool dir_dirty;	     /* the directory entry is not known to be durable */
	uint8_t boot_id[BOOT_ID_BYTES];
};

/* Files set aside: journal.broken-1 to -8. When all are there, the last one is replaced. */
#define JOURNAL_BROKEN_MAX 8

/* Header of a record of this moment. */
struct journal_header journal_header_now(
	const struct journal *journal, enum journal_type type, size_t n_payload, uint64_t seq);

/* An empty journal file takes the place of whatever is there. 0 or -errno. */
int journal_rewrite_empty(struct journal *journal);

/*
 * Drops records until n_incoming more bytes fit with room to spare; the new file ends with a record
 * that counts them. 0; -EBADMSG if the file turns out to be damaged; -errno. Unless 0, all is as
 * before.
 */
int journal_rewrite_compact(struct journal *journal, size_t n_incoming);

/*
 * The present file (if it still has its name) is kept as journal.broken-N; a new one begins with a
 * record that says so and continues the numbers after journal->last_seq. 0 or -errno.
 */
int journal_rewrite_aside(struct journal *journal, const char *what, uint64_t bad_offset);

#endif
