/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - looks at a document before it is used; see check.h. Pure; agentctl. */
#include "agent/ctl/check.h"

#include <errno.h>

#include "agent/trust/member.h"

void check_done(struct check *check)
{
	if (check->is_signed)
		jws_done(&check->jws);
	json_object_put(check->json);
	policy_free(check->policy);
	keyset_free(check->keyset);
	*check = (struct check){0};
}

static int check_split(struct check *c, const char *text, size_t n_bytes, struct json_error *error)
{
	switch (jws_split(text, n_bytes, &c->jws)) {
	case 0:
		c->is_signed = true;
		return 0;
	case JWS_E_SIZE:
		return json_fail(error, "", "it is larger than any document may be, or empty");
	case JWS_E_FORM:
		return json_fail(error, "",
			"it is neither JSON nor lines of header.payload.signature in base64url");
	case JWS_E_PAYLOAD:
		return json_fail(error, "", "its lines sign different payloads");
	default:
		return -ENOMEM;
	}
}

/* The header of a line: exactly alg, kid and typ, and the typ of the payload's type. */
static int check_header(struct check *c, size_t line, struct json_error *error)
{
	static const char *const members[] = {"alg", "kid", "typ", NULL};
	_cleanup_json_ struct json_object *header = NULL;
	char text[LIMIT_HEADER_BYTES + 1], path[32];
	const char *kid, *typ, *alg;
	size_t n_text;
	int r;

	snprintf(path, sizeof(path), "line %zu", line + 1);
	if (jws_header(&c->jws.lines[line], text, &n_text) != 0)
		return json_fail(error, path, "has a header that is no base64url, or too large");
	r = json_parse(text, n_text, &header, error);
	if (r == 0)
		r = json_only(header, path, members, error);
	if (r == 0)
		r = json_required(json_get_string(header, path, "kid", KEY_ID_LENGTH, &kid, error),
			path, "kid", error);
	if (r == 0)
		r = json_required(
			json_get_string(header, path, "typ", LIMIT_NAME_BYTES, &typ, error), path,
			"typ", error);
	if (r == 0)
		r = json_required(
			json_get_string(header, path, "alg", LIMIT_NAME_BYTES, &alg, error), path,
			"alg", error);
	if (r < 0)
		return r;
	if (strcmp(typ, document_type_typ(c->type)) != 0)
		return json_fail(error, path, "states another type than the payload, which is a %s",
			document_type_name(c->type));
	if (strcmp(alg, key_alg_name(KEY_ALG_EDDSA)) != 0 &&
		strcmp(alg, key_alg_name(KEY_ALG_ES256)) != 0)
		return json_fail(error, path, "uses an algorithm that no phone accepts");
	snprintf(c->kids[line], sizeof(c->kids[line]), "%s", kid);
	return 0;
}

static int check_type(struct check *c, struct json_error *error)
{
	const char *type;
	int r;

	/* What an administrator writes before mdmctl has added the envelope and signed it. */
	if (!c->is_signed && !json_object_object_get_ex(c->json, "type", NULL) &&
		json_object_object_get_ex(c->json, "profiles", NULL))
		return json_fail(error, "",
			"it is not signed yet; \"mdmctl policy check\" checks what is not");
	r = json_required(json_get_string(c->json, "", "type", LIMIT_NAME_BYTES, &type, error), "",
		"type", error);

	if (r < 0)
		return r;
	for (int i = 0; i < DOCUMENT_TYPE_MAX; i++)
		if (strcmp(type, document_type_name((enum document_type)i)) == 0) {
			c->type = (enum document_type)i;
			return 0;
		}
	return json_fail(error, "type", "must be keyset, policy, assignment or command");
}

/* One member of all documents: required with signatures, else where it is there. */
static bool check_wants(const struct check *c, const char *name)
{
	return c->is_signed || json_object_object_get_ex(c->json, name, NULL);
}

static int check_common(struct check *c, struct json_error *error)
{
	int r = 0;

	if (check_wants(c, "org"))
		r = member_id(c->json, "", "org", c->org, error);
	if (r == 0 && check_wants(c, "serial"))
		r = member_serial(c->json, "serial", &c->serial, error);
	if (r == 0 && check_wants(c, "issued"))
		r = member_time(c->json, "issued", &c->issued_s, error);
	if (r == 0 && check_wants(c, "expires"))
		r = member_time(c->json, "expires", &c->expires_s, error);
	if (r < 0)
		return r;
	if (c->issued_s && c->expires_s && c->expires_s <= c->issued_s)
		return json_fail(error, "expires", "must be after issued");
	return 0;
}

static int check_body(struct check *c, struct json_error *error)
{
	int r;

	switch (c->type) {
	case DOCUMENT_POLICY:
		return policy_parse(c->json, &c->policy, error);
	case DOCUMENT_ASSIGNMENT:
		return assignment_parse(c->json, &c->assignment, error);
	case DOCUMENT_KEYSET:
		r = keyset_from_json(c->json, &c->keyset, error);
		return r < 0 ? r : keyset_check(c->keyset, error);
	case DOCUMENT_COMMAND:
	case DOCUMENT_TYPE_MAX:
		break;
	}
	return 0;
}

int check_document(
	const char *text, size_t n_bytes, struct check *ret_check, struct json_error *error)
{
	_cleanup_(check_done) struct check c = {0};
	size_t start = strspn(text, " \t\r\n"), n_payload = n_bytes;
	const char *payload = text;
	int r;

	if (text[start] != '{') {
		r = check_split(&c, text, n_bytes, error);
		if (r < 0)
			return r;
		payload = c.jws.payload;
		n_payload = c.jws.n_payload;
	}
	if (n_payload > LIMIT_PAYLOAD_BYTES)
		return json_fail(error, "", "is larger than %d bytes", LIMIT_PAYLOAD_BYTES);
	r = json_parse(payload, n_payload, &c.json, error);
	if (r == 0)
		r = check_type(&c, error);
	for (size_t i = 0; r == 0 && i < (c.is_signed ? c.jws.n_lines : 0); i++)
		r = check_header(&c, i, error);
	if (r == 0)
		r = check_common(&c, error);
	if (r == 0)
		r = check_body(&c, error);
	if (r < 0)
		return r;
	*ret_check = c;
	c = (struct check){0};
	return 0;
}
