/* SPDX-License-Identifier: Apache-2.0 */
/* policy_actions.c - the actions of profiles, and whether a policy destroys; see policy.h and
 * action.h. Pure; enforcer and tools. */
#include <errno.h>

#include "policies/doc_path.h"
#include "policies/password.h"
#include "policies/policy_private.h"

/* One action; *ret_known is false for one that this agent does not know, which is reported. */
static int parse_action(struct policy_parser *parser, struct json_object *object, const char *path,
	struct action *ret_action, bool *ret_known)
{
	struct action action = {0};
	const struct action_row *row;
	struct json_object *arguments;
	char arguments_path[DOC_PATH_BYTES];
	const char *name;
	int r = policy_only_member(parser, object, path, "an action", &name);

	if (r < 0)
		return r;
	row = action_find(name, &action.kind);
	*ret_known = row != NULL;
	if (!row)
		return policy_add_unsupported(parser, "action:", name);
	r = json_get_object(object, path, name, &arguments, parser->error);
	if (r < 0)
		return r;
	doc_path(arguments_path, "%s.%s", path, name);
	r = row->parse(arguments, arguments_path, &action, parser->error);
	if (r == 0)
		*ret_action = action;
	return r;
}

static bool has_action(const struct profile *profile, enum action_kind kind)
{
	for (size_t i = 0; i < profile->n_actions; i++)
		if (profile->actions[i].kind == kind)
			return true;
	return false;
}

int policy_parse_actions(struct policy_parser *parser, struct profile *profile,
	struct json_object *object, const char *path)
{
	struct json_object *array;
	char action_path[DOC_PATH_BYTES];
	size_t n;
	int r = json_get_array(object, path, "actions", &array, parser->error);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	n = json_object_array_length(array);
	doc_path(action_path, "%s.actions", path);
	if (n > LIMIT_ACTIONS)
		return json_fail(parser->error, action_path,
			"must have at most %d actions, has %zu", LIMIT_ACTIONS, n);
	/* Without a condition nothing ever comes true; it would happen when the policy arrives. */
	if (!profile->when)
		return json_fail(parser->error, action_path,
			"must stand beside a when: actions are done when it comes true");
	profile->actions = calloc(n ? n : 1, sizeof(*profile->actions));
	if (!profile->actions)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct action action;
		bool known;

		doc_path(action_path, "%s.actions[%zu]", path, i);
		r = parse_action(
			parser, json_object_array_get_idx(array, i), action_path, &action, &known);
		if (r < 0)
			return r;
		if (known && has_action(profile, action.kind))
			return json_fail(parser->error, action_path,
				"must be another action, %s stands there already",
				action_row(action.kind)->name);
		if (known)
			profile->actions[profile->n_actions++] = action;
	}
	return 0;
}

const char *policy_destroys(const struct policy *policy)
{
	if (password_policy_destroys(policy))
		return "password.at_maximum";
	for (size_t i = 0; i < policy->n_profiles; i++) {
		const struct profile *profile = &policy->profiles[i];

		if (has_action(profile, ACTION_CRYPTO_LOCK))
			return "the action crypto_lock";
		if (has_action(profile, ACTION_WIPE))
			return "the action wipe";
	}
	return NULL;
}

size_t policy_disarm(struct policy *policy)
{
	size_t n_gone = 0;

	for (size_t i = 0; i < policy->n_profiles; i++) {
		struct profile *profile = &policy->profiles[i];
		size_t kept = 0;

		for (size_t k = 0; k < profile->n_actions; k++)
			if (!action_row(profile->actions[k].kind)->destroys)
				profile->actions[kept++] = profile->actions[k];
		n_gone += profile->n_actions - kept;
		profile->n_actions = kept;
	}
	return n_gone;
}
