/* SPDX-License-Identifier: Apache-2.0 */
/* test_action.c - the actions of profiles: what is read, refused and left out, and which policies
 * destroy. */
#include "policies/action.h"

#include <errno.h>

#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

#define WHEN "\"when\":{\"charging\":{\"is\":true}},"

static struct policy *with_actions(const char *when, const char *actions, struct json_error *error)
{
	_cleanup_buf_ struct buf profile = BUF_INIT, text = BUF_INIT;

	buf_printf(&profile, "{\"id\":\"p\",%s\"settings\":{},\"actions\":%s}", when, actions);
	gen_policy("staff", NULL, profile.data, &text);
	return gen_parse(text.data, error);
}

static void test_rows(void)
{
	for (size_t i = 0; i < ACTION_MAX; i++) {
		const struct action_row *row = action_row((enum action_kind)i);
		_cleanup_(policy_freep) struct policy *policy = NULL;
		_cleanup_buf_ struct buf array = BUF_INIT;
		enum action_kind kind = ACTION_MAX;

		CHECK(row->name && row->help && row->example && row->parse && row->schema);
		CHECK(action_find(row->name, &kind) == row);
		CHECK_INT(kind, i);
		buf_printf(&array, "[%s]", row->example);
		policy = with_actions(WHEN, array.data, NULL);
		CHECK(policy);
		CHECK_INT(policy->profiles[0].n_actions, 1);
		CHECK_INT(policy->profiles[0].actions[0].kind, i);
		CHECK_INT(policy_destroys(policy) != NULL, row->destroys);
	}
}

static void test_read(void)
{
	_cleanup_(policy_freep) struct policy *policy = with_actions(WHEN,
		"[{\"notify\":{\"title\":\"Away\",\"text\":\"The camera is off.\"}},{\"lock\":{}},"
		"{\"siren\":{\"loud\":true}},{\"wipe\":{\"scope\":\"corporate\"}},{\"siren\":1}]",
		NULL);
	const struct profile *profile;

	CHECK(policy);
	profile = &policy->profiles[0];
	CHECK_INT(profile->n_actions, 3);
	CHECK_INT(profile->actions[0].kind, ACTION_NOTIFY);
	CHECK_STR(profile->actions[0].title, "Away");
	CHECK_STR(profile->actions[0].text, "The camera is off.");
	CHECK_INT(profile->actions[1].kind, ACTION_LOCK);
	CHECK_INT(profile->actions[2].kind, ACTION_WIPE);
	CHECK_INT(policy->n_unsupported, 1);
	CHECK_STR(policy->unsupported[0], "action:siren");
	CHECK_STR(policy_destroys(policy), "the action wipe");
}

static void test_refused(void)
{
	static const struct {
		const char *when, *actions, *path, *message;
	} cases[] = {
		{WHEN, "{}", "profiles[0].actions", "array"},
		{"", "[{\"lock\":{}}]", "profiles[0].actions", "beside a when"},
		{"", "[]", "profiles[0].actions", "beside a when"},
		{WHEN, "[1]", "profiles[0].actions[0]", "object"},
		{WHEN, "[{}]", "profiles[0].actions[0]", "exactly one"},
		{WHEN, "[{\"lock\":{},\"report\":{}}]", "profiles[0].actions[0]", "exactly one"},
		{WHEN, "[{\"lo ck\":{}}]", "profiles[0].actions[0]", "name of an action"},
		{WHEN, "[{\"lock\":true}]", "profiles[0].actions[0].lock", "object"},
		{WHEN, "[{\"lock\":{\"now\":true}}]", "profiles[0].actions[0].lock", "unknown"},
		{WHEN, "[{\"lock\":{}},{\"report\":{}},{\"lock\":{}}]", "profiles[0].actions[2]",
			"lock stands there"},
		{WHEN, "[{\"notify\":{}}]", "profiles[0].actions[0].notify.text", "missing"},
		{WHEN, "[{\"notify\":{\"title\":\"t\"}}]", "profiles[0].actions[0].notify.text",
			"missing"},
		{WHEN, "[{\"notify\":{\"text\":\"\"}}]", "profiles[0].actions[0].notify.text",
			"empty"},
		{WHEN, "[{\"notify\":{\"text\":\"a\",\"title\":\"\"}}]",
			"profiles[0].actions[0].notify.title", "empty"},
		{WHEN, "[{\"notify\":{\"text\":\"a\\n\"}}]", "profiles[0].actions[0].notify.text",
			"control"},
		{WHEN, "[{\"wipe\":{}}]", "profiles[0].actions[0].wipe.scope", "missing"},
		{WHEN, "[{\"wipe\":{\"scope\":\"device\"}}]", "profiles[0].actions[0].wipe.scope",
			"corporate"},
		{WHEN, "[{\"wipe\":{\"scope\":\"corporate\",\"finish\":\"reboot\"}}]",
			"profiles[0].actions[0].wipe", "unknown"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		struct json_error error = {0};

		policy = with_actions(cases[i].when, cases[i].actions, &error);
		if (policy || strcmp(error.path, cases[i].path) != 0 ||
			!strstr(error.message, cases[i].message))
			check_fail(__FILE__, __LINE__, "%s: \"%s\": \"%s\"", cases[i].actions,
				error.path, error.message);
	}
}

static void test_limits(void)
{
	for (int over = 0; over <= 1; over++) {
		_cleanup_(policy_freep) struct policy *many = NULL, *title = NULL, *text = NULL;
		_cleanup_buf_ struct buf array = BUF_INIT;

		/* Those that nobody knows count, too. */
		for (int i = 0; i < LIMIT_ACTIONS + over; i++)
			buf_printf(&array, "%s{\"siren%d\":{}}", i ? "," : "[", i);
		buf_puts(&array, "]");
		many = with_actions(WHEN, array.data, NULL);
		CHECK_INT(many != NULL, !over);
		buf_reset(&array);
		buf_printf(&array, "[{\"notify\":{\"text\":\"%0*d\"}}]",
			LIMIT_COMMAND_TEXT_BYTES + over, 7);
		text = with_actions(WHEN, array.data, NULL);
		CHECK_INT(text != NULL, !over);
		buf_reset(&array);
		buf_printf(&array, "[{\"notify\":{\"text\":\"a\",\"title\":\"%0*d\"}}]",
			ACTION_TITLE_BYTES + over, 7);
		title = with_actions(WHEN, array.data, NULL);
		CHECK_INT(title != NULL, !over);
	}
}

/* Whatever stands beside it, and on whatever it depends. */
static void test_destroys(void)
{
	static const struct {
		const char *profiles, *what;
	} cases[] = {
		{"", NULL},
		{"{\"id\":\"a\"," WHEN "\"settings\":{},\"actions\":[{\"lock\":{}},{\"report\":{}},"
		 "{\"notify\":{\"text\":\"a\"}}]}",
			NULL},
		{"{\"id\":\"a\"," WHEN "\"settings\":{},\"actions\":[{\"lock\":{}}]},"
		 "{\"id\":\"b\"," WHEN "\"settings\":{},\"actions\":[{\"crypto_lock\":{}}]}",
			"the action crypto_lock"},
		{"{\"id\":\"a\",\"when\":{\"all\":[{\"tide\":1},{\"enrolled\":{\"for\":31536000}}]},"
		 "\"settings\":{},\"actions\":[{\"wipe\":{\"scope\":\"corporate\"}}]}",
			"the action wipe"},
		{"{\"id\":\"a\",\"settings\":{\"password\":{\"at_maximum\":\"wipe\"}}}",
			"password.at_maximum"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		_cleanup_buf_ struct buf text = BUF_INIT;

		gen_policy("staff", NULL, cases[i].profiles, &text);
		policy = gen_parse(text.data, NULL);
		CHECK(policy);
		CHECK_STR(policy_destroys(policy), cases[i].what);
	}
}

static const struct check_test tests[] = {
	{"rows", test_rows},
	{"read", test_read},
	{"refused", test_refused},
	{"limits", test_limits},
	{"destroys", test_destroys},
};

CHECK_MAIN(tests)
