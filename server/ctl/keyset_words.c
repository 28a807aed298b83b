/* SPDX-License-Identifier: Apache-2.0 */
/* keyset_words.c - keysets in words; see keyset_words.h. Pure. */
#include "server/ctl/keyset_words.h"

#include <inttypes.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "server/ctl/expiry.h"
#include "server/ctl/span.h"
#include "server/ctl/text.h"

const struct keyset_key *keyset_find_name(const struct keyset *keyset, const char *name)
{
	for (size_t i = 0; i < keyset->n_keys; i++)
		if (strcmp(keyset->keys[i].name, name) == 0)
			return &keyset->keys[i];
	return NULL;
}

uint32_t keyset_count_role(const struct keyset *keyset, enum trust_role role)
{
	uint32_t n = 0;

	for (size_t i = 0; i < keyset->n_keys; i++)
		n += keyset->keys[i].roles >> role & 1;
	return n;
}

int keyset_words_role(const char *name, enum trust_role *ret_role, struct fault *fault)
{
	for (enum trust_role role = 0; role < TRUST_ROLE_MAX; role++) {
		if (strcmp(trust_role_name(role), name) != 0)
			continue;
		*ret_role = role;
		return 0;
	}
	return fault_set(fault, FAULT_USAGE,
		"there is no role \"%.40s\"; there are keyset, policy, command and destroy", name);
}

void keyset_words_roles(uint32_t roles, struct buf *out)
{
	size_t before = out->n_bytes;

	for (int role = 0; role < TRUST_ROLE_MAX; role++)
		if (roles & 1u << role)
			buf_printf(out, "%s%s", out->n_bytes > before ? ", " : "",
				trust_role_name((enum trust_role)role));
}

void keyset_words_holders(const struct keyset *keyset, enum trust_role role, struct buf *out)
{
	size_t before = out->n_bytes;

	for (size_t i = 0; i < keyset->n_keys; i++)
		if (keyset->keys[i].roles & 1u << role)
			buf_printf(out, "%s%s", out->n_bytes > before ? ", " : "",
				keyset->keys[i].name);
}

static void words_key(FILE *out, char sign, const struct keyset_key *key)
{
	_cleanup_buf_ struct buf roles = BUF_INIT;

	keyset_words_roles(key->roles, &roles);
	fprintf(out, "  %c key %s (%s, %.10s...) with the roles %s\n", sign, key->name,
		key_alg_name(key->key.alg), key->key.kid, roles.data ? roles.data : "");
}

/* A key of held that next has too, under another name or with other roles. */
static size_t words_same_key(FILE *out, const struct keyset_key *was, const struct keyset_key *is)
{
	_cleanup_buf_ struct buf before = BUF_INIT, after = BUF_INIT;
	size_t n = 0;

	if (strcmp(was->name, is->name) != 0) {
		fprintf(out, "  ~ key %s is called %s\n", was->name, is->name);
		n++;
	}
	if (was->roles == is->roles)
		return n;
	keyset_words_roles(was->roles, &before);
	keyset_words_roles(is->roles, &after);
	fprintf(out, "  ~ key %s: roles %s instead of %s\n", is->name, after.data ? after.data : "",
		before.data ? before.data : "");
	return n + 1;
}

static size_t words_keys(FILE *out, const struct keyset *held, const struct keyset *next)
{
	size_t n = 0;

	for (size_t i = 0; i < held->n_keys; i++) {
		const struct keyset_key *was = &held->keys[i],
					*is = keyset_find(next, was->key.kid);

		if (is) {
			n += words_same_key(out, was, is);
			continue;
		}
		words_key(out, '-', was);
		n++;
	}
	for (size_t i = 0; i < next->n_keys; i++) {
		if (keyset_find(held, next->keys[i].key.kid))
			continue;
		words_key(out, '+', &next->keys[i]);
		n++;
	}
	return n;
}

static bool words_has_pin(const struct keyset *keyset, const uint8_t pin[SHA256_BYTES])
{
	for (size_t i = 0; i < keyset->n_ca_pins; i++)
		if (memcmp(keyset->ca_pins[i], pin, SHA256_BYTES) == 0)
			return true;
	return false;
}

/* Whose pin it is: a signer has no other way to tell a CA of the organisation from a stranger's. */
static const char *words_of_pin(const struct keyset_pins *pins, const uint8_t pin[SHA256_BYTES])
{
	if (pins->has_root && memcmp(pin, pins->root, SHA256_BYTES) == 0)
		return "this organisation's root";
	if (pins->has_next && memcmp(pin, pins->next, SHA256_BYTES) == 0)
		return "the next root";
	return NULL;
}

static void words_pin(FILE *out, char sign, const uint8_t pin[SHA256_BYTES], const char *whose)
{
	char text[BASE64URL_LENGTH(SHA256_BYTES) + 1];

	base64url_encode(pin, SHA256_BYTES, text);
	fprintf(out, "  %c CA pin %s: %s\n", sign, text, whose);
}

static size_t words_pins(FILE *out, const struct keyset *held, const struct keyset *next,
	const struct keyset_pins *pins)
{
	bool unknown = false;
	size_t n = 0;

	for (size_t i = 0; i < held->n_ca_pins; i++) {
		const char *whose = words_of_pin(pins, held->ca_pins[i]);

		if (words_has_pin(next, held->ca_pins[i]))
			continue;
		words_pin(out, '-', held->ca_pins[i], whose ? whose : "not known here");
		n++;
	}
	for (size_t i = 0; i < next->n_ca_pins; i++) {
		const char *whose = words_of_pin(pins, next->ca_pins[i]);

		if (words_has_pin(held, next->ca_pins[i]))
			continue;
		words_pin(out, '+', next->ca_pins[i], whose ? whose : "UNKNOWN here");
		unknown = unknown || !whose;
		n++;
	}
	if (unknown)
		fprintf(out,
			"    (whoever has the key of an unknown CA is a server to phones; compare "
			"with 'mdmctl ca\n    list' where the root CA's key is, before you sign)\n");
	if (held->n_ca_pins == 0 && next->n_ca_pins)
		fprintf(out, "    (phones trust these CAs instead of the one of their ticket)\n");
	return n;
}

size_t keyset_words_difference(FILE *out, const struct keyset *held, const struct keyset *next,
	const struct keyset_pins *pins, int64_t now_s)
{
	char before[24], after[24], issued[24], relative[32], age[32];
	size_t n = 0;

	clock_format(next->issued_s, issued);
	clock_format(next->expires_s, after);
	span_format_relative(next->issued_s, now_s, age);
	span_format_relative(next->expires_s, now_s, relative);
	fprintf(out, "  made %s (%s), expires %s (%s)\n", issued, age, after, relative);
	if (strcmp(held->org_name, next->org_name) != 0) {
		_cleanup_buf_ struct buf name = BUF_INIT;

		text_plain(&name, next->org_name);
		fprintf(out, "  ~ the organisation is called %s\n", name.data ? name.data : "");
		n++;
	}
	n += words_keys(out, held, next);
	for (enum trust_role role = 0; role < TRUST_ROLE_MAX; role++) {
		if (held->threshold[role] == next->threshold[role])
			continue;
		fprintf(out, "  ~ %s needs %u signature%s instead of %u\n", trust_role_name(role),
			next->threshold[role], next->threshold[role] == 1 ? "" : "s",
			held->threshold[role]);
		n++;
	}
	n += words_pins(out, held, next, pins);
	if (held->expires_s == next->expires_s)
		return n;
	clock_format(held->expires_s, before);
	fprintf(out, "  ~ expires %s (%s) instead of %s\n", after, relative, before);
	return n + 1;
}

static bool words_risk_role(const struct keyset *keyset, enum trust_role role, struct buf *out)
{
	if (keyset_count_role(keyset, role) != keyset->threshold[role])
		return false;
	buf_printf(out, "the role %s has no key to spare (", trust_role_name(role));
	keyset_words_holders(keyset, role, out);
	if (role == TRUST_ROLE_KEYSET)
		buf_puts(out, "): with one of them lost, no keyset can ever be signed again; "
			      "'mdmctl key new NAME --role keyset' adds one");
	else
		buf_printf(out,
			"): with one of them lost, nothing of that kind can be signed until a new "
			"keyset gives the role to another key");
	return true;
}

bool keyset_words_risk(const struct keyset *keyset, int64_t now_s, size_t n, struct buf *out)
{
	uint32_t of_keyset = keyset->threshold[TRUST_ROLE_KEYSET];
	uint32_t of_destroy = keyset->threshold[TRUST_ROLE_DESTROY];

	if (of_keyset < of_destroy && n-- == 0) {
		buf_printf(out,
			"a new keyset takes %u signature%s, destroying takes %u: whoever can sign a "
			"keyset can lower that; 'mdmctl keyset threshold keyset %u'",
			of_keyset, of_keyset == 1 ? "" : "s", of_destroy, of_destroy);
		return true;
	}
	for (enum trust_role role = 0; role < TRUST_ROLE_MAX; role++) {
		_cleanup_buf_ struct buf words = BUF_INIT;

		if (!words_risk_role(keyset, role, &words) || n-- != 0)
			continue;
		buf_puts(out, words.data ? words.data : "");
		return true;
	}
	return n == 0 && expiry_words("the keyset", keyset->expires_s, now_s,
				 "'mdmctl keyset renew' drafts the next one", out);
}

void keyset_words_warn(FILE *out, const struct keyset *keyset, int64_t now_s)
{
	for (size_t n = 0;; n++) {
		_cleanup_buf_ struct buf words = BUF_INIT;

		if (!keyset_words_risk(keyset, now_s, n, &words))
			return;
		fprintf(out, "mdmctl: warning: %s\n", words.data ? words.data : "");
	}
}
