/* SPDX-License-Identifier: Apache-2.0 */
/* assignment.c - reads the payload of an assignment; see assignment.h. The enforcer and tools;
 * pure. */
#include "agent/trust/assignment.h"

#include <errno.h>
#include <string.h>

#include "agent/trust/member.h"

const char *ownership_name(enum ownership ownership)
{
	static const char *const names[OWNERSHIP_MAX] = {
		[OWNERSHIP_COMPANY] = "company",
		[OWNERSHIP_PERSONAL] = "personal",
	};

	return names[ownership];
}

static int assignment_compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int assignment_get_groups(
	struct json_object *payload, struct assignment *assignment, struct json_error *error)
{
	struct json_object *array;
	size_t n;
	int r;

	r = json_required(
		json_get_array(payload, "", "groups", &array, error), "", "groups", error);
	if (r < 0)
		return r;
	n = json_object_array_length(array);
	if (n > LIMIT_ASSIGNMENT_GROUPS)
		return json_fail(
			error, "groups", "must be at most %d names", LIMIT_ASSIGNMENT_GROUPS);
	for (size_t i = 0; i < n; i++) {
		r = member_element(array, "groups", i, assignment->groups[i], error);
		if (r < 0)
			return r;
	}
	qsort(assignment->groups, n, sizeof(assignment->groups[0]), assignment_compare_names);
	for (size_t i = 1; i < n; i++)
		if (strcmp(assignment->groups[i - 1], assignment->groups[i]) == 0)
			return json_fail(error, "groups", "must not repeat a name");
	assignment->n_groups = n;
	return 0;
}

static int assignment_get_ownership(
	struct json_object *payload, enum ownership *ret_ownership, struct json_error *error)
{
	const char *text;
	int r;

	r = json_required(json_get_string(payload, "", "ownership", LIMIT_NAME_BYTES, &text, error),
		"", "ownership", error);
	if (r < 0)
		return r;
	for (enum ownership o = 0; o < OWNERSHIP_MAX; o++) {
		if (strcmp(ownership_name(o), text) == 0) {
			*ret_ownership = o;
			return 0;
		}
	}
	return json_fail(error, "ownership", "must be company or personal");
}

int assignment_parse(
	struct json_object *payload, struct assignment *ret_assignment, struct json_error *error)
{
	struct assignment assignment = {0};
	const char *user = "";
	int r;

	r = member_serial(payload, "serial", &assignment.serial, error);
	if (r < 0)
		return r;
	r = assignment_get_groups(payload, &assignment, error);
	if (r < 0)
		return r;
	r = assignment_get_ownership(payload, &assignment.ownership, error);
	if (r < 0)
		return r;
	r = json_get_string(payload, "", "user", LIMIT_TEXT_BYTES, &user, error);
	if (r < 0 && r != -ENOENT)
		return r;
	memcpy(assignment.user, user, strlen(user) + 1);
	*ret_assignment = assignment;
	return 0;
}
