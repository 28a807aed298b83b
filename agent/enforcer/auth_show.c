/* SPDX-License-Identifier: Apache-2.0 */
/* auth_show.c - what `agentctl status` tells of passwords; see auth.h. Enforcer. Changes nothing.
 */
#include <string.h>

#include "agent/enforcer/auth_private.h"
#include "agent/enforcer/recovery.h"
#include "agent/enforcer/wipe.h"
#include "agent/util/jsonw.h"

const char *auth_maximum_gap(const struct auth *auth)
{
	uint32_t wanted = auth->limits.at_maximum;

	if (wanted == PASSWORD_AT_MAXIMUM_WIPE && !wipe_is_allowed(auth->e))
		return "it is not the organisation's phone by its assignment: nothing is erased";
	if (wanted == PASSWORD_AT_MAXIMUM_CRYPTO_LOCK && !recovery_is_ready(auth->e))
		return "the organisation could not open every disk again: no keyslot is removed";
	return NULL;
}

static void show_broken(const struct password_known *known, struct jsonw *w)
{
	jsonw_array(w, "broken");
	for (int rule = 0; rule < PASSWORD_RULE_MAX; rule++)
		if (known->broken & 1u << rule)
			jsonw_string(w, NULL,
				setting_row((enum setting_id)password_rule_setting(
						    (enum password_rule)rule))
					->name);
	jsonw_array_end(w);
}

static void show_account(
	const struct auth *auth, const struct password_known *known, struct jsonw *w)
{
	const struct account *account = auth_accounts_find(&auth->accounts, known->user);
	uint32_t wait_s = 0;

	if (account) {
		struct attempts_subject subject = auth_subject(auth, account);

		(void)attempts_ask(&auth->attempts, &subject, clock_boottime_us(), &wait_s);
	}
	jsonw_object(w, NULL);
	jsonw_string(w, "user", known->user);
	jsonw_int(w, "failed", known->n_failed);
	jsonw_bool(w, "locked_out", known->locked_out);
	jsonw_int(w, "wait_s", known->locked_out ? 0 : wait_s);
	jsonw_bool(w, "judged", known->judged);
	show_broken(known, w);
	jsonw_bool(w, "temporary", known->temporary);
	jsonw_object_end(w);
}

void auth_write_status(const struct enforcer *e, struct jsonw *w, const char *key)
{
	const struct auth *auth = e->auth;
	const struct password_limits *limits;
	const char *const *choices;

	if (!auth || !auth->active) {
		jsonw_null(w, key);
		return;
	}
	limits = &auth->limits;
	choices = setting_row(SETTING_PASSWORD_AT_MAXIMUM)->choices;
	jsonw_object(w, key);
	jsonw_bool(w, "serving", auth->known.serving);
	jsonw_bool(w, "counting", limits->present);
	jsonw_int(w, "max_attempts", limits->present ? limits->max_attempts : 0);
	/* What the policy wants to follow then, and what would. */
	jsonw_string(w, "at_maximum", choices[limits->at_maximum]);
	jsonw_string(w, "at_maximum_now", choices[auth->known.at_maximum]);
	jsonw_int(w, "code_wait_s", attempts_code_wait_s(&auth->attempts, clock_boottime_us()));
	jsonw_array(w, "accounts");
	for (size_t i = 0; i < auth->known.n_known; i++)
		show_account(auth, &auth->known.known[i], w);
	jsonw_array_end(w);
	jsonw_object_end(w);
}
