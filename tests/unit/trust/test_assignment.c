/* SPDX-License-Identifier: Apache-2.0 */
/* test_assignment.c - assignments that are taken and refused; no role, plain process. */
#include "agent/trust/assignment.h"

#include <errno.h>
#include <string.h>

#include "agent/util/buf.h"
#include "tests/lib/check.h"

static int parse(const char *text, struct assignment *ret_assignment, struct json_error *error)
{
	_cleanup_json_ struct json_object *json = NULL;
	int r = json_parse(text, strlen(text), &json, error);

	return r < 0 ? r : assignment_parse(json, ret_assignment, error);
}

static void test_parse(void)
{
	struct assignment a;
	struct json_error error = {0};

	CHECK_INT(parse("{\"serial\":7,\"groups\":[\"staff\",\"all\",\"field.team-2\"],"
			"\"ownership\":\"personal\",\"user\":\"J\xc3\xb6rg\",\"later\":{}}",
			  &a, &error),
		0);
	CHECK_INT(a.serial, 7);
	CHECK_INT(a.n_groups, 3);
	CHECK_STR(a.groups[0], "all");
	CHECK_STR(a.groups[1], "field.team-2");
	CHECK_STR(a.groups[2], "staff");
	CHECK_INT(a.ownership, OWNERSHIP_PERSONAL);
	CHECK_STR(a.user, "J\xc3\xb6rg");
	CHECK_INT(parse("{\"serial\":1,\"groups\":[],\"ownership\":\"company\"}", &a, &error), 0);
	CHECK_INT(a.n_groups, 0);
	CHECK_STR(a.user, "");
	CHECK_INT(a.ownership, OWNERSHIP_COMPANY);
}

static void test_rows(void)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{"{\"groups\":[],\"ownership\":\"company\"}", "serial"},
		{"{\"serial\":0,\"groups\":[],\"ownership\":\"company\"}", "serial"},
		{"{\"serial\":1,\"ownership\":\"company\"}", "groups"},
		{"{\"serial\":1,\"groups\":\"all\",\"ownership\":\"company\"}", "groups"},
		{"{\"serial\":1,\"groups\":[1],\"ownership\":\"company\"}", "groups"},
		{"{\"serial\":1,\"groups\":[null],\"ownership\":\"company\"}", "groups"},
		{"{\"serial\":1,\"groups\":[[]],\"ownership\":\"company\"}", "groups"},
		{"{\"serial\":1,\"groups\":[\"\"],\"ownership\":\"company\"}", "groups"},
		{"{\"serial\":1,\"groups\":[\"../x\"],\"ownership\":\"company\"}", "groups"},
		{"{\"serial\":1,\"groups\":[\".x\"],\"ownership\":\"company\"}", "groups"},
		{"{\"serial\":1,\"groups\":[\"a\",\"b\",\"a\"],\"ownership\":\"company\"}",
			"groups"},
		{"{\"serial\":1,\"groups\":[]}", "ownership"},
		{"{\"serial\":1,\"groups\":[],\"ownership\":\"Company\"}", "ownership"},
		{"{\"serial\":1,\"groups\":[],\"ownership\":\"\"}", "ownership"},
		{"{\"serial\":1,\"groups\":[],\"ownership\":null}", "ownership"},
		{"{\"serial\":1,\"groups\":[],\"ownership\":\"company\",\"user\":7}", "user"},
		{"{\"serial\":1,\"groups\":[],\"ownership\":\"company\",\"user\":null}", "user"},
		{"{\"serial\":1,\"groups\":[],\"ownership\":\"company\",\"user\":\"a\\tb\"}",
			"user"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct assignment a = {.serial = 77};
		struct json_error error = {0};
		int r = parse(rows[i].text, &a, &error);

		if (r != -EBADMSG || a.serial != 77)
			check_fail(__FILE__, __LINE__, "row %zu: %d", i, r);
		else if (strcmp(error.path, rows[i].path) != 0)
			check_fail(__FILE__, __LINE__, "row %zu: path \"%s\"", i, error.path);
	}
}

static void test_limits(void)
{
	struct assignment a;
	struct json_error error;

	for (size_t n = LIMIT_ASSIGNMENT_GROUPS; n <= LIMIT_ASSIGNMENT_GROUPS + 1; n++) {
		_cleanup_buf_ struct buf text = BUF_INIT;

		buf_puts(&text, "{\"serial\":1,\"ownership\":\"company\",\"groups\":[");
		for (size_t i = 0; i < n; i++)
			buf_printf(&text, "%s\"g%zu\"", i ? "," : "", i);
		buf_puts(&text, "]}");
		CHECK_INT(parse(text.data, &a, &error), n > LIMIT_ASSIGNMENT_GROUPS ? -EBADMSG : 0);
	}
	for (int n = LIMIT_TEXT_BYTES; n <= LIMIT_TEXT_BYTES + 1; n++) {
		_cleanup_buf_ struct buf text = BUF_INIT;

		buf_printf(&text,
			"{\"serial\":1,\"ownership\":\"company\",\"groups\":[],\"user\":\"%0*d\"}",
			n, 0);
		CHECK_INT(parse(text.data, &a, &error), n > LIMIT_TEXT_BYTES ? -EBADMSG : 0);
	}
	for (int n = LIMIT_NAME_BYTES; n <= LIMIT_NAME_BYTES + 1; n++) {
		_cleanup_buf_ struct buf text = BUF_INIT;

		buf_printf(&text, "{\"serial\":1,\"ownership\":\"company\",\"groups\":[\"%0*d\"]}",
			n, 0);
		CHECK_INT(parse(text.data, &a, &error), n > LIMIT_NAME_BYTES ? -EBADMSG : 0);
	}
}

static void test_names(void)
{
	for (enum ownership o = 0; o < OWNERSHIP_MAX; o++)
		CHECK(ownership_name(o) && *ownership_name(o));
}

static const struct check_test tests[] = {
	{"parse", test_parse},
	{"rows", test_rows},
	{"limits", test_limits},
	{"names", test_names},
};
CHECK_MAIN(tests)
