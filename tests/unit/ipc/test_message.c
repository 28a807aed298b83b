/* SPDX-License-Identifier: Apache-2.0 */
/* test_message.c - the table of messages and the check of text in bodies. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ipc/message.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

static void test_names(void)
{
	for (int i = 0; i < ROLE_MAX; i++)
		CHECK(role_name((enum role)i));
	for (int i = 0; i < NET_STAGE_MAX; i++)
		CHECK(net_stage_name((enum net_stage)i));
	for (int i = 0; i < CTL_CODE_MAX; i++)
		CHECK(ctl_code_name((enum ctl_code)i));
	/* Numbers that a peer sent. */
	for (int i = 0; i < PUSH_STATE_MAX; i++)
		CHECK(push_state_name((enum push_state)i));
	CHECK(!push_state_name(PUSH_STATE_MAX));
	CHECK(!role_name(ROLE_MAX) && !role_name((enum role) - 1));
	CHECK(!net_stage_name(NET_STAGE_MAX) && !net_stage_name((enum net_stage) - 1));
	CHECK(!ctl_code_name(CTL_CODE_MAX) && !ctl_code_name((enum ctl_code) - 1));
}

/* Values cross process boundaries: they are fixed, and each stands once. */
static void test_table(void)
{
	static const uint32_t types[] = {
#define X(name, value, from, to, body, n_fds) (value),
		MESSAGE_TABLE(X)
#undef X
	};
	size_t n_rows = 0;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		for (size_t j = 0; j < i; j++)
			CHECK(types[i] != types[j]);
	for (uint32_t type = 0; type < 1000; type++) {
		const struct message_row *row = message_row(type);

		if (!row)
			continue;
		n_rows++;
		CHECK_INT(row->type, type);
		CHECK(row->name && *row->name);
		CHECK(row->from < ROLE_MAX && row->to < ROLE_MAX && row->from != row->to);
		/* One side is always the enforcer: the other roles do not talk to each other. */
		CHECK(row->from == ROLE_ENFORCER || row->to == ROLE_ENFORCER);
		CHECK(row->body_bytes > 0 && row->body_bytes <= sizeof(union message_body));
		CHECK(row->n_fds >= -1 && row->n_fds <= MESSAGE_FDS_MAX);
	}
	CHECK_INT(n_rows, ARRAY_SIZE(types));
	CHECK(!message_row(0) && !message_row(UINT32_MAX));
	CHECK_INT(message_row(MESSAGE_NET_CHECKIN)->n_fds, 3);
	CHECK_INT(message_row(MESSAGE_CTL_ANSWER)->n_fds, -1);
	CHECK_INT(message_row(MESSAGE_CTL_ENROL)->from, ROLE_CTL);
}

/* Every text array of every body: where, how large, and whether it may hold several lines. */
static const struct text {
	enum message_type type;
	size_t offset, size;
	bool lines;
} texts[] = {
#define T(type, body, member, lines)                                                               \
	{                                                                                          \
		type, offsetof(body, member), sizeof(((body *)NULL)->member), lines                \
	}
	T(MESSAGE_NET_ENROL, struct msg_net_enrol, server, false),
	T(MESSAGE_NET_ENROL, struct msg_net_enrol, est, false),
	T(MESSAGE_NET_ENROL, struct msg_net_enrol, user, false),
	T(MESSAGE_NET_ENROL, struct msg_net_enrol, secret, false),
	T(MESSAGE_NET_CHECKIN, struct msg_net_checkin, server, false),
	T(MESSAGE_NET_CHECKIN, struct msg_net_checkin, identity.key_uri, false),
	T(MESSAGE_NET_FACTS, struct msg_net_facts, note, false),
	T(MESSAGE_NET_ENROLLED, struct msg_net_enrolled, device_id, false),
	T(MESSAGE_NET_EXCHANGED, struct msg_net_exchanged, resend, false),
	T(MESSAGE_NET_FAILED, struct msg_net_failed, message, false),
	T(MESSAGE_NET_RENEW, struct msg_net_renew, server, false),
	T(MESSAGE_NET_RENEW, struct msg_net_renew, est, false),
	T(MESSAGE_NET_RENEW, struct msg_net_renew, identity.key_uri, false),
	T(MESSAGE_NET_WAIT, struct msg_net_wait, server, false),
	T(MESSAGE_NET_WAIT, struct msg_net_wait, identity.key_uri, false),
	T(MESSAGE_GUARD_HELLO, struct msg_guard_hello, note, false),
	T(MESSAGE_GUARD_STATE, struct msg_guard_state, unwatched, false),
	T(MESSAGE_GUARD_DENIED, struct msg_guard_denied, owner, false),
	T(MESSAGE_GUARD_DENIED, struct msg_guard_denied, path, false),
	T(MESSAGE_PUSH_BEGIN, struct msg_push_begin, token, false),
	T(MESSAGE_PUSH_BEGIN, struct msg_push_begin, description, false),
	T(MESSAGE_PUSH_TOLD, struct msg_push_told, endpoint, false),
	T(MESSAGE_AUTH_CHECK, struct msg_auth_request, user, false),
	T(MESSAGE_AUTH_CHECK, struct msg_auth_request, service, false),
	T(MESSAGE_AUTH_ATTEMPT, struct msg_auth_request, user, false),
	T(MESSAGE_AUTH_ATTEMPT, struct msg_auth_request, service, false),
	T(MESSAGE_AUTH_CHANGE, struct msg_auth_request, user, false),
	T(MESSAGE_AUTH_CHANGE, struct msg_auth_request, service, false),
	T(MESSAGE_AUTH_ANSWER, struct msg_auth_answer, contact, false),
	T(MESSAGE_VERIFY_ORDER, struct msg_verify_order, user, false),
	T(MESSAGE_VERIFY_ORDER, struct msg_verify_order, hash, false),
	T(MESSAGE_VERIFY_ORDER, struct msg_verify_order, history[0], false),
	T(MESSAGE_VERIFY_ORDER, struct msg_verify_order, history[LIMIT_PASSWORD_HISTORY - 1],
		false),
	T(MESSAGE_VERIFY_ORDER, struct msg_verify_order, codes[0], false),
	T(MESSAGE_VERIFY_ORDER, struct msg_verify_order, codes[LIMIT_UNLOCK_CODES - 1], false),
	T(MESSAGE_CTL_UNLOCK, struct msg_ctl_unlock, code, false),
	T(MESSAGE_CTL_ENROL, struct msg_ctl_enrol, ticket, true),
	T(MESSAGE_CTL_ANSWER, struct msg_ctl_answer, message, false),
#undef T
};

static void test_text_is_terminated(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		union message_body body;
		char *text = (char *)&body + texts[i].offset;

		memset(&body, 0, sizeof(body));
		CHECK_INT(message_check(texts[i].type, &body), 0);
		memset(text, 'a', texts[i].size - 1);
		CHECK_INT(message_check(texts[i].type, &body), 0);
		text[texts[i].size - 1] = 'a';
		CHECK_INT(message_check(texts[i].type, &body), -EBADMSG);
		/* A body ends at its end: behind the last array nothing terminates it. */
		memset(&body, 'a', sizeof(body));
		CHECK_INT(message_check(texts[i].type, &body), -EBADMSG);
	}
}

static void test_text_is_printable(void)
{
	static const struct {
		const char *text;
		bool good, good_in_lines;
	} rows[] = {
		{"", true, true},
		{"plain", true, true},
		{"\xc3\xa4 \xe2\x82\xac", true, true},
		{"\x1b[2J", false, false},
		{"a\x7f", false, false},
		{"\xff", false, false},
		{"a\xc3", false, false},
		{"\xed\xa0\x80", false, false},
		{"\xc0\xaf", false, false},
		{"a\nb", false, true},
		{"a\tb\r\n", false, true},
		{"\n\n", false, true},
		{"a\n\x01", false, false},
		{"a\v", false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (size_t j = 0; j < ARRAY_SIZE(rows); j++) {
			union message_body body;
			bool good = texts[i].lines ? rows[j].good_in_lines : rows[j].good;

			memset(&body, 0, sizeof(body));
			strcpy((char *)&body + texts[i].offset, rows[j].text);
			if (message_check(texts[i].type, &body) != (good ? 0 : -EBADMSG))
				check_fail(__FILE__, __LINE__, "text %zu, row %zu", i, j);
		}
}

/* Any bytes are a passphrase, but no more of them than there can be. */
static void test_counted_bytes(void)
{
	union message_body body;
	struct msg_ctl_escrow *escrow = (struct msg_ctl_escrow *)&body;
	uint32_t *const counts[] = {&escrow->n_passphrase, &escrow->n_given};

	memset(&body, 0xff, sizeof(body));
	escrow->n_passphrase = escrow->n_given = 0;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		for (uint32_t n = 0; n <= LIMIT_PASSWORD_BYTES; n++) {
			*counts[i] = n;
			CHECK_INT(message_check(MESSAGE_CTL_ESCROW, &body), 0);
		}
		*counts[i] = LIMIT_PASSWORD_BYTES + 1;
		CHECK_INT(message_check(MESSAGE_CTL_ESCROW, &body), -EBADMSG);
		*counts[i] = UINT32_MAX;
		CHECK_INT(message_check(MESSAGE_CTL_ESCROW, &body), -EBADMSG);
		*counts[i] = 1;
	}
}

/* No array was forgotten: a body of 'a' only passes where there is neither text nor a count. */
static void test_no_text_is_forgotten(void)
{
	for (uint32_t type = 1; type < 100; type++) {
		const struct message_row *row = message_row(type);
		union message_body body;
		bool has_text = row && row->type == MESSAGE_CTL_ESCROW;

		if (!row)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
			has_text |= texts[i].type == row->type;
		memset(&body, 'a', sizeof(body));
		CHECK_INT(message_check(row->type, &body), has_text ? -EBADMSG : 0);
		/* Larger than any set of numbers: such a body has text. */
		CHECK(has_text || row->body_bytes <= 48);
	}
}

static const struct check_test tests[] = {
	{"names", test_names},
	{"table", test_table},
	{"text_is_terminated", test_text_is_terminated},
	{"text_is_printable", test_text_is_printable},
	{"counted_bytes", test_counted_bytes},
	{"no_text_is_forgotten", test_no_text_is_forgotten},
};
CHECK_MAIN(tests)
