/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apk_db.c - reading the database of installed packages; see apk_db.h. Pure: no system calls.
 * Enforcer only.
 *
 * Nine of ten bytes are lists of files, which nobody asks for when packages are counted: they are
 * passed over eight bytes at a time in search of the empty line that ends a package. Nothing is
 * copied, and nothing is allocated for one line.
 */
#include "policies/apk_db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/limits.h"
#include "policies/apk_private.h"

struct reader {
	struct apk_db db;
	size_t packages_max, names_max; /* that there is room for */
};

/* --- text ----------------------------------------------------------------------------------- */

static struct apk_text text_of(const char *at, const char *end)
{
	return (struct apk_text){at, (size_t)(end - at)};
}

/* What is a word everywhere else, too: in the world, on a command line, in a report. */
static bool is_word(const struct apk_text *text)
{
	if (text->n == 0 || text->n > LIMIT_TEXT_BYTES)
		return false;
	for (size_t i = 0; i < text->n; i++)
		if ((unsigned char)text->at[i] <= ' ' || text->at[i] == 0x7f)
			return false;
	return true;
}

static uint64_t read_number(const char *at, const char *end)
{
	uint64_t value = 0;

	for (; at < end && *at >= '0' && *at <= '9'; at++) {
		if (value > (UINT64_MAX - 9) / 10)
			return 0;
		value = value * 10 + (uint64_t)(*at - '0');
	}
	return at == end ? value : 0;
}

/* Bit 7 of each byte that is a newline. */
static uint64_t newlines_in(uint64_t bytes)
{
	const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
	uint64_t x = bytes ^ UINT64_C(0x0a0a0a0a0a0a0a0a);

	return ~(((x & low) + low) | x | low);
}

/* Where in the eight bytes the first newline is. */
static size_t first_of(uint64_t found)
{
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		return (size_t)__builtin_ctzll(found) / 8;
	return (size_t)__builtin_clzll(found) / 8;
}

static uint64_t without_first(uint64_t found)
{
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		return found & (found - 1);
	return found & ~(UINT64_C(1) << (63 - __builtin_clzll(found)));
}

static bool is_desktop_line(const char *at, const char *end)
{
	static const char line[] = "F:usr/share/applications";

	return *at == 'F' && (size_t)(end - at) >= sizeof(line) &&
	       memcmp(at, line, sizeof(line) - 1) == 0 &&
	       (at[sizeof(line) - 1] == '\n' || at[sizeof(line) - 1] == '/');
}

/*
 * The newline that ends the last line of a list of files: an empty line or the end of the text
 * follows it. *ret_desktop: the first line of files below usr/share/applications; NULL.
 */
static const char *find_end_of_files(const char *at, const char *end, const char **ret_desktop)
{
	*ret_desktop = is_desktop_line(at, end) ? at : NULL;
	/* The byte behind a newline is looked at, too. */
	for (; end - at >= 9; at += 8) {
		uint64_t bytes, found;

		memcpy(&bytes, at, 8);
		for (found = newlines_in(bytes); found; found = without_first(found)) {
			const char *newline = at + first_of(found);

			if (newline[1] == '\n')
				return newline;
			if (!*ret_desktop && is_desktop_line(newline + 1, end))
				*ret_desktop = newline + 1;
		}
	}
	for (; at < end; at++)
		if (at[0] == '\n' && (at + 1 == end || at[1] == '\n'))
			return at;
	return end;
}

/* --- packages ------------------------------------------------------------------------------- */

static void read_field(struct apk_package *package, const char *line, const char *end)
{
	struct apk_text value = text_of(line + 2, end);

	switch (line[0]) {
	case 'P':
		package->name = value;
		break;
	case 'V':
		package->version = value;
		break;
	case 'A':
		package->arch = value;
		break;
	case 'o':
		package->origin = value;
		break;
	case 's':
		package->tag = value;
		break;
	case 'D':
		package->depends = value;
		break;
	case 'p':
		package->provides = value;
		break;
	case 'i':
		package->install_if = value;
		break;
	case 'I':
		package->installed_bytes = read_number(value.at, end);
		break;
	}
}

/* One package; returns where the next one begins. */
static const char *read_stanza(const char *at, const char *end, struct apk_package *ret_package)
{
	struct apk_package package = {0};

	while (at < end && *at != '\n') {
		const char *eol;

		if (end - at >= 2 && at[0] == 'F' && at[1] == ':') {
			const char *desktop;

			/* Files come last, down to the empty line. */
			eol = find_end_of_files(at, end, &desktop);
			package.files = text_of(at, eol);
			if (desktop)
				package.desktop = text_of(desktop, eol);
			at = eol < end ? eol + 1 : end;
			break;
		}
		eol = memchr(at, '\n', (size_t)(end - at));
		if (!eol)
			eol = end;
		if (eol - at >= 2 && at[1] == ':')
			read_field(&package, at, eol);
		at = eol < end ? eol + 1 : end;
	}
	*ret_package = package;
	return at < end ? at + 1 : end;
}

static int grow(void **array, size_t *n_max, size_t size)
{
	size_t n = *n_max ? *n_max * 2 : 256;
	void *more = reallocarray(*array, n, size);

	if (!more)
		return -ENOMEM;
	*array = more;
	*n_max = n;
	return 0;
}

static int read_packages(struct reader *r, const char *text, size_t n_bytes)
{
	const char *at = text, *end = text + n_bytes;

	while (at < end) {
		struct apk_package package;

		if (*at == '\n') { /* more empty lines than one */
			at++;
			continue;
		}
		at = read_stanza(at, end, &package);
		if (!is_word(&package.name) || !is_word(&package.version)) {
			r->db.n_malformed++;
			continue;
		}
		if (r->db.n_packages == LIMIT_APK_PACKAGES)
			return -E2BIG;
		if (r->db.n_packages == r->packages_max) {
			int e = grow((void **)&r->db.packages, &r->packages_max,
				sizeof(*r->db.packages));

			if (e < 0)
				return e;
		}
		r->db.packages[r->db.n_packages++] = package;
	}
	return 0;
}

/* --- names ---------------------------------------------------------------------------------- */

static int add_name(struct reader *r, size_t package, const struct apk_text *name, bool has_version)
{
	if (name->n > LIMIT_TEXT_BYTES)
		return 0; /* no dependency is looked up by such a name */
	if (r->db.n_names == LIMIT_APK_NAMES)
		return -E2BIG;
	if (r->db.n_names == r->names_max) {
		int e = grow((void **)&r->db.names, &r->names_max, sizeof(*r->db.names));

		if (e < 0)
			return e;
	}
	r->db.names[r->db.n_names] = (struct apk_name){
		.at = (uint32_t)(name->at - r->db.text),
		.package = (uint32_t)package,
		.first = (uint32_t)r->db.n_names,
		.next = APK_NONE,
		.last = (uint32_t)r->db.n_names,
		.n_bytes = (uint16_t)name->n,
		.has_version = has_version,
	};
	r->db.n_names++;
	return 0;
}

static int collect_names(struct reader *r)
{
	for (size_t i = 0; i < r->db.n_packages; i++) {
		struct apk_package *package = &r->db.packages[i];
		struct apk_text rest = package->provides;
		struct apk_dependency word;
		int e;

		package->first_name = (uint32_t)r->db.n_names;
		e = add_name(r, i, &package->name, true);
		while (e == 0 && apk_dependency_next(&rest, &word))
			if (!word.is_conflict)
				e = add_name(r, i, &word.name, word.version.n > 0);
		if (e < 0)
			return e;
	}
	return 0;
}

static uint64_t hash_of(const char *at, size_t n_bytes)
{
	uint64_t hash = n_bytes * UINT64_C(0x9e3779b97f4a7c15), word;

	for (; n_bytes >= 8; at += 8, n_bytes -= 8) {
		memcpy(&word, at, 8);
		hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, at, n_bytes);
	hash = (hash ^ word) * UINT64_C(0xc4ceb9fe1a85ec53);
	return hash ^ (hash >> 29);
}

/* The slot of a name: that of its chain, or the empty one where it belongs. */
static size_t slot_of(const struct apk_db *db, const char *name, size_t n_bytes)
{
	size_t slot = (size_t)hash_of(name, n_bytes) & (db->n_slots - 1);

	for (;; slot = (slot + 1) & (db->n_slots - 1)) {
		const struct apk_name *first;

		if (db->slots[slot] == APK_NONE)
			return slot;
		first = &db->names[db->slots[slot]];
		if (first->n_bytes == n_bytes && memcmp(db->text + first->at, name, n_bytes) == 0)
			return slot;
	}
}

static int index_names(struct reader *r)
{
	struct apk_db *db = &r->db;

	for (db->n_slots = 16; db->n_slots < 2 * db->n_names;)
		db->n_slots *= 2;
	db->slots = reallocarray(NULL, db->n_slots, sizeof(*db->slots));
	if (!db->slots)
		return -ENOMEM;
	memset(db->slots, 0xff, db->n_slots * sizeof(*db->slots));
	for (uint32_t i = 0; i < db->n_names; i++) {
		struct apk_name *name = &db->names[i], *first;
		size_t slot = slot_of(db, db->text + name->at, name->n_bytes);

		if (db->slots[slot] == APK_NONE) {
			db->slots[slot] = i;
			continue;
		}
		name->first = db->slots[slot];
		first = &db->names[name->first];
		db->names[first->last].next = i;
		first->last = i;
	}
	return 0;
}

uint32_t apk_names_find(const struct apk_db *db, const char *name, size_t n_name)
{
	if (!db->n_slots || n_name > LIMIT_TEXT_BYTES)
		return APK_NONE;
	return db->slots[slot_of(db, name, n_name)];
}

/* --- the database --------------------------------------------------------------------------- */

void apk_db_done(struct apk_db *db)
{
	free(db->packages);
	free(db->names);
	free(db->slots);
	free(db->scratch);
	*db = (struct apk_db){0};
}

int apk_db_read(const char *text, size_t n_bytes, struct apk_db *ret_db)
{
	struct reader r = {.db.text = text};
	int e;

	if (n_bytes > LIMIT_APK_DB_BYTES)
		return -EFBIG;
	e = read_packages(&r, text, n_bytes);
	if (e == 0)
		e = collect_names(&r);
	if (e == 0)
		e = index_names(&r);
	if (e == 0) {
		r.db.scratch = reallocarray(NULL, apk_scratch_words(&r.db), sizeof(*r.db.scratch));
		if (!r.db.scratch)
			e = -ENOMEM;
	}
	if (e < 0) {
		apk_db_done(&r.db);
		return e;
	}
	*ret_db = r.db;
	return 0;
}

size_t apk_db_find(const struct apk_db *db, const char *name, size_t n_name)
{
	for (uint32_t i = apk_names_find(db, name, n_name); i != APK_NONE; i = db->names[i].next)
		if (db->packages[db->names[i].package].first_name == i)
			return db->names[i].package;
	return db->n_packages;
}

size_t apk_db_provider(const struct apk_db *db, const char *name, size_t n_name)
{
	size_t package = apk_db_find(db, name, n_name);
	uint32_t first;

	if (package < db->n_packages)
		return package;
	first = apk_names_find(db, name, n_name);
	return first == APK_NONE ? db->n_packages : db->names[first].package;
}
