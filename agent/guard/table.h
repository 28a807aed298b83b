/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - the guard's table: an immutable, sealed memory file that the enforcer makes and the
 * guard maps. Pure: made into a buffer, looked up in a mapping. Everything is in the byte order of
 * the machine, with offsets that are checked once, when it is taken.
 *
 * struct guard_header, then, each aligned to 8 bytes: inodes (open addressing, by device and
 * inode), denied paths (sorted by digest), content hashes (sorted), foreign devices (sorted),
 * owners (texts, each ended by NUL; the first is the empty one).
 */
#ifndef MDM_GUARD_TABLE_H
#define MDM_GUARD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/buf.h"
#include "agent/util/digest.h"
#include "agent/util/limits.h"

#define GUARD_TABLE_MAGIC 0x3147444dU /* "MDG1" */

enum guard_mode {
	GUARD_AUDIT, /* everything may run; what would be refused is told */
	GUARD_ENFORCE,
	GUARD_MODE_MAX,
};

enum guard_answer {
	GUARD_ALLOW,
	GUARD_DENY,
	GUARD_ANSWER_MAX,
};

/* Why it was refused; in messages, journal and report. */
enum guard_reason {
	GUARD_R_NONE,
	GUARD_R_BLOCKED,      /* "blocked": of a blocked app */
	GUARD_R_NOT_ALLOWED,  /* "not_allowed": of an app that is in no list */
	GUARD_R_USER_PROGRAM, /* "user_program": lies where people can write */
	GUARD_R_FOREIGN,      /* "foreign_file_system": of a stick, a card, a network */
	GUARD_R_UNDECIDED,    /* "undecided": could not be judged in time (fail closed) */
	GUARD_REASON_MAX,
};
const char *guard_reason_name(enum guard_reason reason);

#define GUARD_F_ALLOW_MODE 1U	    /* what nobody knows and people can write does not run */
#define GUARD_F_NO_USER_PROGRAMS 2U /* likewise in the mode deny */
#define GUARD_F_FAIL_CLOSED 4U

struct guard_header {
	uint32_t magic, n_bytes;
	uint64_t generation;
	uint32_t mode, flags;
	uint32_t uid_min;		   /* first uid of people: login.defs(5), 1000 */
	uint32_t answer_ms;		   /* the watchdog's patience with one verdict */
	uint32_t inodes_at, n_inode_slots; /* power of two, at most half full */
	uint32_t paths_at, n_paths;
	uint32_t hashes_at, n_hashes;
	uint32_t devices_at, n_devices; /* foreign file systems, by device */
	uint32_t owners_at, owners_bytes;
};

struct guard_inode {
	uint64_t device, inode; /* as stat(2) has them; inode 0: an empty slot */
	/* guard_born_ns() of born.h: a number that was used again belongs to another file; 0: not
	 * known */
	uint64_t born_ns;
	uint32_t owner; /* offset of a text: "firefox"; 0: none */
	uint16_t answer, reason;
};

/* A program that may not run, wherever its inode went: after an upgrade it has a new one. */
struct guard_path {
	uint64_t digest; /* guard_path_digest() */
	uint32_t owner;
	uint16_t reason, reserved;
};
uint64_t guard_path_digest(const char *path, size_t n_bytes);

struct guard_device {
	uint64_t device;
};

/* --- making (enforcer) */
struct guard_maker;
/* Limits: LIMIT_GUARD_INODES and so on. Everything returns 0, -E2BIG or -ENOMEM; -EINVAL for what
 * no table can hold (inode 0; a refusal without a reason). */
int guard_maker_new(struct guard_maker **ret_maker);
void guard_maker_free(struct guard_maker *maker);
int guard_maker_add_inode(struct guard_maker *maker, uint64_t device, uint64_t inode,
	enum guard_answer answer, enum guard_reason reason, const char *owner);
/* The same of the file that was made then; of another one with these numbers it says nothing. */
struct guard_born {
	uint64_t device, inode, born_ns;
};
int guard_maker_add_born(struct guard_maker *maker, const struct guard_born *file,
	enum guard_answer answer, enum guard_reason reason, const char *owner);
int guard_maker_add_path(
	struct guard_maker *maker, const char *path, enum guard_reason reason, const char *owner);
int guard_maker_add_hash(struct guard_maker *maker, const uint8_t digest[SHA256_BYTES]);
int guard_maker_add_device(struct guard_maker *maker, uint64_t device);
/*
 * Appends the table with these members of the header (mode, flags, uid_min, answer_ms, generation);
 * the same input, in whatever order, gives the same bytes but for generation. Of an inode or a path
 * that was added twice the kinder answer stays. Once only: then the maker is to be freed.
 */
int guard_maker_finish(
	struct guard_maker *maker, const struct guard_header *settings, struct buf *out);

/* --- looking up (guard); no allocation */
struct guard_table {
	const uint8_t *at;
	size_t n_bytes;
	const struct guard_header *header;
};
/* Checks everything once. 0; -EBADMSG. */
int guard_table_take(const void *at, size_t n_bytes, struct guard_table *ret_table);
const struct guard_inode *guard_table_inode(
	const struct guard_table *table, uint64_t device, uint64_t inode);
const struct guard_path *guard_table_path(const struct guard_table *table, uint64_t digest);
bool guard_table_has_hash(const struct guard_table *table, const uint8_t digest[SHA256_BYTES]);
bool guard_table_device_is_foreign(const struct guard_table *table, uint64_t device);
/* "" for 0. At most LIMIT_NAME_BYTES of it are of use. */
const char *guard_table_owner(const struct guard_table *table, uint32_t at);

/* --- the same arithmetic on both sides */
/* A number of this version of the programs, never 0: a guard outlives the agent, and its upgrades.
 */
uint32_t guard_version(void);
#define GUARD_TABLE_BYTES_MAX (32 * 1024 * 1024) /* more than all limits together come to */
/* Where a search for an inode begins; the rest follows in order. n_slots: a power of two. */
uint32_t guard_table_slot(uint64_t device, uint64_t inode, uint32_t n_slots);
/* Sets the offsets and n_bytes from the numbers of a header. */
void guard_table_lay_out(struct guard_header *header);

#endif
