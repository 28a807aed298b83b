/* SPDX-License-Identifier: Apache-2.0 */
/* envelope.c - builds payloads of documents; see envelope.h. Pure. */
#include "server/ctl/envelope.h"

#include <errno.h>

#include "agent/util/codec.h"
#include "agent/util/jsonw.h"

/* Members that mdmctl writes itself; an author who has them copied a signed payload. */
static const char *const envelope_members[] = {
	"type", "org", "serial", "issued", "not_before", "expires", "target"};

static void envelope_begin(const struct envelope *envelope, enum document_type type,
	const char *target_kind, struct jsonw *w)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "type", document_type_name(type));
	jsonw_string(w, "org", envelope->org);
	jsonw_int(w, "serial", envelope->serial);
	jsonw_int(w, "issued", envelope->issued_s);
	jsonw_int(w, "expires", envelope->expires_s);
	if (!target_kind)
		return;
	jsonw_object(w, "target");
	jsonw_string(w, target_kind, envelope->target);
	jsonw_object_end(w);
}

static int envelope_end(struct jsonw *w, struct fault *fault)
{
	jsonw_object_end(w);
	if (w->out->error)
		return fault_errno(fault, w->out->error, "document");
	if (w->out->n_bytes > LIMIT_PAYLOAD_BYTES)
		return fault_set(fault, FAULT_FAILURE,
			"the document would have %zu bytes; phones take at most %d. "
			"Divide it among several groups",
			w->out->n_bytes, LIMIT_PAYLOAD_BYTES);
	return 0;
}

/* What json_parse() and policy_parse() found, with its place. */
static int envelope_bad(int r, const struct json_error *error, struct fault *fault)
{
	if (r != -EBADMSG)
		return fault_errno(fault, r, "policy");
	return fault_set(fault, FAULT_FAILURE, "%s%s%s", error->path, *error->path ? ": " : "",
		error->message);
}

static int envelope_check(
	const struct buf *payload, struct policy **ret_policy, struct fault *fault)
{
	_cleanup_json_ struct json_object *object = NULL;
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct json_error error = {0};
	int r = json_parse(payload->data, payload->n_bytes, &object, &error);

	if (!r)
		r = policy_parse(object, &policy, &error);
	if (r)
		return envelope_bad(r, &error, fault);
	if (ret_policy)
		*ret_policy = TAKE_PTR(policy);
	return 0;
}

int envelope_policy(const struct envelope *envelope, const char *text, size_t n_bytes,
	struct buf *out, struct policy **ret_policy, struct fault *fault)
{
	_cleanup_json_ struct json_object *author = NULL;
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);
	struct json_error error = {0};
	int r = json_parse(text, n_bytes, &author, &error);

	if (r)
		return envelope_bad(r, &error, fault);
	for (size_t i = 0; i < ARRAY_SIZE(envelope_members); i++)
		if (json_object_object_get_ex(author, envelope_members[i], NULL))
			return fault_set(fault, FAULT_FAILURE,
				"%s: must not be in the file; mdmctl writes this member when it signs",
				envelope_members[i]);
	envelope_begin(envelope, DOCUMENT_POLICY, "stream", &w);
	json_object_object_foreach(author, name, value)
	{
		const char *json = json_object_to_json_string_ext(
			value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

		if (!json)
			return fault_errno(fault, ENOMEM, "policy");
		jsonw_raw(&w, name, json, strlen(json));
	}
	if (envelope->escrow && !json_object_object_get_ex(author, "escrow", NULL))
		jsonw_raw(&w, "escrow", envelope->escrow, strlen(envelope->escrow));
	r = envelope_end(&w, fault);
	if (!r)
		r = envelope_check(&payload, ret_policy, fault);
	if (r)
		return r;
	buf_append(out, payload.data, payload.n_bytes);
	return out->error ? fault_errno(fault, out->error, "policy") : 0;
}

int envelope_assignment(const struct envelope *envelope,
	const struct envelope_assignment *assignment, struct buf *out, struct fault *fault)
{
	struct jsonw w = JSONW_INIT(out);

	for (size_t i = 0; i < assignment->n_groups; i++)
		if (!name_is_valid(assignment->groups[i]))
			return fault_set(fault, FAULT_FAILURE,
				"group \"%.40s\" is not a name: letters, digits, '.', '_' and '-', at most %d",
				assignment->groups[i], LIMIT_NAME_BYTES);
	if (assignment->user && (strlen(assignment->user) > LIMIT_TEXT_BYTES ||
					!text_is_valid(assignment->user, strlen(assignment->user))))
		return fault_set(fault, FAULT_FAILURE,
			"the user's name must be one line of at most %d bytes of UTF-8",
			LIMIT_TEXT_BYTES);
	envelope_begin(
		envelope, DOCUMENT_ASSIGNMENT, assignment->for_ticket ? "ticket" : "device", &w);
	jsonw_array(&w, "groups");
	for (size_t i = 0; i < assignment->n_groups; i++)
		jsonw_string(&w, NULL, assignment->groups[i]);
	jsonw_array_end(&w);
	jsonw_string(&w, "ownership", ownership_name(assignment->ownership));
	if (assignment->user && *assignment->user)
		jsonw_string(&w, "user", assignment->user);
	return envelope_end(&w, fault);
}

static void envelope_pins(const struct envelope_keyset *keyset, struct jsonw *w)
{
	char text[BASE64URL_LENGTH(SHA256_BYTES) + 1];

	if (keyset->n_ca_pins == 0)
		return;
	jsonw_array(w, "ca_pins");
	for (size_t i = 0; i < keyset->n_ca_pins; i++) {
		base64url_encode(keyset->ca_pins[i], SHA256_BYTES, text);
		jsonw_string(w, NULL, text);
	}
	jsonw_array_end(w);
}

int envelope_keyset(const struct envelope *envelope, const struct envelope_keyset *keyset,
	struct buf *out, struct fault *fault)
{
	struct jsonw w = JSONW_INIT(out);

	envelope_begin(envelope, DOCUMENT_KEYSET, NULL, &w);
	jsonw_string(&w, "org_name", keyset->org_name);
	jsonw_array(&w, "keys");
	for (size_t i = 0; i < keyset->n_keys; i++) {
		const struct envelope_key *row = &keyset->keys[i];

		jsonw_object(&w, NULL);
		jsonw_string(&w, "kid", row->key->kid);
		jsonw_string(&w, "name", row->name);
		jsonw_string(&w, "alg", key_alg_name(row->key->alg));
		key_write_jwk(row->key, &w, "jwk");
		jsonw_array(&w, "roles");
		for (int role = 0; role < TRUST_ROLE_MAX; role++)
			if (row->roles & 1u << role)
				jsonw_string(&w, NULL, trust_role_name((enum trust_role)role));
		jsonw_array_end(&w);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object(&w, "thresholds");
	for (int role = 0; role < TRUST_ROLE_MAX; role++)
		jsonw_int(&w, trust_role_name((enum trust_role)role), keyset->threshold[role]);
	jsonw_object_end(&w);
	envelope_pins(keyset, &w);
	return envelope_end(&w, fault);
}
