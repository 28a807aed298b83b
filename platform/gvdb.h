/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gvdb.h - reads GVDB files, the compiled databases of dconf. The bytes may be hostile: everything
 * is checked against the end of the file. Answers are those of the reader inside dconf, so that
 * what is found here is what programs are served. Pure.
 *
 * A file is a header (signature "GVariant", version, options, pointer to the root table) and hash
 * tables: bloom filter, buckets, items. An item has a hash (djb2), a parent item whose name comes
 * before its own, a type ('v' value, 'L' list of children, 'H' table) and a pointer or 8 bytes.
 * All numbers of the structure are little-endian; a file with the signature of the other byte order
 * has its values in big-endian.
 */
#ifndef MDM_PLATFORM_GVDB_H
#define MDM_PLATFORM_GVDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gvdb {
	const uint8_t *data; /* borrowed: the whole file */
	size_t size_bytes;
	bool big_endian; /* values only */
	/* One table; offsets into data. */
	size_t bloom, buckets, items;
	uint32_t n_bloom, n_buckets, n_items;
};

enum gvdb_type {
	GVDB_OTHER, /* there is a value, of a type that nobody here asks for */
	GVDB_BOOLEAN,
	GVDB_INT32,
	GVDB_UINT32,
	GVDB_STRING,
	GVDB_TYPE_MAX,
};

struct gvdb_value {
	enum gvdb_type type;
	int64_t number;	  /* boolean (0, 1), int32, uint32 */
	const char *text; /* string: into the file, NUL-terminated there */
};

/* Opens the root table. data stays the caller's and must outlive it. 0 or -EBADMSG. */
int gvdb_open(const void *data, size_t size_bytes, struct gvdb *ret_table);

/* A table inside the table (".locks"). False: none of that name. */
bool gvdb_find_table(const struct gvdb *table, const char *key, struct gvdb *ret_table);

/* False: no value of that name. A damaged value is the default of its type, as GVariant has it. */
bool gvdb_find_value(const struct gvdb *table, const char *key, struct gvdb_value *ret_value);

/*
 * In a compiled GSettings schema (gschemas.compiled) a key is a tuple whose first member is its
 * default. Whether there is such a key of type boolean, without anything else in the tuple.
 */
bool gvdb_find_default(const struct gvdb *schema, const char *key, bool *ret_value);

/* How many values the table holds. */
size_t gvdb_count_values(const struct gvdb *table);

#endif
