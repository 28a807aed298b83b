/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document.c - types of documents, signing, counting signers; see document.h. Signing is for
 * administrators' tools; the phone holds no key that could.
 */
#include "agent/trust/document.h"

#include <errno.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"

struct type_row {
	const char *name, *typ;
	enum trust_role role;
};

static const struct type_row types[DOCUMENT_TYPE_MAX] = {
	[DOCUMENT_KEYSET] = {"keyset", "mdm-keyset", TRUST_ROLE_KEYSET},
	[DOCUMENT_POLICY] = {"policy", "mdm-policy", TRUST_ROLE_POLICY},
	[DOCUMENT_ASSIGNMENT] = {"assignment", "mdm-assignment", TRUST_ROLE_POLICY},
	[DOCUMENT_COMMAND] = {"command", "mdm-command", TRUST_ROLE_COMMAND},
};

const char *document_type_name(enum document_type type)
{
	return types[type].name;
}

const char *document_type_typ(enum document_type type)
{
	return types[type].typ;
}

enum trust_role document_type_role(enum document_type type)
{
	return types[type].role;
}

void document_free(struct document *document)
{
	if (!document)
		return;
	jws_done(&document->jws);
	json_object_put(document->json);
	keyset_free(document->keyset);
	free(document);
}

static bool document_is_signed_by(const struct document *document, const char *kid)
{
	for (size_t i = 0; i < document->n_signers; i++)
		if (strcmp(document->signers[i], kid) == 0)
			return true;
	return false;
}

/* Counts keys of the keyset, not lines of the document, so no key can count twice. */
bool document_satisfies(
	const struct document *document, const struct keyset *keyset, enum trust_role role)
{
	uint32_t n = 0;

	for (size_t i = 0; i < keyset->n_keys; i++)
		if (keyset->keys[i].roles & 1u << role &&
			document_is_signed_by(document, keyset->keys[i].key.kid))
			n++;
	return keyset->threshold[role] > 0 && n >= keyset->threshold[role];
}

static int document_append_base64url(struct buf *out, const void *data, size_t n_bytes)
{
	_cleanup_free_ char *text = malloc(BASE64URL_LENGTH(n_bytes) + 1);

	if (!text)
		return -ENOMEM;
	base64url_encode(data, n_bytes, text);
	buf_puts(out, text);
	return 0;
}

int document_sign(enum document_type type, const char *payload, size_t n_payload,
	const struct key *key, char **ret_line)
{
	_cleanup_buf_ struct buf header = BUF_INIT, line = BUF_INIT;
	struct jsonw w = JSONW_INIT(&header);
	uint8_t signature[LIMIT_SIGNATURE_BYTES];
	int r;

	if (n_payload == 0 || n_payload > LIMIT_PAYLOAD_BYTES)
		return -EFBIG;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "alg", key_alg_name(key->alg));
	jsonw_string(&w, "kid", key->kid);
	jsonw_string(&w, "typ", document_type_typ(type));
	jsonw_object_end(&w);
	if (header.error)
		return header.error;
	r = document_append_base64url(&line, header.data, header.n_bytes);
	if (r < 0)
		return r;
	buf_puts(&line, ".");
	r = document_append_base64url(&line, payload, n_payload);
	if (r < 0)
		return r;
	if (line.error)
		return line.error;
	r = key_sign(key, line.data, line.n_bytes, signature);
	if (r < 0)
		return r;
	buf_puts(&line, ".");
	r = document_append_base64url(&line, signature, sizeof(signature));
	if (r < 0)
		return r;
	return buf_take(&line, ret_line, NULL);
}
