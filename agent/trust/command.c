/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.c - reads the payload of a command; see command.h. The enforcer and administrators'
 * tools. Pure; the caller has verified the bytes before.
 */
#include "agent/trust/command.h"

#include <errno.h>
#include <string.h>

#include "agent/trust/member.h"
#include "agent/util/codec.h"

#define COMMAND_NONCE_BYTES 16

static int command_get_text(struct json_object *arguments, const struct verb_argument *row,
	struct command_value *value, struct json_error *error)
{
	const char *text;
	int r = json_get_string(arguments, "arguments", row->name, (size_t)row->max, &text, error);

	if (r < 0)
		return r;
	if ((int64_t)strlen(text) < row->min)
		return json_fail(error, "arguments", "%s must have at least %lld bytes", row->name,
			(long long)row->min);
	if (row->form && !row->form(text))
		return json_fail(error, "arguments", "%s has to be of another form; it is %s",
			row->name, row->help);
	memcpy(value->text, text, strlen(text) + 1);
	return 0;
}

static int command_get_argument(struct json_object *arguments, const struct verb_argument *row,
	struct command_value *value, struct json_error *error)
{
	int r = -ENOENT;

	switch (row->type) {
	case VERB_TEXT:
		r = command_get_text(arguments, row, value, error);
		break;
	case VERB_INT:
		r = json_get_int(arguments, "arguments", row->name, row->min, row->max,
			&value->number, error);
		break;
	case VERB_BOOL:
		r = json_get_bool(arguments, "arguments", row->name, &value->truth, error);
		break;
	case VERB_ARGUMENT_TYPE_MAX:
		break;
	}
	value->has = r == 0;
	if (r == -ENOENT && !row->required)
		return 0;
	return json_required(r, "arguments", row->name, error);
}

static int command_get_arguments(
	struct json_object *payload, struct command *command, struct json_error *error)
{
	const struct verb_argument *row = command_verbs[command->verb].arguments;
	const char *names[LIMIT_COMMAND_ARGUMENTS + 1] = {0};
	_cleanup_json_ struct json_object *none = NULL;
	struct json_object *arguments;
	int r = json_get_object(payload, "", "arguments", &arguments, error);

	if (r == -ENOENT) {
		arguments = none = json_object_new_object();
		if (!none)
			return -ENOMEM;
		r = 0;
	}
	for (size_t i = 0; row[i].name; i++)
		names[i] = row[i].name;
	if (r == 0)
		r = json_only(arguments, "arguments", names, error);
	for (size_t i = 0; r == 0 && row[i].name; i++)
		r = command_get_argument(arguments, &row[i], &command->values[i], error);
	return r;
}

static int command_get_verb(
	struct json_object *payload, enum verb_id *ret_verb, struct json_error *error)
{
	char name[LIMIT_NAME_BYTES + 1];
	enum verb_id verb;
	int r = member_name(payload, "", "verb", name, error);

	if (r < 0)
		return r;
	verb = command_verb_find(name);
	if (verb == VERB_MAX)
		return json_fail(error, "verb", "%s is unknown to this version", name);
	*ret_verb = verb;
	return 0;
}

static int command_get_nonce(struct json_object *payload, char ret_nonce[COMMAND_NONCE_LENGTH + 1],
	struct json_error *error)
{
	uint8_t bytes[COMMAND_NONCE_BYTES];
	const char *text;
	size_t n;
	int r = json_get_string(payload, "", "nonce", COMMAND_NONCE_LENGTH, &text, error);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (strlen(text) != COMMAND_NONCE_LENGTH ||
		base64url_decode(text, COMMAND_NONCE_LENGTH, bytes, sizeof(bytes), &n) < 0)
		return json_fail(error, "nonce", "must be 22 characters of base64url");
	memcpy(ret_nonce, text, COMMAND_NONCE_LENGTH + 1);
	return 0;
}

int command_check(
	const struct command *command, const struct command_verb *verb, struct json_error *error)
{
	bool destructive = verb->role == TRUST_ROLE_DESTROY;
	int64_t valid_s = destructive ? LIMIT_DESTRUCTIVE_VALID_S : LIMIT_COMMAND_VALID_S;

	if (command->expires_s <= command->issued_s)
		return json_fail(error, "expires", "must be later than issued");
	if (command->expires_s - command->issued_s > valid_s)
		return json_fail(error, "expires", "must be at most %lld s after issued for %s",
			(long long)valid_s, verb->name);
	if (destructive && !command->nonce[0])
		return json_fail(error, "nonce",
			"%s must quote the number that the phone sent last", verb->name);
	return 0;
}

int command_parse(
	struct json_object *payload, struct command *ret_command, struct json_error *error)
{
	static const char *const members[] = {"type", "org", "serial", "issued", "not_before",
		"expires", "target", "id", "verb", "arguments", "nonce", NULL};
	struct command command = {0};
	int64_t serial;
	int r;

	/* A word that is not understood may have been a restriction. */
	r = json_only(payload, "", members, error);
	if (r == 0)
		r = json_required(json_get_int(payload, "", "serial", 1, 1, &serial, error), "",
			"serial", error);
	if (r == 0)
		r = member_time(payload, "issued", &command.issued_s, error);
	if (r == 0)
		r = member_time(payload, "expires", &command.expires_s, error);
	if (r == 0)
		r = member_id(payload, "", "id", command.id, error);
	if (r == 0)
		r = command_get_verb(payload, &command.verb, error);
	if (r == 0)
		r = command_get_arguments(payload, &command, error);
	if (r == 0)
		r = command_get_nonce(payload, command.nonce, error);
	if (r == 0)
		r = command_check(&command, &command_verbs[command.verb], error);
	if (r == 0)
		*ret_command = command;
	return r;
}

const struct command_value *command_argument(const struct command *command, const char *name)
{
	const struct verb_argument *row = command_verbs[command->verb].arguments;

	for (size_t i = 0; row[i].name; i++)
		if (strcmp(row[i].name, name) == 0)
			return &command->values[i];
	return NULL;
}
