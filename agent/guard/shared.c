/* SPDX-License-Identifier: Apache-2.0 */
/* shared.c - a ring of refusals between two processes; see shared.h. Pure; keeper and verdict. */
#include "agent/guard/shared.h"

#include <string.h>

#include "agent/guard/table.h"
#include "agent/util/codec.h"

bool guard_ring_put(struct guard_shared *shared, const struct guard_denial *denial)
{
	uint32_t n = atomic_load_explicit(&shared->n_written, memory_order_relaxed);

	if (n - atomic_load_explicit(&shared->n_read, memory_order_acquire) >= GUARD_RING_SIZE) {
		atomic_fetch_add_explicit(&shared->n_lost, 1, memory_order_relaxed);
		return false;
	}
	shared->ring[n % GUARD_RING_SIZE] = *denial;
	atomic_store_explicit(&shared->n_written, n + 1, memory_order_release);
	return true;
}

/* Length of the valid sequence at text, of at most n bytes; 0: there is none. */
static size_t sequence(const char *text, size_t n)
{
	for (size_t length = 1; length <= 4 && length <= n; length++)
		if (text_is_valid(text, length))
			return length;
	return 0;
}

void guard_text_clean(char *text, size_t size_bytes)
{
	size_t n;

	text[size_bytes - 1] = 0;
	n = strlen(text);
	for (size_t i = 0; i < n;) {
		size_t length = sequence(text + i, n - i);

		if (length == 0)
			text[i++] = '?';
		else
			i += length;
	}
}

bool guard_ring_take(struct guard_shared *shared, struct guard_denial *ret_denial)
{
	uint32_t written = atomic_load_explicit(&shared->n_written, memory_order_acquire);
	uint32_t n = atomic_load_explicit(&shared->n_read, memory_order_relaxed);
	struct guard_denial denial;

	/* More than fits was written by nobody who is well. */
	if (written - n > GUARD_RING_SIZE)
		n = written - GUARD_RING_SIZE;
	if (written == n) {
		atomic_store_explicit(&shared->n_read, n, memory_order_release);
		return false;
	}
	denial = shared->ring[n % GUARD_RING_SIZE];
	atomic_store_explicit(&shared->n_read, n + 1, memory_order_release);
	guard_text_clean(denial.owner, sizeof(denial.owner));
	guard_text_clean(denial.path, sizeof(denial.path));
	if (denial.reason >= GUARD_REASON_MAX)
		denial.reason = GUARD_R_UNDECIDED;
	denial.audit = denial.audit != 0;
	*ret_denial = denial;
	return true;
}

void guard_foreign_put(struct guard_shared *shared, const uint64_t *devices, uint32_t n_devices)
{
	uint32_t other = (atomic_load(&shared->foreign_turn) + 1) % 2;

	if (n_devices > LIMIT_GUARD_DEVICES)
		n_devices = LIMIT_GUARD_DEVICES;
	for (uint32_t i = 0; i < n_devices; i++)
		atomic_store_explicit(
			&shared->foreign[other].devices[i], devices[i], memory_order_relaxed);
	atomic_store_explicit(&shared->foreign[other].n, n_devices, memory_order_relaxed);
	atomic_store(&shared->foreign_turn, other);
}

bool guard_foreign_has(struct guard_shared *shared, uint64_t device)
{
	uint32_t turn = atomic_load(&shared->foreign_turn) % 2;
	uint32_t n = atomic_load_explicit(&shared->foreign[turn].n, memory_order_relaxed);

	for (uint32_t i = 0; i < n && i < LIMIT_GUARD_DEVICES; i++)
		if (atomic_load_explicit(&shared->foreign[turn].devices[i], memory_order_relaxed) ==
			device)
			return true;
	return false;
}
