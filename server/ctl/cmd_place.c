/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_place.c - mdmctl place import: from a map to a policy. Needs no organisation, sends nothing.
 */
#include <errno.h>
#include <libgen.h>

#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "policies/place.h"
#include "server/ctl/commands.h"
#include "server/ctl/place_file.h"
#include "server/ctl/policy_file.h"
#include "server/ctl/text.h"

#define PRETTY (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)
#define ACROSS_MIN_M 100.0

static int place_bad(const char *path, int r, const struct json_error *error, struct fault *fault)
{
	if (r != -EBADMSG)
		return fault_errno(fault, r, "%s", path);
	/* A map of a whole country, as it was surveyed. */
	if (strstr(error->message, "too many members and elements"))
		return fault_set(fault, FAULT_FAILURE,
			"%s: %s. Simplify its outlines: a place has at most %d vertices", path,
			error->message, LIMIT_GEO_VERTICES);
	return fault_set(fault, FAULT_FAILURE, "%s: %s%s%s", path, error->path,
		*error->path ? ": " : "", error->message);
}

/* The name of the file without what stands behind its last dot. */
static bool file_stem(const char *path, char ret_name[LIMIT_NAME_BYTES + 1])
{
	_cleanup_free_ char *copy = strdup(path);
	char *base, *dot;

	if (!copy || strcmp(path, "-") == 0)
		return false;
	base = basename(copy);
	dot = strrchr(base, '.');
	if (dot && dot != base)
		*dot = 0;
	return place_file_name(base, ret_name);
}

static int read_options(const struct args *args, struct place_file_options *ret_options,
	char stem[LIMIT_NAME_BYTES + 1], struct fault *fault)
{
	struct place_file_options options = {.name = args_get(args, "name")};
	const char *radius = args_get(args, "radius");
	int64_t radius_m = 0;

	if (options.name && !name_is_valid(options.name))
		return fault_set(fault, FAULT_USAGE,
			"--name \"%.40s\" is no name of a place: letters A to Z, digits, '.', '_' "
			"and '-', at most %d, the first no '.' or '-'",
			options.name, LIMIT_NAME_BYTES);
	if (radius &&
		parse_int64(radius, LIMIT_GEO_RADIUS_MIN_M, LIMIT_GEO_RADIUS_MAX_M, &radius_m) < 0)
		return fault_set(fault, FAULT_USAGE, "--radius %.40s is not in metres, %d to %d",
			radius, LIMIT_GEO_RADIUS_MIN_M, LIMIT_GEO_RADIUS_MAX_M);
	if (args_get(args, "output") && !args_get(args, "policy"))
		return fault_set(fault, FAULT_USAGE,
			"--output is where the policy of --policy goes; without it the places are "
			"printed");
	options.radius_m = (double)radius_m;
	if (file_stem(args->operands[0], stem))
		options.fallback = stem;
	*ret_options = options;
	return 0;
}

static int ignore_unknown(void *userdata, const char *prefix, const char *name)
{
	(void)userdata;
	(void)prefix;
	(void)name;
	return 0;
}

/* {"shape":…} as the policy has it. Rounding moves vertices: what is written is read once more. */
static int make_definition(const char *path, const struct place_file_place *place,
	struct json_object **ret_object, struct fault *fault)
{
	_cleanup_json_ struct json_object *object = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct jsonw w = JSONW_INIT(&text);
	struct json_error error = {0};
	struct place parsed = {0};
	char where[LIMIT_NAME_BYTES + 16];
	int r;

	jsonw_object(&w, NULL);
	place_shape_write(&place->shapes, &w, "shape");
	jsonw_object_end(&w);
	if (text.error)
		return fault_errno(fault, text.error, "%s", path);
	if (text.n_bytes > LIMIT_PAYLOAD_BYTES)
		return fault_set(fault, FAULT_FAILURE,
			"%s: the place %s has %zu vertices, which take %zu bytes; a whole policy has "
			"at most %d. Simplify its outline",
			path, place->name, place->n_vertices, text.n_bytes, LIMIT_PAYLOAD_BYTES);
	snprintf(where, sizeof(where), "places.%s", place->name);
	r = json_parse(text.data, text.n_bytes, &object, &error);
	if (r == 0)
		r = place_parse(place->name, object, where, ignore_unknown, NULL, &parsed, &error);
	if (r == -EBADMSG)
		return fault_set(fault, FAULT_FAILURE,
			"%s: rounded to six digits behind the point, %s%s%s", path, error.path,
			*error.path ? ": " : "", error.message);
	if (r < 0)
		return fault_errno(fault, r, "%s", path);
	place_done(&parsed);
	*ret_object = TAKE_PTR(object);
	return 0;
}

/* The shape is new; what the policy says of the place beside it stays. */
static int put_place(struct json_object *places, const struct place_file_place *place,
	struct json_object *definition, bool *ret_replaced)
{
	struct json_object *there, *shape;

	*ret_replaced = false;
	if (!json_object_object_get_ex(places, place->name, &there) ||
		!json_object_is_type(there, json_type_object))
		return json_object_object_add(places, place->name, json_object_get(definition)) < 0
			       ? -ENOMEM
			       : 0;
	*ret_replaced = json_object_object_get_ex(there, "shape", NULL);
	json_object_object_get_ex(definition, "shape", &shape);
	return json_object_object_add(there, "shape", json_object_get(shape)) < 0 ? -ENOMEM : 0;
}

/* What was taken, for people to compare with what they meant. */
static void tell_place(struct ctl *ctl, const struct place_file_place *place, bool replaced)
{
	struct geo_point middle;
	double across_m;

	place_file_extent(&place->shapes, &middle, &across_m);
	fprintf(ctl->err, "place %s: %zu shape%s", place->name, place->shapes.n_shapes,
		place->shapes.n_shapes == 1 ? "" : "s");
	if (place->n_vertices)
		fprintf(ctl->err, ", %zu vertices", place->n_vertices);
	fprintf(ctl->err, ", %.*f %s across, round latitude %.4f, longitude %.4f%s\n",
		across_m < 9950 && across_m >= 999.5 ? 1 : 0,
		across_m < 999.5 ? across_m : across_m / 1000, across_m < 999.5 ? "m" : "km",
		middle.lat, middle.lon, replaced ? "; takes the place of the shape before" : "");
	if (across_m < ACROSS_MIN_M)
		fprintf(ctl->err,
			"warning: place %s is small: positions in houses are known to 20 to 60 m, "
			"and phones may never be certain that they are there\n",
			place->name);
}

/* The file's places in the member "places" of a policy, or of nothing. */
static int put_places(struct ctl *ctl, const char *path, const struct place_file *file,
	struct json_object *policy, struct fault *fault)
{
	struct json_object *places;
	int r;

	if (!json_object_object_get_ex(policy, "places", &places)) {
		places = json_object_new_object();
		if (!places || json_object_object_add(policy, "places", places) < 0) {
			json_object_put(places);
			return fault_errno(fault, ENOMEM, "%s", path);
		}
	}
	if (!json_object_is_type(places, json_type_object))
		return fault_set(fault, FAULT_FAILURE, "places: must be an object of places");
	for (size_t i = 0; i < file->n_places; i++) {
		const struct place_file_place *place = &file->places[i];
		_cleanup_json_ struct json_object *definition = NULL;
		bool replaced;

		r = make_definition(path, place, &definition, fault);
		if (r)
			return r;
		r = put_place(places, place, definition, &replaced);
		if (r < 0)
			return fault_errno(fault, r, "%s", path);
		tell_place(ctl, place, replaced);
	}
	return 0;
}

/* Names that conditions use and places does not have get a place, in a copy that is only checked:
 * one file after the other can be put into a policy that is finished but for its places. */
static int add_missing(struct ctl *ctl, const char *path, const struct json_object *value,
	struct json_object *places, size_t *n_missing)
{
	struct json_object *place, *name;
	int r = 0;

	if (json_object_is_type(value, json_type_array))
		for (size_t i = 0; r == 0 && i < json_object_array_length(value); i++)
			r = add_missing(
				ctl, path, json_object_array_get_idx(value, i), places, n_missing);
	if (!json_object_is_type(value, json_type_object))
		return r;
	json_object_object_foreach((struct json_object *)(uintptr_t)value, key, member)
	{
		if (r == 0)
			r = add_missing(ctl, path, member, places, n_missing);
		if (r < 0 || strcmp(key, "place") != 0 ||
			!json_object_is_type(member, json_type_object))
			continue;
		if (!json_object_object_get_ex(member, "inside", &name) &&
			!json_object_object_get_ex(member, "outside", &name))
			continue;
		if (!json_object_is_type(name, json_type_string) ||
			!name_is_valid(json_object_get_string(name)) ||
			json_object_object_get_ex(places, json_object_get_string(name), NULL))
			continue;
		fprintf(ctl->err,
			"warning: %s: a condition names the place %.64s, which is not there yet: "
			"phones refuse the policy until it is\n",
			path, json_object_get_string(name));
		place = json_tokener_parse(
			"{\"shape\":{\"circle\":{\"latitude\":0,\"longitude\":0,\"radius\":100}}}");
		if (!place ||
			json_object_object_add(places, json_object_get_string(name), place) < 0) {
			json_object_put(place);
			return -ENOMEM;
		}
		(*n_missing)++;
	}
	return r;
}

static int check_draft(
	struct ctl *ctl, const char *path, const struct buf *text, struct fault *fault)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_json_ struct json_object *draft = NULL;
	struct json_object *profiles, *places;
	struct json_error error = {0};
	size_t n_missing = 0;
	const char *full;
	int r = json_parse(text->data, text->n_bytes, &draft, &error);

	if (r < 0)
		return place_bad(path, r, &error, fault);
	if (json_object_object_get_ex(draft, "profiles", &profiles) &&
		json_object_object_get_ex(draft, "places", &places) &&
		add_missing(ctl, path, profiles, places, &n_missing) < 0)
		return fault_errno(fault, ENOMEM, "%s", path);
	if (n_missing == 0) {
		r = policy_file_check(path, text->data, text->n_bytes, &policy, fault);
		if (r == 0)
			policy_file_warn(ctl->err, policy);
		return r;
	}
	full = json_object_to_json_string_ext(draft, PRETTY);
	return full ? policy_file_check(path, full, strlen(full), &policy, fault)
		    : fault_errno(fault, ENOMEM, "%s", path);
}

static int write_policy(struct ctl *ctl, const char *path, const char *output,
	struct json_object *object, struct fault *fault)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *pretty = json_object_to_json_string_ext(object, PRETTY);
	int r;

	if (!pretty)
		return fault_errno(fault, ENOMEM, "%s", path);
	buf_printf(&text, "%s\n", pretty);
	if (text.error)
		return fault_errno(fault, text.error, "%s", path);
	r = check_draft(ctl, path, &text, fault);
	if (r)
		return r;
	if (strcmp(output, "-") == 0) {
		fwrite(text.data, 1, text.n_bytes, ctl->out);
		return ctl_flush(ctl, fault);
	}
	return ctl_write_file(output, text.data, text.n_bytes, fault);
}

static int open_policy(const char *path, struct json_object **ret_object, struct fault *fault)
{
	_cleanup_free_ char *text = NULL;
	struct json_error error = {0};
	size_t n_bytes;
	int r = ctl_read_file(path, LIMIT_DOCUMENT_BYTES, &text, &n_bytes, fault);

	if (r)
		return r;
	if (policy_file_is_signed(text))
		return fault_set(fault, FAULT_FAILURE,
			"%s is signed: what is in it does not change any more. Put the places into "
			"the policy as it was written, and sign that",
			path);
	r = json_parse(text, n_bytes, ret_object, &error);
	return r < 0 ? place_bad(path, r, &error, fault) : 0;
}

/* What is in the file, with notes and names on standard error. */
static int read_places(
	struct ctl *ctl, const struct args *args, struct place_file *ret_file, struct fault *fault)
{
	_cleanup_free_ char *text = NULL;
	const char *path = args->operands[0];
	char stem[LIMIT_NAME_BYTES + 1];
	struct place_file_options options;
	struct json_error error = {0};
	size_t n_bytes;
	int r = read_options(args, &options, stem, fault);

	if (!r)
		r = ctl_read_file(path, LIMIT_PLACE_FILE_BYTES, &text, &n_bytes, fault);
	if (r)
		return r;
	r = place_file_read(text, n_bytes, &options, ret_file, &error);
	if (r < 0)
		return place_bad(path, r, &error, fault);
	if (ret_file->notes.n_bytes)
		text_lines(ctl->err, ret_file->notes.data);
	return 0;
}

int cmd_place_import(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_place_file_ struct place_file file = {0};
	_cleanup_json_ struct json_object *object = NULL;
	const char *path = args->operands[0], *policy = args_get(args, "policy");
	const char *output = args_get(args, "output"), *text;
	int r;

	if (policy && strcmp(policy, "-") == 0 && strcmp(path, "-") == 0)
		return fault_set(
			fault, FAULT_USAGE, "standard input cannot be both the map and the policy");
	r = read_places(ctl, args, &file, fault);
	if (!r && policy) {
		r = open_policy(policy, &object, fault);
	} else if (!r) {
		object = json_object_new_object();
		r = object ? 0 : fault_errno(fault, ENOMEM, "%s", path);
	}
	if (!r)
		r = put_places(ctl, path, &file, object, fault);
	if (r)
		return r;
	if (policy)
		return write_policy(ctl, policy, output ? output : policy, object, fault);
	text = json_object_to_json_string_ext(object,
		ctl->json ? JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE : PRETTY);
	if (!text)
		return fault_errno(fault, ENOMEM, "%s", path);
	fprintf(ctl->out, "%s\n", text);
	return ctl_flush(ctl, fault);
}
