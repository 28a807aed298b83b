/* SPDX-License-Identifier: Apache-2.0 */
/* test_told.c - the ring of refusals and how often they are told; time is a number here. */
#include "agent/guard/told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guard/table.h"
#include "agent/util/codec.h"
#include "tests/lib/check.h"

static struct guard_told told;
static struct guard_shared shared;

static struct guard_denial denial_of(uint64_t inode, uint32_t uid)
{
	return (struct guard_denial){
		.device = 1, .inode = inode, .uid = uid, .reason = GUARD_R_BLOCKED};
}

static bool add(uint64_t inode, uint32_t uid, int64_t now_ms)
{
	struct guard_denial denial = denial_of(inode, uid);

	return guard_told_add(&told, &denial, now_ms, true);
}

static void test_once(void)
{
	struct guard_denial denial;
	uint32_t count;

	memset(&told, 0, sizeof(told));
	CHECK_INT(guard_told_next_ms(&told), -1);
	CHECK(add(5, 1000, 1));
	CHECK_INT(guard_told_next_ms(&told), -1);
	for (int i = 0; i < 7; i++)
		CHECK(!add(5, 1000, 2 + i));
	CHECK(add(5, 1001, 3));
	CHECK(add(6, 1000, 3));
	CHECK_INT(guard_told_next_ms(&told), 1 + GUARD_TOLD_PAUSE_MS);
	CHECK(!guard_told_due(&told, GUARD_TOLD_PAUSE_MS, &denial, &count));
	CHECK(guard_told_due(&told, 1 + GUARD_TOLD_PAUSE_MS, &denial, &count));
	CHECK_INT(count, 7);
	CHECK_INT(denial.inode, 5);
	CHECK(!guard_told_due(&told, 1 + GUARD_TOLD_PAUSE_MS, &denial, &count));
	CHECK_INT(guard_told_next_ms(&told), -1);
	/* That was a message; the pause begins again. */
	CHECK(!add(5, 1000, 2 + GUARD_TOLD_PAUSE_MS));
	CHECK(add(6, 1000, 3 + GUARD_TOLD_PAUSE_MS));
}

static void test_nobody_hears(void)
{
	struct guard_denial denial = denial_of(1, 0);
	uint32_t count;

	memset(&told, 0, sizeof(told));
	CHECK(!guard_told_add(&told, &denial, 10, false));
	CHECK(!guard_told_add(&told, &denial, 11, false));
	CHECK_INT(guard_told_next_ms(&told), 10);
	CHECK(guard_told_due(&told, 12, &denial, &count));
	CHECK_INT(count, 2);
	CHECK_INT(told.n_lost, 0);
}

/* Each refusal is told, counted in another one, or counted as lost: under any order of events. */
static void test_none_vanishes(void)
{
	uint64_t n_in = 0, n_out = 0, n_waiting = 0;
	uint32_t count;
	struct guard_denial denial;

	memset(&told, 0, sizeof(told));
	srand(3);
	for (int64_t now = 1; now < 400000; now += rand() % 40) {
		denial = denial_of((uint64_t)(rand() % 200), (uint32_t)(rand() % 3));
		n_in++;
		n_out += guard_told_add(&told, &denial, now, rand() % 4 != 0);
		while (rand() % 3 && guard_told_due(&told, now, &denial, &count))
			n_out += count;
		CHECK(told.pace.n_spent <= GUARD_TOLD_BURST);
	}
	for (size_t i = 0; i < GUARD_TOLD_SIZE; i++)
		n_waiting += told.rows[i].n_waiting;
	CHECK_INT(n_in, n_out + n_waiting + told.n_lost);
}

static void test_burst(void)
{
	int n = 0;

	memset(&told, 0, sizeof(told));
	for (uint64_t i = 0; i < 1000; i++)
		n += add(i, 0, 5);
	CHECK_INT(n, GUARD_TOLD_BURST);
	CHECK_INT(told.n_lost, 1000 - GUARD_TOLD_BURST);
	CHECK(!add(2000, 0, 1004));
	CHECK(add(2000, 0, 1005));
	CHECK(!add(2001, 0, 1006));
}

static void test_ring(void)
{
	struct guard_denial denial = denial_of(0, 0), out;

	memset(&shared, 0, sizeof(shared));
	CHECK(!guard_ring_take(&shared, &out));
	for (uint64_t i = 0; i < GUARD_RING_SIZE; i++) {
		denial.inode = i;
		CHECK(guard_ring_put(&shared, &denial));
	}
	CHECK(!guard_ring_put(&shared, &denial));
	CHECK_INT(atomic_load(&shared.n_lost), 1);
	for (uint64_t i = 0; i < GUARD_RING_SIZE; i++) {
		CHECK(guard_ring_take(&shared, &out));
		CHECK_INT(out.inode, i);
	}
	CHECK(!guard_ring_take(&shared, &out));
}

/* Whoever writes was taken over: whatever is in the memory, what comes out is in order. */
static void test_mangled_ring(void)
{
	struct guard_denial out;
	unsigned int n = 0;

	for (int round = 0; round < 200; round++) {
		memset(&shared, round, sizeof(shared));
		atomic_store(&shared.n_written, (uint32_t)round * 0x1234567U);
		for (n = 0; guard_ring_take(&shared, &out); n++) {
			CHECK(n <= GUARD_RING_SIZE);
			CHECK(memchr(out.path, 0, sizeof(out.path)) &&
				memchr(out.owner, 0, sizeof(out.owner)));
			CHECK(text_is_valid(out.path, strlen(out.path)) &&
				text_is_valid(out.owner, strlen(out.owner)));
			CHECK(out.reason < GUARD_REASON_MAX && out.audit <= 1);
		}
	}
}

/* Two processes at once. */
static void test_two(void)
{
	struct guard_shared *both = mmap(
		NULL, sizeof(*both), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct guard_denial denial = denial_of(0, 0);
	uint64_t last = 0, n = 0;
	int status = -1;
	pid_t pid;

	CHECK(both != MAP_FAILED);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (uint64_t i = 1; i <= 100000; i++) {
			denial.inode = i;
			denial.device = ~i;
			(void)guard_ring_put(both, &denial);
		}
		_exit(0);
	}
	while (last < 100000) {
		bool is_over = status < 0 && waitpid(pid, &status, WNOHANG) == pid;

		while (guard_ring_take(both, &denial)) {
			CHECK(denial.inode > last && denial.device == ~denial.inode);
			last = denial.inode;
			n++;
		}
		if (is_over)
			break;
	}
	if (status < 0)
		CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
	CHECK_INT(n + atomic_load(&both->n_lost), 100000);
	munmap(both, sizeof(*both));
}

static void test_text(void)
{
	char text[8] = "ab\xff\xc3\xa9\x1b!";
	char cut[4] = {'x', 'y', '\xc3', '\xa9'};

	guard_text_clean(text, sizeof(text));
	CHECK_STR(text, "ab?\xc3\xa9?!");
	guard_text_clean(cut, sizeof(cut));
	CHECK_STR(cut, "xy?");
}

static const struct check_test tests[] = {
	{"once", test_once},
	{"nobody_hears", test_nobody_hears},
	{"none_vanishes", test_none_vanishes},
	{"burst", test_burst},
	{"ring", test_ring},
	{"mangled_ring", test_mangled_ring},
	{"two", test_two},
	{"text", test_text},
};
CHECK_MAIN(tests)
