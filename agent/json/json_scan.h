/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_scan.h - the pass over JSON bytes that comes before json-c: grammar (RFC 8259), limits, and
 * everything on which two readers could disagree. Private to agent/json. Pure.
 */
#ifndef MDM_JSON_SCAN_H
#define MDM_JSON_SCAN_H

#include "agent/json/json_read.h"

/*
 * Accepts exactly one object, with white space around it. 0 with the bytes up to and including the
 * closing brace in ret_n_value; -EBADMSG with error (line, column, what); -ENOMEM.
 */
int json_scan(const char *text, size_t n_bytes, size_t max_members, size_t *ret_n_value,
	struct json_error *error);

#endif
