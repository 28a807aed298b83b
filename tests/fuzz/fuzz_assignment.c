/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: trust */
/* fuzz_assignment.c - assignments. One that is taken has sorted, different, valid group names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/trust/assignment.h"
#include "agent/util/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_json_ struct json_object *json = NULL;
	struct json_error error = {0};
	struct assignment assignment;
	int r;

	if (json_parse((const char *)data, n_bytes, &json, NULL) < 0)
		return 0;
	r = assignment_parse(json, &assignment, &error);
	if (r < 0) {
		expect(r == -EBADMSG && *error.path && *error.message);
		return 0;
	}
	expect(assignment.serial >= 1 && assignment.ownership < OWNERSHIP_MAX);
	expect(assignment.n_groups <= LIMIT_ASSIGNMENT_GROUPS);
	expect(text_is_valid(assignment.user, strlen(assignment.user)));
	for (size_t i = 0; i < assignment.n_groups; i++) {
		expect(name_is_valid(assignment.groups[i]));
		expect(i == 0 || strcmp(assignment.groups[i - 1], assignment.groups[i]) < 0);
	}
	return 0;
}
