/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - the closed table of messages; see message.h. Every role. No allocation, no effects.
 */
#include "agent/ipc/message.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/mem.h"

static const struct message_row message_rows[] = {
#define X(name_, value, from_, to_, body, fds)                                                     \
	{(enum message_type)(value), #name_, from_, to_, sizeof(body), fds},
	MESSAGE_TABLE(X)
#undef X
};

/* Where the bodies carry text: every array ends with NUL inside and holds printable UTF-8. */
struct message_text {
	enum message_type type;
	size_t offset, size_bytes;
	bool lines;    /* LF and HT are allowed (a ticket as text) */
	size_t n_rows; /* so many arrays of that size behind each other; 0: one */
};

#define TEXT(type, body, member)                                                                   \
	{                                                                                          \
		type, offsetof(body, member), sizeof(((body *)NULL)->member), false, 0             \
	}
#define ROWS(type, body, member)                                                                   \
	{                                                                                          \
		type, offsetof(body, member), sizeof(((body *)NULL)->member[0]), false,            \
			ARRAY_SIZE(((body *)NULL)->member)                                         \
	}
static const struct message_text message_texts[] = {
	TEXT(MESSAGE_NET_ENROL, struct msg_net_enrol, server),
	TEXT(MESSAGE_NET_ENROL, struct msg_net_enrol, est),
	TEXT(MESSAGE_NET_ENROL, struct msg_net_enrol, user),
	TEXT(MESSAGE_NET_ENROL, struct msg_net_enrol, secret),
	TEXT(MESSAGE_NET_ENROL, struct msg_net_enrol, key_uri),
	TEXT(MESSAGE_NET_ENROL, struct msg_net_enrol, serial),
	TEXT(MESSAGE_NET_ENROL, struct msg_net_enrol, imei),
	TEXT(MESSAGE_NET_RENEW, struct msg_net_renew, server),
	TEXT(MESSAGE_NET_RENEW, struct msg_net_renew, est),
	TEXT(MESSAGE_NET_RENEW, struct msg_net_renew, identity.key_uri),
	TEXT(MESSAGE_NET_WAIT, struct msg_net_wait, server),
	TEXT(MESSAGE_NET_WAIT, struct msg_net_wait, identity.key_uri),
	TEXT(MESSAGE_NET_CHECKIN, struct msg_net_checkin, server),
	TEXT(MESSAGE_NET_CHECKIN, struct msg_net_checkin, identity.key_uri),
	TEXT(MESSAGE_NET_FACTS, struct msg_net_facts, note),
	TEXT(MESSAGE_NET_ENROLLED, struct msg_net_enrolled, device_id),
	TEXT(MESSAGE_NET_EXCHANGED, struct msg_net_exchanged, resend),
	TEXT(MESSAGE_NET_FAILED, struct msg_net_failed, message),
	TEXT(MESSAGE_PUSH_BEGIN, struct msg_push_begin, token),
	TEXT(MESSAGE_PUSH_BEGIN, struct msg_push_begin, description),
	TEXT(MESSAGE_PUSH_TOLD, struct msg_push_told, endpoint),
	{MESSAGE_CTL_ENROL, offsetof(struct msg_ctl_enrol, ticket),
		sizeof(((struct msg_ctl_enrol *)NULL)->ticket), true},
	TEXT(MESSAGE_CTL_ANSWER, struct msg_ctl_answer, message),
	TEXT(MESSAGE_AUTH_CHECK, struct msg_auth_request, user),
	TEXT(MESSAGE_AUTH_CHECK, struct msg_auth_request, service),
	TEXT(MESSAGE_AUTH_ATTEMPT, struct msg_auth_request, user),
	TEXT(MESSAGE_AUTH_ATTEMPT, struct msg_auth_request, service),
	TEXT(MESSAGE_AUTH_CHANGE, struct msg_auth_request, user),
	TEXT(MESSAGE_AUTH_CHANGE, struct msg_auth_request, service),
	TEXT(MESSAGE_AUTH_ANSWER, struct msg_auth_answer, contact),
	TEXT(MESSAGE_VERIFY_ORDER, struct msg_verify_order, user),
	TEXT(MESSAGE_VERIFY_ORDER, struct msg_verify_order, hash),
	ROWS(MESSAGE_VERIFY_ORDER, struct msg_verify_order, history),
	ROWS(MESSAGE_VERIFY_ORDER, struct msg_verify_order, codes),
	TEXT(MESSAGE_GUARD_HELLO, struct msg_guard_hello, note),
	TEXT(MESSAGE_GUARD_STATE, struct msg_guard_state, unwatched),
	TEXT(MESSAGE_GUARD_DENIED, struct msg_guard_denied, owner),
	TEXT(MESSAGE_GUARD_DENIED, struct msg_guard_denied, path),
	TEXT(MESSAGE_CTL_UNLOCK, struct msg_ctl_unlock, code),
};
#undef TEXT
#undef ROWS

/* Bodies with bytes that are no text: how many of them count, and how many there can be. */
static const struct message_bytes {
	enum message_type type;
	size_t offset;
	uint32_t max;
} message_lengths[] = {
	{MESSAGE_CTL_ESCROW, offsetof(struct msg_ctl_escrow, n_passphrase),
		sizeof(((struct msg_ctl_escrow *)NULL)->passphrase)},
	{MESSAGE_CTL_ESCROW, offsetof(struct msg_ctl_escrow, n_given),
		sizeof(((struct msg_ctl_escrow *)NULL)->given)},
};

const char *role_name(enum role role)
{
	static const char *const names[ROLE_MAX] = {
		[ROLE_ENFORCER] = "enforcer",
		[ROLE_NET] = "net",
		[ROLE_GUARD] = "guard",
		[ROLE_CTL] = "ctl",
		[ROLE_SESSION] = "session",
		[ROLE_PAM] = "pam",
		[ROLE_VERIFY] = "verify",
	};

	return role < ROLE_MAX ? names[role] : NULL;
}

const char *net_stage_name(enum net_stage stage)
{
	static const char *const names[NET_STAGE_MAX] = {
		[NET_STAGE_SANDBOX] = "sandbox",
		[NET_STAGE_IDENTITY] = "identity",
		[NET_STAGE_RESOLVE] = "resolve",
		[NET_STAGE_CONNECT] = "connect",
		[NET_STAGE_TLS] = "tls",
		[NET_STAGE_HTTP] = "http",
		[NET_STAGE_EST] = "est",
		[NET_STAGE_RESPONSE] = "response",
	};

	return stage < NET_STAGE_MAX ? names[stage] : NULL;
}

const char *push_state_name(enum push_state state)
{
	static const char *const names[PUSH_STATE_MAX] = {
		[PUSH_NO_SERVICE] = "no_service",
		[PUSH_REFUSED] = "refused",
		[PUSH_SILENT] = "silent",
		[PUSH_REGISTERED] = "registered",
		[PUSH_ENDED] = "ended",
	};

	return state < PUSH_STATE_MAX ? names[state] : NULL;
}

const char *ctl_code_name(enum ctl_code code)
{
	static const char *const names[CTL_CODE_MAX] = {
		[CTL_OK] = "ok",
		[CTL_E_DENIED] = "denied",
		[CTL_E_STATE] = "state",
		[CTL_E_INPUT] = "input",
		[CTL_E_UNREACHABLE] = "unreachable",
		[CTL_E_REFUSED] = "refused",
		[CTL_E_BUSY] = "busy",
		[CTL_E_INTERNAL] = "internal",
	};

	return code < CTL_CODE_MAX ? names[code] : NULL;
}

const char *auth_verdict_name(enum auth_verdict verdict)
{
	static const char *const names[AUTH_VERDICT_MAX] = {
		[AUTH_GO] = "go",
		[AUTH_UNCOUNTED] = "uncounted",
		[AUTH_WAIT] = "wait",
		[AUTH_LOCKED_OUT] = "locked_out",
		[AUTH_UNLOCKED] = "unlocked",
		[AUTH_WRONG_CODE] = "wrong_code",
		[AUTH_REFUSED] = "refused",
	};

	return verdict < AUTH_VERDICT_MAX ? names[verdict] : NULL;
}

const struct message_row *message_row(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(message_rows); i++)
		if ((uint32_t)message_rows[i].type == type)
			return &message_rows[i];
	return NULL;
}

static int message_check_text(const char *text, const struct message_text *where)
{
	size_t n = strnlen(text, where->size_bytes);

	if (n == where->size_bytes)
		return -EBADMSG;
	while (n) {
		size_t line = where->lines ? strcspn(text, "\t\n\r") : n;

		if (!text_is_valid(text, line))
			return -EBADMSG;
		text += line;
		n -= line;
		if (n) {
			text++;
			n--;
		}
	}
	return 0;
}

int message_check(enum message_type type, const void *body)
{
	for (size_t i = 0; i < ARRAY_SIZE(message_texts); i++) {
		if (message_texts[i].type != type)
			continue;
		for (size_t row = 0; row == 0 || row < message_texts[i].n_rows; row++) {
			const char *text = (const char *)body + message_texts[i].offset +
					   row * message_texts[i].size_bytes;

			if (message_check_text(text, &message_texts[i]) < 0)
				return -EBADMSG;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(message_lengths); i++) {
		uint32_t n;

		if (message_lengths[i].type != type)
			continue;
		memcpy(&n, (const char *)body + message_lengths[i].offset, sizeof(n));
		if (n > message_lengths[i].max)
			return -EBADMSG;
	}
	return 0;
}
