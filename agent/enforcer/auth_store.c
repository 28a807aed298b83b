/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_store.c - the two slots of "attempts"; see auth_store.h. Enforcer, root; the directory is
 * its own. Knows nothing of what the counts mean.
 *
 * A slot, little-endian: magic (8), generation (8), boot id (16), codes (4), rows (4), time of the
 * last code (8), then for each row name (40), count (4), flags (4), time (8); zeros up to the last
 * 32 bytes, which are the SHA-256 of all before them. Flag 1: how the last attempt ended is not
 * known.
 */
#include "agent/enforcer/auth_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "agent/util/fs.h"

#define SLOT_HEAD_BYTES 48
#define SLOT_NAME_BYTES 40
#define SLOT_ROW_BYTES (SLOT_NAME_BYTES + 16)
#define SLOT_DIGESTED_BYTES (AUTH_STORE_SLOT_BYTES - SHA256_BYTES)

_Static_assert(SLOT_HEAD_BYTES + LIMIT_ACCOUNTS * SLOT_ROW_BYTES <= SLOT_DIGESTED_BYTES,
	"every account has a row");
_Static_assert(LIMIT_USER_BYTES < SLOT_NAME_BYTES, "a name ends with NUL");

static const uint8_t slot_magic[8] = {0xff, 'M', 'D', 'M', 'a', 't', 't', '1'};

int auth_slot_encode(uint64_t generation, const struct attempts *attempts,
	uint8_t ret_bytes[AUTH_STORE_SLOT_BYTES])
{
	uint8_t *row = ret_bytes + SLOT_HEAD_BYTES;

	memset(ret_bytes, 0, AUTH_STORE_SLOT_BYTES);
	memcpy(ret_bytes, slot_magic, sizeof(slot_magic));
	le_put(ret_bytes + 8, generation, 8);
	memcpy(ret_bytes + 16, attempts->boot_id, BOOT_ID_BYTES);
	le_put(ret_bytes + 32, attempts->n_codes, 4);
	le_put(ret_bytes + 36, attempts->n_rows, 4);
	le_put(ret_bytes + 40, (uint64_t)attempts->code_at_us, 8);
	for (size_t i = 0; i < attempts->n_rows; i++, row += SLOT_ROW_BYTES) {
		const struct attempts_row *from = &attempts->rows[i];

		memcpy(row, from->user, strnlen(from->user, LIMIT_USER_BYTES));
		le_put(row + SLOT_NAME_BYTES, from->n_failed, 4);
		le_put(row + SLOT_NAME_BYTES + 4, from->pending || from->unjudged, 4);
		le_put(row + SLOT_NAME_BYTES + 8, (uint64_t)from->failed_at_us, 8);
	}
	return sha256(ret_bytes, SLOT_DIGESTED_BYTES, ret_bytes + SLOT_DIGESTED_BYTES);
}

static int slot_decode_row(const uint8_t *row, struct attempts *attempts)
{
	struct attempts_row *to = &attempts->rows[attempts->n_rows];
	size_t n = strnlen((const char *)row, SLOT_NAME_BYTES);

	*to = (struct attempts_row){
		.n_failed = (uint32_t)le_get(row + SLOT_NAME_BYTES, 4),
		.unjudged = le_get(row + SLOT_NAME_BYTES + 4, 4) & 1,
		.failed_at_us = (int64_t)le_get(row + SLOT_NAME_BYTES + 8, 8),
	};
	if (n == 0 || n > LIMIT_USER_BYTES || !text_is_valid((const char *)row, n) ||
		to->n_failed == 0 || to->failed_at_us < 0)
		return -EBADMSG;
	memcpy(to->user, row, n);
	for (size_t i = 0; i < attempts->n_rows; i++)
		if (strcmp(attempts->rows[i].user, to->user) == 0)
			return -EBADMSG;
	attempts->n_rows++;
	return 0;
}

int auth_slot_decode(const uint8_t bytes[AUTH_STORE_SLOT_BYTES], uint64_t *ret_generation,
	struct attempts *ret_attempts)
{
	uint8_t digest[SHA256_BYTES];
	struct attempts attempts = {
		.n_codes = (uint32_t)le_get(bytes + 32, 4),
		.code_at_us = (int64_t)le_get(bytes + 40, 8),
	};
	uint64_t n_rows = le_get(bytes + 36, 4);
	int r = sha256(bytes, SLOT_DIGESTED_BYTES, digest);

	if (r < 0)
		return r;
	if (memcmp(bytes, slot_magic, sizeof(slot_magic)) != 0 ||
		memcmp(digest, bytes + SLOT_DIGESTED_BYTES, sizeof(digest)) != 0 ||
		n_rows > LIMIT_ACCOUNTS || attempts.code_at_us < 0)
		return -EBADMSG;
	memcpy(attempts.boot_id, bytes + 16, BOOT_ID_BYTES);
	for (size_t i = 0; i < n_rows && r == 0; i++)
		r = slot_decode_row(bytes + SLOT_HEAD_BYTES + i * SLOT_ROW_BYTES, &attempts);
	if (r < 0)
		return r;
	*ret_generation = le_get(bytes + 8, 8);
	*ret_attempts = attempts;
	return 0;
}

static int slot_write(int fd, uint64_t generation, const struct attempts *attempts)
{
	uint8_t bytes[AUTH_STORE_SLOT_BYTES];
	off_t offset = (off_t)(generation % 2) * AUTH_STORE_SLOT_BYTES;
	size_t n_written = 0;
	int r = auth_slot_encode(generation, attempts, bytes);

	while (r == 0 && n_written < sizeof(bytes)) {
		ssize_t n = pwrite(fd, bytes + n_written, sizeof(bytes) - n_written,
			offset + (off_t)n_written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		n_written += (size_t)n;
	}
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	return r;
}

/* The newest good slot. 0; -EBADMSG: there is none; -errno. */
static int store_read(struct auth_store *store, struct attempts *ret_attempts)
{
	uint8_t bytes[AUTH_STORE_SLOT_BYTES];
	bool found = false;

	for (int i = 0; i < 2; i++) {
		struct attempts attempts;
		uint64_t generation;
		ssize_t n = pread(store->fd, bytes, sizeof(bytes), (off_t)i * (off_t)sizeof(bytes));
		int r;

		if (n < 0)
			return -errno;
		if (n != (ssize_t)sizeof(bytes))
			continue;
		r = auth_slot_decode(bytes, &generation, &attempts);
		if (r == -EBADMSG)
			continue;
		if (r < 0)
			return r;
		if (found && generation <= store->generation)
			continue;
		found = true;
		store->generation = generation;
		*ret_attempts = attempts;
	}
	return found ? 0 : -EBADMSG;
}

/* Both slots, so that no later write has to find room. */
static int store_make(int dir_fd, struct auth_store *store)
{
	const struct fs_owner owner = {geteuid(), getegid(), 0600};
	uint8_t bytes[2 * AUTH_STORE_SLOT_BYTES];
	const struct attempts none = {0};
	int r = auth_slot_encode(0, &none, bytes);

	if (r == 0)
		r = auth_slot_encode(1, &none, bytes + AUTH_STORE_SLOT_BYTES);
	if (r == 0)
		r = fs_replace(dir_fd, AUTH_STORE_FILE, bytes, sizeof(bytes), &owner);
	if (r < 0)
		return r;
	store->generation = 1;
	store->fd = fs_open_nofollow(dir_fd, AUTH_STORE_FILE, O_RDWR, 0);
	return store->fd < 0 ? store->fd : 0;
}

int auth_store_open(
	int dir_fd, bool make, struct auth_store *ret_store, struct attempts *ret_attempts)
{
	struct auth_store store = {.fd = -1};
	struct attempts attempts = {0};
	bool damaged = false;
	int r;

	store.fd = fs_open_nofollow(dir_fd, AUTH_STORE_FILE, O_RDWR, 0);
	r = store.fd < 0 ? store.fd : store_read(&store, &attempts);
	if ((r == -ENOENT && make) || r == -EBADMSG || r == -ELOOP) {
		damaged = r != -ENOENT;
		auth_store_done(&store);
		r = store_make(dir_fd, &store);
	}
	if (r < 0)
		auth_store_done(&store);
	*ret_store = store;
	*ret_attempts = attempts;
	return r == 0 && damaged ? -EBADMSG : r;
}

void auth_store_done(struct auth_store *store)
{
	closep(&store->fd);
	*store = (struct auth_store){.fd = -1};
}

int auth_store_write(struct auth_store *store, const struct attempts *attempts)
{
	int r;

	if (store->fd < 0)
		return -EBADF;
	r = slot_write(store->fd, store->generation + 1, attempts);
	/* What failed may be half there: the next one goes over it, not over the good one. */
	if (r == 0)
		store->generation++;
	return r;
}
