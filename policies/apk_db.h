/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apk_db.h - the database of installed packages of apk-tools 2 and 3 (/lib/apk/db/installed), and
 * the world (/etc/apk/world), read as they are, without apk and without its lock: both are replaced
 * by rename. Pure; the text is the caller's and is borrowed by all that is read.
 */
#ifndef MDM_POLICIES_APK_DB_H
#define MDM_POLICIES_APK_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct apk_text {
	const char *at; /* into the text; not ended by NUL; NULL where there is none */
	size_t n;
};

struct apk_package {
	struct apk_text name, version, arch, origin, tag, depends, provides, install_if;
	uint64_t installed_bytes;
	struct apk_text files; /* its lines F, M, R, a, Z, for apk_files_next() */
};

struct apk_db {
	struct apk_package *packages; /* in the order of the file; owned */
	size_t n_packages;
	uint32_t *names;    /* hash table of names and of what is provided; owned */
	size_t n_names;	    /* its size */
	size_t n_malformed; /* stanzas that were skipped: no name or no version */
};

/*
 * One pass; lines with unknown letters are passed over. Limits: LIMIT_APK_DB_BYTES,
 * LIMIT_APK_PACKAGES. 0; -EFBIG, -E2BIG; -ENOMEM.
 */
int apk_db_read(const char *text, size_t n_bytes, struct apk_db *ret_db);
void apk_db_done(struct apk_db *db);

/* Number of the package with that name; n_packages if there is none. */
size_t apk_db_find(const struct apk_db *db, const char *name, size_t n_name);
/* Likewise of a package that has that name or provides it (so:, cmd:, pc:, virtual names). */
size_t apk_db_provider(const struct apk_db *db, const char *name, size_t n_name);

/* The next word of depends, provides or the world: name without operator, version or tag; conflicts
 * ("!name") say so. False: no more. */
struct apk_dependency {
	struct apk_text name, version, tag;
	char operator[3]; /* "", "=", "<", ">", "<=", ">=", "~", "><" */
	bool is_conflict;
};
bool apk_dependency_next(struct apk_text *rest, struct apk_dependency *ret_dependency);

/*
 * Marks all that those marked need, by depends, and install_if packages all of whose conditions are
 * marked. marks: n_packages of them.
 */
void apk_db_close(const struct apk_db *db, bool *marks);

/*
 * The shortest chain of packages from one that is marked in "from" down to package, each needing
 * the next: numbers, the marked one first. Returns how many, 0 if nothing marked needs it;
 * at most max are written.
 */
size_t apk_db_chain(
	const struct apk_db *db, const bool *from, size_t package, size_t *ret_chain, size_t max);

/* Files of a package, in order. path of the directory is without a leading slash. */
struct apk_file {
	struct apk_text directory, name;
	unsigned int mode; /* 0 where the database says none: 0644 root:root */
};
struct apk_files {
	struct apk_text rest, directory;
};
void apk_files_begin(const struct apk_package *package, struct apk_files *ret_files);
bool apk_files_next(struct apk_files *files, struct apk_file *ret_file);

#endif
