/* SPDX-License-Identifier: Apache-2.0 */
/* test_command_judge.c - nonces, thresholds of verbs, floors; no verb destroys yet, the rules for
 * one are there. Enforcer, pure. */
#include "agent/enforcer/command_judge.h"

#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/document_fixture.h"

#define MINUTE_US (INT64_C(60) * 1000000)
#define START_US (INT64_C(5000) * 1000000)

static void make(struct command_nonces *nonces, uint8_t byte, int64_t now_us)
{
	uint8_t random[16];

	memset(random, byte, sizeof(random));
	command_nonce_make(nonces, random, now_us);
}

static void test_nonces(void)
{
	struct command_nonces nonces = {0};
	char first[COMMAND_NONCE_LENGTH + 1], second[COMMAND_NONCE_LENGTH + 1];

	CHECK(command_nonce_is_old(&nonces, 0));
	CHECK(!command_nonce_is_good(&nonces, "", 0));
	make(&nonces, 1, START_US);
	CHECK_INT(strlen(nonces.current), COMMAND_NONCE_LENGTH);
	memcpy(first, nonces.current, sizeof(first));
	/* Nothing was there before it. */
	CHECK(!command_nonce_is_good(&nonces, "", START_US));
	CHECK(command_nonce_is_good(&nonces, first, START_US));
	CHECK(!command_nonce_is_old(&nonces, START_US + 60 * MINUTE_US - 1));
	CHECK(command_nonce_is_old(&nonces, START_US + 60 * MINUTE_US));
	/* It is good for as long as no other was made. */
	CHECK(command_nonce_is_good(&nonces, first, START_US + 600 * MINUTE_US));
	make(&nonces, 2, START_US + 60 * MINUTE_US);
	memcpy(second, nonces.current, sizeof(second));
	CHECK(strcmp(first, second) != 0);
	CHECK(command_nonce_is_good(&nonces, first, START_US + 75 * MINUTE_US));
	CHECK(!command_nonce_is_good(&nonces, first, START_US + 75 * MINUTE_US + 1));
	CHECK(command_nonce_is_good(&nonces, second, START_US + 75 * MINUTE_US + 1));
	make(&nonces, 3, START_US + 76 * MINUTE_US);
	CHECK(!command_nonce_is_good(&nonces, first, START_US + 76 * MINUTE_US));
	CHECK(command_nonce_is_good(&nonces, second, START_US + 76 * MINUTE_US));
}

struct case_row {
	const char *what;
	const char *signers;
	enum trust_role role;
	int64_t valid_s;
	const char *nonce; /* "current", "previous", "other", "" */
	int64_t ended_floor_s, issued_floor_s;
	enum document_reason reason;
};

#define HOUR 3600
static const struct case_row rows[] = {
	{"plain", "4", TRUST_ROLE_COMMAND, 24 * HOUR, "", 0, 0, DOCUMENT_OK},
	{"plain, quoting", "4", TRUST_ROLE_COMMAND, 24 * HOUR, "current", 0, 0, DOCUMENT_OK},
	{"plain, the one before", "4", TRUST_ROLE_COMMAND, 24 * HOUR, "previous", 0, 0,
		DOCUMENT_OK},
	{"plain, quoting wrongly", "4", TRUST_ROLE_COMMAND, 24 * HOUR, "other", 0, 0,
		DOCUMENT_E_NONCE},
	{"plain, longest", "4", TRUST_ROLE_COMMAND, LIMIT_COMMAND_VALID_S, "", 0, 0, DOCUMENT_OK},
	{"plain, too long", "4", TRUST_ROLE_COMMAND, LIMIT_COMMAND_VALID_S + 1, "", 0, 0,
		DOCUMENT_E_MEANING},
	{"destroyers do not command", "56", TRUST_ROLE_COMMAND, HOUR, "", 0, 0,
		DOCUMENT_E_THRESHOLD},
	{"ended before the floor", "4", TRUST_ROLE_COMMAND, HOUR, "", NOW + HOUR, 0,
		DOCUMENT_E_REPLAY},
	{"ends behind the floor", "4", TRUST_ROLE_COMMAND, HOUR, "", NOW + HOUR - 1, 0,
		DOCUMENT_OK},
	{"issued before the floor", "4", TRUST_ROLE_COMMAND, HOUR, "", 0, NOW, DOCUMENT_E_REPLAY},
	{"issued behind the floor", "4", TRUST_ROLE_COMMAND, HOUR, "", 0, NOW - 1, DOCUMENT_OK},
	{"destructive", "56", TRUST_ROLE_DESTROY, HOUR, "current", 0, 0, DOCUMENT_OK},
	{"destructive, the one before", "56", TRUST_ROLE_DESTROY, HOUR, "previous", 0, 0,
		DOCUMENT_OK},
	{"destructive, one signer more", "456", TRUST_ROLE_DESTROY, HOUR, "current", 0, 0,
		DOCUMENT_OK},
	{"destructive, no nonce", "56", TRUST_ROLE_DESTROY, HOUR, "", 0, 0, DOCUMENT_E_MEANING},
	{"destructive, wrong nonce", "56", TRUST_ROLE_DESTROY, HOUR, "other", 0, 0,
		DOCUMENT_E_NONCE},
	{"destructive, too long", "56", TRUST_ROLE_DESTROY, HOUR + 1, "current", 0, 0,
		DOCUMENT_E_MEANING},
	{"destructive, one signer", "45", TRUST_ROLE_DESTROY, HOUR, "current", 0, 0,
		DOCUMENT_E_THRESHOLD},
	{"destructive, commanders", "4", TRUST_ROLE_DESTROY, HOUR, "current", 0, 0,
		DOCUMENT_E_THRESHOLD},
};

static void check_row(
	const struct fixture *f, const struct command_nonces *nonces, const struct case_row *row)
{
	static const char payload[] =
		COMMAND("\"device\":\"" DEVICE "\",\"enrolment\":\"" ENROLMENT "\"");
	const struct command_verb verb = {.name = "erase", .role = row->role};
	struct command command = {.issued_s = NOW, .expires_s = NOW + row->valid_s};
	const struct ledger ledger = {
		.ended_floor_s = row->ended_floor_s, .issued_floor_s = row->issued_floor_s};
	const struct command_judge judge = {f->keyset, &ledger, nonces, START_US + MINUTE_US};
	_cleanup_(document_freep) struct document *document = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct document_refusal why = {0};
	enum document_reason reason;
	int r;

	sign_with(f, DOCUMENT_COMMAND, payload, row->signers, &text);
	CHECK_INT(verify(f, &text, &reason, &document), 0);
	if (strcmp(row->nonce, "current") == 0)
		memcpy(command.nonce, nonces->current, sizeof(command.nonce));
	else if (strcmp(row->nonce, "previous") == 0)
		memcpy(command.nonce, nonces->previous, sizeof(command.nonce));
	else if (*row->nonce)
		memset(command.nonce, 'A', COMMAND_NONCE_LENGTH);
	r = command_judge(&judge, document, &command, &verb, &why);
	if (r != (row->reason != DOCUMENT_OK) || why.reason != row->reason || (r && !*why.detail))
		check_fail(
			__FILE__, __LINE__, "%s: %s", row->what, document_reason_name(why.reason));
}

static void test_rows(void)
{
	struct command_nonces nonces = {0};
	struct fixture f;

	fixture_init(&f);
	make(&nonces, 1, 0);
	make(&nonces, 2, START_US);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&f, &nonces, &rows[i]);
	fixture_done(&f);
}

static const struct check_test tests[] = {
	{"nonces", test_nonces},
	{"rows", test_rows},
};
CHECK_MAIN(tests)
