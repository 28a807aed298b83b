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

/*
 * Name of the virtual package in apk's world that carries what the policy wants. Whoever asks apk,
 * or a program with its library, for what is banned is answered by apk itself, in words that hold
 * this name and nothing else of ours: "firefox-133: breaks: NAME-VERSION[!firefox]". So it says
 * whose rule it is and where to read more.
 */
#define APPS_VIRTUAL ".rules-of-your-organisation--run-agentctl-apps"

struct apk_text {
	const char *at; /* into the text; not ended by NUL; NULL where there is none */
	size_t n;
};

struct apk_package {
	struct apk_text name, version, arch, origin, tag, depends, provides, install_if;
	uint64_t installed_bytes;
	struct apk_text files;	 /* its lines F, M, R, a, Z, for apk_files_next() */
	struct apk_text desktop; /* of files: from the first below usr/share/applications on */
	uint32_t first_name;	 /* in apk_db.names: its own; those that it provides follow */
};

/* A name that somebody has or provides. Those who have the same one are chained. */
struct apk_name {
	uint32_t at;	  /* in the text */
	uint32_t package; /* whose */
	uint32_t first;	  /* the first of the chain, which stands for the name */
	uint32_t next;	  /* APK_NONE: the last one */
	uint32_t last;	  /* of the first: the end of the chain */
	uint16_t n_bytes;
	bool has_version; /* what is provided without one fits no dependency that asks for one */
};
#define APK_NONE UINT32_MAX

struct apk_db {
	const char *text;
	struct apk_package *packages; /* in the order of the file; owned */
	size_t n_packages;
	struct apk_name *names; /* in the order of their packages; owned */
	size_t n_names;
	uint32_t *slots;   /* hash table: the first of each chain, or APK_NONE; owned */
	size_t n_slots;	   /* a power of two */
	uint32_t *scratch; /* for apk_db_close() and apk_db_chain(): one of them at a time; owned */
	size_t n_malformed; /* stanzas that were skipped: no name or no version */
};

/*
 * One pass; lines with unknown letters are passed over. Limits: LIMIT_APK_DB_BYTES,
 * LIMIT_APK_PACKAGES, LIMIT_APK_NAMES. 0; -EFBIG, -E2BIG; -ENOMEM. Names and versions are words:
 * printable, without blanks, LIMIT_TEXT_BYTES at most; what else is in the text was not looked at.
 */
int apk_db_read(const char *text, size_t n_bytes, struct apk_db *ret_db);
void apk_db_done(struct apk_db *db);

/* Number of the package with that name; n_packages if there is none. */
size_t apk_db_find(const struct apk_db *db, const char *name, size_t n_name);
/* Likewise of a package that has that name or, if there is none, of the first that provides it
 * (so:, cmd:, pc:, virtual names). */
size_t apk_db_provider(const struct apk_db *db, const char *name, size_t n_name);

/* The next word of depends, provides or the world: name without operator, version or tag; conflicts
 * ("!name") say so. Words without a name are passed over. False: no more. */
struct apk_dependency {
	struct apk_text name, version, tag;
	char operator[3]; /* "", "=", "<", ">", "<=", ">=", "~", "><" */
	bool is_conflict;
};
bool apk_dependency_next(struct apk_text *rest, struct apk_dependency *ret_dependency);

/*
 * Marks all that those marked need, by depends, and install_if packages all of whose conditions are
 * marked. Where several packages provide what is needed all of them are marked: which one stays is
 * the package manager's choice. marks: n_packages of them.
 */
void apk_db_close(const struct apk_db *db, bool *marks);

/*
 * The shortest chain of packages from one that is marked in "from" down to package, each needing
 * the next: numbers, the marked one first; a package that is marked is a chain of one. Where
 * several packages provide what is needed none of them is: another one takes its place. Returns
 * how many, 0 if nothing marked needs it; the first max of them are written.
 */
size_t apk_db_chain(
	const struct apk_db *db, const bool *from, size_t package, size_t *ret_chain, size_t max);

/*
 * Files of a package, in order. The path of the directory is without a leading slash; both are as
 * the database has them, so may hold anything but a newline.
 */
struct apk_file {
	struct apk_text directory, name;
	unsigned int mode; /* 0 where the database says none: 0644 root:root */
};
struct apk_files {
	struct apk_text rest, directory;
};
void apk_files_begin(const struct apk_package *package, struct apk_files *ret_files);
/* The same from the first directory below usr/share/applications on; others may follow. */
void apk_files_begin_desktop(const struct apk_package *package, struct apk_files *ret_files);
bool apk_files_next(struct apk_files *files, struct apk_file *ret_file);

#endif
