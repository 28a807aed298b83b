/* SPDX-License-Identifier: Apache-2.0 */
/* test_schema.c - the generated schema and reference: complete, well-formed, and the committed one.
 */
#include "policies/schema.h"

#include "agent/util/limits.h"
#include "policies/compliance.h"
#include "policies/when_leaf.h"
#include "tests/lib/check.h"

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, name, &value);
	return value;
}

static struct json_object *schema(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct json_object *object = NULL;
	struct json_error error = {0};

	schema_write(&text);
	if (text.error || json_parse(text.data, text.n_bytes, &object, &error) < 0)
		check_fail(__FILE__, __LINE__, "%s: %s", error.path, error.message);
	return object;
}

static void test_schema_settings(void)
{
	_cleanup_json_ struct json_object *root = schema();
	struct json_object *areas;

	CHECK(root);
	areas = member(member(member(root, "$defs"), "settings"), "properties");
	CHECK_INT(json_object_object_length(areas), AREA_MAX);
	for (size_t id = 0; id < SETTING_MAX; id++) {
		const struct setting_row *row = setting_row(id);
		struct json_object *area = member(areas, area_row(row->area)->name);
		struct json_object *setting = member(member(area, "properties"), row->name);

		CHECK(setting);
		CHECK(strstr(json_object_get_string(member(setting, "description")), row->help));
		CHECK(!row->why ||
			strstr(json_object_get_string(member(setting, "description")), row->why));
		if (row->type != VALUE_INT)
			continue;
		CHECK_STR(json_object_get_string(member(setting, "type")), "integer");
		CHECK_INT(json_object_get_int64(member(setting, "minimum")), row->min);
		CHECK_INT(json_object_get_int64(member(setting, "maximum")), row->max);
	}
}

static void test_schema_conditions(void)
{
	_cleanup_json_ struct json_object *root = schema();
	struct json_object *kinds;

	CHECK(root);
	kinds = member(member(member(root, "$defs"), "condition"), "properties");
	CHECK_INT(json_object_object_length(kinds), 3 + (int)when_n_leaves);
	for (size_t i = 0; i < when_n_leaves; i++)
		CHECK(member(kinds, when_leaves[i]->name));
}

/* Every "$ref" leads somewhere. */
static bool references_resolve(struct json_object *value, struct json_object *definitions)
{
	static const char prefix[] = "#/$defs/";

	if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			if (!references_resolve(json_object_array_get_idx(value, i), definitions))
				return false;
		return true;
	}
	if (!json_object_is_type(value, json_type_object))
		return true;
	json_object_object_foreach(value, key, child)
	{
		if (strcmp(key, "$ref") == 0) {
			const char *target = json_object_get_string(child);

			if (strncmp(target, prefix, strlen(prefix)) != 0 ||
				!member(definitions, target + strlen(prefix)))
				return false;
		} else if (!references_resolve(child, definitions)) {
			return false;
		}
	}
	return true;
}

static void test_schema_references(void)
{
	_cleanup_json_ struct json_object *root = schema();

	CHECK(root);
	CHECK(references_resolve(root, member(root, "$defs")));
}

static void test_reference_is_complete(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	reference_write(&text);
	CHECK_INT(text.error, 0);
	for (size_t id = 0; id < SETTING_MAX; id++) {
		char cell[128];

		snprintf(cell, sizeof(cell), "| `%s` |", setting_row(id)->name);
		CHECK(strstr(text.data, cell));
		CHECK(strstr(text.data, setting_row(id)->help));
		CHECK(!setting_row(id)->why || strstr(text.data, setting_row(id)->why));
	}
	for (size_t i = 0; i < when_n_leaves; i++)
		CHECK(strstr(text.data, when_leaves[i]->help));
	for (size_t i = 0; i < COMPLIANCE_REASON_MAX; i++) {
		char cell[128];

		snprintf(cell, sizeof(cell), "| `%s` |", compliance_reason_name(i));
		CHECK(strstr(text.data, cell));
	}
}

static void test_reference_is_committed(void)
{
	const char *source = getenv("MDM_SOURCE_DIR");
	_cleanup_buf_ struct buf generated = BUF_INIT, committed = BUF_INIT;
	_cleanup_(fclosep) FILE *file = NULL;
	char path[4096], chunk[4096];
	size_t n;

	snprintf(path, sizeof(path), "%s/docs/policy-reference.md", source ? source : ".");
	file = fopen(path, "re");
	CHECK(file);
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		buf_append(&committed, chunk, n);
	reference_write(&generated);
	CHECK(committed.n_bytes > 0);
	if (strcmp(generated.data, committed.data) != 0)
		check_fail(__FILE__, __LINE__,
			"%s is out of date: agentctl policy schema --markdown > it", path);
}

static const struct check_test tests[] = {
	{"schema_settings", test_schema_settings},
	{"schema_conditions", test_schema_conditions},
	{"schema_references", test_schema_references},
	{"reference_is_complete", test_reference_is_complete},
	{"reference_is_committed", test_reference_is_committed},
};

CHECK_MAIN(tests)
