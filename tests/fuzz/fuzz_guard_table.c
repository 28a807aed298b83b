/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: guard */
/*
 * fuzz_guard_table.c - arbitrary bytes as the guard's table: what is taken answers every question
 * without leaving its bytes, and the same way twice.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/decide.h"
#include "agent/guard/table.h"
#include "agent/util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct guard_table *table, uint64_t device, uint64_t inode, uint32_t uid)
{
	struct guard_file file = {.device = device,
		.inode = inode,
		.uid = uid,
		.gid = uid,
		.mode = 0100755,
		.size_bytes = 1};
	struct guard_decision one, two;

	guard_decide(table, &file, &one);
	guard_decide(table, &file, &two);
	if (one.step != two.step || one.reason != two.reason || one.owner != two.owner ||
		one.step >= GUARD_STEP_MAX || one.reason >= GUARD_REASON_MAX ||
		(one.step == GUARD_STEP_DENY) != (one.reason != GUARD_R_NONE) ||
		strlen(guard_table_owner(table, one.owner)) > table->n_bytes)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as large, so that a sanitizer sees one byte more. */
	_cleanup_free_ uint8_t *bytes = malloc(size ? size : 1);
	struct guard_table table;
	uint8_t digest[SHA256_BYTES] = {0};

	if (!bytes)
		return 0;
	if (size)
		memcpy(bytes, data, size);
	if (guard_table_take(bytes, size, &table) < 0)
		return 0;
	for (uint64_t i = 0; i < 64; i++)
		ask(&table, i % 4, i, i % 2 ? 1000 : 0);
	for (size_t i = 0; i + 16 <= size && i < 4096; i += 8) {
		uint64_t number[2];

		memcpy(number, bytes + i, sizeof(number));
		ask(&table, number[0], number[1], (uint32_t)number[0]);
		(void)guard_table_path(&table, number[0]);
		memcpy(digest, number, sizeof(number));
		(void)guard_table_has_hash(&table, digest);
		(void)guard_table_device_is_foreign(&table, number[0]);
		(void)guard_table_owner(&table, (uint32_t)number[1]);
	}
	return 0;
}
