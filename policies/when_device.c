/* SPDX-License-Identifier: Apache-2.0 */
/*
 * when_device.c - the conditions "charging" and "network": what the phone as a device is doing, as
 * far as somebody on the phone says so. Pure; enforcer and tools.
 */
#include <errno.h>

#include "policies/doc_path.h"
#include "policies/when_leaf.h"

/* A condition on one fact; a list of them is true if all are. */
struct wish {
	const char *name;     /* the member of the condition */
	const char *yes, *no; /* for people */
	enum truth (*fact)(const struct when_facts *facts);
};

static enum truth fact_charging(const struct when_facts *facts)
{
	return facts->charging;
}

static enum truth fact_online(const struct when_facts *facts)
{
	return facts->online;
}

static enum truth fact_metered(const struct when_facts *facts)
{
	return facts->metered;
}

static enum truth fact_roaming(const struct when_facts *facts)
{
	return facts->roaming;
}

#define WISHES_MAX 3

static const struct wish charging_wishes[] = {
	{"is", "charging", "not charging", fact_charging},
	{0},
};
static const struct wish network_wishes[] = {
	{"online", "online", "offline", fact_online},
	{"metered", "metered", "unmetered", fact_metered},
	{"roaming", "roaming", "not roaming", fact_roaming},
	{0},
};

struct wishes {
	const struct wish *rows;
	bool has[WISHES_MAX], wanted[WISHES_MAX];
};

static int wishes_parse(const struct wish *rows, struct json_object *arguments, const char *path,
	struct wishes **ret_wishes, struct json_error *error)
{
	_cleanup_free_ struct wishes *wishes = calloc(1, sizeof(*wishes));
	const char *members[WISHES_MAX + 1] = {0};
	int r;

	if (!wishes)
		return -ENOMEM;
	wishes->rows = rows;
	for (size_t i = 0; rows[i].name; i++)
		members[i] = rows[i].name;
	r = json_only(arguments, path, members, error);
	if (r < 0)
		return r;
	for (size_t i = 0; rows[i].name; i++) {
		r = json_get_bool(arguments, path, rows[i].name, &wishes->wanted[i], error);
		if (r < 0 && r != -ENOENT)
			return r;
		wishes->has[i] = r == 0;
	}
	*ret_wishes = TAKE_PTR(wishes);
	return 0;
}

static int charging_parse(
	struct json_object *arguments, const char *path, void **ret_data, struct json_error *error)
{
	_cleanup_free_ struct wishes *wishes = NULL;
	int r = wishes_parse(charging_wishes, arguments, path, &wishes, error);

	if (r < 0)
		return r;
	if (!wishes->has[0])
		return json_required(-ENOENT, path, charging_wishes[0].name, error);
	*ret_data = TAKE_PTR(wishes);
	return 0;
}

static int network_parse(
	struct json_object *arguments, const char *path, void **ret_data, struct json_error *error)
{
	_cleanup_free_ struct wishes *wishes = NULL;
	int r = wishes_parse(network_wishes, arguments, path, &wishes, error);

	if (r < 0)
		return r;
	if (json_object_object_length(arguments) == 0)
		return json_fail(error, path, "must have online, metered or roaming");
	*ret_data = TAKE_PTR(wishes);
	return 0;
}

static enum truth wish_truth(enum truth fact, bool wanted)
{
	if (fact == TRUTH_UNKNOWN)
		return TRUTH_UNKNOWN;
	return (fact == TRUTH_TRUE) == wanted ? TRUTH_TRUE : TRUTH_FALSE;
}

static enum truth wishes_evaluate(const void *data, const struct when_facts *facts)
{
	const struct wishes *wishes = data;
	enum truth result = TRUTH_TRUE;

	for (size_t i = 0; wishes->rows[i].name; i++) {
		enum truth truth;

		if (!wishes->has[i])
			continue;
		truth = wish_truth(wishes->rows[i].fact(facts), wishes->wanted[i]);
		if (truth == TRUTH_FALSE)
			return TRUTH_FALSE;
		if (truth == TRUTH_UNKNOWN)
			result = TRUTH_UNKNOWN;
	}
	return result;
}

/* Events change these facts; time does not. */
static int64_t wishes_next(const void *data, const struct when_facts *facts)
{
	(void)data;
	(void)facts;
	return INT64_MAX;
}

static void wishes_format(const void *data, struct buf *out)
{
	const struct wishes *wishes = data;
	const char *separator = "";

	for (size_t i = 0; wishes->rows[i].name; i++) {
		if (!wishes->has[i])
			continue;
		buf_printf(out, "%s%s", separator,
			wishes->wanted[i] ? wishes->rows[i].yes : wishes->rows[i].no);
		separator = " and ";
	}
}

static void wishes_schema(const struct wish *rows, struct jsonw *w, const char *key)
{
	jsonw_object(w, key);
	jsonw_string(w, "type", "object");
	jsonw_int(w, "minProperties", 1);
	jsonw_bool(w, "additionalProperties", false);
	jsonw_object(w, "properties");
	for (size_t i = 0; rows[i].name; i++) {
		jsonw_object(w, rows[i].name);
		jsonw_string(w, "type", "boolean");
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void charging_schema(struct jsonw *w, const char *key)
{
	wishes_schema(charging_wishes, w, key);
}

static void network_schema(struct jsonw *w, const char *key)
{
	wishes_schema(network_wishes, w, key);
}

const struct when_leaf_row when_leaf_charging = {
	.name = "charging",
	.help = "True while the phone is on external power (`is` true), or while it is not (`is` "
		"false). Unknown on a phone that shows no power supply.",
	.example = "{\"charging\":{\"is\":true}}",
	.parse = charging_parse,
	.evaluate = wishes_evaluate,
	.next = wishes_next,
	.format = wishes_format,
	.free = free,
	.schema = charging_schema,
};

const struct when_leaf_row when_leaf_network = {
	.name = "network",
	.help = "True while the network is as said; at least one of `online`, `metered`, "
		"`roaming`, each true or false, and all that are there must fit. Metered is what "
		"NetworkManager says or guesses of the connection in use, roaming what "
		"ModemManager says of it. Unknown where a fact is asked for that nobody on the "
		"phone tells.",
	.example = "{\"network\":{\"metered\":false,\"roaming\":false}}",
	.parse = network_parse,
	.evaluate = wishes_evaluate,
	.next = wishes_next,
	.format = wishes_format,
	.free = free,
	.schema = network_schema,
};
