/* SPDX-License-Identifier: Apache-2.0 */
/* rate.c - token buckets and counts by key; see rate.h. mdm-server only. */
#include "server/rate.h"

#include <errno.h>
#include <netinet/in.h>

#include "agent/util/digest.h"

struct rate_entry {
	uint64_t tag; /* 0: empty */
	struct rate_bucket bucket;
};

struct rate_table {
	uint8_t seed[16];
	size_t n_sets;
	struct rate_entry entries[];
};

struct rate_key rate_key_address(const struct sockaddr_storage *address)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	struct rate_key key = {0};

	if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		memcpy(key.bytes, &in6->sin6_addr.s6_addr[12], 4);
		key.n = 4;
	} else if (address->ss_family == AF_INET6) {
		memcpy(key.bytes, in6->sin6_addr.s6_addr, 8);
		key.n = 8;
	} else {
		memcpy(key.bytes, &in->sin_addr, 4);
		key.n = 4;
	}
	return key;
}

struct rate_key rate_key_text(const char *text)
{
	struct rate_key key = {.n = strnlen(text, RATE_KEY_BYTES)};

	memcpy(key.bytes, text, key.n);
	return key;
}

/* 64 bits that only who knows the seed can predict. */
static uint64_t rate_digest(const uint8_t seed[16], const struct rate_key *key)
{
	uint8_t digest[SHA256_BYTES];
	uint64_t value = 1;

	/* Out of memory: everybody is in one place until it is over, which limits too much. */
	if (sha256_pair(seed, 16, key->bytes, key->n, digest) == 0)
		memcpy(&value, digest, sizeof(value));
	return value ? value : 1;
}

/* --- buckets ----------------------------------------------------------------------------- */

bool rate_bucket_has(const struct rate_bucket *bucket, const struct rate_limit *limit,
	int64_t now_us, int64_t *ret_wait_us)
{
	int64_t token_us, missing_us;

	*ret_wait_us = 0;
	if (limit->n == 0)
		return true;
	token_us = limit->period_us / limit->n;
	missing_us = bucket->full_us > now_us ? bucket->full_us - now_us : 0;
	if (missing_us <= token_us * (limit->burst - 1))
		return true;
	*ret_wait_us = missing_us - token_us * (limit->burst - 1);
	return false;
}

bool rate_bucket_take(struct rate_bucket *bucket, const struct rate_limit *limit, int64_t now_us,
	int64_t *ret_wait_us)
{
	if (!rate_bucket_has(bucket, limit, now_us, ret_wait_us))
		return false;
	if (limit->n == 0)
		return true;
	if (bucket->full_us < now_us)
		bucket->full_us = now_us;
	bucket->full_us += limit->period_us / limit->n;
	return true;
}

int rate_table_new(size_t n_buckets, struct rate_table **ret_table)
{
	struct rate_table *table;
	int r;

	if (n_buckets < RATE_WAYS || (n_buckets & (n_buckets - 1)))
		return -EINVAL;
	table = calloc(1, sizeof(*table) + n_buckets * sizeof(table->entries[0]));
	if (!table)
		return -ENOMEM;
	table->n_sets = n_buckets / RATE_WAYS;
	r = random_bytes(table->seed, sizeof(table->seed));
	if (r < 0) {
		free(table);
		return r;
	}
	*ret_table = table;
	return 0;
}

void rate_table_free(struct rate_table *table)
{
	free(table);
}

/* The bucket of a key; NULL if it has none. ret_place: the one it may take. */
static struct rate_entry *rate_find(
	struct rate_table *table, uint64_t tag, struct rate_entry **ret_place)
{
	struct rate_entry *set = &table->entries[(size_t)(tag >> 32) % table->n_sets * RATE_WAYS];

	*ret_place = set;
	for (size_t i = 0; i < RATE_WAYS; i++) {
		if (set[i].tag == tag)
			return &set[i];
		if (set[i].bucket.full_us < (*ret_place)->bucket.full_us)
			*ret_place = &set[i];
	}
	return NULL;
}

bool rate_has(struct rate_table *table, const struct rate_key *key, const struct rate_limit *limit,
	int64_t now_us, int64_t *ret_wait_us)
{
	struct rate_entry *place;
	struct rate_entry *entry = rate_find(table, rate_digest(table->seed, key), &place);
	struct rate_bucket full = {0};

	return rate_bucket_has(entry ? &entry->bucket : &full, limit, now_us, ret_wait_us);
}

bool rate_take(struct rate_table *table, const struct rate_key *key, const struct rate_limit *limit,
	int64_t now_us, int64_t *ret_wait_us)
{
	uint64_t tag = rate_digest(table->seed, key);
	struct rate_entry *place;
	struct rate_entry *entry = rate_find(table, tag, &place);

	if (!entry) {
		entry = place;
		*entry = (struct rate_entry){.tag = tag};
	}
	return rate_bucket_take(&entry->bucket, limit, now_us, ret_wait_us);
}

/* --- counts ------------------------------------------------------------------------------ */

int rate_tally_init(struct rate_tally *tally)
{
	*tally = (struct rate_tally){0};
	return random_bytes(tally->seed, sizeof(tally->seed));
}

bool rate_tally_add(struct rate_tally *tally, const struct rate_key *key, int64_t limit,
	struct rate_place *ret_place)
{
	uint64_t digest = rate_digest(tally->seed, key);
	struct rate_place place = {.counted = true};
	int64_t least = INT64_MAX;

	for (size_t row = 0; row < RATE_TALLY_ROWS; row++) {
		uint16_t at = (uint16_t)(digest >> (16 * row)) % RATE_TALLY_CELLS;

		place.at[row] = at;
		if (tally->cells[row][at] < least)
			least = tally->cells[row][at];
	}
	if (least >= limit)
		return false;
	for (size_t row = 0; row < RATE_TALLY_ROWS; row++)
		tally->cells[row][place.at[row]]++;
	*ret_place = place;
	return true;
}

void rate_tally_remove(struct rate_tally *tally, struct rate_place *place)
{
	for (size_t row = 0; row < RATE_TALLY_ROWS && place->counted; row++)
		tally->cells[row][place->at[row]]--;
	place->counted = false;
}
