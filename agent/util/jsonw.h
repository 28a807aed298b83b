/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jsonw.h - writes JSON (RFC 8259) into a struct buf, without json-c, so that the root process can
 * report without linking a reader into the path. Commas are placed by the writer; the caller nests
 * correctly (asserted by the tests of each report, not at run time).
 */
#ifndef MDM_UTIL_JSONW_H
#define MDM_UTIL_JSONW_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/buf.h"

struct jsonw {
	struct buf *out; /* borrowed; errors stick there */
	bool comma;	 /* something was written at this level */
};

#define JSONW_INIT(buffer)                                                                         \
	(struct jsonw)                                                                             \
	{                                                                                          \
		.out = (buffer)                                                                    \
	}

/* key is NULL inside an array and at the top level. */
void jsonw_object(struct jsonw *w, const char *key);
void jsonw_object_end(struct jsonw *w);
void jsonw_array(struct jsonw *w, const char *key);
void jsonw_array_end(struct jsonw *w);
void jsonw_string(struct jsonw *w, const char *key, const char *text); /* NULL writes null */
/* Not NUL-terminated text; bytes that are not UTF-8 become U+FFFD. */
void jsonw_text(struct jsonw *w, const char *key, const char *text, size_t n_bytes);
void jsonw_int(struct jsonw *w, const char *key, int64_t value);
void jsonw_bool(struct jsonw *w, const char *key, bool value);
void jsonw_null(struct jsonw *w, const char *key);
/* Bytes that are one JSON value already (written by jsonw or stored verbatim). */
void jsonw_raw(struct jsonw *w, const char *key, const char *json, size_t n_bytes);

#endif
