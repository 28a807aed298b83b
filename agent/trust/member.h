/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member.h - the kinds of members that all payloads share: serials, times, ids, names.
 * Private to agent/trust; the rules of errors are those of json_read.h, but a missing member is
 * -EBADMSG: each of these is required.
 */
#ifndef MDM_TRUST_MEMBER_H
#define MDM_TRUST_MEMBER_H

#include "agent/json/json_read.h"
#include "agent/util/limits.h"

/* A JSON integer that every reader keeps exactly (RFC 8259, section 6). */
#define MEMBER_MAX_SERIAL ((INT64_C(1) << 53) - 1)
/* 9999-12-31T23:59:59Z, the last time that clock_format() can write. */
#define MEMBER_MAX_TIME INT64_C(253402300799)

int member_serial(struct json_object *object, const char *name, int64_t *ret_serial,
	struct json_error *error);
int member_time(struct json_object *object, const char *name, int64_t *ret_realtime_s,
	struct json_error *error);
/* 32 lower-case hexadecimal digits: organisation, device, ticket, enrolment. */
int member_id(struct json_object *object, const char *path, const char *name, char ret_id[33],
	struct json_error *error);
int member_name(struct json_object *object, const char *path, const char *name,
	char ret_name[LIMIT_NAME_BYTES + 1], struct json_error *error);
/* The same for an element of an array. */
int member_element(struct json_object *array, const char *path, size_t index,
	char ret_name[LIMIT_NAME_BYTES + 1], struct json_error *error);

#endif
