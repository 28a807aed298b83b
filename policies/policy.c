/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.c - the payload of a policy document as an immutable struct; see policy.h.
 *
 * Pure: no system calls, files or clocks. Reads only documents whose signatures were checked; the
 * members common to all documents are checked there. Used by the enforcer and by the tools.
 */
#include "policies/policy.h"

#include <errno.h>

#include "agent/util/codec.h"
#include "policies/app_forms.h"
#include "policies/doc_path.h"
#include "policies/policy_private.h"
#include "policies/value_read.h"

static void profile_done(struct profile *profile)
{
	when_free(profile->when);
	free(profile->actions);
	for (size_t i = 0; i < SETTING_MAX; i++)
		if (profile->has[i])
			value_done(&profile->values[i]);
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->n_profiles; i++)
		profile_done(&policy->profiles[i]);
	free(policy->profiles);
	for (size_t i = 0; i < policy->n_places; i++)
		place_done(&policy->places[i]);
	free(policy->places);
	when_free(policy->long_poll);
	free(policy->escrow);
	free(policy->unsupported);
	free(policy);
}

int policy_add_unsupported(struct policy_parser *parser, const char *prefix, const char *name)
{
	struct policy *policy = parser->policy;
	char text[sizeof(*policy->unsupported)];
	void *grown;

	snprintf(text, sizeof(text), "%s%s", prefix, name);
	for (size_t i = 0; i < policy->n_unsupported; i++)
		if (strcmp(policy->unsupported[i], text) == 0)
			return 0;
	if (policy->n_unsupported == LIMIT_UNSUPPORTED) {
		policy->n_unsupported_dropped++;
		return 0;
	}
	grown = realloc(
		policy->unsupported, (policy->n_unsupported + 1) * sizeof(*policy->unsupported));
	if (!grown)
		return -ENOMEM;
	policy->unsupported = grown;
	memcpy(policy->unsupported[policy->n_unsupported++], text, sizeof(text));
	return 0;
}

int policy_check_members(struct policy_parser *parser, struct json_object *object, const char *path,
	const char *const *known, const char *prefix)
{
	struct json_object_iterator end = json_object_iter_end(object);

	for (struct json_object_iterator i = json_object_iter_begin(object);
		!json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
		const char *name = json_object_iter_peek_name(&i);
		const char *const *k = known;
		int r = 0;

		while (*k && strcmp(*k, name) != 0)
			k++;
		if (*k)
			continue;
		if (!name_is_valid(name))
			return json_fail(parser->error, path, "must have valid names as members");
		r = policy_add_unsupported(parser, prefix, name);
		if (r < 0)
			return r;
	}
	return 0;
}

int policy_only_member(struct policy_parser *parser, struct json_object *object, const char *path,
	const char *what, const char **ret_name)
{
	struct json_object_iterator member;

	if (!json_object_is_type(object, json_type_object))
		return json_fail(parser->error, path, "must be an object");
	if (json_object_object_length(object) != 1)
		return json_fail(parser->error, path, "must have exactly one member, has %d",
			json_object_object_length(object));
	member = json_object_iter_begin(object);
	if (!name_is_valid(json_object_iter_peek_name(&member)))
		return json_fail(parser->error, path, "must have the name of %s", what);
	*ret_name = json_object_iter_peek_name(&member);
	return 0;
}

/* An optional text for people: checked, not kept. */
static int check_comment(struct policy_parser *parser, struct json_object *object, const char *path)
{
	const char *comment;
	int r = json_get_string(object, path, "comment", LIMIT_TEXT_BYTES, &comment, parser->error);

	return r == -ENOENT ? 0 : r;
}

/* A required member that is a name. */
static int read_name(struct policy_parser *parser, struct json_object *object, const char *path,
	const char *member, char ret_name[LIMIT_NAME_BYTES + 1])
{
	char full[DOC_PATH_BYTES];
	const char *text;
	int r = json_required(
		json_get_string(object, path, member, LIMIT_NAME_BYTES, &text, parser->error), path,
		member, parser->error);

	if (r < 0)
		return r;
	if (!name_is_valid(text)) {
		doc_path(full, "%s.%s", path, member);
		return json_fail(parser->error, full,
			"must be a name: 1 to %d of A-Z a-z 0-9 . _ -, no . or - first",
			LIMIT_NAME_BYTES);
	}
	memcpy(ret_name, text, strlen(text) + 1);
	return 0;
}

static int parse_area(struct policy_parser *parser, struct profile *profile,
	const struct area_row *area, struct json_object *object, const char *path)
{
	const char *known[SETTING_MAX + 1];
	char prefix[LIMIT_NAME_BYTES + 2];
	size_t n_known = 0;

	for (size_t i = 0; i < SETTING_MAX; i++) {
		const struct setting_row *row = setting_row(i);
		int r;

		if (row->area != area->id)
			continue;
		known[n_known++] = row->name;
		r = value_read(row, object, path, &profile->values[i], parser->error);
		if (r < 0 && r != -ENOENT)
			return r;
		profile->has[i] = r == 0;
	}
	known[n_known] = NULL;
	snprintf(prefix, sizeof(prefix), "%s.", area->name);
	return policy_check_members(parser, object, path, known, prefix);
}

static int parse_settings(struct policy_parser *parser, struct profile *profile,
	struct json_object *object, const char *path)
{
	const char *known[AREA_MAX + 1];
	char area_path[DOC_PATH_BYTES];

	for (size_t i = 0; i < AREA_MAX; i++) {
		const struct area_row *area = area_row(i);
		struct json_object *member;
		int r;

		known[i] = area->name;
		r = json_get_object(object, path, area->name, &member, parser->error);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		doc_path(area_path, "%s.%s", path, area->name);
		r = parse_area(parser, profile, area, member, area_path);
		if (r < 0)
			return r;
	}
	known[AREA_MAX] = NULL;
	return policy_check_members(parser, object, path, known, "");
}

static void visit_unknown_condition(void *userdata, const char *kind)
{
	struct policy_parser *parser = userdata;
	int r = policy_add_unsupported(parser, "when:", kind);

	if (r < 0)
		parser->r = r;
}

/* A member that is a condition. 0, also where there is none; what is unknown in it is reported. */
static int parse_when(struct policy_parser *parser, struct json_object *object, const char *path,
	const char *name, struct when **ret_when)
{
	char when_path[DOC_PATH_BYTES];
	struct json_object *when;
	int r = json_get_object(object, path, name, &when, parser->error);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	doc_path(when_path, "%s.%s", path, name);
	r = when_parse(when, when_path, ret_when, parser->error);
	if (r < 0)
		return r;
	when_each_unknown(*ret_when, visit_unknown_condition, parser);
	return parser->r;
}

/* What follows from several settings of one profile together. 0 or -ENOMEM. */
static int finish_profile(struct profile *profile)
{
	if (!profile->has[SETTING_APPS_ALLOWED] || !profile->has[SETTING_APPS_REQUIRED])
		return 0;
	return app_list_add_required(&profile->values[SETTING_APPS_ALLOWED],
		&profile->values[SETTING_APPS_REQUIRED].set);
}

/* profile is zeroed; what was read until a failure is released by profile_done(). */
static int parse_profile(struct policy_parser *parser, struct profile *profile,
	struct json_object *object, const char *path)
{
	static const char *const members[] = {"id", "when", "settings", "actions", "comment", NULL};
	char settings_path[DOC_PATH_BYTES];
	struct json_object *settings;
	int r;

	if (!json_object_is_type(object, json_type_object))
		return json_fail(parser->error, path, "must be an object");
	r = read_name(parser, object, path, "id", profile->id);
	if (r == 0)
		r = parse_when(parser, object, path, "when", &profile->when);
	if (r == 0)
		r = json_required(
			json_get_object(object, path, "settings", &settings, parser->error), path,
			"settings", parser->error);
	if (r < 0)
		return r;
	doc_path(settings_path, "%s.settings", path);
	r = parse_settings(parser, profile, settings, settings_path);
	if (r == 0)
		r = policy_parse_actions(parser, profile, object, path);
	if (r == 0)
		r = finish_profile(profile);
	if (r == 0)
		r = check_comment(parser, object, path);
	return r < 0 ? r : policy_check_members(parser, object, path, members, "member:profiles.");
}

static int compare_profiles(const void *a, const void *b)
{
	return strcmp(((const struct profile *)a)->id, ((const struct profile *)b)->id);
}

static int parse_profiles(struct policy_parser *parser, struct json_object *payload)
{
	struct policy *policy = parser->policy;
	struct json_object *array;
	char path[DOC_PATH_BYTES];
	size_t n;
	int r = json_required(json_get_array(payload, "", "profiles", &array, parser->error), "",
		"profiles", parser->error);

	if (r < 0)
		return r;
	n = json_object_array_length(array);
	if (n > LIMIT_PROFILES)
		return json_fail(parser->error, "profiles",
			"must have at most %d profiles, has %zu", LIMIT_PROFILES, n);
	policy->profiles = calloc(n ? n : 1, sizeof(*policy->profiles));
	if (!policy->profiles)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		/* Counted first, so that a half-read profile is released as well. */
		policy->n_profiles++;
		doc_path(path, "profiles[%zu]", i);
		r = parse_profile(
			parser, &policy->profiles[i], json_object_array_get_idx(array, i), path);
		if (r < 0)
			return r;
	}
	qsort(policy->profiles, n, sizeof(*policy->profiles), compare_profiles);
	for (size_t i = 1; i < n; i++)
		if (strcmp(policy->profiles[i - 1].id, policy->profiles[i].id) == 0)
			return json_fail(parser->error, "profiles",
				"must have distinct ids, two are \"%s\"", policy->profiles[i].id);
	return 0;
}

/* Members that are there replace the defaults in *checkin. 0 or negative. */
static int parse_intervals(
	struct policy_parser *parser, struct json_object *object, struct policy_checkin *checkin)
{
	int r = json_get_int(object, "checkin", "interval", POLICY_INTERVAL_MIN_S,
		POLICY_INTERVAL_MAX_S, &checkin->interval_s, parser->error);

	if (r < 0 && r != -ENOENT)
		return r;
	checkin->jitter_s = checkin->interval_s / 10;
	r = json_get_int(object, "checkin", "jitter", 0, checkin->interval_s / 2,
		&checkin->jitter_s, parser->error);
	if (r < 0 && r != -ENOENT)
		return r;
	checkin->metered_interval_s = checkin->interval_s * POLICY_METERED_FACTOR;
	if (checkin->metered_interval_s > POLICY_INTERVAL_MAX_S)
		checkin->metered_interval_s = POLICY_INTERVAL_MAX_S;
	r = json_get_int(object, "checkin", "metered_interval", checkin->interval_s,
		POLICY_INTERVAL_MAX_S, &checkin->metered_interval_s, parser->error);
	return r == -ENOENT ? 0 : r;
}

static int parse_permissions(
	struct policy_parser *parser, struct json_object *object, struct policy_checkin *checkin)
{
	int r = json_get_bool(object, "checkin", "push", &checkin->push, parser->error);

	if (r < 0 && r != -ENOENT)
		return r;
	checkin->forbids_push = r == 0 && !checkin->push;
	r = json_get_bool(object, "checkin", "wake_device", &checkin->wake_device, parser->error);
	return r == -ENOENT ? 0 : r;
}

static int parse_checkin(struct policy_parser *parser, struct json_object *payload)
{
	static const char *const members[] = {
		"interval", "jitter", "metered_interval", "long_poll", "push", "wake_device", NULL};
	struct policy_checkin checkin = POLICY_CHECKIN_DEFAULT;
	struct json_object *object;
	int r = json_get_object(payload, "", "checkin", &object, parser->error);

	parser->policy->checkin = checkin;
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = parse_intervals(parser, object, &checkin);
	if (r == 0)
		r = parse_permissions(parser, object, &checkin);
	if (r == 0)
		r = parse_when(parser, object, "checkin", "long_poll", &parser->policy->long_poll);
	if (r < 0)
		return r;
	parser->policy->checkin = checkin;
	parser->policy->has_checkin = true;
	return policy_check_members(parser, object, "checkin", members, "member:checkin.");
}

/* One text of strict base64: base64_decode() takes white space, which makes it longer than it has
 * to be. Whether it is a certificate that can be used is for those to say who seal with it. */
static int parse_certificate(struct policy_parser *parser, struct json_object *element, size_t i,
	struct policy_certificate *ret_certificate)
{
	char path[DOC_PATH_BYTES];
	size_t n_text, n_der = 0;
	int r = -EBADMSG;

	doc_path(path, "escrow.certificates[%zu]", i);
	if (!json_object_is_type(element, json_type_string))
		return json_fail(parser->error, path, "must be text");
	n_text = (size_t)json_object_get_string_len(element);
	if (n_text > 0)
		r = base64_decode(json_object_get_string(element), n_text, ret_certificate->der,
			sizeof(ret_certificate->der), &n_der);
	if (r == -EFBIG)
		return json_fail(parser->error, path, "must be a certificate of at most %d bytes",
			POLICY_CERTIFICATE_BYTES);
	if (r < 0 || n_text != (n_der + 2) / 3 * 4)
		return json_fail(parser->error, path,
			"must be the DER bytes of a certificate in base64, with padding and "
			"without line breaks");
	ret_certificate->n_der = n_der;
	return 0;
}

static int parse_escrow(struct policy_parser *parser, struct json_object *payload)
{
	static const char *const members[] = {"certificates", NULL};
	struct policy *policy = parser->policy;
	struct json_object *escrow, *array;
	size_t n;
	int r = json_get_object(payload, "", "escrow", &escrow, parser->error);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = json_required(
			json_get_array(escrow, "escrow", "certificates", &array, parser->error),
			"escrow", "certificates", parser->error);
	if (r < 0)
		return r;
	n = json_object_array_length(array);
	if (n < 1 || n > POLICY_CERTIFICATES_MAX)
		return json_fail(parser->error, "escrow.certificates",
			"must have 1 to %d certificates, has %zu", POLICY_CERTIFICATES_MAX, n);
	policy->escrow = calloc(n, sizeof(*policy->escrow));
	if (!policy->escrow)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct policy_certificate *one = &policy->escrow[i];

		r = parse_certificate(parser, json_object_array_get_idx(array, i), i, one);
		if (r < 0)
			return r;
		for (size_t k = 0; k < i; k++)
			if (one->n_der == policy->escrow[k].n_der &&
				memcmp(one->der, policy->escrow[k].der, one->n_der) == 0)
				return json_fail(parser->error, "escrow.certificates",
					"must be distinct, %zu is %zu again", i, k);
		policy->n_escrow = i + 1;
	}
	return policy_check_members(parser, escrow, "escrow", members, "member:escrow.");
}

static int parse_target(struct policy_parser *parser, struct json_object *payload)
{
	struct json_object *target;
	int r = json_required(json_get_object(payload, "", "target", &target, parser->error), "",
		"target", parser->error);

	if (r == 0)
		r = read_name(parser, target, "target", "stream", parser->policy->stream);
	if (r == 0)
		r = json_required(json_get_int(payload, "", "serial", 1, POLICY_SERIAL_MAX,
					  &parser->policy->serial, parser->error),
			"", "serial", parser->error);
	return r;
}

int policy_parse(struct json_object *payload, struct policy **ret_policy, struct json_error *error)
{
	static const char *const members[] = {"type", "org", "serial", "issued", "not_before",
		"expires", "target", "checkin", "escrow", "places", "profiles", "comment", NULL};
	_cleanup_(policy_freep) struct policy *policy = calloc(1, sizeof(*policy));
	struct policy_parser parser = {.policy = policy, .error = error};
	int r;

	if (!policy)
		return -ENOMEM;
	r = parse_target(&parser, payload);
	if (r == 0)
		r = parse_checkin(&parser, payload);
	if (r == 0)
		r = parse_escrow(&parser, payload);
	if (r == 0)
		r = policy_parse_places(&parser, payload);
	if (r == 0)
		r = parse_profiles(&parser, payload);
	if (r == 0)
		r = policy_bind_places(&parser);
	if (r == 0)
		r = check_comment(&parser, payload, "");
	if (r == 0)
		r = policy_check_members(&parser, payload, "", members, "member:");
	if (r < 0)
		return r;
	*ret_policy = TAKE_PTR(policy);
	return 0;
}
