/* SPDX-License-Identifier: Apache-2.0 */
/* test_table.c - the guard's table: what goes in comes out, whatever the order; damage is refused;
 * limits. */
#include "agent/guard/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

DEFINE_CLEANUP(struct guard_maker *, guard_maker_free)

static const struct guard_header plain = {.uid_min = 1000};

static uint64_t state;
static uint64_t draw(uint64_t below)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state >> 33) % below;
}

#define MODEL_MAX 600
struct model {
	struct {
		uint64_t device, inode;
		enum guard_answer answer;
		char owner[16];
	} inodes[MODEL_MAX];
	struct {
		char path[24];
		char owner[16];
	} paths[MODEL_MAX];
	size_t n_inodes, n_paths;
	uint8_t hashes[LIMIT_GUARD_HASHES][SHA256_BYTES];
	size_t n_hashes;
	uint64_t devices[LIMIT_GUARD_DEVICES];
	size_t n_devices;
};

static void draw_model(struct model *m)
{
	*m = (struct model){.n_inodes = draw(MODEL_MAX),
		.n_paths = draw(MODEL_MAX),
		.n_hashes = draw(LIMIT_GUARD_HASHES),
		.n_devices = draw(LIMIT_GUARD_DEVICES)};
	for (size_t i = 0; i < m->n_inodes; i++) {
		m->inodes[i].device = draw(3);
		m->inodes[i].inode = 1 + draw(400);
		m->inodes[i].answer = (enum guard_answer)draw(2);
		snprintf(m->inodes[i].owner, sizeof(m->inodes[i].owner), "p%d", (int)draw(90));
	}
	for (size_t i = 0; i < m->n_paths; i++) {
		snprintf(m->paths[i].path, sizeof(m->paths[i].path), "/usr/bin/%d", (int)draw(900));
		snprintf(m->paths[i].owner, sizeof(m->paths[i].owner), "p%d", (int)draw(90));
	}
	for (size_t i = 0; i < m->n_hashes; i++)
		m->hashes[i][draw(SHA256_BYTES)] = (uint8_t)draw(256);
	for (size_t i = 0; i < m->n_devices; i++)
		m->devices[i] = draw(100);
}

static int add_inode(struct guard_maker *maker, const struct model *m, size_t i)
{
	return guard_maker_add_inode(maker, m->inodes[i].device, m->inodes[i].inode,
		m->inodes[i].answer,
		m->inodes[i].answer == GUARD_DENY ? GUARD_R_BLOCKED : GUARD_R_NONE,
		m->inodes[i].owner);
}

/* backwards: the same input in another order. */
static int make(const struct model *m, bool backwards, uint64_t generation, struct buf *out)
{
	_cleanup_(guard_maker_freep) struct guard_maker *maker = NULL;
	struct guard_header settings = {.uid_min = 500, .answer_ms = 20, .mode = GUARD_ENFORCE};
	int r = guard_maker_new(&maker);

	settings.generation = generation;
	for (size_t i = 0; r == 0 && i < m->n_inodes; i++)
		r = add_inode(maker, m, backwards ? m->n_inodes - 1 - i : i);
	for (size_t i = 0; r == 0 && i < m->n_paths; i++) {
		size_t at = backwards ? m->n_paths - 1 - i : i;

		r = guard_maker_add_path(
			maker, m->paths[at].path, GUARD_R_NOT_ALLOWED, m->paths[at].owner);
	}
	for (size_t i = 0; r == 0 && i < m->n_hashes; i++)
		r = guard_maker_add_hash(maker, m->hashes[backwards ? m->n_hashes - 1 - i : i]);
	for (size_t i = 0; r == 0 && i < m->n_devices; i++)
		r = guard_maker_add_device(maker, m->devices[backwards ? m->n_devices - 1 - i : i]);
	return r < 0 ? r : guard_maker_finish(maker, &settings, out);
}

static void compare_inode(
	const struct model *m, const struct guard_table *table, uint64_t device, uint64_t inode)
{
	const struct guard_inode *entry = guard_table_inode(table, device, inode);
	bool is_there = false, is_allowed = false, is_owners = false;

	for (size_t i = 0; i < m->n_inodes; i++) {
		if (m->inodes[i].device != device || m->inodes[i].inode != inode)
			continue;
		is_there = true;
		is_allowed = is_allowed || m->inodes[i].answer == GUARD_ALLOW;
	}
	CHECK_INT(entry != NULL, is_there);
	if (!entry)
		return;
	CHECK_INT(entry->answer, is_allowed ? GUARD_ALLOW : GUARD_DENY);
	for (size_t i = 0; i < m->n_inodes; i++)
		is_owners = is_owners ||
			    (m->inodes[i].device == device && m->inodes[i].inode == inode &&
				    m->inodes[i].answer == entry->answer &&
				    strcmp(m->inodes[i].owner,
					    guard_table_owner(table, entry->owner)) == 0);
	CHECK(is_owners);
}

static void compare(const struct model *m, const struct guard_table *table)
{
	for (uint64_t device = 0; device < 4; device++)
		for (uint64_t inode = 0; inode < 404; inode++)
			compare_inode(m, table, device, inode);
	for (int n = 0; n < 1000; n++) {
		char path[24];
		bool is_there = false;

		snprintf(path, sizeof(path), "/usr/bin/%d", n);
		for (size_t i = 0; i < m->n_paths; i++)
			is_there = is_there || strcmp(m->paths[i].path, path) == 0;
		CHECK_INT(guard_table_path(table, guard_path_digest(path, strlen(path))) != NULL,
			is_there);
	}
	for (size_t i = 0; i < m->n_hashes; i++) {
		uint8_t other[SHA256_BYTES] = {9, 9, 9};

		other[31] = (uint8_t)i;
		CHECK(guard_table_has_hash(table, m->hashes[i]));
		CHECK(!guard_table_has_hash(table, other));
	}
	for (uint64_t device = 0; device < 110; device++) {
		bool is_there = false;

		for (size_t i = 0; i < m->n_devices; i++)
			is_there = is_there || m->devices[i] == device;
		CHECK_INT(guard_table_device_is_foreign(table, device), is_there);
	}
}

static void test_model(void)
{
	static struct model m;

	state = 7;
	for (int round = 0; round < 30; round++) {
		_cleanup_buf_ struct buf one = BUF_INIT, two = BUF_INIT;
		struct guard_table table;

		draw_model(&m);
		CHECK_INT(make(&m, false, 3, &one), 0);
		CHECK_INT(make(&m, true, 3, &two), 0);
		CHECK_INT(one.n_bytes, two.n_bytes);
		CHECK(memcmp(one.data, two.data, one.n_bytes) == 0);
		CHECK_INT(guard_table_take(one.data, one.n_bytes, &table), 0);
		CHECK_INT(table.header->mode, GUARD_ENFORCE);
		CHECK_INT(table.header->uid_min, 500);
		CHECK_INT(table.header->answer_ms, 20);
		CHECK_INT(table.header->generation, 3);
		compare(&m, &table);
	}
}

/* Every byte of a table, damaged in three ways: refused, or every question is still answered. */
static void test_damage(void)
{
	static struct model m;
	static _Alignas(8) uint8_t copy[1 << 17];
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	unsigned int n_header_taken = 0;
	struct guard_table table;

	state = 11;
	draw_model(&m);
	m.n_inodes = 40;
	m.n_paths = 20;
	CHECK_INT(make(&m, false, 1, &bytes), 0);
	CHECK(bytes.n_bytes < sizeof(copy));
	for (size_t i = 0; i < bytes.n_bytes; i++)
		for (int way = 0; way < 3; way++) {
			memcpy(copy, bytes.data, bytes.n_bytes);
			copy[i] ^= way == 0 ? 1 : way == 1 ? 0x80 : 0xff;
			if (guard_table_take(copy, bytes.n_bytes, &table) < 0)
				continue;
			n_header_taken += i < sizeof(struct guard_header);
			for (uint64_t inode = 0; inode < 404; inode++) {
				const struct guard_inode *entry =
					guard_table_inode(&table, inode % 3, inode);

				CHECK(!entry || strlen(guard_table_owner(&table, entry->owner)) <
							bytes.n_bytes);
			}
			for (uint64_t digest = 0; digest < 8; digest++)
				(void)guard_table_path(&table, digest << 61);
		}
	/* generation has no wrong value (8 bytes); others have a few right ones. */
	CHECK(n_header_taken >= 24 && n_header_taken < 24 + 3 * 12);
	for (size_t n = 0; n < bytes.n_bytes; n += 8)
		CHECK_INT(guard_table_take(bytes.data, n, &table), -EBADMSG);
	CHECK_INT(guard_table_take(copy + 1, bytes.n_bytes, &table), -EBADMSG);
}

static void test_empty(void)
{
	_cleanup_(guard_maker_freep) struct guard_maker *maker = NULL;
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	struct guard_table table;

	CHECK_INT(guard_maker_new(&maker), 0);
	CHECK_INT(guard_maker_finish(maker, &plain, &bytes), 0);
	CHECK_INT(guard_table_take(bytes.data, bytes.n_bytes, &table), 0);
	CHECK(!guard_table_inode(&table, 0, 0) && !guard_table_inode(&table, 1, 1));
	CHECK(!guard_table_path(&table, 0));
	CHECK_STR(guard_table_owner(&table, 0), "");
	CHECK_STR(guard_table_owner(&table, 4000000000U), "");
}

/* Tables that no maker makes, and that would never let a search end. */
static void test_full(void)
{
	_cleanup_free_ uint64_t *memory = calloc(1, 4096);
	struct guard_header *header = (void *)memory;
	struct guard_inode *slots;
	struct guard_table table;

	CHECK(memory);
	*header = (struct guard_header){
		.magic = GUARD_TABLE_MAGIC, .uid_min = 1000, .n_inode_slots = 4, .owners_bytes = 1};
	guard_table_lay_out(header);
	CHECK_INT(guard_table_take(memory, header->n_bytes, &table), 0);
	slots = (void *)((char *)memory + header->inodes_at);
	for (uint64_t i = 0; i < 3; i++) {
		uint32_t at = guard_table_slot(1, i + 1, 4);

		while (slots[at].inode)
			at = (at + 1) & 3;
		slots[at] = (struct guard_inode){.device = 1, .inode = i + 1};
		CHECK_INT(guard_table_take(memory, header->n_bytes, &table), i < 2 ? 0 : -EBADMSG);
	}
	header->n_inode_slots = 3;
	guard_table_lay_out(header);
	CHECK_INT(guard_table_take(memory, header->n_bytes, &table), -EBADMSG);
}

static void test_limits(void)
{
	_cleanup_(guard_maker_freep) struct guard_maker *maker = NULL;
	uint8_t hash[SHA256_BYTES] = {0};
	char text[4100];

	CHECK_INT(guard_maker_new(&maker), 0);
	CHECK_INT(guard_maker_add_inode(maker, 1, 0, GUARD_ALLOW, GUARD_R_NONE, ""), -EINVAL);
	CHECK_INT(guard_maker_add_inode(maker, 1, 1, GUARD_DENY, GUARD_R_NONE, ""), -EINVAL);
	CHECK_INT(guard_maker_add_inode(maker, 1, 1, GUARD_ALLOW, GUARD_R_BLOCKED, ""), -EINVAL);
	CHECK_INT(guard_maker_add_path(maker, "/x", GUARD_R_NONE, ""), -EINVAL);
	for (uint32_t i = 0; i < LIMIT_GUARD_HASHES; i++) {
		memcpy(hash, &i, sizeof(i));
		CHECK_INT(guard_maker_add_hash(maker, hash), 0);
		CHECK_INT(guard_maker_add_hash(maker, hash), 0);
	}
	hash[31] = 1;
	CHECK_INT(guard_maker_add_hash(maker, hash), -E2BIG);
	for (uint64_t i = 0; i < LIMIT_GUARD_DEVICES; i++)
		CHECK_INT(guard_maker_add_device(maker, i), 0);
	CHECK_INT(guard_maker_add_device(maker, 0), 0);
	CHECK_INT(guard_maker_add_device(maker, 1000), -E2BIG);
	for (uint64_t i = 0; i < LIMIT_GUARD_INODES; i++)
		CHECK_INT(
			guard_maker_add_inode(maker, 1, i + 1, GUARD_ALLOW, GUARD_R_NONE, "a"), 0);
	CHECK_INT(guard_maker_add_inode(maker, 2, 1, GUARD_ALLOW, GUARD_R_NONE, "a"), -E2BIG);
	for (int i = 0; i < LIMIT_GUARD_PATHS; i++) {
		snprintf(text, sizeof(text), "/%d", i);
		CHECK_INT(guard_maker_add_path(maker, text, GUARD_R_BLOCKED, "a"), 0);
	}
	CHECK_INT(guard_maker_add_path(maker, "/", GUARD_R_BLOCKED, "a"), -E2BIG);
}

static void test_largest(void)
{
	_cleanup_(guard_maker_freep) struct guard_maker *maker = NULL;
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	struct guard_table table;
	char owner[4096], number[16];
	int r = 0, n = 0;

	CHECK_INT(guard_maker_new(&maker), 0);
	memset(owner, 'o', sizeof(owner));
	owner[sizeof(owner) - 1] = 0;
	for (uint64_t i = 0; i < LIMIT_GUARD_INODES; i++)
		CHECK_INT(guard_maker_add_inode(maker, 1, i + 1, GUARD_ALLOW, GUARD_R_NONE, ""), 0);
	for (; r == 0; n++) {
		snprintf(number, sizeof(number), "%07d", n);
		memcpy(owner, number, 7);
		r = guard_maker_add_path(maker, owner, GUARD_R_BLOCKED, owner);
	}
	CHECK_INT(r, -E2BIG);
	CHECK_INT(n, LIMIT_GUARD_OWNERS_BYTES / 4096);
	CHECK_INT(guard_maker_finish(maker, &plain, &bytes), 0);
	CHECK(bytes.n_bytes < GUARD_TABLE_BYTES_MAX);
	CHECK_INT(guard_table_take(bytes.data, bytes.n_bytes, &table), 0);
	CHECK(guard_table_inode(&table, 1, LIMIT_GUARD_INODES));
}

static void test_names(void)
{
	for (int i = 0; i < GUARD_REASON_MAX; i++)
		CHECK(guard_reason_name((enum guard_reason)i) != NULL);
	CHECK(!guard_reason_name(GUARD_REASON_MAX));
}

static const struct check_test tests[] = {
	{"model", test_model},
	{"damage", test_damage},
	{"empty", test_empty},
	{"full", test_full},
	{"limits", test_limits},
	{"largest", test_largest},
	{"names", test_names},
};
CHECK_MAIN(tests)
