/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.c - JSON Schema (draft 2020-12) of a policy payload, from the tables of settings and
 * conditions; see schema.h.
 *
 * Pure: no system calls, files or clocks. Used by the tools. What a schema cannot say (distinct
 * profile ids, jitter and metered_interval against interval, limits in bytes and on nesting) only
 * policy_parse() checks.
 */
#include "policies/schema.h"

#include "agent/util/jsonw.h"
#include "agent/util/limits.h"
#include "policies/policy.h"
#include "policies/when_leaf.h"

static void open_typed(struct jsonw *w, const char *key, const char *type)
{
	jsonw_object(w, key);
	jsonw_string(w, "type", type);
}

static void write_reference(struct jsonw *w, const char *key, const char *target)
{
	jsonw_object(w, key);
	jsonw_string(w, "$ref", target);
	jsonw_object_end(w);
}

static void write_integer(struct jsonw *w, const char *key, int64_t min, int64_t max)
{
	open_typed(w, key, "integer");
	jsonw_int(w, "minimum", min);
	jsonw_int(w, "maximum", max);
	jsonw_object_end(w);
}

static void write_required(struct jsonw *w, const char *const *names)
{
	jsonw_array(w, "required");
	for (; *names; names++)
		jsonw_string(w, NULL, *names);
	jsonw_array_end(w);
}

static void write_description(struct jsonw *w, const struct setting_row *row)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_printf(&text, "%s%s%s", row->help, row->why ? " " : "", row->why ? row->why : "");
	if (text.error && !w->out->error)
		w->out->error = text.error;
	jsonw_string(w, "description", text.error ? row->help : text.data);
}

/* The texts of a set or list; a form is stricter than what all texts have to be. */
static void write_elements(struct jsonw *w, const struct setting_row *row)
{
	if (!row->form) {
		write_reference(w, "items", "#/$defs/element");
		return;
	}
	jsonw_object(w, "items");
	jsonw_string(w, "$ref", "#/$defs/element");
	jsonw_string(w, "pattern", row->form->pattern);
	jsonw_object_end(w);
}

static void write_value(struct jsonw *w, const struct setting_row *row)
{
	switch (row->type) {
	case VALUE_BOOL:
		open_typed(w, row->name, "boolean");
		break;
	case VALUE_INT:
		open_typed(w, row->name, "integer");
		jsonw_int(w, "minimum", row->min);
		jsonw_int(w, "maximum", row->max);
		break;
	case VALUE_CHOICE:
		open_typed(w, row->name, "string");
		jsonw_array(w, "enum");
		for (int64_t i = 0; i <= row->max; i++)
			jsonw_string(w, NULL, row->choices[i]);
		jsonw_array_end(w);
		break;
	case VALUE_SET:
	case VALUE_LISTS:
		open_typed(w, row->name, "array");
		jsonw_int(w, "maxItems", LIMIT_STRING_SET);
		jsonw_bool(w, "uniqueItems", true);
		write_elements(w, row);
		break;
	case VALUE_TYPE_MAX:
		return;
	}
	write_description(w, row);
	jsonw_object_end(w);
}

/* Unknown members of names that are valid are allowed: newer policies on older agents. */
static void write_settings(struct jsonw *w)
{
	open_typed(w, "settings", "object");
	write_reference(w, "propertyNames", "#/$defs/name");
	jsonw_object(w, "properties");
	for (size_t area = 0; area < AREA_MAX; area++) {
		open_typed(w, area_row(area)->name, "object");
		jsonw_string(w, "description", area_row(area)->help);
		write_reference(w, "propertyNames", "#/$defs/name");
		jsonw_object(w, "properties");
		for (size_t id = 0; id < SETTING_MAX; id++)
			if (setting_row(id)->area == area)
				write_value(w, setting_row(id));
		jsonw_object_end(w);
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void write_condition(struct jsonw *w)
{
	static const char *const lists[] = {"all", "any"};

	open_typed(w, "condition", "object");
	jsonw_int(w, "minProperties", 1);
	jsonw_int(w, "maxProperties", 1);
	write_reference(w, "propertyNames", "#/$defs/name");
	jsonw_object(w, "properties");
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		open_typed(w, lists[i], "array");
		jsonw_int(w, "minItems", 1);
		jsonw_int(w, "maxItems", LIMIT_WHEN_NODES);
		write_reference(w, "items", "#/$defs/condition");
		jsonw_object_end(w);
	}
	write_reference(w, "not", "#/$defs/condition");
	for (size_t i = 0; i < when_n_leaves; i++)
		when_leaves[i]->schema(w, when_leaves[i]->name);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void write_actions(struct jsonw *w)
{
	open_typed(w, "actions", "array");
	jsonw_int(w, "maxItems", LIMIT_ACTIONS);
	jsonw_bool(w, "uniqueItems", true);
	open_typed(w, "items", "object");
	jsonw_int(w, "minProperties", 1);
	jsonw_int(w, "maxProperties", 1);
	write_reference(w, "propertyNames", "#/$defs/name");
	jsonw_object(w, "properties");
	for (size_t i = 0; i < ACTION_MAX; i++)
		action_row(i)->schema(w, action_row(i)->name);
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void write_profile(struct jsonw *w)
{
	static const char *const required[] = {"id", "settings", NULL};

	open_typed(w, "profile", "object");
	write_required(w, required);
	write_reference(w, "propertyNames", "#/$defs/name");
	jsonw_object(w, "properties");
	write_reference(w, "id", "#/$defs/name");
	write_reference(w, "when", "#/$defs/condition");
	write_reference(w, "settings", "#/$defs/settings");
	write_actions(w);
	write_reference(w, "comment", "#/$defs/text");
	jsonw_object_end(w);
	jsonw_object(w, "dependentRequired");
	jsonw_array(w, "actions");
	jsonw_string(w, NULL, "when");
	jsonw_array_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void write_definitions(struct jsonw *w)
{
	static const char printable[] = "^[^\\u0000-\\u001f\\u007f]*$";

	jsonw_object(w, "$defs");
	open_typed(w, "name", "string");
	jsonw_string(w, "pattern", "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$");
	jsonw_object_end(w);
	open_typed(w, "text", "string");
	jsonw_int(w, "maxLength", LIMIT_TEXT_BYTES);
	jsonw_string(w, "pattern", printable);
	jsonw_object_end(w);
	open_typed(w, "element", "string");
	jsonw_int(w, "minLength", 1);
	jsonw_int(w, "maxLength", LIMIT_TEXT_BYTES);
	jsonw_string(w, "pattern", printable);
	jsonw_object_end(w);
	write_integer(w, "time", 0, POLICY_SERIAL_MAX);
	write_condition(w);
	write_settings(w);
	write_profile(w);
	jsonw_object_end(w);
}

/* The members that every document has; docs/protocol.md, section 1. */
static void write_common(struct jsonw *w)
{
	static const char *const required[] = {"stream", NULL};

	jsonw_object(w, "type");
	jsonw_string(w, "const", "policy");
	jsonw_object_end(w);
	open_typed(w, "org", "string");
	jsonw_string(w, "pattern", "^[0-9a-f]{32}$");
	jsonw_object_end(w);
	write_integer(w, "serial", 1, POLICY_SERIAL_MAX);
	write_reference(w, "issued", "#/$defs/time");
	write_reference(w, "not_before", "#/$defs/time");
	write_reference(w, "expires", "#/$defs/time");
	open_typed(w, "target", "object");
	write_required(w, required);
	jsonw_bool(w, "additionalProperties", false);
	jsonw_object(w, "properties");
	write_reference(w, "stream", "#/$defs/name");
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void write_escrow(struct jsonw *w)
{
	static const char *const required[] = {"certificates", NULL};

	open_typed(w, "escrow", "object");
	write_required(w, required);
	write_reference(w, "propertyNames", "#/$defs/name");
	jsonw_object(w, "properties");
	open_typed(w, "certificates", "array");
	jsonw_int(w, "minItems", 1);
	jsonw_int(w, "maxItems", POLICY_CERTIFICATES_MAX);
	jsonw_bool(w, "uniqueItems", true);
	open_typed(w, "items", "string");
	jsonw_string(w, "contentEncoding", "base64");
	jsonw_int(w, "minLength", 4);
	jsonw_int(w, "maxLength", (POLICY_CERTIFICATE_BYTES + 2) / 3 * 4);
	jsonw_string(
		w, "pattern", "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$");
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void write_own(struct jsonw *w)
{
	static const char *const permissions[] = {"push", "wake_device"};

	open_typed(w, "checkin", "object");
	write_reference(w, "propertyNames", "#/$defs/name");
	jsonw_object(w, "properties");
	write_integer(w, "interval", POLICY_INTERVAL_MIN_S, POLICY_INTERVAL_MAX_S);
	write_integer(w, "jitter", 0, POLICY_INTERVAL_MAX_S / 2);
	write_integer(w, "metered_interval", POLICY_INTERVAL_MIN_S, POLICY_INTERVAL_MAX_S);
	write_reference(w, "long_poll", "#/$defs/condition");
	for (size_t i = 0; i < ARRAY_SIZE(permissions); i++) {
		open_typed(w, permissions[i], "boolean");
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
	jsonw_object_end(w);
	write_escrow(w);
	place_schema(w, "places");
	open_typed(w, "profiles", "array");
	jsonw_int(w, "maxItems", LIMIT_PROFILES);
	write_reference(w, "items", "#/$defs/profile");
	jsonw_object_end(w);
	write_reference(w, "comment", "#/$defs/text");
}

void schema_write(struct buf *out)
{
	static const char *const required[] = {
		"type", "org", "serial", "issued", "expires", "target", "profiles", NULL};
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
	jsonw_string(&w, "title", "Policy of mdm-agent");
	jsonw_string(&w, "$comment",
		"Not said here, but checked: profile ids are distinct, jitter is at most half the "
		"interval, metered_interval at least the interval, texts are measured in bytes, "
		"integers have no point and no exponent, what base64 encodes is at most 2048 bytes, "
		"a pattern of apps has one term of each kind, a profile each kind of action once, "
		"places that conditions name are in places, shapes are valid geometry without "
		"crossing lines.");
	jsonw_string(&w, "type", "object");
	write_required(&w, required);
	write_reference(&w, "propertyNames", "#/$defs/name");
	jsonw_object(&w, "properties");
	write_common(&w);
	write_own(&w);
	jsonw_object_end(&w);
	write_definitions(&w);
	jsonw_object_end(&w);
	buf_puts(out, "\n");
}
