/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_make.c - makes the guard's table; see table.h. Pure. The enforcer; the guard never. Entries
 * are kept as they come and sorted at the end, so that their order leaves no trace.
 */
#include "agent/guard/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/mem.h"

#define OWNER_SLOTS_FIRST 64U

/* owner is an index into maker->owners while the table is being made. */
struct guard_maker {
	struct guard_inode *inodes;
	struct guard_path *paths;
	size_t n_inodes, max_inodes, n_paths, max_paths;
	uint8_t hashes[LIMIT_GUARD_HASHES][SHA256_BYTES];
	struct guard_device devices[LIMIT_GUARD_DEVICES];
	size_t n_hashes, n_devices;
	char **owners;	       /* [0]: "" */
	uint32_t *owner_slots; /* index + 1, by digest */
	size_t n_owners, max_owners, n_owner_slots, owners_bytes;
};

static int grow(void **array, size_t *max, size_t n, size_t item_bytes)
{
	size_t wanted = *max ? 2 * *max : 64;
	void *larger;

	if (n < *max)
		return 0;
	larger = reallocarray(*array, wanted, item_bytes);
	if (!larger)
		return -ENOMEM;
	*array = larger;
	*max = wanted;
	return 0;
}

static void slot_owner(struct guard_maker *maker, uint32_t index)
{
	const char *text = maker->owners[index];
	size_t at = guard_path_digest(text, strlen(text)) & (maker->n_owner_slots - 1);

	while (maker->owner_slots[at])
		at = (at + 1) & (maker->n_owner_slots - 1);
	maker->owner_slots[at] = index + 1;
}

static int widen_owner_slots(struct guard_maker *maker)
{
	size_t wanted = maker->n_owner_slots ? 2 * maker->n_owner_slots : OWNER_SLOTS_FIRST;
	uint32_t *slots;

	if (2 * (maker->n_owners + 1) <= maker->n_owner_slots)
		return 0;
	slots = calloc(wanted, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(maker->owner_slots);
	maker->owner_slots = slots;
	maker->n_owner_slots = wanted;
	for (size_t i = 0; i < maker->n_owners; i++)
		slot_owner(maker, (uint32_t)i);
	return 0;
}

static int find_owner(struct guard_maker *maker, const char *text, uint32_t *ret_index)
{
	size_t n = strlen(text), at;

	if (maker->n_owner_slots) {
		at = guard_path_digest(text, n) & (maker->n_owner_slots - 1);
		for (; maker->owner_slots[at]; at = (at + 1) & (maker->n_owner_slots - 1)) {
			uint32_t index = maker->owner_slots[at] - 1;

			if (strcmp(maker->owners[index], text) == 0) {
				*ret_index = index;
				return 0;
			}
		}
	}
	if (maker->owners_bytes + n + 1 > LIMIT_GUARD_OWNERS_BYTES)
		return -E2BIG;
	if (widen_owner_slots(maker) < 0 || grow((void **)&maker->owners, &maker->max_owners,
						    maker->n_owners, sizeof(*maker->owners)) < 0)
		return -ENOMEM;
	maker->owners[maker->n_owners] = strdup(text);
	if (!maker->owners[maker->n_owners])
		return -ENOMEM;
	slot_owner(maker, (uint32_t)maker->n_owners);
	maker->owners_bytes += n + 1;
	*ret_index = (uint32_t)maker->n_owners++;
	return 0;
}

int guard_maker_new(struct guard_maker **ret_maker)
{
	struct guard_maker *maker = calloc(1, sizeof(*maker));
	uint32_t none;

	if (!maker)
		return -ENOMEM;
	if (find_owner(maker, "", &none) < 0) {
		guard_maker_free(maker);
		return -ENOMEM;
	}
	*ret_maker = maker;
	return 0;
}

void guard_maker_free(struct guard_maker *maker)
{
	if (!maker)
		return;
	for (size_t i = 0; i < maker->n_owners; i++)
		free(maker->owners[i]);
	free(maker->owners);
	free(maker->owner_slots);
	free(maker->inodes);
	free(maker->paths);
	free(maker);
}

int guard_maker_add_inode(struct guard_maker *maker, uint64_t device, uint64_t inode,
	enum guard_answer answer, enum guard_reason reason, const char *owner)
{
	const struct guard_born file = {.device = device, .inode = inode};

	return guard_maker_add_born(maker, &file, answer, reason, owner);
}

int guard_maker_add_born(struct guard_maker *maker, const struct guard_born *file,
	enum guard_answer answer, enum guard_reason reason, const char *owner)
{
	uint32_t index;
	int r;

	if (file->inode == 0 || answer >= GUARD_ANSWER_MAX || reason >= GUARD_REASON_MAX ||
		(answer == GUARD_DENY) != (reason != GUARD_R_NONE))
		return -EINVAL;
	if (maker->n_inodes >= LIMIT_GUARD_INODES)
		return -E2BIG;
	r = find_owner(maker, owner ? owner : "", &index);
	if (r < 0)
		return r;
	if (grow((void **)&maker->inodes, &maker->max_inodes, maker->n_inodes,
		    sizeof(*maker->inodes)) < 0)
		return -ENOMEM;
	maker->inodes[maker->n_inodes++] = (struct guard_inode){
		.device = file->device,
		.inode = file->inode,
		.born_ns = file->born_ns,
		.owner = index,
		.answer = (uint16_t)answer,
		.reason = (uint16_t)reason,
	};
	return 0;
}

int guard_maker_add_path(
	struct guard_maker *maker, const char *path, enum guard_reason reason, const char *owner)
{
	uint32_t index;
	int r;

	if (reason == GUARD_R_NONE || reason >= GUARD_REASON_MAX)
		return -EINVAL;
	if (maker->n_paths >= LIMIT_GUARD_PATHS)
		return -E2BIG;
	r = find_owner(maker, owner ? owner : "", &index);
	if (r < 0)
		return r;
	if (grow((void **)&maker->paths, &maker->max_paths, maker->n_paths, sizeof(*maker->paths)) <
		0)
		return -ENOMEM;
	maker->paths[maker->n_paths++] = (struct guard_path){
		.digest = guard_path_digest(path, strlen(path)),
		.owner = index,
		.reason = (uint16_t)reason,
	};
	return 0;
}

int guard_maker_add_hash(struct guard_maker *maker, const uint8_t digest[SHA256_BYTES])
{
	for (size_t i = 0; i < maker->n_hashes; i++)
		if (memcmp(maker->hashes[i], digest, SHA256_BYTES) == 0)
			return 0;
	if (maker->n_hashes >= LIMIT_GUARD_HASHES)
		return -E2BIG;
	memcpy(maker->hashes[maker->n_hashes++], digest, SHA256_BYTES);
	return 0;
}

int guard_maker_add_device(struct guard_maker *maker, uint64_t device)
{
	for (size_t i = 0; i < maker->n_devices; i++)
		if (maker->devices[i].device == device)
			return 0;
	if (maker->n_devices >= LIMIT_GUARD_DEVICES)
		return -E2BIG;
	maker->devices[maker->n_devices++].device = device;
	return 0;
}

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

/* Of what is said twice the kindest comes first, and that one is kept. */
static int compare_inodes(const void *a, const void *b)
{
	const struct guard_inode *x = a, *y = b;
	int order = ORDER(x->device, y->device);

	if (!order)
		order = ORDER(x->inode, y->inode);
	if (!order)
		order = ORDER(x->answer, y->answer);
	if (!order)
		order = ORDER(x->reason, y->reason);
	return order ? order : ORDER(x->owner, y->owner);
}

static int compare_paths(const void *a, const void *b)
{
	const struct guard_path *x = a, *y = b;
	int order = ORDER(x->digest, y->digest);

	if (!order)
		order = ORDER(x->reason, y->reason);
	return order ? order : ORDER(x->owner, y->owner);
}

static int compare_hashes(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_BYTES);
}

static int compare_devices(const void *a, const void *b)
{
	const struct guard_device *x = a, *y = b;

	return ORDER(x->device, y->device);
}

struct named {
	const char *text;
	uint32_t index;
};

static int compare_named(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return strcmp(x->text, y->text);
}

/* Owners in the order of their texts: ret_at[index] is the offset; "" comes first. */
static int place_owners(const struct guard_maker *maker, uint32_t *ret_at, char *ret_texts)
{
	_cleanup_free_ struct named *named = calloc(maker->n_owners, sizeof(*named));
	size_t end = 0;

	if (!named)
		return -ENOMEM;
	for (size_t i = 0; i < maker->n_owners; i++)
		named[i] = (struct named){maker->owners[i], (uint32_t)i};
	qsort(named, maker->n_owners, sizeof(*named), compare_named);
	for (size_t i = 0; i < maker->n_owners; i++) {
		size_t n = strlen(named[i].text) + 1;

		ret_at[named[i].index] = (uint32_t)end;
		memcpy(ret_texts + end, named[i].text, n);
		end += n;
	}
	return 0;
}

/* Sorts what was collected and takes out what is there twice; owners are offsets from here on. */
static void settle(struct guard_maker *maker, const uint32_t *owner_at)
{
	size_t n = 0;

	for (size_t i = 0; i < maker->n_inodes; i++)
		maker->inodes[i].owner = owner_at[maker->inodes[i].owner];
	for (size_t i = 0; i < maker->n_paths; i++)
		maker->paths[i].owner = owner_at[maker->paths[i].owner];
	if (maker->n_inodes)
		qsort(maker->inodes, maker->n_inodes, sizeof(*maker->inodes), compare_inodes);
	for (size_t i = 0; i < maker->n_inodes; i++)
		if (n == 0 || maker->inodes[n - 1].inode != maker->inodes[i].inode ||
			maker->inodes[n - 1].device != maker->inodes[i].device)
			maker->inodes[n++] = maker->inodes[i];
	maker->n_inodes = n;
	n = 0;
	if (maker->n_paths)
		qsort(maker->paths, maker->n_paths, sizeof(*maker->paths), compare_paths);
	for (size_t i = 0; i < maker->n_paths; i++)
		if (n == 0 || maker->paths[n - 1].digest != maker->paths[i].digest)
			maker->paths[n++] = maker->paths[i];
	maker->n_paths = n;
	qsort(maker->hashes, maker->n_hashes, SHA256_BYTES, compare_hashes);
	qsort(maker->devices, maker->n_devices, sizeof(*maker->devices), compare_devices);
}

static void put_inodes(const struct guard_maker *maker, struct guard_inode *slots, uint32_t n_slots)
{
	for (size_t i = 0; i < maker->n_inodes; i++) {
		const struct guard_inode *entry = &maker->inodes[i];
		uint32_t at = guard_table_slot(entry->device, entry->inode, n_slots);

		while (slots[at].inode)
			at = (at + 1) & (n_slots - 1);
		slots[at] = *entry;
	}
}

static void put(uint8_t *at, const void *from, size_t n_bytes)
{
	if (n_bytes)
		memcpy(at, from, n_bytes);
}

int guard_maker_finish(
	struct guard_maker *maker, const struct guard_header *settings, struct buf *out)
{
	_cleanup_free_ uint32_t *owner_at = calloc(maker->n_owners, sizeof(*owner_at));
	_cleanup_free_ char *texts = malloc(maker->owners_bytes);
	_cleanup_free_ uint8_t *bytes = NULL;
	struct guard_header header = {
		.magic = GUARD_TABLE_MAGIC,
		.generation = settings->generation,
		.mode = settings->mode,
		.flags = settings->flags,
		.uid_min = settings->uid_min,
		.answer_ms = settings->answer_ms,
		.owners_bytes = (uint32_t)maker->owners_bytes,
	};
	int r;

	if (!owner_at || !texts)
		return -ENOMEM;
	r = place_owners(maker, owner_at, texts);
	if (r < 0)
		return r;
	settle(maker, owner_at);
	for (uint32_t n = 8; maker->n_inodes; n *= 2)
		if (n / 2 >= maker->n_inodes) {
			header.n_inode_slots = n;
			break;
		}
	header.n_paths = (uint32_t)maker->n_paths;
	header.n_hashes = (uint32_t)maker->n_hashes;
	header.n_devices = (uint32_t)maker->n_devices;
	guard_table_lay_out(&header);
	bytes = calloc(1, header.n_bytes);
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, &header, sizeof(header));
	put_inodes(maker, (void *)(bytes + header.inodes_at), header.n_inode_slots);
	put(bytes + header.paths_at, maker->paths, maker->n_paths * sizeof(*maker->paths));
	put(bytes + header.hashes_at, maker->hashes, maker->n_hashes * SHA256_BYTES);
	put(bytes + header.devices_at, maker->devices, maker->n_devices * sizeof(*maker->devices));
	put(bytes + header.owners_at, texts, maker->owners_bytes);
	buf_append(out, bytes, header.n_bytes);
	/* Once: what was settled speaks of offsets now. */
	maker->n_inodes = maker->n_paths = 0;
	return out->error;
}
