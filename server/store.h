/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - what mdm-server keeps: tickets, devices, their sections and events, documents.
 *
 * Documents, sections and events are opaque bytes here. One connection, one thread. Everything
 * that writes happens between store_begin() and store_commit(); nothing may be told to anybody
 * before store_commit() returned 0.
 *
 * Returns: 0; a positive STORE_E_*; or negative: -ENOSPC (disk full), -EBADMSG (database damaged),
 * -EBUSY (another process holds it), -ENOMEM, -EIO (anything else). After a negative answer inside
 * a transaction only store_rollback() makes sense.
 */
#ifndef MDM_SERVER_STORE_H
#define MDM_SERVER_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/buf.h"
#include "agent/util/digest.h"
#include "server/bounds.h"
#include "server/report.h"

enum {
	STORE_E_NOT_FOUND = 1,
	STORE_E_EXISTS, /* the same id, or the same bytes under the same serial */
	STORE_E_STALE,	/* a serial not above the stored one */
	STORE_E_STOP,	/* a callback asked to stop */
	STORE_E_FULL,	/* no more of this kind */
	STORE_E_AHEAD,	/* not the next one, where one follows the other */
};

struct store;

#define STORE_ID_LENGTH 32
#define STORE_GROUPS_BYTES (LIMIT_ASSIGNMENT_GROUPS * (LIMIT_NAME_BYTES + 1) + 1)
#define STORE_CERT_BYTES 4096 /* an issued device certificate has about 450 */

/* Opens or makes DIR/mdm.db. ret_problem: what is wrong and what to do, for people. */
int store_open(const char *directory, struct store **ret_store, char ret_problem[512]);
/* For reading only, beside a server that may be running; a database of an older version is refused.
 */
int store_open_reading(const char *directory, struct store **ret_store, char ret_problem[512]);
void store_close(struct store *store);
DEFINE_CLEANUP(struct store *, store_close)

/* What SQLite said about the last negative answer; valid until the next call. */
const char *store_trouble(const struct store *store);

enum store_durability {
	STORE_SURVIVES_CRASH, /* of the process; a power cut may lose it: "last seen" */
	STORE_SURVIVES_POWER, /* on the disk when store_commit() returns: whatever is acknowledged
			       */
};
int store_begin(struct store *store, enum store_durability durability);
int store_commit(struct store *store); /* rolls back itself if it fails */
void store_rollback(struct store *store);

/* --- tickets ----------------------------------------------------------------------------- */

struct store_ticket {
	char id[STORE_ID_LENGTH + 1];
	uint8_t secret_sha256[SHA256_BYTES];
	int64_t created_s, expires_s;
	char groups[STORE_GROUPS_BYTES];  /* "A,B" */
	int64_t used_s;			  /* 0: not used yet */
	char device[STORE_ID_LENGTH + 1]; /* that used it, or "" */
	bool zero_touch; /* of an image: never used up; its hardware list says whom it enrols */
};
/* STORE_E_EXISTS if there is one of that id, however it looks. */
int store_ticket_add(struct store *store, const struct store_ticket *ticket);
int store_ticket_get(struct store *store, const char *id, struct store_ticket *ret_ticket);
int store_ticket_use(struct store *store, const char *id, const char *device, int64_t now_s);
typedef int (*store_ticket_fn)(const struct store_ticket *ticket, void *userdata);
/* In the order of ids, those above after; at most limit. A callback that is not 0 ends it. */
int store_ticket_list(
	struct store *store, const char *after, int64_t limit, store_ticket_fn fn, void *userdata);

/* --- devices ----------------------------------------------------------------------------- */

struct store_device {
	char id[STORE_ID_LENGTH + 1], ticket[STORE_ID_LENGTH + 1], enrolment[33];
	int64_t enrolled_s, last_seen_s, certificate_until_s;
	int64_t last_event;  /* highest seq stored; 0: none */
	int64_t withdrawn_s; /* 0: not. Otherwise its certificate is worth nothing any more */
	int64_t clone_s;     /* when reports of two phones with this identity were last seen; 0 */
	int64_t report;	     /* number of the last report of this enrolment; 0: none yet */
	char push[LIMIT_URL_BYTES + 1]; /* endpoint of its push service, or "" */
	char agent[LIMIT_NAME_BYTES + 1], nonce[23], state[LIMIT_NAME_BYTES + 1];
	char have[BOUND_HAVE_BYTES + 1]; /* JSON, or "" */
};
int store_device_get(struct store *store, const char *id, struct store_device *ret_device);
/*
 * Records a device and the certificate it got (der may be NULL: another CA issued it). What was
 * known of an earlier enrolment with the same key (its id, a withdrawal, a clone, how far its
 * events had come) is over.
 */
int store_device_enrol(
	struct store *store, const struct store_device *device, const void *der, size_t n_der);
/* The same key got a new certificate: nothing else changes. STORE_E_NOT_FOUND. */
int store_device_renew(
	struct store *store, const struct store_device *device, const void *der, size_t n_der);
/* Sets withdrawn_s unless it is set. STORE_E_NOT_FOUND: no such device, or withdrawn already. */
int store_device_withdraw(struct store *store, const char *id, int64_t now_s);
int store_certificate_get(
	struct store *store, const char *id, uint8_t ret_der[STORE_CERT_BYTES], size_t *ret_n_der);
typedef int (*store_device_fn)(const struct store_device *device, void *userdata);
int store_device_list(
	struct store *store, const char *after, int64_t limit, store_device_fn fn, void *userdata);

/* What a check-in changes in the record: last seen, have, state and so on. */
struct store_seen {
	const struct report *report;
	int64_t now_s, certificate_until_s, last_event;
	int64_t clone_s; /* 0: leave what is there */
};
int store_device_seen(struct store *store, const struct store_seen *seen);

/* Names and digests of the sections held. At most BOUND_SECTIONS. */
struct store_digests {
	struct {
		char name[LIMIT_NAME_BYTES + 1];
		char digest[REPORT_DIGEST_LENGTH + 1];
	} sections[BOUND_SECTIONS];
	size_t n;
};
int store_digests(struct store *store, const char *device, struct store_digests *ret_digests);
int store_section_put(struct store *store, const char *device, const struct report_section *section,
	int64_t now_s);
/* Nothing is no failure. */
int store_section_remove(struct store *store, const char *device, const char *name);
struct store_section {
	const char *name, *digest;
	struct span body;
	int64_t received_s;
};
typedef int (*store_section_fn)(const struct store_section *section, void *userdata);
int store_section_list(
	struct store *store, const char *device, store_section_fn fn, void *userdata);
/* The one of that name. 0; STORE_E_NOT_FOUND; what fn returned. */
int store_section_get(struct store *store, const char *device, const char *name,
	store_section_fn fn, void *userdata);

/* A (device, seq) that is there already is left as it is: 0. */
int store_event_add(
	struct store *store, const char *device, const struct report_event *event, int64_t now_s);
struct store_event {
	int64_t row, received_s;
	const char *device;
	struct span json;
};
/*
 * The device begins a new journal: what is stored of the old one stays, but its numbers are free
 * again. (The number that a reader sees is in the event itself.)
 */
int store_event_renumber(struct store *store, const char *device);
typedef int (*store_event_fn)(const struct store_event *event, void *userdata);
/* device NULL: of all. In the order of rows, those above after. */
struct store_event_range {
	const char *device;
	int64_t after, limit;
};
int store_event_list(struct store *store, const struct store_event_range *range, store_event_fn fn,
	void *userdata);

/* --- documents --------------------------------------------------------------------------- */

enum store_type {
	STORE_KEYSET,	  /* address "" */
	STORE_POLICY,	  /* address: the stream */
	STORE_ASSIGNMENT, /* address: "device:ID" or "ticket:ID" */
	STORE_TYPE_MAX,
};
const char *store_type_name(enum store_type type);

struct store_document {
	enum store_type type;
	const char *address;
	int64_t serial;
	const char *groups; /* "A,B", "" if it is no assignment */
	struct span body;
};
/*
 * 0: stored. STORE_E_EXISTS: the same bytes and groups were there (of others than keysets: as the
 * newest). STORE_E_STALE otherwise if the serial is not above the newest; STORE_E_AHEAD if a keyset
 * is not the next one. All keysets are kept; of the others the newest and the one before it.
 */
int store_document_put(struct store *store, const struct store_document *document, int64_t now_s);
/*
 * Takes the newest of an address away; the one before it, if there is one, is the newest again and
 * counts as a change. serial: which it must be (STORE_E_STALE otherwise), or 0. ret_before 0: none
 * is left. STORE_E_NOT_FOUND.
 */
struct store_removed {
	int64_t serial, before;
};
int store_document_remove(struct store *store, const struct store_document *address_and_serial,
	struct store_removed *ret_removed);
int store_document_serial(struct store *store, enum store_type type, const char *address,
	int64_t *ret_serial); /* 0: none */
typedef int (*store_document_fn)(const struct store_document *document, void *userdata);
/* The newest of an address, if its serial is above. STORE_E_NOT_FOUND. */
int store_document_newest(struct store *store, const struct store_document *address_and_above,
	store_document_fn fn, void *userdata);
/* All keysets above a version, in order. */
int store_keysets_above(struct store *store, int64_t above, store_document_fn fn, void *userdata);
/* Groups of the newest assignment of a device, its own or its ticket's; and which one it is. */
struct store_assigned {
	char address[STORE_ID_LENGTH + 8]; /* "" if there is none */
	int64_t serial;
	char groups[STORE_GROUPS_BYTES];
};
int store_assigned(struct store *store, const char *device, const char *ticket,
	struct store_assigned *ret_assigned);

/* --- changes ----------------------------------------------------------------------------- */

/*
 * Every stored document and command gets the next number of one counter. A phone is told how far
 * that had come when it was answered (MDM-Mark) and asks later what came since (/v1/wait).
 */
int store_mark(struct store *store, int64_t *ret_mark);
/*
 * Did anything come after mark that concerns the device: a keyset, its assignment or its
 * ticket's, a policy of the assigned groups, a command that waits for its enrolment? Also true for
 * a mark that the counter has not reached: the server was set back since.
 */
int store_changed_since(struct store *store, const char *device, const char *ticket, int64_t mark,
	bool *ret_changed);

/* --- counts ------------------------------------------------------------------------------ */

struct store_counts {
	int64_t devices, tickets, tickets_open, documents, events;
	int64_t commands_held; /* that wait for another administrator */
};
int store_counts(struct store *store, int64_t now_s, struct store_counts *ret_counts);

#endif
