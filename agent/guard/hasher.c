/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hasher.c - reads programs and says their SHA-256; see hasher.h.
 *
 * A file of a user may be exchanged between the hash and the start. So nobody may have it open for
 * writing, for as long as a read lease (fcntl(2)) lasts: it is not granted while somebody has, and
 * whoever opens it then waits. It is held for a moment after the answer, until execve(2) itself has
 * locked out whoever writes. Without that, pages of a shared mapping could change without a trace.
 */
#include "agent/guard/hasher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/guard/fd_message.h"
#include "agent/guard/sha256.h"
#include "agent/util/mem.h"

#define HELD_MAX 32
#define HELD_MS 500
#define KNOWN_SETS 64 /* power of two */
#define KNOWN_WAYS 4
#define PIECE_BYTES (64 * 1024)

/* A content has one of these; whoever writes changes ctime, which nobody can set. */
struct key {
	uint64_t device, inode, size_bytes;
	int64_t mtime_s, ctime_s;
	int64_t mtime_ns, ctime_ns;
};

struct known {
	struct key key;
	uint8_t digest[SHA256_BYTES];
	bool is_used;
};

struct hasher {
	int socket_fd;
	struct {
		int fd;
		int64_t until_ms;
	} held[HELD_MAX];
	size_t n_held;
	struct known known[KNOWN_SETS][KNOWN_WAYS];
	unsigned int n_kept; /* the oldest way goes first */
	uint8_t piece[PIECE_BYTES];
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void release_first(struct hasher *h)
{
	/* The other process has the same open file: closing it here alone keeps the lease. */
	(void)fcntl(h->held[0].fd, F_SETLEASE, F_UNLCK);
	close(h->held[0].fd);
	h->n_held--;
	memmove(&h->held[0], &h->held[1], h->n_held * sizeof(h->held[0]));
}

static void hold(struct hasher *h, int fd)
{
	if (h->n_held == HELD_MAX)
		release_first(h);
	h->held[h->n_held].fd = fd;
	h->held[h->n_held++].until_ms = now_ms() + HELD_MS;
}

static struct key key_of(const struct stat *st)
{
	struct key key;

	memset(&key, 0, sizeof(key));
	key.device = st->st_dev;
	key.inode = st->st_ino;
	key.size_bytes = (uint64_t)st->st_size;
	key.mtime_s = st->st_mtim.tv_sec;
	key.mtime_ns = st->st_mtim.tv_nsec;
	key.ctime_s = st->st_ctim.tv_sec;
	key.ctime_ns = st->st_ctim.tv_nsec;
	return key;
}

static struct known *set_of(struct hasher *h, const struct key *key)
{
	return h->known[guard_table_slot(key->device, key->inode, KNOWN_SETS)];
}

static const struct known *find(struct hasher *h, const struct key *key)
{
	struct known *set = set_of(h, key);

	for (size_t i = 0; i < KNOWN_WAYS; i++)
		if (set[i].is_used && memcmp(&set[i].key, key, sizeof(*key)) == 0)
			return &set[i];
	return NULL;
}

static void keep(struct hasher *h, const struct key *key, const uint8_t digest[SHA256_BYTES])
{
	struct known *set = set_of(h, key), *place = &set[h->n_kept++ % KNOWN_WAYS];

	/* Times in whole seconds (FAT) do not tell one write from the next. */
	if (key->ctime_ns == 0)
		return;
	for (size_t i = 0; i < KNOWN_WAYS; i++)
		if (!set[i].is_used ||
			(set[i].key.device == key->device && set[i].key.inode == key->inode))
			place = &set[i];
	place->key = *key;
	memcpy(place->digest, digest, SHA256_BYTES);
	place->is_used = true;
}

static int hash(struct hasher *h, int fd, uint64_t size_bytes, uint8_t ret_digest[SHA256_BYTES])
{
	int64_t end_ms = now_ms() + LIMIT_GUARD_HASH_MS;
	struct guard_sha256 sha;
	uint64_t at = 0;

	guard_sha256_begin(&sha);
	for (;;) {
		ssize_t n = pread(fd, h->piece, sizeof(h->piece), (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		at += (uint64_t)n;
		if (at > size_bytes || now_ms() > end_ms)
			return -ETIME;
		guard_sha256_add(&sha, h->piece, (size_t)n);
	}
	guard_sha256_end(&sha, ret_digest);
	return at == size_bytes ? 0 : -EIO;
}

/* 0: ret_digest is that of all of it, and the lease is held. -errno: it is not. */
static int judge(struct hasher *h, int fd, uint8_t ret_digest[SHA256_BYTES])
{
	const struct known *known;
	struct stat st;
	struct key key;
	int r;

	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 0 ||
		st.st_size > LIMIT_GUARD_HASH_BYTES)
		return -EINVAL;
	key = key_of(&st);
	known = find(h, &key);
	if (known) {
		memcpy(ret_digest, known->digest, SHA256_BYTES);
		return 0;
	}
	r = hash(h, fd, key.size_bytes, ret_digest);
	if (r < 0)
		return r;
	/* Somebody waits to write to it, and may have run out of patience. */
	if (fcntl(fd, F_GETLEASE) != F_RDLCK)
		return -EBUSY;
	keep(h, &key, ret_digest);
	return 0;
}

/* -errno: the connection is over. */
static int serve(struct hasher *h)
{
	struct guard_hash_request request;
	struct guard_hash_reply reply = {.content = GUARD_CONTENT_UNDECIDED};
	int fd = -1, r;

	r = guard_fd_receive(h->socket_fd, &request, sizeof(request), &fd);
	if (r < 0)
		return r;
	reply.slot = request.slot;
	reply.serial = request.serial;
	/* Behind many large ones it may have waited for too long: what comes after it need not. */
	r = fd < 0 ? -EINVAL : now_ms() >= request.until_ms ? -ETIME : judge(h, fd, reply.digest);
	if (r == 0)
		reply.content = GUARD_CONTENT_KNOWN;
	else
		memset(reply.digest, 0, sizeof(reply.digest));
	if (r == 0)
		hold(h, fd);
	else if (fd >= 0) {
		(void)fcntl(fd, F_SETLEASE, F_UNLCK);
		close(fd);
	}
	return guard_fd_send(h->socket_fd, &reply, sizeof(reply), -1);
}

void guard_hasher_run(int socket_fd)
{
	static struct hasher h;
	int r = 0;

	h.socket_fd = socket_fd;
	while (r == 0 || r == -EAGAIN) {
		struct pollfd wait = {.fd = socket_fd, .events = POLLIN};
		int64_t now = now_ms();
		int timeout = -1;

		while (h.n_held && h.held[0].until_ms <= now)
			release_first(&h);
		if (h.n_held)
			timeout = (int)(h.held[0].until_ms - now);
		if (poll(&wait, 1, timeout) > 0)
			r = serve(&h);
	}
}
