/* SPDX-License-Identifier: Apache-2.0 */
/* policy_places.c - the places of a policy, and the conditions that name them; see policy.h and
 * place.h. Pure; enforcer and tools. */
#include <errno.h>

#include "agent/util/codec.h"
#include "policies/doc_path.h"
#include "policies/policy_private.h"

static int add_unknown(void *userdata, const char *prefix, const char *name)
{
	return policy_add_unsupported(userdata, prefix, name);
}

static int compare_places(const void *a, const void *b)
{
	return strcmp(((const struct place *)a)->name, ((const struct place *)b)->name);
}

const struct place *policy_place(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->n_places; i++)
		if (strcmp(policy->places[i].name, name) == 0)
			return &policy->places[i];
	return NULL;
}

static size_t place_bytes(const struct place *place)
{
	return place->fence ? geo_fence_bytes(place->fence) : 0;
}

int policy_parse_places(struct policy_parser *parser, struct json_object *payload)
{
	struct policy *policy = parser->policy;
	struct json_object *places;
	size_t n_bytes = 0;
	int n, r = json_get_object(payload, "", "places", &places, parser->error);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	n = json_object_object_length(places);
	if (n > LIMIT_PLACES)
		return json_fail(parser->error, "places", "must have at most %d places, has %d",
			LIMIT_PLACES, n);
	policy->places = calloc(n ? (size_t)n : 1, sizeof(*policy->places));
	if (!policy->places)
		return -ENOMEM;
	json_object_object_foreach(places, name, definition)
	{
		char path[DOC_PATH_BYTES];

		if (!name_is_valid(name))
			return json_fail(
				parser->error, "places", "must have valid names as members");
		doc_path(path, "places.%s", name);
		if (!json_object_is_type(definition, json_type_object))
			return json_fail(parser->error, path, "must be an object");
		r = place_parse(name, definition, path, add_unknown, parser,
			&policy->places[policy->n_places], parser->error);
		if (r < 0)
			return r;
		n_bytes += place_bytes(&policy->places[policy->n_places++]);
		if (n_bytes > LIMIT_PLACES_BYTES)
			return json_fail(parser->error, path,
				"has edges so long that all places would take more than %d MiB of "
				"the phone's memory: simplify them",
				LIMIT_PLACES_BYTES >> 20);
	}
	qsort(policy->places, policy->n_places, sizeof(*policy->places), compare_places);
	return 0;
}

struct place_finder {
	struct policy *policy;
	const char *missing;
};

static int find_place(void *userdata, const char *name)
{
	struct place_finder *finder = userdata;
	struct policy *policy = finder->policy;

	for (size_t i = 0; i < policy->n_places; i++) {
		if (strcmp(policy->places[i].name, name) != 0)
			continue;
		policy->places[i].relevant = true;
		return 0;
	}
	finder->missing = name;
	return -ENOENT;
}

/* The places that a condition names are there, and are those of this policy. */
static int bind_places(struct policy_parser *parser, struct when *when, const char *path)
{
	struct place_finder finder = {.policy = parser->policy};

	if (!when)
		return 0;
	if (when_each_place(when, find_place, &finder) < 0)
		return json_fail(parser->error, path,
			"names the place %s, which places does not have", finder.missing);
	when_bind(when, parser->policy->stream);
	return 0;
}

int policy_bind_places(struct policy_parser *parser)
{
	struct policy *policy = parser->policy;
	char path[DOC_PATH_BYTES];
	int r = bind_places(parser, policy->long_poll, "checkin.long_poll");

	for (size_t i = 0; r == 0 && i < policy->n_profiles; i++) {
		doc_path(path, "profiles: when of %s", policy->profiles[i].id);
		r = bind_places(parser, policy->profiles[i].when, path);
	}
	return r;
}
