/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate.h - how often somebody may: token buckets by key, and counts by key, both in memory of fixed
 * size. Pure but for one random seed each; time is a parameter. mdm-server only.
 *
 * Keys are found by a digest with the secret seed, so that nobody can choose addresses that push
 * out those of others. A bucket is one number, the moment at which it is full again (the "generic
 * cell rate algorithm" of ATM Forum TM 4.0): a bucket that is full is worth as much as none, so
 * where a place is needed, the bucket that will be full first gives way.
 */
#ifndef MDM_SERVER_RATE_H
#define MDM_SERVER_RATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "agent/util/mem.h"

#define RATE_KEY_BYTES 40
#define RATE_WAYS 8 /* buckets that one key may take the place of */

struct rate_key {
	uint8_t bytes[RATE_KEY_BYTES];
	size_t n;
};

/* The network that limits are for: an IPv4 address, or the /64 of an IPv6 address. */
struct rate_key rate_key_address(const struct sockaddr_storage *address);
/* Of an identifier; what is beyond RATE_KEY_BYTES does not count. */
struct rate_key rate_key_text(const char *text);

/* --- buckets ----------------------------------------------------------------------------- */

struct rate_limit {
	int64_t n, period_us; /* in the long run; n 0: no limit */
	int64_t burst;	      /* at once; at least 1 */
};

/* One bucket; begins full. */
struct rate_bucket {
	int64_t full_us; /* when it is full again */
};
/* Takes a token. false: none is left, one will be there after *ret_wait_us. */
bool rate_bucket_take(struct rate_bucket *bucket, const struct rate_limit *limit, int64_t now_us,
	int64_t *ret_wait_us);
bool rate_bucket_has(const struct rate_bucket *bucket, const struct rate_limit *limit,
	int64_t now_us, int64_t *ret_wait_us);

struct rate_table;

/* For n_buckets keys, a power of 2 and at least RATE_WAYS, 16 bytes each. 0 or -errno. */
int rate_table_new(size_t n_buckets, struct rate_table **ret_table);
void rate_table_free(struct rate_table *table);
/* As for one bucket. now_us never goes back. */
bool rate_take(struct rate_table *table, const struct rate_key *key, const struct rate_limit *limit,
	int64_t now_us, int64_t *ret_wait_us);
/* The same without taking. */
bool rate_has(struct rate_table *table, const struct rate_key *key, const struct rate_limit *limit,
	int64_t now_us, int64_t *ret_wait_us);

/* --- counts ------------------------------------------------------------------------------ */

/*
 * What is open at once by key. Two keys may share one cell of a row, so every key has a cell in
 * each of two rows and the smaller number counts: too much only if both are shared.
 */
#define RATE_TALLY_CELLS 8192
#define RATE_TALLY_ROWS 2

struct rate_tally {
	uint8_t seed[16];
	uint32_t cells[RATE_TALLY_ROWS][RATE_TALLY_CELLS];
};

/* Where one thing was counted, to take it off again. */
struct rate_place {
	uint16_t at[RATE_TALLY_ROWS];
	bool counted;
};

/* 0 or -errno. */
int rate_tally_init(struct rate_tally *tally);
/* Counts one, if there are fewer than limit of this key; otherwise false. */
bool rate_tally_add(struct rate_tally *tally, const struct rate_key *key, int64_t limit,
	struct rate_place *ret_place);
/* Takes it off. What is not counted is left alone. */
void rate_tally_remove(struct rate_tally *tally, struct rate_place *place);

#endif
