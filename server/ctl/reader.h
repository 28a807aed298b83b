/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.h - one answer of mdm-server in reading: members with their types and bounds. What is
 * missing or null is empty; the first member of the wrong type sticks and refuses the answer. Pure.
 */
#ifndef MDM_MDMCTL_READER_H
#define MDM_MDMCTL_READER_H

#include <stdbool.h>

#include "agent/json/json_read.h"
#include "server/ctl/fault.h"

struct reader {
	struct json_error error;
	const char *path;
	bool bad;
};

/* Parses the text. 0 or FAULT_*. */
int reader_parse(struct reader *reader, const char *text, size_t n_bytes,
	struct json_object **ret_json, struct fault *fault);
/* FAULT_FAILURE with what the reader found. */
int reader_fault(const struct reader *reader, struct fault *fault);

/* Neither missing nor null. */
bool reader_has(struct json_object *object, const char *name);
void reader_text(struct reader *reader, struct json_object *object, const char *name,
	char *ret_text, size_t size);
/* 32 hexadecimal digits, or "". */
void reader_hex(
	struct reader *reader, struct json_object *object, const char *name, char ret_hex[33]);
/* false where there is none. */
bool reader_bool(struct reader *reader, struct json_object *object, const char *name);
int64_t reader_int(struct reader *reader, struct json_object *object, const char *name);
/* Borrowed from the object; NULL where there is none. */
struct json_object *reader_array(
	struct reader *reader, struct json_object *object, const char *name);
struct json_object *reader_object(
	struct reader *reader, struct json_object *object, const char *name);

/* Elements of an array of objects; 0 and *ret_array NULL where there is none. 0 or FAULT_*. */
int reader_rows(struct reader *reader, struct json_object *json, const char *name,
	struct json_object **ret_array, size_t *ret_n_rows, struct fault *fault);

#endif
