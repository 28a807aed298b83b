/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_rewrite.c - making the journal's file anew; see journal_rewrite.h. The new file is
 * complete and durable before it takes the name of the old one, so that a crash at any point
 * leaves one of the two whole. Runs as root in the enforcer.
 */
#include "agent/enforcer/journal_rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/util/fs.h"

/* The records that the journal writes about itself are shorter than this, whatever the numbers. */
#define JOURNAL_OWN_PAYLOAD 192

struct journal_sink {
	int fd;
	uint64_t size;
	uint8_t digest[SHA256_BYTES];
};

static void journal_sink_done(struct journal_sink *sink)
{
	closep(&sink->fd);
}

struct journal_header journal_header_now(
	const struct journal *journal, enum journal_type type, size_t n_payload, uint64_t seq)
{
	struct journal_header header = {
		.n_payload = (uint32_t)n_payload,
		.type = (uint16_t)type,
		.security = journal_type_is_security(type),
		.seq = seq,
		.realtime_us = clock_realtime_us(),
		.boottime_us = clock_boottime_us(),
	};

	memcpy(header.boot_id, journal->boot_id, BOOT_ID_BYTES);
	return header;
}

static int journal_sink_begin(
	struct journal *journal, uint64_t dropped, struct journal_sink *ret_sink)
{
	struct journal_file_header header = {.dropped = dropped, .base_seq = journal->base_seq};
	uint8_t bytes[JOURNAL_FILE_HEADER_BYTES];
	_cleanup_close_ int fd = -1;
	int r = journal_file_header_encode(&header, bytes);

	if (r < 0)
		return r;
	/* What a crash left of an earlier attempt. */
	if (unlinkat(journal->dir_fd, "journal.new", 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(journal->dir_fd, "journal.new",
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fs_write_all(fd, bytes, sizeof(bytes));
	if (r < 0)
		return r;
	ret_sink->size = sizeof(bytes);
	memcpy(ret_sink->digest, bytes + sizeof(bytes) - SHA256_BYTES, SHA256_BYTES);
	ret_sink->fd = TAKE_FD(fd);
	return 0;
}

static int journal_sink_record(
	struct journal_sink *sink, const struct journal_header *header, const char *payload)
{
	uint8_t record[JOURNAL_RECORD_MAX];
	size_t n = JOURNAL_HEADER_BYTES + header->n_payload + SHA256_BYTES;
	int r = journal_record_encode(header, payload, sink->digest, record, sink->digest);

	if (r == 0)
		r = fs_write_all(sink->fd, record, n);
	if (r < 0)
		return r;
	sink->size += n;
	return 0;
}

/* From here on the journal is the new file, even if the directory could not be synced. */
static int journal_sink_commit(struct journal *journal, struct journal_sink *sink)
{
	if (fsync(sink->fd) < 0)
		return -errno;
	if (renameat(journal->dir_fd, "journal.new", journal->dir_fd, "journal") < 0)
		return -errno;
	closep(&journal->fd);
	journal->fd = TAKE_FD(sink->fd);
	journal->size = sink->size;
	memcpy(journal->digest, sink->digest, SHA256_BYTES);
	journal->tail_dirty = false;
	/* Until this worked, no append is acknowledged; see journal_append(). */
	journal->dir_dirty = fsync(journal->dir_fd) < 0;
	return 0;
}

static int journal_sink_give_up(struct journal *journal, int error)
{
	unlinkat(journal->dir_fd, "journal.new", 0);
	return error;
}

int journal_rewrite_empty(struct journal *journal)
{
	_cleanup_(journal_sink_done) struct journal_sink sink = {.fd = -1};
	int r = journal_sink_begin(journal, journal->dropped, &sink);

	if (r == 0)
		r = journal_sink_commit(journal, &sink);
	return r < 0 ? journal_sink_give_up(journal, r) : 0;
}

/* --- compaction -------------------------------------------------------------------------- */

/* In the order in which they are dropped. */
enum journal_class {
	JOURNAL_CLASS_ACKNOWLEDGED,
	JOURNAL_CLASS_ORDINARY,
	JOURNAL_CLASS_SECURITY,
	JOURNAL_CLASS_MAX,
};

struct journal_cut {
	uint64_t seq[JOURNAL_CLASS_MAX]; /* records of the class up to this number go */
	uint64_t n_dropped, n_security;
};

static enum journal_class journal_classify(
	const struct journal *journal, const struct journal_header *header)
{
	if (header->security)
		return JOURNAL_CLASS_SECURITY;
	return header->seq <= journal->acked_seq ? JOURNAL_CLASS_ACKNOWLEDGED
						 : JOURNAL_CLASS_ORDINARY;
}

/* One walk over the file for each class that is needed: no list of records is held in memory. */
static int journal_plan_cut(
	struct journal *journal, uint64_t excess_bytes, struct journal_cut *ret_cut)
{
	struct journal_cut cut = {0};
	struct journal_walk walk;
	int r;

	for (enum journal_class kind = 0; kind < JOURNAL_CLASS_MAX && excess_bytes; kind++) {
		r = journal_walk_begin(&walk, journal->fd, journal->size);
		while (r >= 0 && excess_bytes && (r = journal_walk_next(&walk)) == 1) {
			uint64_t n = JOURNAL_HEADER_BYTES + walk.header.n_payload + SHA256_BYTES;

			if (journal_classify(journal, &walk.header) != kind)
				continue;
			cut.seq[kind] = walk.header.seq;
			cut.n_dropped++;
			cut.n_security += kind == JOURNAL_CLASS_SECURITY;
			excess_bytes -= n < excess_bytes ? n : excess_bytes;
		}
		if (r < 0)
			return r;
	}
	*ret_cut = cut;
	return 0;
}

static int journal_copy_kept(
	struct journal *journal, const struct journal_cut *cut, struct journal_sink *sink)
{
	struct journal_walk walk;
	int r = journal_walk_begin(&walk, journal->fd, journal->size);

	while (r >= 0 && (r = journal_walk_next(&walk)) == 1) {
		if (walk.header.seq <= cut->seq[journal_classify(journal, &walk.header)])
			continue;
		r = journal_sink_record(sink, &walk.header, walk.payload);
	}
	if (r < 0)
		return r;
	/* Never make a good chain of a bad one. */
	return memcmp(walk.digest, journal->digest, SHA256_BYTES) == 0 ? 0 : -EBADMSG;
}

int journal_rewrite_compact(struct journal *journal, size_t n_incoming)
{
	_cleanup_(journal_sink_done) struct journal_sink sink = {.fd = -1};
	uint64_t seq = journal->last_seq + 1, target = journal->max_bytes / 4 * 3;
	uint64_t need = journal->size + n_incoming + JOURNAL_HEADER_BYTES + JOURNAL_OWN_PAYLOAD +
			SHA256_BYTES;
	struct journal_header header;
	struct journal_cut cut;
	char payload[JOURNAL_OWN_PAYLOAD];
	int r;

	if (seq > JOURNAL_SEQ_MAX)
		return -EOVERFLOW;
	r = journal_plan_cut(journal, need > target ? need - target : 0, &cut);
	if (r < 0)
		return r;
	snprintf(payload, sizeof(payload),
		"{\"what\":\"dropped\",\"records\":%" PRIu64 ",\"security\":%" PRIu64
		",\"total\":%" PRIu64 "}",
		cut.n_dropped, cut.n_security, journal->dropped + cut.n_dropped);
	header = journal_header_now(journal, JOURNAL_RECOVERED, strlen(payload), seq);
	r = journal_sink_begin(journal, journal->dropped + cut.n_dropped, &sink);
	if (r == 0)
		r = journal_copy_kept(journal, &cut, &sink);
	if (r == 0)
		r = journal_sink_record(&sink, &header, payload);
	if (r == 0)
		r = journal_sink_commit(journal, &sink);
	if (r < 0)
		return journal_sink_give_up(journal, r);
	journal->last_seq = seq;
	journal->dropped += cut.n_dropped;
	return 0;
}

/* --- damage ------------------------------------------------------------------------------ */

/*
 * Gives the damaged file a second name, so that there is no moment without a journal. A crash
 * between this and the rename is seen by the common inode, and the name is used again.
 * 0 with the name ("" if the file has none any more), or -errno.
 */
static int journal_keep_broken(struct journal *journal, char ret_name[32])
{
	struct stat present, other;
	unsigned int n = 1;

	if (fstatat(journal->dir_fd, "journal", &present, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return -errno;
		ret_name[0] = 0;
		return 0;
	}
	for (; n <= JOURNAL_BROKEN_MAX; n++) {
		snprintf(ret_name, 32, "journal.broken-%u", n);
		if (fstatat(journal->dir_fd, ret_name, &other, AT_SYMLINK_NOFOLLOW) < 0)
			break;
		if (other.st_dev == present.st_dev && other.st_ino == present.st_ino)
			return 0;
	}
	if (n > JOURNAL_BROKEN_MAX && unlinkat(journal->dir_fd, ret_name, 0) < 0)
		return -errno;
	if (linkat(journal->dir_fd, "journal", journal->dir_fd, ret_name, 0) < 0)
		return -errno;
	return 0;
}

int journal_rewrite_aside(struct journal *journal, const char *what, uint64_t bad_offset)
{
	_cleanup_(journal_sink_done) struct journal_sink sink = {.fd = -1};
	uint64_t base_seq = journal->base_seq, seq = journal->last_seq + 1;
	struct journal_header header;
	char payload[JOURNAL_OWN_PAYLOAD], kept[32];
	int r;

	if (seq > JOURNAL_SEQ_MAX)
		return -EOVERFLOW;
	r = journal_keep_broken(journal, kept);
	if (r < 0)
		return r;
	snprintf(payload, sizeof(payload),
		"{\"what\":\"%s\",\"offset\":%" PRIu64 ",\"kept_as\":\"%s\"}", what, bad_offset,
		kept);
	header = journal_header_now(journal, JOURNAL_RECOVERED, strlen(payload), seq);
	journal->base_seq = journal->last_seq;
	r = journal_sink_begin(journal, journal->dropped, &sink);
	if (r == 0)
		r = journal_sink_record(&sink, &header, payload);
	if (r == 0)
		r = journal_sink_commit(journal, &sink);
	if (r < 0) {
		journal->base_seq = base_seq;
		return journal_sink_give_up(journal, r);
	}
	journal->last_seq = seq;
	return 0;
}
