/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: server */
/*
 * fuzz_server_brake.c - payloads and headers of documents, as the server and as a phone read them.
 * Whatever a phone takes for a command the server knows for one, and what a phone would destroy by
 * the server takes for destructive; a command that a phone knows for harmless is not held.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/trust/command.h"
#include "agent/trust/document.h"
#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "agent/util/mem.h"
#include "server/brake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static struct span write_document(
	struct buf *out, const char *header, size_t n_header, const char *payload, size_t n_payload)
{
	_cleanup_free_ char *first = malloc(BASE64URL_LENGTH(n_header) + 1);
	_cleanup_free_ char *second = malloc(BASE64URL_LENGTH(n_payload) + 1);

	require(first && second);
	base64url_encode(header, n_header, first);
	base64url_encode(payload, n_payload, second);
	buf_printf(out, "%s.%s.AA\n", first, second);
	require(out->error == 0);
	return (struct span){out->data, out->n_bytes};
}

static bool says(struct json_object *json, const char *name, const char *text)
{
	const char *value = "";

	return json_get_string(json, "", name, LIMIT_NAME_BYTES, &value, NULL) == 0 &&
	       strcmp(value, text) == 0;
}

static void require_verb(struct json_object *json, struct span document)
{
	char verb[LIMIT_NAME_BYTES + 1] = "?";
	bool destroys = brake_destroys(document, verb);
	struct json_error error = {0};
	struct command command;

	require(!*verb || name_is_valid(verb));
	if (!json || command_parse(json, &command, &error) < 0)
		return;
	require(destroys == (command_verbs[command.verb].role == TRUST_ROLE_DESTROY));
	require(strcmp(verb, command_verbs[command.verb].name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	const char *text = (const char *)data;
	_cleanup_json_ struct json_object *json = NULL;
	_cleanup_buf_ struct buf payload = BUF_INIT, header = BUF_INIT;
	char verb[LIMIT_NAME_BYTES + 1];
	struct span document;

	/* Whatever the bytes are: a document by themselves, */
	(void)brake_is_command((struct span){text, n_bytes});
	(void)brake_destroys((struct span){text, n_bytes}, verb);
	if (json_parse(text, n_bytes, &json, NULL) < 0)
		json = NULL;
	/* a payload, */
	document = write_document(&payload, "{}", 2, text, n_bytes);
	if (n_bytes <= LIMIT_COMMAND_PAYLOAD_BYTES)
		require_verb(json, document);
	else
		require(brake_destroys(document, verb));
	if (json && n_bytes <= LIMIT_COMMAND_PAYLOAD_BYTES &&
		says(json, "type", document_type_name(DOCUMENT_COMMAND)))
		require(brake_is_command(document));
	/* a header. */
	document = write_document(&header, text, n_bytes, "{}", 2);
	if (json && n_bytes <= LIMIT_HEADER_BYTES &&
		says(json, "typ", document_type_typ(DOCUMENT_COMMAND)))
		require(brake_is_command(document));
	return 0;
}
