/* SPDX-License-Identifier: Apache-2.0 */
/* keyset.c - reads and checks keysets; see keyset.h. The enforcer and administrators' tools; pure.
 */
#include "agent/trust/keyset.h"

#include <errno.h>
#include <string.h>

#include "agent/trust/member.h"
#include "agent/util/codec.h"

const char *trust_role_name(enum trust_role role)
{
	static const char *const names[TRUST_ROLE_MAX] = {
		[TRUST_ROLE_KEYSET] = "keyset",
		[TRUST_ROLE_POLICY] = "policy",
		[TRUST_ROLE_COMMAND] = "command",
		[TRUST_ROLE_DESTROY] = "destroy",
	};

	return names[role];
}

static int keyset_role(const char *name)
{
	for (enum trust_role role = 0; role < TRUST_ROLE_MAX; role++)
		if (strcmp(trust_role_name(role), name) == 0)
			return (int)role;
	return -ENOENT;
}

static int keyset_get_roles(
	struct json_object *object, const char *path, uint32_t *ret_roles, struct json_error *error)
{
	struct json_object *array;
	char name[LIMIT_NAME_BYTES + 1];
	uint32_t roles = 0;
	size_t n;
	int r, role;

	r = json_required(
		json_get_array(object, path, "roles", &array, error), path, "roles", error);
	if (r < 0)
		return r;
	n = json_object_array_length(array);
	if (n == 0)
		return json_fail(error, path, "roles must not be empty");
	for (size_t i = 0; i < n; i++) {
		r = member_element(array, path, i, name, error);
		if (r < 0)
			return r;
		role = keyset_role(name);
		if (role < 0)
			return json_fail(error, path, "role %zu is unknown", i);
		if (roles & 1u << role)
			return json_fail(error, path, "role %zu is there already", i);
		roles |= 1u << role;
	}
	*ret_roles = roles;
	return 0;
}

/* One element of "keys". The kid and alg are stated for people and must agree with the key. */
static int keyset_get_key(struct json_object *object, const char *path, struct keyset_key *key,
	struct json_error *error)
{
	struct json_object *jwk;
	const char *kid, *alg;
	int r;

	if (!json_object_is_type(object, json_type_object))
		return json_fail(error, path, "must be an object");
	r = json_required(json_get_string(object, path, "kid", KEY_ID_LENGTH, &kid, error), path,
		"kid", error);
	if (r < 0)
		return r;
	r = json_required(
		json_get_string(object, path, "alg", 16, &alg, error), path, "alg", error);
	if (r < 0)
		return r;
	r = member_name(object, path, "name", key->name, error);
	if (r < 0)
		return r;
	r = keyset_get_roles(object, path, &key->roles, error);
	if (r < 0)
		return r;
	r = json_required(json_get_object(object, path, "jwk", &jwk, error), path, "jwk", error);
	if (r < 0)
		return r;
	r = key_from_jwk(jwk, path, &key->key, error);
	if (r < 0)
		return r;
	if (strcmp(key->key.kid, kid) != 0)
		return json_fail(error, path, "kid is not the thumbprint of the key");
	if (strcmp(key_alg_name(key->key.alg), alg) != 0)
		return json_fail(error, path, "alg does not fit the key");
	return 0;
}

static int keyset_get_keys(
	struct json_object *payload, struct keyset *keyset, struct json_error *error)
{
	struct json_object *array;
	char path[32];
	size_t n;
	int r;

	r = json_required(json_get_array(payload, "", "keys", &array, error), "", "keys", error);
	if (r < 0)
		return r;
	n = json_object_array_length(array);
	if (n == 0 || n > LIMIT_KEYSET_KEYS)
		return json_fail(error, "keys", "must be 1 to %d keys", LIMIT_KEYSET_KEYS);
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "keys[%zu]", i);
		/* Counted first, so that keyset_free() releases a key that was found wanting. */
		keyset->n_keys++;
		r = keyset_get_key(
			json_object_array_get_idx(array, i), path, &keyset->keys[i], error);
		if (r < 0)
			return r;
	}
	return 0;
}

static int keyset_get_thresholds(
	struct json_object *payload, struct keyset *keyset, struct json_error *error)
{
	const char *names[TRUST_ROLE_MAX + 1] = {NULL};
	struct json_object *object;
	int64_t value;
	int r;

	r = json_required(json_get_object(payload, "", "thresholds", &object, error), "",
		"thresholds", error);
	if (r < 0)
		return r;
	for (enum trust_role role = 0; role < TRUST_ROLE_MAX; role++) {
		names[role] = trust_role_name(role);
		r = json_required(json_get_int(object, "thresholds", names[role], 1,
					  LIMIT_THRESHOLD, &value, error),
			"thresholds", names[role], error);
		if (r < 0)
			return r;
		keyset->threshold[role] = (uint32_t)value;
	}
	return json_only(object, "thresholds", names, error);
}

/* One element of "ca_pins": 32 bytes in base64url, none twice. */
static int keyset_get_pin(
	struct keyset *keyset, struct json_object *element, size_t index, struct json_error *error)
{
	uint8_t *pin = keyset->ca_pins[index];
	size_t n;

	/* The length is json-c's, so that nothing hides behind a NUL. */
	if (!json_object_is_type(element, json_type_string) ||
		base64url_decode(json_object_get_string(element),
			(size_t)json_object_get_string_len(element), pin, SHA256_BYTES, &n) < 0 ||
		n != SHA256_BYTES)
		return json_fail(
			error, "ca_pins", "element %zu must be 32 bytes in base64url", index);
	for (size_t i = 0; i < index; i++)
		if (memcmp(keyset->ca_pins[i], pin, SHA256_BYTES) == 0)
			return json_fail(error, "ca_pins", "element %zu is there already", index);
	return 0;
}

/* Optional: without it the phones go on trusting the CA keys of their tickets. */
static int keyset_get_pins(
	struct json_object *payload, struct keyset *keyset, struct json_error *error)
{
	struct json_object *array;
	size_t n;
	int r = json_get_array(payload, "", "ca_pins", &array, error);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	n = json_object_array_length(array);
	if (n == 0 || n > LIMIT_TICKET_PINS)
		return json_fail(error, "ca_pins", "must be 1 to %d pins", LIMIT_TICKET_PINS);
	for (size_t i = 0; i < n; i++) {
		r = keyset_get_pin(keyset, json_object_array_get_idx(array, i), i, error);
		if (r < 0)
			return r;
	}
	keyset->n_ca_pins = n;
	return 0;
}

static int keyset_fill(struct json_object *payload, struct keyset *keyset, struct json_error *error)
{
	const char *text;
	int r;

	r = json_required(
		json_get_string(payload, "", "type", 16, &text, error), "", "type", error);
	if (r < 0)
		return r;
	if (strcmp(text, "keyset") != 0)
		return json_fail(error, "type", "must be keyset");
	r = member_id(payload, "", "org", keyset->org, error);
	if (r < 0)
		return r;
	r = json_required(json_get_string(payload, "", "org_name", LIMIT_TEXT_BYTES, &text, error),
		"", "org_name", error);
	if (r < 0)
		return r;
	memcpy(keyset->org_name, text, strlen(text) + 1);
	r = member_serial(payload, "serial", &keyset->version, error);
	if (r < 0)
		return r;
	r = member_time(payload, "issued", &keyset->issued_s, error);
	if (r < 0)
		return r;
	r = member_time(payload, "expires", &keyset->expires_s, error);
	if (r < 0)
		return r;
	r = keyset_get_keys(payload, keyset, error);
	if (r < 0)
		return r;
	r = keyset_get_thresholds(payload, keyset, error);
	return r < 0 ? r : keyset_get_pins(payload, keyset, error);
}

int keyset_from_json(
	struct json_object *payload, struct keyset **ret_keyset, struct json_error *error)
{
	_cleanup_(keyset_freep) struct keyset *keyset = calloc(1, sizeof(*keyset));
	int r;

	if (!keyset)
		return -ENOMEM;
	r = keyset_fill(payload, keyset, error);
	if (r < 0)
		return r;
	*ret_keyset = TAKE_PTR(keyset);
	return 0;
}

int keyset_check(const struct keyset *keyset, struct json_error *error)
{
	for (size_t i = 0; i < keyset->n_keys; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(keyset->keys[i].key.kid, keyset->keys[k].key.kid) == 0)
				return json_fail(
					error, "keys", "keys %zu and %zu are the same", k, i);
	for (enum trust_role role = 0; role < TRUST_ROLE_MAX; role++) {
		uint32_t n = 0;

		for (size_t i = 0; i < keyset->n_keys; i++)
			n += keyset->keys[i].roles >> role & 1;
		if (n < keyset->threshold[role])
			return json_fail(error, "thresholds",
				"%s needs %u signatures, but %u keys have that role",
				trust_role_name(role), keyset->threshold[role], n);
	}
	if (keyset->expires_s <= keyset->issued_s)
		return json_fail(error, "expires", "must be later than issued");
	return 0;
}

int keyset_parse(
	const char *payload, size_t n_bytes, struct keyset **ret_keyset, struct json_error *error)
{
	_cleanup_json_ struct json_object *json = NULL;
	_cleanup_(keyset_freep) struct keyset *keyset = NULL;
	int r;

	r = json_parse(payload, n_bytes, &json, error);
	if (r < 0)
		return r;
	r = keyset_from_json(json, &keyset, error);
	if (r < 0)
		return r;
	r = keyset_check(keyset, error);
	if (r < 0)
		return r;
	*ret_keyset = TAKE_PTR(keyset);
	return 0;
}

void keyset_free(struct keyset *keyset)
{
	if (!keyset)
		return;
	for (size_t i = 0; i < keyset->n_keys; i++)
		key_done(&keyset->keys[i].key);
	free(keyset);
}

const struct keyset_key *keyset_find(const struct keyset *keyset, const char *kid)
{
	for (size_t i = 0; i < keyset->n_keys; i++)
		if (strcmp(keyset->keys[i].key.kid, kid) == 0)
			return &keyset->keys[i];
	return NULL;
}
