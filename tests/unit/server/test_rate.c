/* SPDX-License-Identifier: Apache-2.0 */
/* test_rate.c - token buckets and counts of mdm-server. */
#include "server/rate.h"

#include <arpa/inet.h>
#include <errno.h>

#include "tests/lib/check.h"

#define SECOND INT64_C(1000000)

static const struct rate_limit per_minute = {.n = 60, .period_us = 60 * SECOND, .burst = 5};

static struct rate_key address_key(const char *text)
{
	struct sockaddr_storage address = {0};
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
	struct sockaddr_in *in = (struct sockaddr_in *)&address;

	address.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(address.ss_family, text,
		    address.ss_family == AF_INET6 ? (void *)&in6->sin6_addr
						  : (void *)&in->sin_addr) != 1)
		check_fail(__FILE__, __LINE__, "%s", text);
	return rate_key_address(&address);
}

static bool same(const char *a, const char *b)
{
	struct rate_key key_a = address_key(a), key_b = address_key(b);

	return key_a.n == key_b.n && memcmp(key_a.bytes, key_b.bytes, key_a.n) == 0;
}

static void test_keys(void)
{
	CHECK(same("192.0.2.1", "192.0.2.1") && !same("192.0.2.1", "192.0.2.2"));
	CHECK(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
	CHECK(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
	CHECK(same("::ffff:192.0.2.1", "192.0.2.1"));
}

static void test_bucket(void)
{
	int64_t now = 1000 * SECOND, wait = -1;
	struct rate_bucket bucket = {0};

	for (int i = 0; i < 5; i++)
		CHECK(rate_bucket_take(&bucket, &per_minute, now, &wait) && wait == 0);
	CHECK(!rate_bucket_take(&bucket, &per_minute, now, &wait));
	CHECK_INT(wait, SECOND);
	/* A refusal costs nothing: the token comes when it was said to come. */
	CHECK(!rate_bucket_take(&bucket, &per_minute, now + SECOND - 1, &wait));
	CHECK_INT(wait, 1);
	CHECK(rate_bucket_has(&bucket, &per_minute, now + SECOND, &wait));
	CHECK(rate_bucket_take(&bucket, &per_minute, now + SECOND, &wait));
	CHECK(!rate_bucket_take(&bucket, &per_minute, now + SECOND, &wait));
	/* It never holds more than the burst. */
	now += 3600 * SECOND;
	for (int i = 0; i < 5; i++)
		CHECK(rate_bucket_take(&bucket, &per_minute, now, &wait));
	CHECK(!rate_bucket_take(&bucket, &per_minute, now, &wait));
}

/* Whoever asks as often as possible gets the burst and the rate, never more. */
static void test_long_run(void)
{
	struct rate_bucket bucket = {0};
	int64_t wait;
	int n = 0;

	for (int64_t now = 5 * SECOND; now < 305 * SECOND; now += SECOND / 20)
		n += rate_bucket_take(&bucket, &per_minute, now, &wait);
	CHECK(n >= 300 && n <= 305);
}

static void test_no_limit(void)
{
	struct rate_limit none = {.n = 0, .period_us = SECOND, .burst = 1};
	struct rate_bucket bucket = {0};
	int64_t wait;

	for (int i = 0; i < 1000; i++)
		CHECK(rate_bucket_take(&bucket, &none, 1, &wait));
}

static void test_table(void)
{
	struct rate_key a = rate_key_text("a"), b = rate_key_text("b");
	struct rate_table *table = NULL;
	int64_t wait;

	CHECK_INT(rate_table_new(12, &table), -EINVAL);
	CHECK_INT(rate_table_new(4, &table), -EINVAL);
	CHECK(!table);
	CHECK_INT(rate_table_new(64, &table), 0);
	for (int i = 0; i < 5; i++)
		CHECK(rate_take(table, &a, &per_minute, SECOND, &wait));
	CHECK(!rate_take(table, &a, &per_minute, SECOND, &wait) && wait > 0);
	CHECK(!rate_has(table, &a, &per_minute, SECOND, &wait));
	CHECK(rate_has(table, &b, &per_minute, SECOND, &wait));
	CHECK(rate_take(table, &b, &per_minute, SECOND, &wait));
	rate_table_free(table);
}

/*
 * A flood of keys, far more than there is room for: who has used up his tokens stays so, because
 * the flood's buckets, with one token missing each, give way first.
 */
static void test_flood(void)
{
	struct rate_key spent = rate_key_text("spent");
	struct rate_table *table = NULL;
	int64_t wait;

	CHECK_INT(rate_table_new(64, &table), 0);
	while (rate_take(table, &spent, &per_minute, SECOND, &wait))
		;
	for (int i = 0; i < 10000; i++) {
		struct rate_key key = {.n = sizeof(i)};

		memcpy(key.bytes, &i, sizeof(i));
		CHECK(rate_take(table, &key, &per_minute, SECOND, &wait));
	}
	CHECK(!rate_take(table, &spent, &per_minute, SECOND, &wait));
	rate_table_free(table);
}

static void test_tally(void)
{
	static struct rate_tally tally;
	static struct rate_place places[3000];
	struct rate_place place = {0};
	int64_t left = 0;

	CHECK_INT(rate_tally_init(&tally), 0);
	/* A thousand others do not count against anybody. */
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct rate_key key = {.n = sizeof(uint32_t)};
		uint32_t n = (uint32_t)(i / 3);

		memcpy(key.bytes, &n, sizeof(n));
		CHECK(rate_tally_add(&tally, &key, 100, &places[i]));
		if (i % 3 == 2)
			left += !rate_tally_add(&tally, &key, 3, &place);
		rate_tally_remove(&tally, &place);
	}
	CHECK_INT(left, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		rate_tally_remove(&tally, &places[i]);
		rate_tally_remove(&tally, &places[i]);
	}
	for (size_t i = 0; i < RATE_TALLY_CELLS; i++)
		CHECK(tally.cells[0][i] == 0 && tally.cells[1][i] == 0);
}

static const struct check_test tests[] = {
	{"keys", test_keys},
	{"bucket", test_bucket},
	{"long_run", test_long_run},
	{"no_limit", test_no_limit},
	{"table", test_table},
	{"flood", test_flood},
	{"tally", test_tally},
};
CHECK_MAIN(tests)
