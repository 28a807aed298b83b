/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peek.h - lenient reading of an answer: a member that is missing or of another type is simply
 * not there. For showing only; whatever is decided on is read with json_read.h. agentctl.
 */
#ifndef MDM_CTL_PEEK_H
#define MDM_CTL_PEEK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/json/json_read.h"

/* object may be NULL everywhere. Borrowed results. */
const char *peek_string(struct json_object *object, const char *name); /* NULL: none, or empty */
/* The same, or a stand-in. */
const char *peek_text(struct json_object *object, const char *name, const char *otherwise);
bool peek_int(struct json_object *object, const char *name, int64_t *ret_value);
bool peek_true(struct json_object *object, const char *name);
struct json_object *peek_object(struct json_object *object, const char *name);
struct json_object *peek_array(struct json_object *object, const char *name);
size_t peek_length(struct json_object *array); /* 0 for NULL */
/* Element i, which must be an object; else NULL. */
struct json_object *peek_at(struct json_object *array, size_t i);
/* Element i as text; else NULL. */
const char *peek_string_at(struct json_object *array, size_t i);

#endif
