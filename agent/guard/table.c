/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.c - looking up in the guard's table, and what both sides compute alike; see table.h. Pure:
 * no allocation, no system call. The guard and, for its own tables, the enforcer.
 */
#include "agent/guard/table.h"

#include <errno.h>
#include <string.h>

#include "agent/util/mem.h"

#define KNOWN_FLAGS (GUARD_F_ALLOW_MODE | GUARD_F_NO_USER_PROGRAMS | GUARD_F_FAIL_CLOSED)

const char *guard_reason_name(enum guard_reason reason)
{
	static const char *const names[GUARD_REASON_MAX] = {
		[GUARD_R_NONE] = "none",
		[GUARD_R_BLOCKED] = "blocked",
		[GUARD_R_NOT_ALLOWED] = "not_allowed",
		[GUARD_R_USER_PROGRAM] = "user_program",
		[GUARD_R_FOREIGN] = "foreign_file_system",
		[GUARD_R_UNDECIDED] = "undecided",
	};

	return reason < GUARD_REASON_MAX ? names[reason] : NULL;
}

/* FNV-1a with a last stir. Who finds two paths alike has one more program that does not run. */
uint64_t guard_path_digest(const char *path, size_t n_bytes)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n_bytes; i++)
		h = (h ^ (unsigned char)path[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ (h >> 32);
}

uint32_t guard_version(void)
{
	return (uint32_t)guard_path_digest(MDM_VERSION, strlen(MDM_VERSION)) | 1U;
}

uint32_t guard_table_slot(uint64_t device, uint64_t inode, uint32_t n_slots)
{
	uint64_t h = inode + device * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(h ^ (h >> 31)) & (n_slots - 1);
}

static uint32_t lay_out_part(uint32_t *end, uint32_t n, uint32_t item_bytes)
{
	uint32_t at = *end;

	*end = (at + n * item_bytes + 7U) & ~7U;
	return at;
}

void guard_table_lay_out(struct guard_header *header)
{
	uint32_t end = (sizeof(*header) + 7U) & ~7U;

	header->inodes_at = lay_out_part(&end, header->n_inode_slots, sizeof(struct guard_inode));
	header->paths_at = lay_out_part(&end, header->n_paths, sizeof(struct guard_path));
	header->hashes_at = lay_out_part(&end, header->n_hashes, SHA256_BYTES);
	header->devices_at = lay_out_part(&end, header->n_devices, sizeof(struct guard_device));
	header->owners_at = lay_out_part(&end, header->owners_bytes, 1);
	header->n_bytes = end;
}

static const struct guard_inode *inodes(const struct guard_table *table)
{
	return (const void *)(table->at + table->header->inodes_at);
}

static const struct guard_path *paths(const struct guard_table *table)
{
	return (const void *)(table->at + table->header->paths_at);
}

static const struct guard_device *devices(const struct guard_table *table)
{
	return (const void *)(table->at + table->header->devices_at);
}

static bool header_is_sound(const struct guard_header *header, size_t n_bytes)
{
	struct guard_header expected = *header;

	/* Numbers within their limits add up without overflow. */
	if (header->magic != GUARD_TABLE_MAGIC || header->mode >= GUARD_MODE_MAX ||
		header->flags & ~KNOWN_FLAGS || header->uid_min == 0 ||
		header->answer_ms > LIMIT_GUARD_ANSWER_MS ||
		header->n_inode_slots > 4U * LIMIT_GUARD_INODES ||
		header->n_inode_slots & (header->n_inode_slots - 1) ||
		header->n_paths > LIMIT_GUARD_PATHS || header->n_hashes > LIMIT_GUARD_HASHES ||
		header->n_devices > LIMIT_GUARD_DEVICES || header->owners_bytes == 0 ||
		header->owners_bytes > LIMIT_GUARD_OWNERS_BYTES)
		return false;
	guard_table_lay_out(&expected);
	return memcmp(&expected, header, sizeof(expected)) == 0 && header->n_bytes == n_bytes;
}

static bool answer_is_sound(const struct guard_inode *entry, uint32_t owners_bytes)
{
	return entry->answer < GUARD_ANSWER_MAX && entry->reason < GUARD_REASON_MAX &&
	       (entry->answer == GUARD_DENY) == (entry->reason != GUARD_R_NONE) &&
	       entry->owner < owners_bytes;
}

/* At most half full, so that each search ends; and each is found where it is looked for. */
static bool inodes_are_sound(const struct guard_table *table)
{
	const struct guard_inode *entry = inodes(table);
	uint32_t n_used = 0;

	for (uint32_t i = 0; i < table->header->n_inode_slots; i++)
		n_used += entry[i].inode != 0;
	if (n_used > table->header->n_inode_slots / 2)
		return false;
	for (uint32_t i = 0; i < table->header->n_inode_slots; i++) {
		static const struct guard_inode empty;

		if (entry[i].inode == 0) {
			if (memcmp(&entry[i], &empty, sizeof(empty)) != 0)
				return false;
			continue;
		}
		if (!answer_is_sound(&entry[i], table->header->owners_bytes) ||
			guard_table_inode(table, entry[i].device, entry[i].inode) != &entry[i])
			return false;
	}
	return true;
}

static bool lists_are_sound(const struct guard_table *table)
{
	const struct guard_header *header = table->header;
	const struct guard_path *path = paths(table);
	const struct guard_device *device = devices(table);
	const uint8_t *hash = table->at + header->hashes_at;
	const char *owners = (const char *)table->at + header->owners_at;

	for (uint32_t i = 0; i < header->n_paths; i++)
		if (path[i].owner >= header->owners_bytes || path[i].reserved != 0 ||
			path[i].reason == GUARD_R_NONE || path[i].reason >= GUARD_REASON_MAX ||
			(i > 0 && path[i].digest <= path[i - 1].digest))
			return false;
	for (uint32_t i = 1; i < header->n_hashes; i++)
		if (memcmp(hash + i * SHA256_BYTES, hash + (i - 1) * SHA256_BYTES, SHA256_BYTES) <=
			0)
			return false;
	for (uint32_t i = 1; i < header->n_devices; i++)
		if (device[i].device <= device[i - 1].device)
			return false;
	return owners[0] == 0 && owners[header->owners_bytes - 1] == 0;
}

int guard_table_take(const void *at, size_t n_bytes, struct guard_table *ret_table)
{
	struct guard_table table = {.at = at, .n_bytes = n_bytes, .header = at};

	if (n_bytes < sizeof(struct guard_header) || n_bytes > GUARD_TABLE_BYTES_MAX ||
		(uintptr_t)at % 8 != 0 || !header_is_sound(table.header, n_bytes) ||
		!inodes_are_sound(&table) || !lists_are_sound(&table))
		return -EBADMSG;
	*ret_table = table;
	return 0;
}

const struct guard_inode *guard_table_inode(
	const struct guard_table *table, uint64_t device, uint64_t inode)
{
	uint32_t n = table->header->n_inode_slots;
	const struct guard_inode *entry = inodes(table);

	if (n == 0 || inode == 0)
		return NULL;
	for (uint32_t i = guard_table_slot(device, inode, n); entry[i].inode; i = (i + 1) & (n - 1))
		if (entry[i].inode == inode && entry[i].device == device)
			return &entry[i];
	return NULL;
}

const struct guard_path *guard_table_path(const struct guard_table *table, uint64_t digest)
{
	const struct guard_path *path = paths(table);
	uint32_t from = 0, to = table->header->n_paths;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (path[middle].digest == digest)
			return &path[middle];
		if (path[middle].digest < digest)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

bool guard_table_has_hash(const struct guard_table *table, const uint8_t digest[SHA256_BYTES])
{
	const uint8_t *hash = table->at + table->header->hashes_at;
	uint32_t from = 0, to = table->header->n_hashes;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		int order = memcmp(hash + (size_t)middle * SHA256_BYTES, digest, SHA256_BYTES);

		if (order == 0)
			return true;
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return false;
}

bool guard_table_device_is_foreign(const struct guard_table *table, uint64_t device)
{
	const struct guard_device *entry = devices(table);

	for (uint32_t i = 0; i < table->header->n_devices; i++)
		if (entry[i].device == device)
			return true;
	return false;
}

const char *guard_table_owner(const struct guard_table *table, uint32_t at)
{
	return (const char *)table->at + table->header->owners_at +
	       (at < table->header->owners_bytes ? at : 0);
}
