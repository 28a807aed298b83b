/* SPDX-License-Identifier: Apache-2.0 */
/* test_decide.c - may it be executed: each rule as one row of a table, then all of them together.
 */
#include "agent/guard/decide.h"

#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

#define SYSTEM 0100755U
#define STRICT GUARD_F_ALLOW_MODE
#define USERS GUARD_F_NO_USER_PROGRAMS

DEFINE_CLEANUP(struct guard_maker *, guard_maker_free)

static const uint8_t good_hash[SHA256_BYTES] = {1, 2, 3};

static const struct guard_born refused_born = {1, 13, 500}, allowed_born = {1, 14, 500};

/* Inodes 10 and 13 are refused, 11 and 14 allowed, the later of each only if made at 500;
 * /usr/bin/bad is refused by its path; device 9 is foreign. */
static int make(uint32_t flags, bool with_paths, bool with_hashes, struct buf *bytes,
	struct guard_table *ret_table)
{
	_cleanup_(guard_maker_freep) struct guard_maker *maker = NULL;
	struct guard_header settings = {.flags = flags, .uid_min = 1000, .generation = 5};

	if (guard_maker_new(&maker) < 0 ||
		guard_maker_add_inode(maker, 1, 10, GUARD_DENY, GUARD_R_BLOCKED, "bad") < 0 ||
		guard_maker_add_inode(maker, 1, 11, GUARD_ALLOW, GUARD_R_NONE, "good") < 0 ||
		guard_maker_add_inode(maker, 9, 11, GUARD_ALLOW, GUARD_R_NONE, "good") < 0 ||
		guard_maker_add_born(maker, &refused_born, GUARD_DENY, GUARD_R_BLOCKED, "bad") <
			0 ||
		guard_maker_add_born(maker, &allowed_born, GUARD_ALLOW, GUARD_R_NONE, "") < 0 ||
		guard_maker_add_device(maker, 9) < 0)
		return -1;
	if (with_paths &&
		guard_maker_add_path(maker, "/usr/bin/bad", GUARD_R_NOT_ALLOWED, "bad") < 0)
		return -1;
	if (with_hashes && guard_maker_add_hash(maker, good_hash) < 0)
		return -1;
	return guard_maker_finish(maker, &settings, bytes) < 0 ||
			       guard_table_take(bytes->data, bytes->n_bytes, ret_table) < 0
		       ? -1
		       : 0;
}

static const struct {
	const char *what;
	uint32_t flags;
	bool paths, hashes;
	struct guard_file file;
	enum guard_step step;
	enum guard_reason reason;
	const char *owner;
} rows[] = {
#define ROOTS .device = 1, .mode = SYSTEM, .size_bytes = 9
	{"a refused inode", 0, 1, 0, {ROOTS, .inode = 10}, GUARD_STEP_DENY, GUARD_R_BLOCKED, "bad"},
	{"a refused number, and its file", 0, 1, 0, {ROOTS, .inode = 13, .born_ns = 500},
		GUARD_STEP_DENY, GUARD_R_BLOCKED, "bad"},
	{"a refused number, nobody knows which file", 0, 1, 0, {ROOTS, .inode = 13},
		GUARD_STEP_DENY, GUARD_R_BLOCKED, "bad"},
	{"a refused number that another file has now", 0, 0, 0,
		{ROOTS, .inode = 13, .born_ns = 501}, GUARD_STEP_REMEMBER},
	{"an allowed number, and its file", 0, 1, 0, {ROOTS, .inode = 14, .born_ns = 500},
		GUARD_STEP_REMEMBER},
	{"an allowed number that another file has now", 0, 1, 0,
		{ROOTS, .inode = 14, .born_ns = 499}, GUARD_STEP_ASK_PATH},
	{"an allowed inode needs no path", STRICT, 1, 0, {ROOTS, .inode = 11}, GUARD_STEP_REMEMBER},
	{"unknown, no paths are refused", STRICT, 0, 0, {ROOTS, .inode = 12}, GUARD_STEP_REMEMBER},
	{"unknown, paths are", 0, 1, 0, {ROOTS, .inode = 12}, GUARD_STEP_ASK_PATH},
	{"with another path", 0, 1, 0, {ROOTS, .inode = 12, .has_path = 1, .path_digest = 1},
		GUARD_STEP_REMEMBER},
	{"of the system's own account", STRICT, 0, 0, {ROOTS, .inode = 12, .uid = 999},
		GUARD_STEP_REMEMBER},
	{"writable for a group of the system", STRICT, 0, 0,
		{.device = 1, .inode = 12, .mode = 0100775, .gid = 50}, GUARD_STEP_ALLOW},
	{"writable for root's group", STRICT, 0, 0, {.device = 1, .inode = 12, .mode = 0100775},
		GUARD_STEP_REMEMBER},
	/* What people can write. */
	{"a user's", STRICT, 1, 0, {ROOTS, .inode = 12, .uid = 1000}, GUARD_STEP_DENY,
		GUARD_R_USER_PROGRAM, ""},
	{"a user's, mode deny", USERS, 0, 0, {ROOTS, .inode = 12, .uid = 1000}, GUARD_STEP_DENY,
		GUARD_R_USER_PROGRAM, ""},
	{"a user's, nobody minds", 0, 1, 1, {ROOTS, .inode = 12, .uid = 1000}, GUARD_STEP_ALLOW},
	{"nobody's", STRICT, 0, 0, {ROOTS, .inode = 12, .uid = 65534}, GUARD_STEP_DENY,
		GUARD_R_USER_PROGRAM, ""},
	{"no uid at all", STRICT, 0, 0, {ROOTS, .inode = 12, .uid = UINT32_MAX}, GUARD_STEP_DENY,
		GUARD_R_USER_PROGRAM, ""},
	{"root's, for everybody to write", STRICT, 0, 0,
		{.device = 1, .inode = 12, .mode = 0100757}, GUARD_STEP_DENY, GUARD_R_USER_PROGRAM,
		""},
	{"root's, for a group of people", STRICT, 0, 0,
		{.device = 1, .inode = 12, .mode = 0100775, .gid = 1000}, GUARD_STEP_DENY,
		GUARD_R_USER_PROGRAM, ""},
	{"of a group of people that may not write", STRICT, 0, 0, {ROOTS, .inode = 12, .gid = 1000},
		GUARD_STEP_REMEMBER},
	{"an allowed number that a user's file has now", STRICT, 0, 0,
		{ROOTS, .inode = 11, .uid = 1000}, GUARD_STEP_DENY, GUARD_R_USER_PROGRAM, ""},
	{"a refused number that a user's file has now", 0, 0, 0, {ROOTS, .inode = 10, .uid = 1000},
		GUARD_STEP_ALLOW},
	/* Hashes. */
	{"its content may speak for it", STRICT, 0, 1, {ROOTS, .inode = 12, .uid = 1000},
		GUARD_STEP_ASK_CONTENT},
	{"and does", STRICT, 0, 1,
		{ROOTS, .inode = 12, .uid = 1000, .content = GUARD_CONTENT_KNOWN,
			.digest = {1, 2, 3}},
		GUARD_STEP_ALLOW},
	{"and does not", STRICT, 0, 1,
		{ROOTS, .inode = 12, .uid = 1000, .content = GUARD_CONTENT_KNOWN,
			.digest = {1, 2, 4}},
		GUARD_STEP_DENY, GUARD_R_USER_PROGRAM, ""},
	{"and cannot", STRICT, 0, 1,
		{ROOTS, .inode = 12, .uid = 1000, .content = GUARD_CONTENT_UNDECIDED},
		GUARD_STEP_DENY, GUARD_R_UNDECIDED, ""},
	{"as large as may be", STRICT, 0, 1,
		{.device = 1,
			.inode = 12,
			.uid = 1000,
			.mode = SYSTEM,
			.size_bytes = LIMIT_GUARD_HASH_BYTES},
		GUARD_STEP_ASK_CONTENT},
	{"one byte more", STRICT, 0, 1,
		{.device = 1,
			.inode = 12,
			.uid = 1000,
			.mode = SYSTEM,
			.size_bytes = LIMIT_GUARD_HASH_BYTES + 1},
		GUARD_STEP_DENY, GUARD_R_USER_PROGRAM, ""},
	/* Foreign file systems. */
	{"of a stick", STRICT, 1, 1, {.device = 9, .inode = 12, .mode = SYSTEM}, GUARD_STEP_DENY,
		GUARD_R_FOREIGN, ""},
	{"of a stick, whatever its number says", USERS, 0, 0,
		{.device = 9, .inode = 11, .mode = SYSTEM}, GUARD_STEP_DENY, GUARD_R_FOREIGN, ""},
	{"of a stick that the table does not know yet", STRICT, 0, 0,
		{ROOTS, .inode = 12, .is_foreign = true}, GUARD_STEP_DENY, GUARD_R_FOREIGN, ""},
	{"of such a stick, nobody minds", 0, 0, 0, {ROOTS, .inode = 12, .is_foreign = true},
		GUARD_STEP_REMEMBER},
	{"of a stick, nobody minds", 0, 0, 0, {.device = 9, .inode = 12, .mode = SYSTEM},
		GUARD_STEP_REMEMBER},
};

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_buf_ struct buf bytes = BUF_INIT;
		struct guard_decision decision;
		struct guard_table table;

		CHECK_INT(make(rows[i].flags, rows[i].paths, rows[i].hashes, &bytes, &table), 0);
		guard_decide(&table, &rows[i].file, &decision);
		if (decision.step != rows[i].step || decision.reason != rows[i].reason ||
			strcmp(guard_table_owner(&table, decision.owner),
				rows[i].owner ? rows[i].owner : "") != 0)
			check_fail(__FILE__, __LINE__, "%s: step %d, reason %d", rows[i].what,
				decision.step, decision.reason);
	}
}

static void test_path(void)
{
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	struct guard_file file = {.device = 1, .inode = 77, .mode = SYSTEM, .has_path = true};
	struct guard_decision decision;
	struct guard_table table;

	CHECK_INT(make(STRICT, true, false, &bytes, &table), 0);
	file.path_digest = guard_path_digest("/usr/bin/bad", 12);
	guard_decide(&table, &file, &decision);
	CHECK_INT(decision.step, GUARD_STEP_DENY);
	CHECK_INT(decision.reason, GUARD_R_NOT_ALLOWED);
	CHECK_STR(guard_table_owner(&table, decision.owner), "bad");
	file.path_digest = guard_path_digest("/usr/bin/bad (deleted)", 22);
	guard_decide(&table, &file, &decision);
	CHECK_INT(decision.step, GUARD_STEP_REMEMBER);
}

/* Over all owners and modes: no answer is remembered for what people can write, and with both
 * answers given nothing is asked again. */
static void test_properties(void)
{
	static const uint32_t ids[] = {0, 1, 50, 999, 1000, 1001, 65534, UINT32_MAX};

	for (uint32_t flags = 0; flags < 4; flags++) {
		_cleanup_buf_ struct buf bytes = BUF_INIT;
		struct guard_table table;

		CHECK_INT(make(flags, true, true, &bytes, &table), 0);
		for (uint32_t i = 0; i < 512 * 64 * 8; i++) {
			struct guard_file file = {.device = i % 2 ? 1 : 9,
				.inode = 10 + i / 2 % 4,
				.uid = ids[i >> 3 & 7],
				.gid = ids[i >> 6 & 7],
				.mode = 0100000 | (i >> 9 & 0777),
				.has_path = true,
				.content = GUARD_CONTENT_KNOWN};
			struct guard_decision d;

			guard_decide(&table, &file, &d);
			CHECK(d.step == GUARD_STEP_ALLOW || d.step == GUARD_STEP_REMEMBER ||
				d.step == GUARD_STEP_DENY);
			CHECK(d.step != GUARD_STEP_REMEMBER ||
				!guard_people_can_write(&table, &file));
			CHECK(!flags || !guard_people_can_write(&table, &file) ||
				d.step == GUARD_STEP_DENY);
		}
	}
}

static const struct check_test tests[] = {
	{"rows", test_rows},
	{"path", test_path},
	{"properties", test_properties},
};
CHECK_MAIN(tests)
