/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: trust */
/*
 * fuzz_command.c - payloads of commands. One that is taken keeps every bound of its verb's row and
 * has no member that was not understood: written again from the struct alone it is the same
 * command.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/trust/command.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static bool is_member(const char *name)
{
	static const char *const members[] = {"type", "org", "serial", "issued", "not_before",
		"expires", "target", "id", "verb", "arguments", "nonce"};

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (strcmp(members[i], name) == 0)
			return true;
	return false;
}

static void check_bounds(const struct command *c)
{
	const struct command_verb *verb = &command_verbs[c->verb];

	expect(c->verb < VERB_MAX && hex_is_valid(c->id, 16));
	expect(c->expires_s > c->issued_s && c->expires_s - c->issued_s <= LIMIT_COMMAND_VALID_S);
	expect(!c->nonce[0] || strlen(c->nonce) == COMMAND_NONCE_LENGTH);
	for (size_t i = 0; verb->arguments[i].name; i++) {
		const struct verb_argument *row = &verb->arguments[i];
		const struct command_value *value = &c->values[i];
		int64_t n = row->type == VERB_TEXT ? (int64_t)strlen(value->text) : value->number;

		expect(value->has || !row->required);
		if (value->has && row->type != VERB_BOOL)
			expect(n >= row->min && n <= row->max);
		expect(text_is_valid(value->text, strlen(value->text)));
	}
}

static void write_again(const struct command *c, struct buf *out)
{
	const struct command_verb *verb = &command_verbs[c->verb];
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	jsonw_int(&w, "serial", 1);
	jsonw_int(&w, "issued", c->issued_s);
	jsonw_int(&w, "expires", c->expires_s);
	jsonw_string(&w, "id", c->id);
	jsonw_string(&w, "verb", verb->name);
	if (c->nonce[0])
		jsonw_string(&w, "nonce", c->nonce);
	jsonw_object(&w, "arguments");
	for (size_t i = 0; verb->arguments[i].name; i++) {
		const char *name = verb->arguments[i].name;

		if (!c->values[i].has)
			continue;
		if (verb->arguments[i].type == VERB_TEXT)
			jsonw_string(&w, name, c->values[i].text);
		else if (verb->arguments[i].type == VERB_INT)
			jsonw_int(&w, name, c->values[i].number);
		else
			jsonw_bool(&w, name, c->values[i].truth);
	}
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	expect(out->error == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_json_ struct json_object *json = NULL, *json_again = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct json_error error = {0};
	struct command command, again;
	int r;

	if (json_parse((const char *)data, n_bytes, &json, NULL) < 0)
		return 0;
	memset(&command, 0, sizeof(command));
	memset(&again, 0, sizeof(again));
	r = command_parse(json, &command, &error);
	if (r < 0) {
		expect(r == -EBADMSG && *error.message);
		return 0;
	}
	json_object_object_foreach(json, name, value)
	{
		(void)value;
		expect(is_member(name));
	}
	check_bounds(&command);
	write_again(&command, &text);
	expect(json_parse(text.data, text.n_bytes, &json_again, NULL) == 0);
	expect(command_parse(json_again, &again, &error) == 0);
	expect(command.verb == again.verb && strcmp(command.id, again.id) == 0 &&
		strcmp(command.nonce, again.nonce) == 0 && command.issued_s == again.issued_s &&
		command.expires_s == again.expires_s);
	for (size_t i = 0; i < LIMIT_COMMAND_ARGUMENTS; i++)
		expect(command.values[i].has == again.values[i].has &&
			command.values[i].truth == again.values[i].truth &&
			command.values[i].number == again.values[i].number &&
			strcmp(command.values[i].text, again.values[i].text) == 0);
	return 0;
}
