/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: json */
/*
 * fuzz_json.c - the strict reader. Whatever the scan takes, json-c takes too; what was taken can be
 * written and read again and is the same; limits hold.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/json/json_read.h"
#include "agent/json/json_scan.h"
#include "agent/util/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static size_t count_members(struct json_object *value, size_t depth)
{
	size_t n = 0;

	if (json_object_is_type(value, json_type_object)) {
		expect(depth < LIMIT_JSON_DEPTH);
		json_object_object_foreach(value, name, member)
		{
			(void)name;
			n += 1 + count_members(member, depth + 1);
		}
	} else if (json_object_is_type(value, json_type_array)) {
		expect(depth < LIMIT_JSON_DEPTH);
		for (size_t i = 0; i < json_object_array_length(value); i++)
			n += 1 + count_members(json_object_array_get_idx(value, i), depth + 1);
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_json_ struct json_object *object = NULL, *again = NULL;
	struct json_error error = {0};
	const char *text;
	size_t n_value = 0;
	int scanned = json_scan((const char *)data, n_bytes, LIMIT_JSON_MEMBERS, &n_value, &error);
	int parsed = json_parse((const char *)data, n_bytes, &object, &error);

	expect(scanned == parsed);
	if (parsed < 0) {
		expect(parsed == -EBADMSG && !object && *error.message);
		return 0;
	}
	expect(n_value <= n_bytes && data[n_value - 1] == '}');
	/* No member got lost, as duplicates would. */
	expect(count_members(object, 0) <= LIMIT_JSON_MEMBERS);
	text = json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	expect(json_parse(text, strlen(text), &again, &error) == 0);
	expect(json_object_equal(object, again));
	expect(count_members(object, 0) == count_members(again, 0));
	return 0;
}
