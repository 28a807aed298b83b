/* SPDX-License-Identifier: Apache-2.0 */
/* policy_private.h - what the parts of the reader of policies share. Only for policies/policy*.c.
 */
#ifndef MDM_POLICIES_POLICY_PRIVATE_H
#define MDM_POLICIES_POLICY_PRIVATE_H

#include "policies/policy.h"

struct policy_parser {
	struct policy *policy;
	struct json_error *error;
	int r; /* of a callback that cannot return it */
};

/* Remembers prefix + name once; what is beyond the limit is only counted. 0 or -ENOMEM. */
int policy_add_unsupported(struct policy_parser *parser, const char *prefix, const char *name);

/* Reports the members of object that are not in the list; names that are none refuse it. */
int policy_check_members(struct policy_parser *parser, struct json_object *object, const char *path,
	const char *const *known, const char *prefix);

/* The only member of an object, and its name; other shapes are refused. 0 or -EBADMSG. */
int policy_only_member(struct policy_parser *parser, struct json_object *object, const char *path,
	const char *what, const char **ret_name);

/* "actions" of the profile. 0, also where there are none; -EBADMSG; -ENOMEM. */
int policy_parse_actions(struct policy_parser *parser, struct profile *profile,
	struct json_object *object, const char *path);

/* "places". 0, also where there are none; -EBADMSG; -ENOMEM. */
int policy_parse_places(struct policy_parser *parser, struct json_object *payload);
/* When all is read: the places that conditions name are those of this policy. 0 or -EBADMSG. */
int policy_bind_places(struct policy_parser *parser);

#endif
