/* SPDX-License-Identifier: Apache-2.0 */
/* destroy.c - see destroy.h. */
#include "agent/wipe/destroy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/util/clock.h"

/* One order to discard: a deadline is looked at between two. */
#define DISCARD_BYTES (UINT64_C(256) * 1024 * 1024)
/* Written and made sure of at once. */
#define SYNC_BYTES (UINT64_C(4) * 1024 * 1024)
/* Places that are read after discarding, beside those where one order ended. */
#define SAMPLES 256

enum fill {
	FILL_RANDOM,
	FILL_ZERO
};

static void fill(const struct wipe_target *t, enum fill how, uint64_t at, size_t n, uint8_t *out)
{
	if (how == FILL_ZERO)
		memset(out, 0, n);
	else
		wipe_random_fill(t->seed, at, n, out);
}

static int write_at(struct wipe_target *t, const uint8_t *data, size_t n_bytes, uint64_t at)
{
	for (size_t n = 0; n < n_bytes;) {
		ssize_t done = pwrite(t->fd, data + n, n_bytes - n, (off_t)(at + n));

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		n += (size_t)done;
	}
	return 0;
}

/* One chunk; where a part of it cannot be written, block by block all that can. */
static int write_chunk(struct wipe_target *t, size_t n_bytes, uint64_t at)
{
	int error = write_at(t, t->buffer, n_bytes, at);

	if (error == 0)
		return 0;
	for (size_t n = 0; n < n_bytes; n += WIPE_BLOCK_BYTES) {
		size_t part = n_bytes - n < WIPE_BLOCK_BYTES ? n_bytes - n : WIPE_BLOCK_BYTES;

		write_at(t, t->buffer + n, part, at + n);
	}
	return error;
}

static size_t chunk_bytes(uint64_t at, uint64_t to)
{
	return to - at < WIPE_CHUNK_BYTES ? (size_t)(to - at) : WIPE_CHUNK_BYTES;
}

/* Goes on behind what cannot be written. 0, or the first error. */
static int write_range(struct wipe_target *t, enum fill how, uint64_t from, uint64_t to)
{
	int error = 0;

	for (uint64_t at = from; at < to;) {
		size_t n = chunk_bytes(at, to);
		int r;

		fill(t, how, at, n, t->buffer);
		r = write_chunk(t, n, at);
		error = error ? error : r;
		at += n;
	}
	if (fdatasync(t->fd) < 0 && !error)
		error = -errno;
	return error;
}

static void drop_cache(struct wipe_target *t)
{
	if (t->is_direct)
		return;
	if (t->is_block)
		ioctl(t->fd, BLKFLSBUF, 0);
	posix_fadvise(t->fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* Whether the device gives back what was written. 0, -EBADMSG, -errno. */
static int verify_range(struct wipe_target *t, enum fill how, uint64_t from, uint64_t to)
{
	uint8_t *found = t->buffer + WIPE_CHUNK_BYTES;

	drop_cache(t);
	for (uint64_t at = from; at < to;) {
		size_t n = chunk_bytes(at, to);

		for (size_t have = 0; have < n;) {
			ssize_t got = pread(t->fd, found + have, n - have, (off_t)(at + have));

			if (got < 0 && errno == EINTR)
				continue;
			if (got <= 0)
				return got < 0 ? -errno : -EIO;
			have += (size_t)got;
		}
		fill(t, how, at, n, t->buffer);
		if (memcmp(found, t->buffer, n) != 0)
			return -EBADMSG;
		at += n;
	}
	return 0;
}

static int discard(struct wipe_target *t, uint64_t from, uint64_t to, bool is_secure)
{
	uint64_t range[2] = {from, to - from};

	if (!t->is_block)
		return fallocate(t->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
			       (off_t)(to - from)) < 0
			       ? -errno
			       : 0;
	if (is_secure && ioctl(t->fd, BLKSECDISCARD, range) == 0)
		return 0;
	return ioctl(t->fd, BLKDISCARD, range) < 0 ? -errno : 0;
}

/* Both headers, as far as they are in the area. */
static uint64_t headers_end(const struct wipe_target *t)
{
	uint64_t end = (t->header.version == 2 ? 2 : 1) * t->header.header_bytes;

	return end < t->header.area_bytes ? end : t->header.area_bytes;
}

static int zero_headers(struct wipe_target *t)
{
	int r = write_range(t, FILL_ZERO, 0, headers_end(t));

	return r < 0 ? r : verify_range(t, FILL_ZERO, 0, headers_end(t));
}

static int overwrite_keys(struct wipe_target *t)
{
	uint64_t area = t->header.area_bytes, block = WIPE_BLOCK_BYTES;
	uint64_t first = t->header.header_bytes, both = headers_end(t);
	int error = 0;
	const struct {
		uint64_t from, to;
	} parts[] = {
		{both, area},	/* key slots */
		{first, both},	/* the second header */
		{block, first}, /* what the first one says of the slots */
		{0, block},	/* which container it is */
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		uint64_t to = parts[i].to < area ? parts[i].to : area;
		int r;

		if (parts[i].from >= to)
			continue;
		r = write_range(t, FILL_RANDOM, parts[i].from, to);
		error = error ? error : r;
	}
	return error ? error : verify_range(t, FILL_RANDOM, 0, area);
}

int wipe_destroy_keys(struct wipe_target *t)
{
	uint64_t area = t->header.area_bytes;
	int r = overwrite_keys(t), again;

	t->is_overwritten = r == 0;
	/* Also where it could not be written: some devices discard what they do not write. */
	discard(t, 0, area, true);
	if (r == 0)
		return zero_headers(t);
	again = write_range(t, FILL_ZERO, 0, area);
	if (again == 0)
		again = verify_range(t, FILL_ZERO, 0, area);
	return again == 0 ? 0 : r;
}

static int discard_range(
	struct wipe_target *t, uint64_t from, uint64_t to, bool is_secure, int64_t deadline_us)
{
	for (uint64_t at = from; at < to;) {
		uint64_t end = (at / DISCARD_BYTES + 1) * DISCARD_BYTES;
		int r;

		if (clock_boottime_us() > deadline_us)
			return -ETIME;
		end = end < to ? end : to;
		r = discard(t, at, end, is_secure);
		if (r < 0)
			return r;
		at = end;
	}
	return 0;
}

static bool reads_as_zeros(struct wipe_target *t, uint64_t at)
{
	at = at / WIPE_BLOCK_BYTES * WIPE_BLOCK_BYTES;
	if (at + WIPE_BLOCK_BYTES > t->size_bytes)
		return true;
	return verify_range(t, FILL_ZERO, at, at + WIPE_BLOCK_BYTES) == 0;
}

/*
 * Whether discarding destroyed what was there, behind the first part: in places all over it, and
 * on both sides of where one order ended, which a device may round as it likes.
 */
static bool is_discarded_for_good(struct wipe_target *t)
{
	for (unsigned int i = 1; i < SAMPLES; i++) {
		uint64_t at = t->size_bytes / SAMPLES * i;

		if (at >= SYNC_BYTES && !reads_as_zeros(t, at))
			return false;
	}
	for (uint64_t at = DISCARD_BYTES; at < t->size_bytes; at += DISCARD_BYTES)
		if (!reads_as_zeros(t, at - WIPE_BLOCK_BYTES) || !reads_as_zeros(t, at))
			return false;
	return t->size_bytes <= SYNC_BYTES || reads_as_zeros(t, t->size_bytes - WIPE_BLOCK_BYTES);
}

/* A piece, but for the block by which the file system is known. */
static int overwrite_piece(struct wipe_target *t, uint64_t from, uint64_t to, uint64_t mark_end)
{
	int error, r;

	if (mark_end <= from || to <= t->mark_at)
		return write_range(t, FILL_RANDOM, from, to);
	error = from < t->mark_at ? write_range(t, FILL_RANDOM, from, t->mark_at) : 0;
	r = mark_end < to ? write_range(t, FILL_RANDOM, mark_end, to) : 0;
	return error ? error : r;
}

/*
 * From where it was left, until the deadline or the end; the block by which the file system is
 * known comes last: what was not finished has to be recognised at the next boot.
 */
static int overwrite_plain(struct wipe_target *t, uint64_t mark_end, int64_t deadline_us)
{
	int error = 0, r;

	for (uint64_t at = t->written_bytes; at < t->size_bytes;) {
		uint64_t to = at + SYNC_BYTES < t->size_bytes ? at + SYNC_BYTES : t->size_bytes;

		if (clock_boottime_us() > deadline_us)
			return -ETIME;
		r = overwrite_piece(t, at, to, mark_end);
		error = error ? error : r;
		at = to;
		if (at == SYNC_BYTES && t->is_discarded && !error && is_discarded_for_good(t))
			at = t->size_bytes;
		t->written_bytes = at;
	}
	r = write_range(t, FILL_RANDOM, t->mark_at, mark_end);
	return error ? error : r;
}

/* Discarded first: that takes a moment, and may be all that there is time for. */
static int destroy_plain(struct wipe_target *t, int64_t deadline_us)
{
	int64_t now_us = clock_boottime_us(), half_us = now_us + (deadline_us - now_us) / 2;
	uint64_t mark_end = t->mark_at + WIPE_BLOCK_BYTES;

	if (mark_end > t->size_bytes)
		mark_end = t->size_bytes;
	/* What was written over already may not be given back for what was there before. */
	if (t->written_bytes == 0)
		t->is_discarded = discard_range(t, 0, t->mark_at, true, half_us) == 0 &&
				  discard_range(t, mark_end, t->size_bytes, true, half_us) == 0;
	return overwrite_plain(t, mark_end, deadline_us);
}

int wipe_destroy_rest(struct wipe_target *t, int64_t deadline_us)
{
	int r;

	if (t->device->kind == WIPE_KIND_PLAIN)
		return destroy_plain(t, deadline_us);
	r = discard_range(t, 0, t->size_bytes, false, deadline_us);
	t->is_discarded = r == 0;
	/* Without its header again: what a discarded block reads as is up to the device. */
	zero_headers(t);
	return r == -EOPNOTSUPP ? 0 : r;
}
