/* SPDX-License-Identifier: Apache-2.0 */
/* test_keyset_words.c - every difference between two keysets is told, and every risk; plain
 * process. */
#include <string.h>

#include "server/ctl/expiry.h"
#include "server/ctl/keyset_words.h"
#include "tests/lib/check.h"
#include "tests/lib/signer.h"

#define NOW INT64_C(1800000000)
#define ALL ((1u << TRUST_ROLE_MAX) - 1)

/* Three keys, thresholds 2, 1, 1, 2, years to go. */
static void fill(struct keyset *keyset)
{
	static const char *const names[] = {"admin", "second", "recovery"};

	memset(keyset, 0, sizeof(*keyset));
	snprintf(keyset->org_name, sizeof(keyset->org_name), "Example");
	keyset->version = 1;
	keyset->expires_s = NOW + 2 * EXPIRY_WARN_S;
	for (uint8_t i = 0; i < 3; i++) {
		signer_ed25519(i, &keyset->keys[i].key);
		keyset->keys[i].roles = ALL;
		snprintf(keyset->keys[i].name, sizeof(keyset->keys[i].name), "%s", names[i]);
	}
	keyset->n_keys = 3;
	for (enum trust_role role = 0; role < TRUST_ROLE_MAX; role++)
		keyset->threshold[role] = 1;
	keyset->threshold[TRUST_ROLE_KEYSET] = keyset->threshold[TRUST_ROLE_DESTROY] = 2;
}

static void empty(struct keyset *keyset)
{
	for (size_t i = 0; i < keyset->n_keys; i++)
		key_done(&keyset->keys[i].key);
}
#define _keyset_ _cleanup_(empty)

static size_t tell(const struct keyset *held, const struct keyset *next, char **ret_text)
{
	size_t size, n;
	FILE *out = open_memstream(ret_text, &size);
	struct keyset_pins pins = {.has_root = true, .root = {2}, .has_next = true, .next = {3}};

	signer_must(out != NULL);
	n = keyset_words_difference(out, held, next, &pins, NOW);
	fclose(out);
	return n;
}

static void expect(
	const struct keyset *held, const struct keyset *next, size_t n, const char *words)
{
	_cleanup_free_ char *text = NULL;
	size_t told = tell(held, next, &text);

	if (told != n || (words && !strstr(text, words)))
		check_fail(__FILE__, __LINE__, "%zu, not %zu with \"%s\":\n%s", told, n,
			words ? words : "", text);
}

static void test_differences(void)
{
	_keyset_ struct keyset held, next;

	fill(&held);
	fill(&next);
	next.version = 2;
	expect(&held, &next, 0, "made 1970-01-01");
	next.issued_s = NOW - 86400;
	expect(&held, &next, 0, "made 2027-01-14");
	next.expires_s++;
	expect(&held, &next, 1, "expires");
	next.threshold[TRUST_ROLE_POLICY] = 3;
	expect(&held, &next, 2, "policy needs 3 signatures instead of 1");
	next.keys[1].roles = 1u << TRUST_ROLE_COMMAND;
	expect(&held, &next, 3,
		"key second: roles command instead of keyset, policy, command, destroy");
	snprintf(next.keys[2].name, sizeof(next.keys[2].name), "safe");
	expect(&held, &next, 4, "key recovery is called safe");
	key_done(&next.keys[0].key);
	signer_es256(7, &next.keys[0].key);
	expect(&held, &next, 6, "- key admin (EdDSA");
	expect(&held, &next, 6, "+ key admin (ES256");
	snprintf(next.org_name, sizeof(next.org_name), "Else\033[2J");
	expect(&held, &next, 7, "called Else?[2J");
	next.n_ca_pins = 2;
	next.ca_pins[1][0] = 1;
	expect(&held, &next, 9, "+ CA pin AQAA");
	expect(&next, &held, 9, "- CA pin AQAA");
	expect(&held, &next, 9, ": UNKNOWN here");
	expect(&held, &next, 9, "before you sign");
	expect(&next, &held, 9, ": not known here");
	held.n_ca_pins = 1;
	expect(&held, &next, 8, "+ CA pin AQAA");
	next.ca_pins[1][0] = 2;
	expect(&held, &next, 8, ": this organisation's root");
	next.ca_pins[1][0] = 3;
	expect(&held, &next, 8, ": the next root");
}

static size_t risks(const struct keyset *keyset, const char *words)
{
	bool found = !words;
	size_t n = 0;

	for (;; n++) {
		_cleanup_buf_ struct buf out = BUF_INIT;

		if (!keyset_words_risk(keyset, NOW, n, &out))
			break;
		found = found || strstr(out.data, words);
	}
	return found ? n : SIZE_MAX;
}

static void test_risks(void)
{
	_keyset_ struct keyset keyset;

	fill(&keyset);
	CHECK_INT(risks(&keyset, NULL), 0);
	keyset.threshold[TRUST_ROLE_KEYSET] = 1;
	CHECK_INT(risks(&keyset, "takes 1 signature, destroying takes 2"), 1);
	keyset.threshold[TRUST_ROLE_KEYSET] = 3;
	CHECK_INT(risks(&keyset, "role keyset has no key to spare (admin, second, recovery)"), 1);
	keyset.keys[0].roles = keyset.keys[1].roles = 1u << TRUST_ROLE_KEYSET;
	CHECK_INT(risks(&keyset, "role policy has no key to spare (recovery)"), 3);
	keyset.expires_s = NOW + EXPIRY_WARN_S;
	CHECK_INT(risks(&keyset, "ends on"), 4);
	keyset.expires_s = NOW;
	CHECK_INT(risks(&keyset, "ended on"), 4);
	keyset.expires_s = NOW + EXPIRY_WARN_S + 1;
	CHECK_INT(risks(&keyset, NULL), 3);
}

static void test_roles(void)
{
	enum trust_role role;
	struct fault fault = {0};

	for (enum trust_role i = 0; i < TRUST_ROLE_MAX; i++) {
		CHECK_INT(keyset_words_role(trust_role_name(i), &role, &fault), 0);
		CHECK_INT(role, i);
	}
	CHECK_INT(keyset_words_role("king", &role, &fault), FAULT_USAGE);
	CHECK_INT(keyset_words_role("", &role, &fault), FAULT_USAGE);
}

static const struct check_test tests[] = {
	{"differences", test_differences},
	{"risks", test_risks},
	{"roles", test_roles},
};
CHECK_MAIN(tests)
