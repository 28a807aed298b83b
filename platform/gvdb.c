/* SPDX-License-Identifier: Apache-2.0 */
/* gvdb.c - reader of dconf's compiled databases; see gvdb.h. Pure. Enforcer only. */
#include "platform/gvdb.h"

#include <errno.h>
#include <string.h>

#define GVDB_HEADER_BYTES 24
#define GVDB_TABLE_BYTES 8 /* number of bloom words, number of buckets */
#define GVDB_ITEM_BYTES 24 /* hash, parent, key start, key size, type, unused, pointer */
#define GVDB_NO_PARENT UINT32_MAX

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

/* Where a pointer (start, end) leads. False: outside of the file or not aligned. */
static bool dereference(const struct gvdb *table, const uint8_t *pointer, uint32_t alignment,
	size_t *ret_start, size_t *ret_size)
{
	uint32_t start = le32(pointer), end = le32(pointer + 4);

	if (start > end || end > table->size_bytes || start & (alignment - 1))
		return false;
	*ret_start = start;
	*ret_size = end - start;
	return true;
}

/*
 * Finds filter, buckets and items of the table at pointer. A damaged one is empty, as it is for
 * dconf.
 */
static void open_table(struct gvdb *table, const uint8_t *pointer)
{
	size_t start, size;
	uint32_t n_bloom, n_buckets;

	table->n_bloom = table->n_buckets = table->n_items = 0;
	if (!dereference(table, pointer, 4, &start, &size) || size < GVDB_TABLE_BYTES)
		return;
	/* The upper five bits are the filter's shift, which readers take as 0. */
	n_bloom = le32(table->data + start) & ((UINT32_C(1) << 27) - 1);
	n_buckets = le32(table->data + start + 4);
	size -= GVDB_TABLE_BYTES;
	if (n_bloom > size / 4)
		return;
	size -= n_bloom * (size_t)4;
	if (n_buckets > size / 4)
		return;
	size -= n_buckets * (size_t)4;
	if (size % GVDB_ITEM_BYTES)
		return;
	table->bloom = start + GVDB_TABLE_BYTES;
	table->buckets = table->bloom + n_bloom * (size_t)4;
	table->items = table->buckets + n_buckets * (size_t)4;
	table->n_bloom = n_bloom;
	table->n_buckets = n_buckets;
	table->n_items = (uint32_t)(size / GVDB_ITEM_BYTES);
}

int gvdb_open(const void *data, size_t size_bytes, struct gvdb *ret_table)
{
	struct gvdb table = {.data = data, .size_bytes = size_bytes};

	/* Pointers have 32 bits, and dconf maps no larger file either. */
	if (size_bytes < GVDB_HEADER_BYTES || size_bytes > UINT32_MAX)
		return -EBADMSG;
	if (memcmp(data, "raVGtnai", 8) == 0)
		table.big_endian = true;
	else if (memcmp(data, "GVariant", 8) != 0)
		return -EBADMSG;
	if (le32(table.data + 8) != 0)
		return -EBADMSG;
	open_table(&table, table.data + 16);
	*ret_table = table;
	return 0;
}

static uint32_t hash_key(const char *key, size_t *ret_length)
{
	uint32_t hash = 5381;
	size_t n;

	for (n = 0; key[n]; n++)
		hash = hash * 33 + (uint32_t)(int32_t)(signed char)key[n];
	*ret_length = n;
	return hash;
}

static const uint8_t *item_at(const struct gvdb *table, uint32_t number)
{
	return table->data + table->items + (size_t)number * GVDB_ITEM_BYTES;
}

/* The name of an item is its parent's followed by its own, compared from the end. */
static bool has_name(const struct gvdb *table, const uint8_t *item, const char *key, size_t n_key)
{
	for (;;) {
		uint32_t start = le32(item + 8), parent = le32(item + 4);
		size_t size = le16(item + 12);

		if (start > table->size_bytes || size > table->size_bytes - start || size > n_key)
			return false;
		n_key -= size;
		if (memcmp(table->data + start, key + n_key, size) != 0)
			return false;
		if (n_key == 0 && parent == GVDB_NO_PARENT)
			return true;
		/* Every step takes at least one byte off the key: no endless round. */
		if (size == 0 || parent >= table->n_items)
			return false;
		item = item_at(table, parent);
	}
}

static const uint8_t *find_item(const struct gvdb *table, const char *key, uint8_t type)
{
	size_t n_key;
	uint32_t hash = hash_key(key, &n_key), bucket, number, last = table->n_items;

	if (table->n_buckets == 0 || table->n_items == 0)
		return NULL;
	if (table->n_bloom) {
		uint32_t word =
			le32(table->data + table->bloom + (size_t)(hash / 32 % table->n_bloom) * 4);

		/* The second bit is found with the shift, which is 0: the same bit. */
		if (!(word & UINT32_C(1) << (hash & 31)))
			return NULL;
	}
	bucket = hash % table->n_buckets;
	number = le32(table->data + table->buckets + (size_t)bucket * 4);
	if (bucket + 1 < table->n_buckets) {
		uint32_t next = le32(table->data + table->buckets + (size_t)(bucket + 1) * 4);

		if (next < last)
			last = next;
	}
	for (; number < last; number++) {
		const uint8_t *item = item_at(table, number);

		if (le32(item) == hash && item[14] == type && has_name(table, item, key, n_key))
			return item;
	}
	return NULL;
}

bool gvdb_find_table(const struct gvdb *table, const char *key, struct gvdb *ret_table)
{
	const uint8_t *item = find_item(table, key, 'H');
	struct gvdb found = *table;

	if (!item)
		return false;
	open_table(&found, item + 16);
	*ret_table = found;
	return true;
}

static uint32_t read_u32(const struct gvdb *table, const uint8_t *p)
{
	if (table->big_endian)
		return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	return le32(p);
}

/*
 * A GVariant of type 'v': the value's bytes, a zero byte, the type's letters (GVariant
 * specification, section 2.5.3). Values of the wrong size are the default of their type.
 */
static void decode_variant(
	const struct gvdb *table, const uint8_t *data, size_t size, struct gvdb_value *value)
{
	size_t n;
	char type;

	*value = (struct gvdb_value){.type = GVDB_OTHER};
	if (size < 2 || data[size - 2] != 0)
		return;
	type = (char)data[size - 1];
	n = size - 2;
	switch (type) {
	case 'b':
		value->type = GVDB_BOOLEAN;
		/* Anything but 0 and 1 is not in normal form; GLib reads it as true all the same.
		 */
		value->number = n == 1 ? data[0] != 0 : 0;
		break;
	case 'u':
		value->type = GVDB_UINT32;
		value->number = n == 4 ? read_u32(table, data) : 0;
		break;
	case 'i':
		value->type = GVDB_INT32;
		value->number = n == 4 ? (int32_t)read_u32(table, data) : 0;
		break;
	case 's':
		value->type = GVDB_STRING;
		value->text = n && memchr(data, 0, n) == data + n - 1 ? (const char *)data : "";
		break;
	default:
		break;
	}
}

bool gvdb_find_value(const struct gvdb *table, const char *key, struct gvdb_value *ret_value)
{
	const uint8_t *item = find_item(table, key, 'v');
	size_t start, size;

	if (!item || !dereference(table, item + 16, 8, &start, &size))
		return false;
	decode_variant(table, table->data + start, size, ret_value);
	return true;
}

bool gvdb_find_default(const struct gvdb *schema, const char *key, bool *ret_value)
{
	static const uint8_t type[] = {0, '(', 'b', ')'};
	const uint8_t *item = find_item(schema, key, 'v');
	size_t start, size;

	if (!item || !dereference(schema, item + 16, 8, &start, &size) ||
		size != 1 + sizeof(type) ||
		memcmp(schema->data + start + 1, type, sizeof(type)) != 0)
		return false;
	*ret_value = schema->data[start] != 0;
	return true;
}

size_t gvdb_count_values(const struct gvdb *table)
{
	size_t n = 0;

	for (uint32_t i = 0; i < table->n_items; i++)
		if (item_at(table, i)[14] == 'v')
			n++;
	return n;
}
