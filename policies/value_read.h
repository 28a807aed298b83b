/* SPDX-License-Identifier: Apache-2.0 */
/* value_read.h - one value of a setting from JSON, checked against its row. Pure; enforcer and
 * tools. */
#ifndef MDM_POLICIES_VALUE_READ_H
#define MDM_POLICIES_VALUE_READ_H

#include "agent/json/json_read.h"
#include "policies/settings.h"

/*
 * Reads the member row->name of object, whose own path is path. A set has at most LIMIT_STRING_SET
 * distinct strings of 1..LIMIT_TEXT_BYTES bytes. 0 with *ret_value (value_done() by the caller);
 * -ENOENT if there is no such member; -EBADMSG with error; -ENOMEM.
 */
int value_read(const struct setting_row *row, struct json_object *object, const char *path,
	struct value *ret_value, struct json_error *error);

#endif
