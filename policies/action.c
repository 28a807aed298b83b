/* SPDX-License-Identifier: Apache-2.0 */
/* action.c - the kinds of actions; see action.h. Pure; enforcer and tools. */
#include "policies/action.h"

#include <errno.h>

#include "agent/util/jsonw.h"
#include "policies/doc_path.h"

static int nothing_parse(struct json_object *arguments, const char *path, struct action *action,
	struct json_error *error)
{
	static const char *const members[] = {NULL};

	(void)action;
	return json_only(arguments, path, members, error);
}

static void nothing_schema(struct jsonw *w, const char *key)
{
	jsonw_object(w, key);
	jsonw_string(w, "type", "object");
	jsonw_int(w, "maxProperties", 0);
	jsonw_object_end(w);
}

static int text_parse(struct json_object *arguments, const char *path, const char *name,
	size_t max_bytes, char *ret_text, struct json_error *error)
{
	char text_path[DOC_PATH_BYTES];
	const char *text;
	int r = json_get_string(arguments, path, name, max_bytes, &text, error);

	if (r < 0)
		return r;
	if (!*text) {
		doc_path(text_path, "%s.%s", path, name);
		return json_fail(error, text_path, "must not be empty");
	}
	memcpy(ret_text, text, strlen(text) + 1);
	return 0;
}

static int notify_parse(struct json_object *arguments, const char *path, struct action *action,
	struct json_error *error)
{
	static const char *const members[] = {"title", "text", NULL};
	int r = json_only(arguments, path, members, error);

	if (r == 0)
		r = text_parse(
			arguments, path, "title", sizeof(action->title) - 1, action->title, error);
	if (r < 0 && r != -ENOENT)
		return r;
	return json_required(
		text_parse(arguments, path, "text", sizeof(action->text) - 1, action->text, error),
		path, "text", error);
}

static void notify_schema(struct jsonw *w, const char *key)
{
	static const struct {
		const char *name;
		int64_t max;
	} texts[] = {{"title", ACTION_TITLE_BYTES}, {"text", LIMIT_COMMAND_TEXT_BYTES}};

	jsonw_object(w, key);
	jsonw_string(w, "type", "object");
	jsonw_bool(w, "additionalProperties", false);
	jsonw_array(w, "required");
	jsonw_string(w, NULL, "text");
	jsonw_array_end(w);
	jsonw_object(w, "properties");
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		jsonw_object(w, texts[i].name);
		jsonw_string(w, "type", "string");
		jsonw_int(w, "minLength", 1);
		jsonw_int(w, "maxLength", texts[i].max);
		jsonw_string(w, "pattern", "^[^\\u0000-\\u001f\\u007f]*$");
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
	jsonw_object_end(w);
}

/* The scope has to be said, so that nobody takes the word for what it is in a command. */
static int wipe_parse(struct json_object *arguments, const char *path, struct action *action,
	struct json_error *error)
{
	static const char *const members[] = {"scope", NULL};
	char scope_path[DOC_PATH_BYTES];
	const char *scope;
	int r = json_only(arguments, path, members, error);

	(void)action;
	if (r == 0)
		r = json_required(
			json_get_string(arguments, path, "scope", LIMIT_NAME_BYTES, &scope, error),
			path, "scope", error);
	if (r < 0)
		return r;
	if (strcmp(scope, "corporate") != 0) {
		doc_path(scope_path, "%s.scope", path);
		return json_fail(error, scope_path,
			"must be corporate: no condition erases a whole phone, only a command");
	}
	return 0;
}

static void wipe_schema(struct jsonw *w, const char *key)
{
	jsonw_object(w, key);
	jsonw_string(w, "type", "object");
	jsonw_bool(w, "additionalProperties", false);
	jsonw_array(w, "required");
	jsonw_string(w, NULL, "scope");
	jsonw_array_end(w);
	jsonw_object(w, "properties");
	jsonw_object(w, "scope");
	jsonw_string(w, "const", "corporate");
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static const struct action_row rows[ACTION_MAX] = {
	[ACTION_LOCK] = {"lock", "Locks the screen of every session.", "{\"lock\":{}}", false,
		nothing_parse, nothing_schema},
	[ACTION_NOTIFY] = {"notify",
		"Shows the user a notification: `text` of 1 to 512 bytes, `title` of 1 to 64 "
		"(optional).",
		"{\"notify\":{\"text\":\"The camera is off until you are back.\"}}", false,
		notify_parse, notify_schema},
	[ACTION_REPORT] = {"report", "Reports to the server at once.", "{\"report\":{}}", false,
		nothing_parse, nothing_schema},
	[ACTION_CRYPTO_LOCK] = {"crypto_lock",
		"Removes every key of the phone's disks but the organisation's recovery key, and "
		"restarts. The policy needs the signatures of the role destroy.",
		"{\"crypto_lock\":{}}", true, nothing_parse, nothing_schema},
	[ACTION_WIPE] = {"wipe",
		"Removes what the organisation brought; `scope` must be `corporate`. The policy "
		"needs the signatures of the role destroy.",
		"{\"wipe\":{\"scope\":\"corporate\"}}", true, wipe_parse, wipe_schema},
};

const struct action_row *action_row(enum action_kind kind)
{
	return &rows[kind];
}

const struct action_row *action_find(const char *name, enum action_kind *ret_kind)
{
	for (size_t i = 0; i < ACTION_MAX; i++)
		if (strcmp(rows[i].name, name) == 0) {
			*ret_kind = (enum action_kind)i;
			return &rows[i];
		}
	return NULL;
}
