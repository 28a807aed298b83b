/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_scan.h - reads JSON (RFC 8259) where it lies: values are spans of the caller's bytes.
 *
 * A scanner of its own, not SQLite's JSON functions, for two reasons. The digest of a section is
 * over its bytes as they were sent, and json_extract() writes a value anew. And json_valid() of
 * SQLite 3.40 has no limit on nesting of its own, accepts what is not UTF-8 and, like json-c,
 * leaves open what two members of one name mean. One reader for reports and for the administrators'
 * requests is less than two. It allocates nothing. Pure; mdm-server only.
 */
#ifndef MDM_SERVER_JSON_SCAN_H
#define MDM_SERVER_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const char *at; /* NULL: there is no such value */
	size_t n;
};

/*
 * Checks that the bytes are exactly one value (white space around it is allowed), well-formed
 * UTF-8, nested at most LIMIT_JSON_DEPTH deep. The span of the value without the white space.
 * Everything below takes spans that come from here. 0 or -EBADMSG.
 */
int json_check(const char *text, size_t n_bytes, struct span *ret_value);

bool json_is_object(struct span value);
bool json_is_array(struct span value);

/* A walk over the members of an object or the elements of an array, in their order. */
struct json_walk {
	const char *at, *end;
	bool object;
};
/* false if value is neither object nor array. */
bool json_walk_begin(struct span value, struct json_walk *ret_walk);
/* false at the end. ret_key (with its quotes; .at NULL in an array) and ret_value are set if true.
 */
bool json_walk_next(struct json_walk *walk, struct span *ret_key, struct span *ret_value);

/* Is this key (or string value) exactly the text? Text with escapes is compared decoded. */
bool json_equals(struct span string, const char *text);

/*
 * The member of that name; its .at is NULL if there is none. -EBADMSG if the name stands twice:
 * two readers could disagree on which one counts.
 */
int json_member(struct span object, const char *name, struct span *ret_value);

/* A string, decoded, with NUL; no NUL may be inside. 0; -EBADMSG: no string; -EFBIG: too long. */
int json_string(struct span value, char *ret_text, size_t size_bytes);

/* An integer without fraction and exponent, within [min, max]. 0 or -EBADMSG. */
int json_integer(struct span value, int64_t min, int64_t max, int64_t *ret_value);

#endif
