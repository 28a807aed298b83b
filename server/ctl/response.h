/* SPDX-License-Identifier: Apache-2.0 */
/*
 * response.h - what mdm-server answers, as structs. The server is an untrusted courier: everything
 * is bounded and typed here; a member that is missing or null is empty, one of the wrong type
 * refuses the answer. Pure.
 */
#ifndef MDM_MDMCTL_RESPONSE_H
#define MDM_MDMCTL_RESPONSE_H

#include "agent/json/json_read.h"
#include "agent/util/limits.h"
#include "server/ctl/fault.h"

struct response_device {
	char id[33], enrolment[33], ticket[33];
	char state[LIMIT_NAME_BYTES + 1], agent[LIMIT_NAME_BYTES + 1];
	int64_t enrolled_s, last_seen_s, certificate_until_s;
	int64_t withdrawn_s; /* 0: it is not */
	int64_t clone_s;     /* when reports of two phones with this identity last came; 0: never */
	char nonce[24];	     /* the last one it sent; "" */
	char groups[LIMIT_ASSIGNMENT_GROUPS * (LIMIT_NAME_BYTES + 2)]; /* "a, b" */
	int64_t have_keyset, have_assignment;
	struct json_object *json; /* the whole record, borrowed from the page */
};

struct response_devices {
	struct response_device *rows; /* owned */
	size_t n_rows;
	char next[33];		  /* "" on the last page */
	struct json_object *json; /* owned */
};
int response_devices(const char *text, size_t n_bytes, struct response_devices *ret_devices,
	struct fault *fault);
void response_devices_done(struct response_devices *devices);

/* One device; the page has one row. */
int response_device(const char *text, size_t n_bytes, struct response_devices *ret_devices,
	struct fault *fault);

struct response_ticket {
	char id[33], device[33]; /* device: that used it, or "" */
	int64_t created_s, expires_s, used_s;
	char groups[LIMIT_ASSIGNMENT_GROUPS * (LIMIT_NAME_BYTES + 2)];
	struct json_object *json; /* borrowed */
};
struct response_tickets {
	struct response_ticket *rows; /* owned */
	size_t n_rows;
	char next[33];
	struct json_object *json; /* owned */
};
int response_tickets(const char *text, size_t n_bytes, struct response_tickets *ret_tickets,
	struct fault *fault);
void response_tickets_done(struct response_tickets *tickets);

struct response_setting {
	char area[LIMIT_NAME_BYTES + 1], setting[LIMIT_NAME_BYTES + 1];
	char state[LIMIT_NAME_BYTES + 1], reason[LIMIT_NAME_BYTES + 1];
	char desired[LIMIT_TEXT_BYTES + 1], observed[LIMIT_TEXT_BYTES + 1];
	char detail[LIMIT_TEXT_BYTES + 1];
	int64_t since_s;
	struct json_object *items; /* borrowed, may be NULL: response_item() */
};
/*
 * The n-th setting of the device's compliance section. 0 with the setting filled, -ENOENT behind
 * the last one or without a section; settings of the wrong form are FAULT_*.
 */
int response_setting(const struct response_device *device, size_t n,
	struct response_setting *ret_setting, struct fault *fault);

/* One thing of those that a setting is about: a disk, an app. */
struct response_item {
	char name[LIMIT_TEXT_BYTES + 1], detail[LIMIT_TEXT_BYTES + 1];
	char state[LIMIT_NAME_BYTES + 1], reason[LIMIT_NAME_BYTES + 1];
};
/* The n-th of them. 0 with the item filled, -ENOENT behind the last one, or FAULT_*. */
int response_item(const struct response_setting *setting, size_t n, struct response_item *ret_item,
	struct fault *fault);

struct response_event {
	int64_t row, seq, time_s;
	char device[33];
	char type[LIMIT_NAME_BYTES + 1];
	struct json_object *data; /* borrowed, may be NULL */
	struct json_object *json; /* the whole event, borrowed */
};
struct response_events {
	struct response_event *rows; /* owned */
	size_t n_rows;
	int64_t next;		  /* to give as "after" */
	struct json_object *json; /* owned */
};
int response_events(
	const char *text, size_t n_bytes, struct response_events *ret_events, struct fault *fault);
void response_events_done(struct response_events *events);

/* Message of an error answer in plain text; "" if it is none. */
void response_error(const char *text, size_t n_bytes, char *ret_text, size_t size);

#endif
