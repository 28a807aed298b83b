/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.c - appending to, reading and recovering the journal; see journal.h and docs/journal.md.
 * Keeps nothing of the file in memory. Runs as root in the enforcer; the directory is its own.
 */
#include "agent/enforcer/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/enforcer/journal_format.h"
#include "agent/enforcer/journal_rewrite.h"
#include "agent/util/limits.h"

/* Below this compaction would have no room to move in. */
#define JOURNAL_MIN_BYTES ((size_t)(4 * JOURNAL_RECORD_MAX))

static const struct journal_type_row {
	const char *name;
	bool security;
} journal_types[JOURNAL_TYPE_MAX] = {
	[JOURNAL_STARTED] = {"started", false},
	[JOURNAL_STOPPED] = {"stopped", false},
	[JOURNAL_ENROLLED] = {"enrolled", true},
	[JOURNAL_UNENROLLED] = {"unenrolled", true},
	[JOURNAL_DOCUMENT_ACCEPTED] = {"document_accepted", true},
	[JOURNAL_DOCUMENT_REFUSED] = {"document_refused", true},
	[JOURNAL_COMPLIANCE_CHANGED] = {"compliance_changed", false},
	[JOURNAL_DRIFT_DETECTED] = {"drift_detected", true},
	[JOURNAL_DRIFT_REPAIRED] = {"drift_repaired", true},
	[JOURNAL_APPLIED] = {"applied", false},
	[JOURNAL_APPLY_FAILED] = {"apply_failed", true},
	[JOURNAL_CHECKIN_FAILED] = {"checkin_failed", false},
	[JOURNAL_CHECKIN_RESTORED] = {"checkin_restored", false},
	[JOURNAL_CLOCK] = {"clock", true},
	[JOURNAL_KEYSET_EXPIRING] = {"keyset_expiring", true},
	[JOURNAL_RECOVERED] = {"recovered", true},
	[JOURNAL_COMMAND] = {"command", true},
	[JOURNAL_CERTIFICATE] = {"certificate", true},
	[JOURNAL_CLONE] = {"clone", true},
	[JOURNAL_AUTH_FAILED] = {"auth_failed", false},
	[JOURNAL_AUTH_LOCKED_OUT] = {"auth_locked_out", true},
	[JOURNAL_AUTH_UNLOCKED] = {"auth_unlocked", true},
	[JOURNAL_AUTH_MISSED] = {"auth_missed", true},
	[JOURNAL_PASSWORD_CHANGED] = {"password_changed", true},
	[JOURNAL_RECOVERY_KEY] = {"recovery_key", true},
	[JOURNAL_CRYPTO_LOCK] = {"crypto_lock", true},
	[JOURNAL_WIPE] = {"wipe", true},
	[JOURNAL_APP] = {"app", true},
	[JOURNAL_APP_FOUND] = {"app_found", false},
	[JOURNAL_EXEC_DENIED] = {"exec_denied", true},
	[JOURNAL_GUARD] = {"guard", true},
	[JOURNAL_PROFILE] = {"profile", false},
	[JOURNAL_PLACE] = {"place", false},
	[JOURNAL_POSITION] = {"position", true},
	[JOURNAL_ACTION] = {"action", true},
};

const char *journal_type_name(enum journal_type type)
{
	/* A newer agent may have written types that this one does not know. */
	return (unsigned int)type < JOURNAL_TYPE_MAX ? journal_types[type].name : "unknown";
}

bool journal_type_is_security(enum journal_type type)
{
	return (unsigned int)type < JOURNAL_TYPE_MAX && journal_types[type].security;
}

/* --- opening and recovery ---------------------------------------------------------------- */

static void journal_adopt(struct journal *journal, const struct journal_walk *walk)
{
	journal->size = walk->offset;
	memcpy(journal->digest, walk->digest, SHA256_BYTES);
	journal->last_seq = walk->last_seq;
	journal->base_seq = walk->file.base_seq;
	journal->dropped = walk->file.dropped;
}

/*
 * Judges an existing file of this size. 0: good, perhaps after cutting a torn tail; 1: broken, put
 * aside; -errno.
 */
static int journal_recover(struct journal *journal, uint64_t size)
{
	struct journal_walk walk;
	uint64_t seq;
	int r = journal_walk_begin(&walk, journal->fd, size);

	if (r == -EBADMSG && size < JOURNAL_FILE_HEADER_BYTES) {
		journal->torn_bytes = size;
		return journal_rewrite_empty(journal);
	}
	while (r >= 0 && (r = journal_walk_next(&walk)) == 1)
		;
	if (r < 0 && r != -EBADMSG)
		return r;
	journal_adopt(journal, &walk);
	if (r == 0)
		return 0;
	seq = walk.last_seq;
	r = journal_tail_judge(journal->fd, walk.offset, size, &seq);
	if (r < 0)
		return r;
	if (r == 0 && walk.offset > 0) {
		if (ftruncate(journal->fd, (off_t)walk.offset) < 0)
			return -errno;
		journal->torn_bytes = size - walk.offset;
		return 0;
	}
	journal->last_seq = seq;
	r = journal_rewrite_aside(journal, "chain_broken", walk.offset);
	return r < 0 ? r : 1;
}

/* 0: good; 1: a broken one was put aside; -errno. */
static int journal_load(struct journal *journal)
{
	struct stat st;
	int r;

	/* O_NONBLOCK: whatever lies there must not stop the start; regular files do not care. */
	journal->fd = openat(journal->dir_fd, "journal",
		O_RDWR | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (journal->fd < 0)
		return errno == ENOENT ? journal_rewrite_empty(journal) : -errno;
	if (fstat(journal->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADF;
	if ((st.st_mode & 07777) != 0600 && fchmod(journal->fd, 0600) < 0)
		return -errno;
	r = journal_recover(journal, (uint64_t)st.st_size);
	/* A process that was killed may have left records that are not durable yet. */
	if (r == 0 && fdatasync(journal->fd) < 0)
		return -errno;
	return r;
}

/* Records what was cut at opening, as soon as there is room for it. */
static int journal_record_torn(struct journal *journal);

int journal_open(int dir_fd, size_t max_bytes, struct journal **ret_journal,
	struct journal_recovery *ret_recovery)
{
	_cleanup_(journal_freep) struct journal *journal = calloc(1, sizeof(*journal));
	struct journal_recovery recovery;
	int r;

	if (!journal)
		return -ENOMEM;
	if (max_bytes == 0)
		max_bytes = LIMIT_JOURNAL_BYTES;
	journal->max_bytes = max_bytes < JOURNAL_MIN_BYTES ? JOURNAL_MIN_BYTES : max_bytes;
	journal->fd = -1;
	journal->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	if (journal->dir_fd < 0)
		return -errno;
	/* Without /proc the records carry a boot id of zeros, which is better than no records. */
	(void)clock_boot_id(journal->boot_id);
	journal->dir_dirty = true;
	r = journal_load(journal);
	if (r < 0)
		return r;
	recovery = (struct journal_recovery){
		.torn_bytes = journal->torn_bytes,
		.broken = r == 1,
		.dropped = journal->dropped,
	};
	/* If the disk is full now, the next append tries again. */
	(void)journal_record_torn(journal);
	*ret_recovery = recovery;
	*ret_journal = TAKE_PTR(journal);
	return 0;
}

void journal_free(struct journal *journal)
{
	if (!journal)
		return;
	closep(&journal->fd);
	closep(&journal->dir_fd);
	free(journal);
}

/* --- appending --------------------------------------------------------------------------- */

/* Takes back what a failed append left. 0 or -errno. */
static int journal_cut_tail(struct journal *journal)
{
	journal->tail_dirty = true;
	if (ftruncate(journal->fd, (off_t)journal->size) < 0)
		return -errno;
	journal->tail_dirty = false;
	return 0;
}

static int journal_write_tail(struct journal *journal, const uint8_t *record, size_t n_bytes)
{
	uint64_t offset = journal->size;

	while (n_bytes) {
		ssize_t n = pwrite(journal->fd, record, n_bytes, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		record += n;
		offset += (uint64_t)n;
		n_bytes -= (size_t)n;
	}
	return fdatasync(journal->fd) < 0 ? -errno : 0;
}

/* The file must be as this process left it. 0; 1: it is not, *ret_what says why; -errno. */
static int journal_check_file(struct journal *journal, const char **ret_what)
{
	struct stat st;

	if (fstat(journal->fd, &st) < 0)
		return -errno;
	if (st.st_nlink == 0) {
		*ret_what = "file_removed";
		return 1;
	}
	if ((uint64_t)st.st_size == journal->size)
		return 0;
	if (journal->tail_dirty && (uint64_t)st.st_size > journal->size)
		return journal_cut_tail(journal);
	*ret_what = "file_changed";
	return 1;
}

/* Makes room for n_bytes more, by compaction or, if the file is damaged, by a new one. */
static int journal_prepare(struct journal *journal, size_t n_bytes)
{
	const char *what = NULL;
	int r = journal_check_file(journal, &what);

	if (r < 0)
		return r;
	if (r == 1) {
		r = journal_rewrite_aside(journal, what, journal->size);
	} else if (journal->size + n_bytes > journal->max_bytes) {
		r = journal_rewrite_compact(journal, n_bytes);
		if (r == -EBADMSG)
			r = journal_rewrite_aside(journal, "chain_broken", 0);
	}
	if (r < 0)
		return r;
	if (journal->dir_dirty && fsync(journal->dir_fd) < 0)
		return -errno;
	journal->dir_dirty = false;
	return 0;
}

static int journal_append_record(struct journal *journal, enum journal_type type,
	const char *payload, size_t n_payload, uint64_t *ret_seq)
{
	uint8_t record[JOURNAL_RECORD_MAX], digest[SHA256_BYTES];
	size_t n = JOURNAL_HEADER_BYTES + n_payload + SHA256_BYTES;
	struct journal_header header;
	int r = journal_prepare(journal, n);

	if (r < 0)
		return r;
	if (journal->last_seq >= JOURNAL_SEQ_MAX)
		return -EOVERFLOW;
	header = journal_header_now(journal, type, n_payload, journal->last_seq + 1);
	r = journal_record_encode(&header, payload, journal->digest, record, digest);
	if (r < 0)
		return r;
	r = journal_write_tail(journal, record, n);
	if (r < 0) {
		(void)journal_cut_tail(journal);
		return r;
	}
	journal->size += n;
	memcpy(journal->digest, digest, sizeof(digest));
	journal->last_seq = header.seq;
	if (ret_seq)
		*ret_seq = header.seq;
	return 0;
}

static int journal_record_torn(struct journal *journal)
{
	char payload[64];
	int r;

	if (journal->torn_bytes == 0)
		return 0;
	snprintf(payload, sizeof(payload), "{\"what\":\"torn_tail\",\"bytes\":%" PRIu64 "}",
		journal->torn_bytes);
	r = journal_append_record(journal, JOURNAL_RECOVERED, payload, strlen(payload), NULL);
	if (r == 0)
		journal->torn_bytes = 0;
	return r;
}

int journal_append(struct journal *journal, enum journal_type type, const char *payload_json,
	uint64_t *ret_seq)
{
	size_t n_payload = strnlen(payload_json, LIMIT_JOURNAL_RECORD_BYTES + 1);
	int r;

	if (n_payload > LIMIT_JOURNAL_RECORD_BYTES)
		return -EFBIG;
	if ((unsigned int)type >= JOURNAL_TYPE_MAX ||
		!journal_payload_is_valid(payload_json, n_payload))
		return -EINVAL;
	r = journal_record_torn(journal);
	if (r < 0)
		return r;
	return journal_append_record(journal, type, payload_json, n_payload, ret_seq);
}

int journal_continue(struct journal *journal, uint64_t seq)
{
	uint64_t last_seq = journal->last_seq;
	char payload[96];
	int r;

	if (seq <= last_seq)
		return 0;
	if (seq >= JOURNAL_SEQ_MAX)
		return -EINVAL;
	snprintf(payload, sizeof(payload),
		"{\"what\":\"lost\",\"first\":%" PRIu64 ",\"last\":%" PRIu64 "}", last_seq + 1,
		seq);
	journal->last_seq = seq;
	r = journal_append_record(journal, JOURNAL_RECOVERED, payload, strlen(payload), NULL);
	/* Compaction may have used the higher numbers already; they never go back then. */
	if (r < 0 && journal->last_seq == seq)
		journal->last_seq = last_seq;
	return r;
}

uint64_t journal_last_seq(const struct journal *journal)
{
	return journal->last_seq;
}

uint64_t journal_dropped(const struct journal *journal)
{
	return journal->dropped;
}

void journal_acknowledge(struct journal *journal, uint64_t seq)
{
	if (seq > journal->last_seq)
		seq = journal->last_seq;
	if (seq > journal->acked_seq)
		journal->acked_seq = seq;
}

/* --- reading ----------------------------------------------------------------------------- */

int journal_each(struct journal *journal, uint64_t after_seq,
	int (*visit)(const struct journal_record *record, void *userdata), void *userdata)
{
	struct journal_walk walk;
	int r = journal_walk_begin(&walk, journal->fd, journal->size);

	while (r >= 0 && (r = journal_walk_next(&walk)) == 1) {
		struct journal_record record = {
			.seq = walk.header.seq,
			.type = (enum journal_type)walk.header.type,
			.realtime_us = walk.header.realtime_us,
			.boottime_us = walk.header.boottime_us,
			.payload = walk.payload,
			.n_payload = walk.header.n_payload,
		};

		if (record.seq <= after_seq)
			continue;
		memcpy(record.boot_id, walk.header.boot_id, BOOT_ID_BYTES);
		r = visit(&record, userdata);
		if (r != 0)
			return r;
	}
	return r;
}

int journal_verify(struct journal *journal, uint64_t *ret_records, uint64_t *ret_bad_offset)
{
	struct journal_walk walk;
	struct stat st;
	int r;

	if (fstat(journal->fd, &st) < 0)
		return -errno;
	r = journal_walk_begin(&walk, journal->fd, journal->size);
	while (r >= 0 && (r = journal_walk_next(&walk)) == 1)
		;
	/* Good by itself, but not what this process wrote, or not all of it. */
	if (r == 0 && (memcmp(walk.digest, journal->digest, SHA256_BYTES) != 0 ||
			      st.st_nlink == 0 || (uint64_t)st.st_size < journal->size ||
			      ((uint64_t)st.st_size > journal->size && !journal->tail_dirty)))
		r = -EBADMSG;
	if (r < 0 && r != -EBADMSG)
		return r;
	*ret_records = walk.n_records;
	*ret_bad_offset = r < 0 ? walk.offset : 0;
	return r;
}
