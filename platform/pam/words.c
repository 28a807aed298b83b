/* SPDX-License-Identifier: Apache-2.0 */
/* words.c - what pam_mdm.so tells the person at the prompt; see words.h. Inside PAM. */
#include "platform/pam/words.h"

#include <inttypes.h>
#include <stdio.h>

#include "policies/password.h"

void words_duration(uint32_t seconds, char *ret_text, size_t size_bytes)
{
	const char *unit = "second";
	uint32_t n = seconds;

	if (seconds >= 2 * 3600) {
		unit = "hour";
		n = seconds / 3600 + (seconds % 3600 != 0);
	} else if (seconds >= 60) {
		unit = "minute";
		n = seconds / 60 + (seconds % 60 != 0);
	}
	if (n == 60)
		snprintf(ret_text, size_bytes, "1 hour");
	else
		snprintf(ret_text, size_bytes, "%" PRIu32 " %s%s", n, unit, n == 1 ? "" : "s");
}

static void words_refused(const struct msg_auth_answer *answer, char ret_text[WORDS_BYTES])
{
	const char *between = ": ";
	size_t n = (size_t)snprintf(ret_text, WORDS_BYTES, "This password cannot be used");

	for (size_t i = 0; i < PASSWORD_RULE_MAX; i++) {
		char rule[LIMIT_TEXT_BYTES + 1];
		int more;

		if (!(answer->broken >> i & 1))
			continue;
		password_rule_format((enum password_rule)i, answer->rules[i], rule, sizeof(rule));
		more = snprintf(ret_text + n, WORDS_BYTES - n, "%s%s", between, rule);
		/* Room for the full stop; a rule that does not fit whole is left out. */
		if (more < 0 || n + (size_t)more + 2 > WORDS_BYTES)
			break;
		n += (size_t)more;
		between = "; ";
	}
	snprintf(ret_text + n, WORDS_BYTES - n, ".");
}

void words_answer(const struct msg_auth_answer *answer, char ret_text[WORDS_BYTES])
{
	const char *contact = answer->contact[0] ? answer->contact : "your organisation";
	char wait[64];

	words_duration(answer->wait_s ? answer->wait_s : 1, wait, sizeof(wait));
	ret_text[0] = 0;
	switch ((enum auth_verdict)answer->verdict) {
	case AUTH_WAIT:
		if (answer->wait_s)
			snprintf(ret_text, WORDS_BYTES, "Too many wrong attempts. Try again in %s.",
				wait);
		else
			snprintf(ret_text, WORDS_BYTES,
				"Other attempts at this password are being checked. Try again.");
		break;
	case AUTH_LOCKED_OUT:
		if (answer->wait_s)
			snprintf(ret_text, WORDS_BYTES,
				"No attempts are left. The next unlock code of %s can be entered "
				"in %s.",
				contact, wait);
		else
			snprintf(ret_text, WORDS_BYTES,
				"No attempts are left. Ask %s for an unlock code, and enter it "
				"here.",
				contact);
		break;
	case AUTH_UNLOCKED:
		snprintf(ret_text, WORDS_BYTES,
			"Unlocked. Now enter your password as you always do.");
		break;
	case AUTH_WRONG_CODE:
		snprintf(ret_text, WORDS_BYTES, "That is not the unlock code. Try again in %s.",
			wait);
		break;
	case AUTH_REFUSED:
		words_refused(answer, ret_text);
		break;
	case AUTH_GO:
	case AUTH_UNCOUNTED:
	case AUTH_VERDICT_MAX:
		break;
	}
}

bool words_is_code(const char *token)
{
	size_t n = 0;

	for (; *token; token++) {
		if (*token == ' ')
			continue;
		if (*token < '0' || *token > '9' || ++n > UNLOCK_CODE_DIGITS)
			return false;
	}
	return n == UNLOCK_CODE_DIGITS;
}
