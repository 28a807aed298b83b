/* SPDX-License-Identifier: Apache-2.0 */
/* verb_place.c - places as the agent sees them, and place simulate, which works without the agent
 * where a policy is named. Any user; agentctl. */
#include <errno.h>

#include "agent/ctl/check.h"
#include "agent/ctl/ctl.h"
#include "agent/ctl/input.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"
#include "agent/ctl/simulate.h"
#include "agent/ctl/verbs.h"
#include "agent/trust/jws.h"
#include "policies/place_gpx.h"

/* The policies to follow, and what holds them. */
struct rules {
	struct policy *policies[LIMIT_ASSIGNMENT_GROUPS]; /* owned */
	size_t n_policies;
};

static void rules_done(struct rules *rules)
{
	for (size_t i = 0; i < rules->n_policies; i++)
		policy_free(rules->policies[i]);
	rules->n_policies = 0;
}

static enum ctl_exit place_read(
	struct ctl *ctl, const char *name, size_t max_bytes, char **ret_text, size_t *ret_n_bytes)
{
	_cleanup_free_ char *text = malloc(max_bytes + 1);
	int r = text ? input_read(name, max_bytes, text, ret_n_bytes) : -ENOMEM;

	if (r == -EFBIG)
		return ctl_fail(ctl, CTL_EXIT_REFUSED,
			"%.200s is larger than the %zu bytes that are read.", name, max_bytes);
	if (r < 0)
		return ctl_fail(
			ctl, CTL_EXIT_FAILURE, "%.200s could not be read: %s.", name, strerror(-r));
	*ret_text = TAKE_PTR(text);
	return CTL_EXIT_OK;
}

/* What an administrator writes has no envelope yet. */
static int add_envelope(struct json_object *object)
{
	struct json_object *target, *stream;

	if (!json_object_object_get_ex(object, "serial", NULL) &&
		json_object_object_add(object, "serial", json_object_new_int(1)) < 0)
		return -ENOMEM;
	if (json_object_object_get_ex(object, "target", NULL))
		return 0;
	target = json_object_new_object();
	stream = json_object_new_string("policy");
	if (!target || !stream || json_object_object_add(target, "stream", stream) < 0) {
		json_object_put(target);
		json_object_put(stream);
		return -ENOMEM;
	}
	if (json_object_object_add(object, "target", target) < 0) {
		json_object_put(target);
		return -ENOMEM;
	}
	return 0;
}

static int parse_rules(
	const char *text, size_t n_text, struct policy **ret_policy, struct json_error *error)
{
	_cleanup_json_ struct json_object *object = NULL;
	_cleanup_(check_done) struct check check = {0};
	int r;

	if (text[strspn(text, " \t\r\n")] != '{') {
		r = check_document(text, n_text, &check, error);
		if (r < 0)
			return r;
		if (check.type != DOCUMENT_POLICY)
			return json_fail(error, "", "it is not a policy");
		*ret_policy = TAKE_PTR(check.policy);
		return 0;
	}
	if (n_text > LIMIT_PAYLOAD_BYTES)
		return json_fail(error, "", "is larger than %d bytes", LIMIT_PAYLOAD_BYTES);
	r = json_parse(text, n_text, &object, error);
	if (r == 0)
		r = add_envelope(object);
	return r < 0 ? r : policy_parse(object, ret_policy, error);
}

static enum ctl_exit rules_of_file(struct ctl *ctl, const char *name, struct rules *rules)
{
	_cleanup_free_ char *text = NULL;
	struct json_error error = {{0}, {0}};
	size_t n_text = 0;
	enum ctl_exit code = place_read(ctl, name, LIMIT_DOCUMENT_BYTES, &text, &n_text);
	int r;

	if (code != CTL_EXIT_OK)
		return code;
	r = parse_rules(text, n_text, &rules->policies[0], &error);
	if (r == -EBADMSG)
		return ctl_fail(ctl, CTL_EXIT_REFUSED, "A phone would refuse %.200s: %s%s%s.", name,
			error.path, error.path[0] ? " " : "", error.message);
	if (r < 0)
		return ctl_fail(
			ctl, CTL_EXIT_FAILURE, "%.200s could not be read: %s.", name, strerror(-r));
	rules->n_policies = 1;
	return CTL_EXIT_OK;
}

/* Those that the agent holds, as it shows them. */
static enum ctl_exit rules_in_force(struct ctl *ctl, struct rules *rules)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;
	enum ctl_exit code = ctl_ask_json(ctl, MESSAGE_CTL_POLICY_SHOW, &answer);
	struct json_object *policies;
	struct json_error error = {{0}, {0}};

	if (code != CTL_EXIT_OK)
		return code;
	policies = peek_array(answer.object, "policies");
	for (size_t i = 0; i < peek_length(policies); i++) {
		struct json_object *payload = peek_object(peek_at(policies, i), "payload");
		int r = rules->n_policies == ARRAY_SIZE(rules->policies) ? -E2BIG
			: payload
				? policy_parse(payload, &rules->policies[rules->n_policies], &error)
				: -EINVAL;

		if (r < 0)
			return ctl_fail(ctl, CTL_EXIT_FAILURE,
				"A policy in force could not be read%s%s. Perhaps agent and agentctl "
				"are of different versions: restart the service " CTL_SERVICE
				" after an update.",
				error.message[0] ? ": " : "", error.message);
		rules->n_policies++;
	}
	if (rules->n_policies == 0)
		return ctl_fail(ctl, CTL_EXIT_STATE,
			"This phone holds no policy; name one with --policy FILE.");
	return CTL_EXIT_OK;
}

static enum ctl_exit place_find(struct ctl *ctl, const struct rules *rules, const char *name)
{
	_cleanup_buf_ struct buf names = BUF_INIT;

	for (size_t i = 0; i < rules->n_policies; i++) {
		if (policy_place(rules->policies[i], name))
			return CTL_EXIT_OK;
		for (size_t j = 0; j < rules->policies[i]->n_places; j++)
			buf_printf(&names, " %s", rules->policies[i]->places[j].name);
	}
	return ctl_fail(ctl, CTL_EXIT_USAGE, "There is no place \"%.80s\". There %s:%.600s", name,
		names.data ? "are" : "is none", names.data ? names.data : "");
}

static enum ctl_exit simulate_show(struct ctl *ctl, const struct simulate *simulate)
{
	bool json = options_given(&ctl->options, OPTION_JSON);
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page page = {0};
	int r;

	page_init(&page, &out, ctl->width, ctl->colour);
	r = json ? simulate_write_json(simulate, &out) : simulate_render(simulate, &page);
	if (r == -E2BIG)
		return ctl_fail(ctl, CTL_EXIT_REFUSED,
			"%.200s crosses boundaries too often to tell of each; name one place with "
			"--place, or cut the track.",
			ctl->options.arguments[0]);
	if (r < 0)
		return ctl_fail(ctl, CTL_EXIT_FAILURE, "%.200s could not be followed: %s.",
			ctl->options.arguments[0], strerror(-r));
	if (json)
		return ctl_write_json(ctl, out.data, out.n_bytes, CTL_EXIT_OK);
	return ctl_write(ctl, &out, CTL_EXIT_OK);
}

enum ctl_exit verb_place_simulate(struct ctl *ctl)
{
	const struct options *options = &ctl->options;
	_cleanup_(rules_done) struct rules rules = {0};
	_cleanup_free_ struct place_sim_point *points = NULL;
	_cleanup_free_ char *text = NULL;
	struct gpx_error error = {0};
	size_t n_text = 0, n_points = 0;
	enum ctl_exit code;
	int r;

	if (options->policy && strcmp(options->policy, "-") == 0 &&
		strcmp(options->arguments[0], "-") == 0)
		return ctl_fail(ctl, CTL_EXIT_USAGE,
			"Standard input cannot be both the track and the policy.");
	code = place_read(ctl, options->arguments[0], LIMIT_GPX_BYTES, &text, &n_text);
	if (code == CTL_EXIT_OK)
		code = options->policy ? rules_of_file(ctl, options->policy, &rules)
				       : rules_in_force(ctl, &rules);
	if (code == CTL_EXIT_OK && options->place)
		code = place_find(ctl, &rules, options->place);
	if (code != CTL_EXIT_OK)
		return code;
	r = place_gpx_read(text, n_text, &points, &n_points, &error);
	if (r == -EBADMSG)
		return ctl_fail(ctl, CTL_EXIT_REFUSED,
			"%.200s is no way that can be followed: line "
			"%zu: %s.",
			options->arguments[0], error.line, error.message);
	if (r < 0)
		return ctl_fail(ctl, CTL_EXIT_FAILURE, "%.200s could not be read: %s.",
			options->arguments[0], strerror(-r));
	return simulate_show(ctl, &(struct simulate){
					  .policies = rules.policies,
					  .n_policies = rules.n_policies,
					  .way = {points, n_points},
					  .place = options->place,
				  });
}

/* --- as the agent sees them -------------------------------------------------------------- */

static enum ctl_exit place_unknown(struct ctl *ctl, struct json_object *answer, const char *name)
{
	struct json_object *places = peek_array(answer, "places");
	_cleanup_buf_ struct buf names = BUF_INIT;

	for (size_t i = 0; i < peek_length(places); i++)
		buf_printf(&names, " %s", peek_text(peek_at(places, i), "place", "?"));
	return ctl_fail(ctl, CTL_EXIT_USAGE, "There is no place \"%.80s\". There %s%.600s%s", name,
		names.data ? "are:" : "is none", names.data ? names.data : "",
		names.data ? "" : " in the policies of this phone.");
}

static bool place_is_there(struct json_object *answer, const char *name)
{
	struct json_object *places = peek_array(answer, "places");

	for (size_t i = 0; i < peek_length(places); i++)
		if (strcmp(peek_text(peek_at(places, i), "place", ""), name) == 0)
			return true;
	return false;
}

static enum ctl_exit place_ask(struct ctl *ctl, const char *name)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page page = {0};
	enum ctl_exit code = ctl_ask_json(ctl, MESSAGE_CTL_PLACES, &answer);

	page_init(&page, &out, ctl->width, ctl->colour);
	if (code != CTL_EXIT_OK)
		return code;
	if (name && !place_is_there(answer.object, name))
		return place_unknown(ctl, answer.object, name);
	/* The one is in it; what else there is explains it. */
	if (options_given(&ctl->options, OPTION_JSON))
		return ctl_write_json(ctl, answer.json, answer.n_json, code);
	if (name)
		(void)render_place(&page, answer.object, name, ctl->now_s);
	else
		render_places(&page, answer.object, ctl->now_s);
	return ctl_write(ctl, &out, code);
}

enum ctl_exit verb_place_list(struct ctl *ctl)
{
	return place_ask(ctl, NULL);
}

enum ctl_exit verb_place_show(struct ctl *ctl)
{
	return place_ask(ctl, ctl->options.arguments[0]);
}
