/* SPDX-License-Identifier: Apache-2.0 */
/* command_judge.c - may this command be carried out; see command_judge.h. Enforcer; pure. */
#include "agent/enforcer/command_judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "agent/util/codec.h"

void command_nonce_make(struct command_nonces *nonces, const uint8_t random[16], int64_t now_us)
{
	memcpy(nonces->previous, nonces->current, sizeof(nonces->previous));
	base64url_encode(random, 16, nonces->current);
	nonces->made_us = now_us;
}

bool command_nonce_is_old(const struct command_nonces *nonces, int64_t now_us)
{
	return !nonces->current[0] || now_us - nonces->made_us >= NONCE_LIFE_US;
}

bool command_nonce_is_good(const struct command_nonces *nonces, const char *nonce, int64_t now_us)
{
	if (!*nonce)
		return false;
	if (strcmp(nonce, nonces->current) == 0)
		return true;
	return strcmp(nonce, nonces->previous) == 0 && now_us - nonces->made_us <= NONCE_GRACE_US;
}

static int judge_refuse(struct document_refusal *refusal, enum document_reason reason,
	const char *format, ...) _printf_(3, 4);

static int judge_refuse(
	struct document_refusal *refusal, enum document_reason reason, const char *format, ...)
{
	va_list args;

	refusal->reason = reason;
	va_start(args, format);
	vsnprintf(refusal->detail, sizeof(refusal->detail), format, args);
	va_end(args);
	return 1;
}

int command_judge(const struct command_judge *judge, const struct document *document,
	const struct command *command, const struct command_verb *verb,
	struct document_refusal *ret_refusal)
{
	struct json_error error = {0};

	if (command_check(command, verb, &error) < 0)
		return judge_refuse(ret_refusal, DOCUMENT_E_MEANING, "%s%s%s", error.path,
			*error.path ? ": " : "", error.message);
	if (!document_satisfies(document, judge->keyset, verb->role))
		return judge_refuse(ret_refusal, DOCUMENT_E_THRESHOLD,
			"%s needs %u signatures of keys with the role %s (keyset %" PRId64 ")",
			verb->name, judge->keyset->threshold[verb->role],
			trust_role_name(verb->role), judge->keyset->version);
	if (ledger_is_replay(judge->ledger, command))
		return judge_refuse(ret_refusal, DOCUMENT_E_REPLAY,
			"it may be one of those that this phone carried out and forgot");
	if (command->nonce[0] &&
		!command_nonce_is_good(judge->nonces, command->nonce, judge->now_us))
		return judge_refuse(ret_refusal, DOCUMENT_E_NONCE,
			"it quotes a number that this phone did not send lately");
	return 0;
}
