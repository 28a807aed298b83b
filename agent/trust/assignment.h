/* SPDX-License-Identifier: Apache-2.0 */
/* assignment.h - which groups (policy streams) a phone belongs to, whose it is; signed. */
#ifndef MDM_TRUST_ASSIGNMENT_H
#define MDM_TRUST_ASSIGNMENT_H

#include "agent/json/json_read.h"
#include "agent/util/limits.h"

enum ownership {
	OWNERSHIP_COMPANY,
	OWNERSHIP_PERSONAL,
	OWNERSHIP_MAX,
};
const char *ownership_name(enum ownership ownership); /* "company", "personal" */

struct assignment {
	int64_t serial;
	char groups[LIMIT_ASSIGNMENT_GROUPS][LIMIT_NAME_BYTES + 1]; /* sorted, unique */
	size_t n_groups;
	char user[LIMIT_TEXT_BYTES + 1]; /* who uses the phone, for people; may be "" */
	enum ownership ownership;
};

/* From the parsed payload of a verified document. 0; -EBADMSG with error. */
int assignment_parse(
	struct json_object *payload, struct assignment *ret_assignment, struct json_error *error);

#endif
