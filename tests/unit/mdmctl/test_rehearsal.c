/* SPDX-License-Identifier: Apache-2.0 */
/* test_rehearsal.c - keysets that a phone takes, and those that would lock it out; plain process.
 */
#include <string.h>

#include "server/ctl/rehearsal.h"
#include "tests/lib/check.h"
#include "tests/lib/signer.h"

#define ORG "0123456789abcdef0123456789abcdef"
#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)
#define ALL ((1u << TRUST_ROLE_MAX) - 1)

/* Keys first..first+n-1, each with every role; they sign nothing here. */
static struct keyset *make(int64_t version, size_t first, size_t n, uint32_t threshold)
{
	struct signer_key keys[LIMIT_KEYSET_KEYS] = {0};
	struct signer_keyset keyset = {
		.org = ORG,
		.version = version,
		.issued_s = NOW - DAY,
		.expires_s = NOW + DAY,
		.keys = keys,
		.n_keys = n,
		.threshold = {threshold, 1, 1, threshold},
	};
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct keyset *made = NULL;

	for (size_t i = 0; i < n; i++) {
		if (i % 2)
			signer_es256((uint8_t)(first + i + 1), &keys[i].key);
		else
			signer_ed25519((uint8_t)(first + i + 1), &keys[i].key);
		keys[i].roles = ALL;
		keys[i].name = "holder";
	}
	signer_write_keyset(&keyset, &text);
	signer_must(keyset_parse(text.data, text.n_bytes, &made, NULL) == 0);
	for (size_t i = 0; i < n; i++)
		key_done(&keys[i].key);
	return made;
}

static void test_table(void)
{
	static const struct {
		const char *what;
		size_t first, n; /* of the next keyset; the one held has keys 0..2 */
		uint32_t held_threshold, threshold;
		bool good;
	} rows[] = {
		{"the same", 0, 3, 2, 2, true},
		{"one key more", 0, 4, 2, 2, true},
		{"one exchanged", 1, 3, 2, 2, true},
		{"all exchanged", 10, 3, 2, 2, true},
		{"one key is enough", 10, 1, 1, 1, true},
		{"eight lines, of which two serve both", 0, 8, 2, 8, true},
		{"eight lines in all", 10, 6, 2, 6, true},
		{"nine lines", 10, 7, 2, 7, false},
		{"eleven lines", 10, 8, 3, 8, false},
		{"as many keys as there may be", 0, LIMIT_KEYSET_KEYS, 3, 5, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(keyset_freep) struct keyset *held = make(4, 0, 3, rows[i].held_threshold);
		_cleanup_(keyset_freep) struct keyset *next =
			make(5, rows[i].first, rows[i].n, rows[i].threshold);
		struct fault fault = {0};
		int r = rehearsal_run(held, next, NOW, &fault);

		if (r != (rows[i].good ? 0 : FAULT_FAILURE))
			check_fail(__FILE__, __LINE__, "%s: %d %s", rows[i].what, r, fault.text);
		else if (r && !strstr(fault.text, "lock phones out"))
			check_fail(__FILE__, __LINE__, "%s: %s", rows[i].what, fault.text);
	}
}

/* The phone's own rules, each broken once. */
static void test_rules(void)
{
	_cleanup_(keyset_freep) struct keyset *held = make(4, 0, 3, 2);
	_cleanup_(keyset_freep) struct keyset *next = make(5, 0, 3, 2);
	struct fault fault = {0};

	CHECK_INT(rehearsal_run(held, next, NOW, &fault), 0);
	next->version = 6;
	CHECK_INT(rehearsal_run(held, next, NOW, &fault), FAULT_FAILURE);
	CHECK(strstr(fault.text, "gap"));
	next->version = 3;
	CHECK_INT(rehearsal_run(held, next, NOW, &fault), FAULT_FAILURE);
	CHECK(strstr(fault.text, "rollback"));
	next->version = 5;
	next->org[0] = 'f';
	CHECK_INT(rehearsal_run(held, next, NOW, &fault), FAULT_FAILURE);
	CHECK(strstr(fault.text, "organisation"));
	next->org[0] = '0';
	/* Over before it begins: taken, and nothing after it. */
	next->expires_s = NOW - 1;
	CHECK_INT(rehearsal_run(held, next, NOW, &fault), FAULT_FAILURE);
	CHECK(strstr(fault.text, "every policy afterwards"));
	next->expires_s = NOW + DAY;
	/* The one before may have ended: that is what renewals are for. */
	held->expires_s = NOW - DAY / 2;
	CHECK_INT(rehearsal_run(held, next, NOW, &fault), 0);
}

/* Two days are what clocks may be apart; the date of one in force does not matter. */
static void test_future(void)
{
	_cleanup_(keyset_freep) struct keyset *held = make(4, 0, 3, 2);
	_cleanup_(keyset_freep) struct keyset *next = make(5, 0, 3, 2);
	struct fault fault = {0};

	next->expires_s = held->expires_s = NOW + 1000 * DAY;
	next->issued_s = NOW + REHEARSAL_AHEAD_S;
	CHECK_INT(rehearsal_run(held, next, NOW, &fault), 0);
	next->issued_s++;
	CHECK_INT(rehearsal_run(held, next, NOW, &fault), FAULT_FAILURE);
	CHECK(strstr(fault.text, "do not sign it"));
	next->issued_s = NOW;
	held->issued_s = NOW + 700 * DAY;
	CHECK_INT(rehearsal_run(held, next, NOW, &fault), 0);
}

static const struct check_test tests[] = {
	{"table", test_table},
	{"rules", test_rules},
	{"future", test_future},
};
CHECK_MAIN(tests)
