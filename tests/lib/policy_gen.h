/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_gen.h - random values, conditions, policies and facts for property tests and fuzz targets.
 * All from one seed, so that a failure can be repeated. Header only: a test program links one
 * object.
 */
#ifndef MDM_TESTS_POLICY_GEN_H
#define MDM_TESTS_POLICY_GEN_H

#include "agent/util/jsonw.h"
#include "policies/policy.h"

struct gen {
	uint64_t state;
};

/* splitmix64. */
static inline uint64_t gen_next(struct gen *gen)
{
	uint64_t z = gen->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint64_t gen_below(struct gen *gen, uint64_t n)
{
	return gen_next(gen) % n;
}

static inline int64_t gen_between(struct gen *gen, int64_t min, int64_t max)
{
	return min + (int64_t)gen_below(gen, (uint64_t)(max - min) + 1);
}

/* FNV-1a: a seed from the bytes of a fuzz input. */
static inline struct gen gen_from_bytes(const void *data, size_t n)
{
	const uint8_t *bytes = data;
	struct gen gen = {UINT64_C(0xcbf29ce484222325)};

	for (size_t i = 0; i < n; i++)
		gen.state = (gen.state ^ bytes[i]) * UINT64_C(0x100000001b3);
	return gen;
}

static const char *const gen_place_names[] = {"office", "depot"};
static const char *const gen_place_streams[] = {"", "a", "b", "s0", "s1", "s2", "s3", "staff"};
#define GEN_PLACES (ARRAY_SIZE(gen_place_names) * ARRAY_SIZE(gen_place_streams))

/* Room for the places of some facts: those of the last hundred or so are still good. */
static inline struct when_place *gen_places(void)
{
	static struct when_place rooms[128][GEN_PLACES];
	static unsigned int next;

	return rooms[next++ % ARRAY_SIZE(rooms)];
}

static inline void gen_links(struct gen *gen, struct when_links *ret_links)
{
	struct when_links links = {.known = gen_below(gen, 4) != 0};

	links.kinds = (unsigned int)gen_below(gen, 1u << WHEN_LINK_MAX);
	if (links.kinds & 1u << WHEN_LINK_WIFI) {
		links.n_wifi = 1;
		links.wifi[0] = (struct when_wifi){.ssid = "staff", .n_ssid = 5};
		links.wifi[0].secured = gen_below(gen, 2);
	}
	*ret_links = links;
}

static inline struct when_facts gen_facts(struct gen *gen)
{
	struct when_place *places = gen_places();
	struct when_facts facts = {
		.realtime_s = gen_between(gen, 0, INT64_C(4102444800)),
		.utc_offset_s = (int32_t)gen_between(gen, -12 * 4, 14 * 4) * 900,
		.clock_known = gen_below(gen, 8) != 0,
		.charging = (enum truth)gen_below(gen, TRUTH_MAX),
		.online = (enum truth)gen_below(gen, TRUTH_MAX),
		.metered = (enum truth)gen_below(gen, TRUTH_MAX),
		.roaming = (enum truth)gen_below(gen, TRUTH_MAX),
		.locked = (enum truth)gen_below(gen, TRUTH_MAX),
		.enrolled_s = gen_below(gen, 4) ? gen_between(gen, 0, 20 * 86400) : -1,
		.places = places,
		.n_places = gen_below(gen, 8) ? GEN_PLACES : 0,
	};

	gen_links(gen, &facts.links);
	for (size_t i = 0; i < GEN_PLACES; i++)
		places[i] = (struct when_place){
			.stream = gen_place_streams[i / ARRAY_SIZE(gen_place_names)],
			.name = gen_place_names[i % ARRAY_SIZE(gen_place_names)],
			.inside = (enum truth)gen_below(gen, TRUTH_MAX),
			.held_s = gen_between(gen, 0, 3600),
		};
	for (size_t i = 0; i < AREA_MAX; i++)
		facts.noncompliant_s[i] = gen_below(gen, 2) ? -1 : gen_between(gen, 0, 14 * 86400);
	return facts;
}

/* The facts after t seconds in which nothing else happened. */
static inline struct when_facts gen_facts_later(const struct when_facts *facts, int64_t t)
{
	struct when_facts later = *facts;
	struct when_place *places = gen_places();

	later.realtime_s += t;
	if (later.enrolled_s >= 0)
		later.enrolled_s += t;
	for (size_t i = 0; i < facts->n_places; i++) {
		places[i] = facts->places[i];
		places[i].held_s += t;
	}
	later.places = places;
	for (size_t i = 0; i < AREA_MAX; i++)
		if (later.noncompliant_s[i] >= 0)
			later.noncompliant_s[i] += t;
	return later;
}

static inline void gen_time(struct gen *gen, struct jsonw *w)
{
	static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	static const char *const zones[] = {"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3",
		"AEST-10AEDT,M10.1.0,M4.1.0/3", "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1",
		"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"};
	uint64_t mask = gen_below(gen, 128);
	bool times = gen_below(gen, 4) != 0 || mask == 0;

	jsonw_object(w, "time");
	if (mask) {
		jsonw_array(w, "days");
		for (size_t i = 0; i < ARRAY_SIZE(days); i++)
			if (mask & 1u << i)
				jsonw_string(w, NULL, days[i]);
		jsonw_array_end(w);
	}
	for (int i = 0; times && i < 2; i++) {
		/* Few distinct times, so that windows often touch. */
		int64_t minute = gen_below(gen, 2) ? gen_between(gen, 0, 1439)
						   : gen_between(gen, 0, 3) * 360;
		char text[16];

		snprintf(text, sizeof(text), "%02d:%02d", (int)(minute / 60), (int)(minute % 60));
		jsonw_string(w, i ? "to" : "from", text);
	}
	if (gen_below(gen, 3) == 0)
		jsonw_string(w, "zone", zones[gen_below(gen, ARRAY_SIZE(zones))]);
	jsonw_object_end(w);
}

static inline void gen_network(struct gen *gen, struct jsonw *w)
{
	static const char *const members[] = {"online", "metered", "roaming"};
	static const char *const links[] = {"wifi", "wifi:staff", "ethernet", "mobile", "balloon"};
	uint64_t mask = gen_below(gen, 8), first = gen_below(gen, ARRAY_SIZE(links));

	jsonw_object(w, "network");
	if (mask == 0 || gen_below(gen, 3) == 0) {
		jsonw_array(w, "connected");
		for (size_t i = first; i < ARRAY_SIZE(links); i += 2)
			jsonw_string(w, NULL, links[i]);
		jsonw_array_end(w);
	}
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (mask & 1u << i)
			jsonw_bool(w, members[i], gen_below(gen, 2));
	jsonw_object_end(w);
}

static inline void gen_place(struct gen *gen, struct jsonw *w)
{
	jsonw_object(w, "place");
	jsonw_string(w, gen_below(gen, 2) ? "inside" : "outside",
		gen_place_names[gen_below(gen, ARRAY_SIZE(gen_place_names))]);
	if (gen_below(gen, 2))
		jsonw_int(w, "for", gen_between(gen, 0, 60) * 60);
	jsonw_object_end(w);
}

/* The only member of a condition, without conditions in it. */
static inline void gen_leaf(struct gen *gen, struct jsonw *w)
{
	static const char *const facts[] = {"charging", "locked"};
	uint64_t kind = gen_below(gen, 9);

	if (kind < 2) {
		gen_time(gen, w);
	} else if (kind == 2) {
		jsonw_object(w, "noncompliant");
		jsonw_string(w, "area", area_row(gen_below(gen, AREA_MAX))->name);
		jsonw_int(w, "for", gen_between(gen, 0, 10) * 86400);
		jsonw_object_end(w);
	} else if (kind == 3) {
		jsonw_object(w, "tide");
		jsonw_string(w, "is", "high");
		jsonw_object_end(w);
	} else if (kind == 4) {
		jsonw_object(w, facts[gen_below(gen, ARRAY_SIZE(facts))]);
		jsonw_bool(w, "is", gen_below(gen, 2));
		jsonw_object_end(w);
	} else if (kind == 5) {
		jsonw_object(w, "enrolled");
		jsonw_int(w, "for", gen_between(gen, 0, 15) * 86400);
		jsonw_object_end(w);
	} else if (kind == 6) {
		gen_network(gen, w);
	} else {
		gen_place(gen, w);
	}
}

/* One condition as an object under key. */
static inline void gen_when(struct gen *gen, unsigned int depth, struct jsonw *w, const char *key)
{
	uint64_t kind = gen_below(gen, depth == 0 ? 6 : 9);

	jsonw_object(w, key);
	if (kind < 6) {
		gen_leaf(gen, w);
	} else if (kind == 6) {
		gen_when(gen, depth - 1, w, "not");
	} else {
		jsonw_array(w, kind == 7 ? "all" : "any");
		for (uint64_t n = 1 + gen_below(gen, 3); n > 0; n--)
			gen_when(gen, depth - 1, w, NULL);
		jsonw_array_end(w);
	}
	jsonw_object_end(w);
}

/* Patterns of apps; what else is a set has elements of other forms. */
static inline void gen_texts(struct gen *gen, const struct setting_row *row, struct jsonw *w)
{
	static const char *const patterns[] = {
		"*", "name:fire*", "origin:x repository:edge", "flatpak:org.*", "remote:hub"};

	if (row->id != SETTING_APPS_ALLOWED && row->id != SETTING_APPS_BLOCKED)
		return;
	jsonw_array(w, row->name);
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		if (gen_below(gen, 2))
			jsonw_string(w, NULL, patterns[i]);
	jsonw_array_end(w);
}

static inline void gen_settings(struct gen *gen, struct jsonw *w)
{
	jsonw_object(w, "settings");
	for (size_t area = 0; area < AREA_MAX; area++) {
		if (gen_below(gen, 4) == 0)
			continue;
		jsonw_object(w, area_row(area)->name);
		for (size_t id = 0; id < SETTING_MAX; id++) {
			const struct setting_row *row = setting_row(id);

			if (row->area != area || gen_below(gen, 2))
				continue;
			if (row->type == VALUE_BOOL)
				jsonw_bool(w, row->name, gen_below(gen, 2));
			else if (row->type == VALUE_INT)
				jsonw_int(w, row->name, gen_between(gen, row->min, row->max));
			else if (row->type == VALUE_CHOICE)
				jsonw_string(w, row->name,
					row->choices[gen_between(gen, row->min, row->max)]);
			else
				gen_texts(gen, row, w);
		}
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
}

/* Some of the actions, in the order of the table. */
static inline void gen_actions(struct gen *gen, struct jsonw *w)
{
	jsonw_array(w, "actions");
	for (size_t i = 0; i < ACTION_MAX; i++)
		if (gen_below(gen, 3) == 0)
			jsonw_raw(w, NULL, action_row(i)->example, strlen(action_row(i)->example));
	jsonw_array_end(w);
}

/* The text of one profile, an object. */
static inline void gen_profile(struct gen *gen, const char *id, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);
	bool has_when = gen_below(gen, 2);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "id", id);
	if (has_when)
		gen_when(gen, 2, &w, "when");
	gen_settings(gen, &w);
	if (has_when && gen_below(gen, 2))
		gen_actions(gen, &w);
	jsonw_object_end(&w);
}

/* The text of a whole policy around profiles, which are complete objects divided by commas. */
static inline void gen_policy(
	const char *stream, const char *checkin, const char *profiles, struct buf *out)
{
	buf_printf(out,
		"{\"type\":\"policy\",\"org\":\"00112233445566778899aabbccddeeff\",\"serial\":1,"
		"\"issued\":1793491200,\"expires\":1888185600,\"target\":{\"stream\":\"%s\"},"
		"\"places\":{\"depot\":{\"networks\":[{\"ssid\":\"depot\"}]},"
		"\"office\":{\"shape\":{\"circle\":{\"latitude\":48.137154,"
		"\"longitude\":11.576124,\"radius\":200}}}},"
		"%s%s%s\"profiles\":[%s]}",
		stream, checkin ? "\"checkin\":" : "", checkin ? checkin : "", checkin ? "," : "",
		profiles);
}

/* NULL if it is refused; error may be NULL. */
static inline struct policy *gen_parse(const char *text, struct json_error *error)
{
	_cleanup_json_ struct json_object *payload = NULL;
	struct policy *policy = NULL;

	if (json_parse(text, strlen(text), &payload, error) < 0 ||
		policy_parse(payload, &policy, error) < 0)
		return NULL;
	return policy;
}

#endif
