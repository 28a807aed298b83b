/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.h - the append-only record of everything the agent did and refused.
 *
 * One file of records: header with its own CRC, payload (JSON object written by jsonw), SHA-256
 * over previous digest, header and payload. A torn tail (what a power cut leaves) is cut at
 * opening; a broken chain (damage with valid records behind it) is kept aside as journal.broken-N,
 * reported as a record of the new journal, never silently repaired. Above LIMIT_JOURNAL_BYTES the
 * file is compacted: oldest non-security records first, the drops counted in a record, sequence
 * numbers kept, the chain made anew; the new file replaces the old atomically. docs/journal.md has
 * the format.
 */
#ifndef MDM_ENFORCER_JOURNAL_H
#define MDM_ENFORCER_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/clock.h"
#include "agent/util/mem.h"

/* The values stand in files: new types go to the end. */
enum journal_type {
	JOURNAL_STARTED, /* the agent started */
	JOURNAL_STOPPED,
	JOURNAL_ENROLLED,	   /* S */
	JOURNAL_UNENROLLED,	   /* S */
	JOURNAL_DOCUMENT_ACCEPTED, /* S */
	JOURNAL_DOCUMENT_REFUSED,  /* S */
	JOURNAL_COMPLIANCE_CHANGED,
	JOURNAL_DRIFT_DETECTED, /* S */
	JOURNAL_DRIFT_REPAIRED, /* S */
	JOURNAL_APPLIED,
	JOURNAL_APPLY_FAILED,	/* S */
	JOURNAL_CHECKIN_FAILED, /* first of a row of failures only */
	JOURNAL_CHECKIN_RESTORED,
	JOURNAL_CLOCK,		  /* S: clock implausible, jumped, plausible again */
	JOURNAL_KEYSET_EXPIRING,  /* S */
	JOURNAL_RECOVERED,	  /* S: torn tail cut, chain broken, records dropped */
	JOURNAL_COMMAND,	  /* S: every change of a command's state */
	JOURNAL_CERTIFICATE,	  /* S: renewed, proven, given up, expiring */
	JOURNAL_CLONE,		  /* S: this state directory was made on another device */
	JOURNAL_AUTH_FAILED,	  /* wrong passwords, from the first one that makes people wait */
	JOURNAL_AUTH_LOCKED_OUT,  /* S */
	JOURNAL_AUTH_UNLOCKED,	  /* S: every count is over, by code or command */
	JOURNAL_AUTH_MISSED,	  /* S: authentications passed while nobody answered */
	JOURNAL_PASSWORD_CHANGED, /* S */
	JOURNAL_RECOVERY_KEY,	  /* S: of a disk: made, acknowledged, superseded, broken */
	JOURNAL_CRYPTO_LOCK,	  /* S: begun, done */
	JOURNAL_WIPE,		  /* S: by a policy: the point of no return, how it ended */
	JOURNAL_APP,		  /* S: installed, removed, refused, and by whose order */
	JOURNAL_APP_FOUND,	  /* an app appeared or went that the agent did not touch */
	JOURNAL_EXEC_DENIED, /* S: a program was not started, or would not have been; rate-limited
			      */
	JOURNAL_GUARD,	     /* S: started, fell, hung, could not watch a file system */
	JOURNAL_PROFILE,     /* one with a condition applies, or does not any more */
	JOURNAL_PLACE,	     /* the phone came to a place, left it, or nobody knows any more */
	JOURNAL_POSITION,    /* S: a position that is not believed; rate-limited */
	JOURNAL_ACTION,	     /* S: what a profile does once: begun, done, failed */
	JOURNAL_TYPE_MAX,
};
const char *journal_type_name(enum journal_type type); /* "document_refused"; "unknown" */
bool journal_type_is_security(enum journal_type type); /* S above: dropped last */

struct journal_record {
	uint64_t seq;		/* 1.., without gaps until something is dropped */
	enum journal_type type; /* may be beyond JOURNAL_TYPE_MAX: written by a newer agent */
	uint8_t boot_id[BOOT_ID_BYTES];
	int64_t realtime_us, boottime_us;
	const char *payload; /* JSON object, NUL-terminated, valid during the visit */
	size_t n_payload;
};

struct journal_recovery {
	uint64_t torn_bytes; /* cut from the tail */
	bool broken;	     /* the chain was broken; the old file was put aside */
	uint64_t dropped;    /* records dropped by compaction, ever */
};

struct journal;

/*
 * Opens or creates "journal" in dir_fd, which is kept duplicated. max_bytes: 0 means
 * LIMIT_JOURNAL_BYTES; less than four of the largest records is raised to that. What was cut or put
 * aside is also in a JOURNAL_RECOVERED record. 0, -ENOMEM, -errno (-EROFS, -ENOSPC: the agent goes
 * on without).
 */
int journal_open(int dir_fd, size_t max_bytes, struct journal **ret_journal,
	struct journal_recovery *ret_recovery);
void journal_free(struct journal *journal);
DEFINE_CLEANUP(struct journal *, journal_free)

/*
 * Appends one record and makes it durable (fdatasync) before it returns. payload_json: an object,
 * at most LIMIT_JOURNAL_RECORD_BYTES (-EFBIG), UTF-8 without control characters (-EINVAL). 0 with
 * the number (ret_seq may be NULL), or -errno (-ENOSPC: the file is as before; later appends work
 * when there is room again).
 */
int journal_append(struct journal *journal, enum journal_type type, const char *payload_json,
	uint64_t *ret_seq);

uint64_t journal_last_seq(const struct journal *journal);
uint64_t journal_dropped(const struct journal *journal);

/*
 * The server acknowledged numbers up to seq, says the state directory. If the journal ends before
 * that, records were lost with the file: a JOURNAL_RECOVERED record says so, and the numbers go on
 * behind seq, so that the server does not take new records for old ones. Once after opening.
 * 0 or -errno.
 */
int journal_continue(struct journal *journal, uint64_t seq);

/*
 * Visits records with seq > after_seq in order; a visit that returns non-zero ends the walk, whose
 * result is that value. Reads from the file again, so that nothing is kept in memory. A visit must
 * not append. -EBADMSG if the chain is broken (behind the records that were visited).
 */
int journal_each(struct journal *journal, uint64_t after_seq,
	int (*visit)(const struct journal_record *record, void *userdata), void *userdata);

/*
 * Checks the whole chain from the file, and that the file is as this process left it. 0 with the
 * number of records; -EBADMSG with the number of good ones and the offset behind them; -errno.
 */
int journal_verify(struct journal *journal, uint64_t *ret_records, uint64_t *ret_bad_offset);

/* Records up to and including seq were acknowledged by the server; those may be dropped first. A
 * number beyond the last record counts as the last record. */
void journal_acknowledge(struct journal *journal, uint64_t seq);

#endif
