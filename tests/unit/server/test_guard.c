/* SPDX-License-Identifier: Apache-2.0 */
/* test_guard.c - who may ask how often: the rules that server/guard.c makes of buckets and counts.
 */
#include "server/guard.h"

#include <arpa/inet.h>

#include "agent/util/clock.h"
#include "tests/lib/check.h"

#define MINUTE (60 * USEC_PER_SEC)

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage storage = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&storage;

	in->sin_family = AF_INET;
	if (inet_pton(AF_INET, text, &in->sin_addr) != 1)
		check_fail(__FILE__, __LINE__, "%s", text);
	return storage;
}

static const struct config config = {
	.device_rate = 6,
	.device_burst = 3,
	.address_rate = 60,
	.address_burst = 10,
	.strangers_per_address = 2,
	.connections_per_device = 2,
	.enrol_address_failures = 4,
	.enrol_ticket_failures = 2,
};

/* A phone that asks too much is refused before it uses up what its neighbours may ask. */
static void test_requests(void)
{
	struct sockaddr_storage here = address("192.0.2.1"), there = address("192.0.2.2");
	struct guard_asker phone = {.address = &here, .device = "a"};
	struct guard_asker neighbour = {.address = &here, .device = "b"};
	struct guard_asker stranger = {.address = &here, .device = ""};
	struct guard_asker moved = {.address = &there, .device = "a"};
	int64_t wait_s = -1, now = MINUTE;
	static struct guard guard;

	CHECK_INT(guard_init(&guard, &config), 0);
	for (int i = 0; i < 3; i++)
		CHECK(guard_admits_request(&guard, &phone, now, &wait_s));
	for (int i = 0; i < 100; i++)
		CHECK(!guard_admits_request(&guard, &phone, now, &wait_s));
	CHECK_INT(wait_s, 10);
	CHECK_INT(guard.refused[GUARD_DEVICE_RATE], 100);
	CHECK(guard_admits_request(&guard, &neighbour, now, &wait_s));
	/* Another address does not make it another phone. */
	CHECK(!guard_admits_request(&guard, &moved, now, &wait_s));
	/* 4 of the address's 10 are used. */
	for (int i = 0; i < 6; i++)
		CHECK(guard_admits_request(&guard, &stranger, now, &wait_s));
	CHECK(!guard_admits_request(&guard, &stranger, now, &wait_s));
	CHECK_INT(wait_s, 1);
	CHECK_INT(guard.refused[GUARD_ADDRESS_RATE], 1);
	/* Whoever waits as long as he was told is let in. */
	CHECK(guard_admits_request(&guard, &stranger, now + wait_s * USEC_PER_SEC, &wait_s));
	CHECK(guard_admits_request(&guard, &moved, now + 10 * USEC_PER_SEC, &wait_s));
	guard_done(&guard);
}

static void test_enrolment(void)
{
	struct sockaddr_storage here = address("192.0.2.1"), there = address("192.0.2.2");
	struct guard_asker first = {.address = &here, .ticket = "t1"};
	struct guard_asker second = {.address = &here, .ticket = "t2"};
	struct guard_asker moved = {.address = &there, .ticket = "t1"};
	struct guard_asker other = {.address = &there, .ticket = "t3"};
	struct guard_asker none = {.address = &here, .ticket = ""};
	int64_t wait_s = -1, now = MINUTE;
	static struct guard guard;

	CHECK_INT(guard_init(&guard, &config), 0);
	/* Right secrets cost nothing. */
	for (int i = 0; i < 100; i++)
		CHECK(guard_admits_enrolment(&guard, &first, now, &wait_s));
	guard_count_failure(&guard, &first, now);
	CHECK(guard_admits_enrolment(&guard, &first, now, &wait_s));
	guard_count_failure(&guard, &first, now);
	CHECK(!guard_admits_enrolment(&guard, &first, now, &wait_s));
	CHECK_INT(wait_s, 1800);
	/* From wherever. */
	CHECK(!guard_admits_enrolment(&guard, &moved, now, &wait_s));
	CHECK(guard_admits_enrolment(&guard, &second, now, &wait_s));
	/* Without a ticket, the address alone; it had two. */
	guard_count_failure(&guard, &none, now);
	guard_count_failure(&guard, &none, now);
	CHECK(!guard_admits_enrolment(&guard, &second, now, &wait_s));
	CHECK_INT(wait_s, 900);
	CHECK(guard_admits_enrolment(&guard, &other, now, &wait_s));
	CHECK(guard_admits_enrolment(&guard, &second, now + 15 * MINUTE, &wait_s));
	CHECK_INT(guard.refused[GUARD_CREDENTIALS], 4);
	CHECK_INT(guard.refused[GUARD_ENROL_TICKET], 2);
	CHECK_INT(guard.refused[GUARD_ENROL_ADDRESS], 1);
	guard_done(&guard);
}

static void test_connections(void)
{
	struct sockaddr_storage here = address("192.0.2.1"), there = address("192.0.2.2");
	struct rate_place places[4] = {{.counted = false}};
	static struct guard guard;

	CHECK_INT(guard_init(&guard, &config), 0);
	CHECK(guard_admits_stranger(&guard, GUARD_DEVICES, 4096, &here, &places[0]));
	CHECK(guard_admits_stranger(&guard, GUARD_DEVICES, 4096, &here, &places[1]));
	CHECK(!guard_admits_stranger(&guard, GUARD_DEVICES, 4096, &here, &places[2]) &&
		!places[2].counted);
	CHECK(guard_admits_stranger(&guard, GUARD_DEVICES, 4096, &there, &places[2]));
	rate_tally_remove(&guard.strangers[GUARD_DEVICES], &places[0]);
	CHECK(guard_admits_stranger(&guard, GUARD_DEVICES, 4096, &here, &places[0]));
	CHECK(guard_admits_device(&guard, "a", &places[0]));
	CHECK(guard_admits_device(&guard, "a", &places[1]));
	CHECK(!guard_admits_device(&guard, "a", &places[3]));
	CHECK(guard_admits_device(&guard, "b", &places[3]));
	guard_done(&guard);
}

/* Whatever is set: an address without a name has a share of a listener, and of each its own. */
static void test_share(void)
{
	static const struct config open_handed = {.strangers_per_address = 100000};
	struct sockaddr_storage here = address("192.0.2.1"), there = address("192.0.2.2");
	struct rate_place place;
	static struct guard guard;

	CHECK_INT(guard_init(&guard, &open_handed), 0);
	for (int i = 0; i < 512; i++)
		CHECK(guard_admits_stranger(&guard, GUARD_DEVICES, 4096, &here, &place));
	CHECK(!guard_admits_stranger(&guard, GUARD_DEVICES, 4096, &here, &place));
	CHECK(guard_admits_stranger(&guard, GUARD_DEVICES, 4096, &there, &place));
	for (int i = 0; i < 8; i++)
		CHECK(guard_admits_stranger(&guard, GUARD_ADMINS, 64, &here, &place));
	CHECK(!guard_admits_stranger(&guard, GUARD_ADMINS, 64, &here, &place));
	/* A listener for hardly anybody is still usable. */
	for (int i = 0; i < 7; i++)
		CHECK(guard_admits_stranger(&guard, GUARD_DEVICES, 4, &there, &place));
	CHECK(!guard_admits_stranger(&guard, GUARD_DEVICES, 4, &there, &place));
	guard_done(&guard);
}

static void test_names(void)
{
	for (int i = 0; i < GUARD_MAX; i++) {
		const char *name = guard_refusal_name((enum guard_refusal)i);

		CHECK(name && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name));
	}
}

static const struct check_test tests[] = {
	{"requests", test_requests},
	{"enrolment", test_enrolment},
	{"connections", test_connections},
	{"share", test_share},
	{"names", test_names},
};
CHECK_MAIN(tests)
