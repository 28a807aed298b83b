/* SPDX-License-Identifier: Apache-2.0 */
/* brake.c - which commands destroy; see brake.h. Pure; mdm-server only. */
#include "server/brake.h"

#include <string.h>
#include <strings.h>

#include "agent/util/codec.h"

const struct brake_verb brake_verbs[] = {
	{"sync", false},
	{"lock", false},
	{"message", false},
	{"reboot", false},
	{"unenroll", false},
	{"diagnostics", false},
	{"unlock-attempts", false},
	{"set-passcode", true},
	{"rotate-recovery-key", false},
	{"crypto-lock", true},
	{"wipe", true},
	{"install", false},
	{"remove", false},
	{"update", false},
	{"lost", false},
	{0},
};

/* --- reading ----------------------------------------------------------------------------- */

struct brake_line {
	struct span header, payload;
};

/* Up to the character, which goes, too; to the end without it. */
static struct span brake_take(struct span *rest, char end)
{
	const char *at = rest->n ? memchr(rest->at, end, rest->n) : NULL;
	struct span taken = {rest->at, at ? (size_t)(at - rest->at) : rest->n};
	size_t n = taken.n + (at != NULL);

	rest->at += n;
	rest->n -= n;
	return taken;
}

static bool brake_next(struct span *rest, struct brake_line *ret_line)
{
	struct span line;

	if (!rest->n)
		return false;
	line = brake_take(rest, '\n');
	ret_line->header = brake_take(&line, '.');
	ret_line->payload = brake_take(&line, '.');
	return true;
}

/* The object that the text encodes, in the caller's bytes. */
static bool brake_object(struct span text, char *bytes, size_t size_bytes, struct span *ret_object)
{
	size_t n;

	return base64url_decode(text.at, text.n, bytes, size_bytes, &n) == 0 &&
	       json_check(bytes, n, ret_object) == 0 && json_is_object(*ret_object);
}

/* --- answers ----------------------------------------------------------------------------- */

/* All lines of a document have one payload, or phones refuse it. */
static bool brake_payload(struct span document, struct span *ret_payload)
{
	struct brake_line first, line;

	if (!brake_next(&document, &first))
		return false;
	while (brake_next(&document, &line))
		if (line.payload.n != first.payload.n ||
			memcmp(line.payload.at, first.payload.at, first.payload.n) != 0)
			return false;
	*ret_payload = first.payload;
	return true;
}

bool brake_destroys(struct span document, char ret_verb[LIMIT_NAME_BYTES + 1])
{
	char bytes[LIMIT_COMMAND_PAYLOAD_BYTES], name[LIMIT_NAME_BYTES + 1] = "";
	struct span payload, object, verb, nonce;

	*ret_verb = 0;
	if (!brake_payload(document, &payload) ||
		!brake_object(payload, bytes, sizeof(bytes), &object) ||
		json_member(object, "verb", &verb) < 0 || json_member(object, "nonce", &nonce) < 0)
		return true;
	if (verb.at && (json_string(verb, name, sizeof(name)) < 0 || !name_is_valid(name)))
		return true;
	memcpy(ret_verb, name, sizeof(name));
	for (const struct brake_verb *v = brake_verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v->destroys;
	return nonce.at != NULL;
}

/* A name that stands twice has no value that phones would agree on: then it is none. */
static bool brake_says(struct span object, const char *member, const char *text)
{
	struct span value;

	return json_member(object, member, &value) == 0 && value.at && json_equals(value, text);
}

bool brake_is_command(struct span document)
{
	char bytes[LIMIT_COMMAND_PAYLOAD_BYTES]; /* of a longer payload phones make no command */
	struct span object, rest = document;
	struct brake_line line;

	while (brake_next(&rest, &line)) {
		if (brake_object(line.header, bytes, LIMIT_HEADER_BYTES, &object) &&
			brake_says(object, "typ", "mdm-command"))
			return true;
		if (brake_object(line.payload, bytes, sizeof(bytes), &object) &&
			brake_says(object, "type", "command"))
			return true;
	}
	return false;
}

bool brake_is_another(const struct brake_admin *a, const struct brake_admin *b)
{
	return strcasecmp(a->name, b->name) != 0 && strcmp(a->certificate, b->certificate) != 0;
}
