/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_read.h - strict reading of JSON (RFC 8259) on top of json-c.
 *
 * Refused before json-c sees a byte: more than LIMIT_JSON_DEPTH levels, more than
 * LIMIT_JSON_MEMBERS members and elements, duplicate member names in one object (RFC 8259,
 * section 4 leaves their meaning open; two readers would disagree), NUL, malformed UTF-8, and
 * anything but white space behind the value. Not for net and guard.
 */
#ifndef MDM_JSON_READ_H
#define MDM_JSON_READ_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/util/mem.h"

static inline void json_putp(struct json_object **object)
{
	json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(json_putp)

/* What is wrong with a JSON text and where, for people. Never holds text from the input but names
 * that passed text_is_valid(). */
struct json_error {
	char path[128];	   /* "profiles[2].settings.screen_lock" */
	char message[160]; /* "must be an integer from 15 to 3600" */
};

/* Fills error (which may be NULL) and returns -EBADMSG, so that callers write return
 * json_fail(...). */
int json_fail(struct json_error *error, const char *path, const char *format, ...) _printf_(3, 4);

/*
 * Parses n_bytes of text; the top level must be an object. 0; -EBADMSG with error filled; -ENOMEM.
 * The object is the caller's (json_object_put).
 */
int json_parse(const char *text, size_t n_bytes, struct json_object **ret_object,
	struct json_error *error);
/* The same with LIMIT_JSON_LISTING members: for what lists a phone's apps. */
int json_parse_listing(const char *text, size_t n_bytes, struct json_object **ret_object,
	struct json_error *error);
/* The same with LIMIT_JSON_GEOMETRY members: for files with the outlines of places. */
int json_parse_geometry(const char *text, size_t n_bytes, struct json_object **ret_object,
	struct json_error *error);

/*
 * Typed members. path is the path of the object itself ("" at the top). Each returns 0 with the
 * output set, -ENOENT if the member is not there (error untouched), -EBADMSG if it has the wrong
 * type or range. Strings are borrowed from the object, hold no NUL and pass text_is_valid().
 * Integers must be JSON integers without fraction or exponent.
 */
int json_get_int(struct json_object *object, const char *path, const char *name, int64_t min,
	int64_t max, int64_t *ret_value, struct json_error *error);
int json_get_bool(struct json_object *object, const char *path, const char *name, bool *ret_value,
	struct json_error *error);
int json_get_string(struct json_object *object, const char *path, const char *name,
	size_t max_bytes, const char **ret_text, struct json_error *error);
int json_get_object(struct json_object *object, const char *path, const char *name,
	struct json_object **ret_borrowed, struct json_error *error);
int json_get_array(struct json_object *object, const char *path, const char *name,
	struct json_object **ret_borrowed, struct json_error *error);

/* Turns the -ENOENT of a required member into -EBADMSG "is missing"; other values pass through. */
int json_required(int r, const char *path, const char *name, struct json_error *error);

/* Refuses members that are not in the NULL-terminated list of names. 0 or -EBADMSG. */
int json_only(struct json_object *object, const char *path, const char *const *names,
	struct json_error *error);

#endif
