/* SPDX-License-Identifier: Apache-2.0 */
/* render_passwords.c - passwords on the status page; see render.h. Pure. */
#include <inttypes.h>
#include <string.h>

#include "agent/ctl/ago.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"

/* What is known of the password in use: bits, never the password. */
static void passwords_quality(struct page *p, struct json_object *account)
{
	struct json_object *broken = peek_array(account, "broken");
	char name[64];

	if (peek_true(account, "temporary"))
		page_add(p, PAGE_WARN, "set by the organisation, to be changed");
	else if (!peek_true(account, "judged"))
		page_add(p, PAGE_PLAIN, "known at the next unlock");
	else if (peek_length(broken) == 0)
		page_add(p, PAGE_GOOD, "as the policy wants it");
	else
		page_add(p, PAGE_BAD, "breaks");
	for (size_t i = 0; peek_true(account, "judged") && i < peek_length(broken); i++) {
		const char *rule = peek_string_at(broken, i);

		render_spaced(rule ? rule : "?", name, sizeof(name));
		page_add(p, PAGE_BAD, "%s %s", i ? "," : "", name);
	}
}

static void passwords_account(struct page *p, struct json_object *account)
{
	int64_t n_failed = 0, wait_s = 0;
	char span[AGO_TEXT];

	page_field(p, "Password");
	page_add(p, PAGE_PLAIN, "%s: ", peek_text(account, "user", "?"));
	if (peek_true(account, "locked_out")) {
		page_add(p, PAGE_BAD,
			"locked out; the organisation can lift that, or give an unlock code "
			"(agentctl unlock)");
		page_close(p);
		return;
	}
	passwords_quality(p, account);
	if (peek_int(account, "failed", &n_failed) && n_failed > 0)
		page_add(p, PAGE_WARN, "; %" PRId64 " wrong in a row", n_failed);
	if (peek_int(account, "wait_s", &wait_s) && wait_s > 0) {
		span_format(wait_s, span);
		page_add(p, PAGE_WARN, ", the next one in %s", span);
	}
	page_close(p);
}

void render_passwords_status(struct page *p, struct json_object *status)
{
	struct json_object *passwords = peek_object(status, "passwords");
	struct json_object *accounts = peek_array(passwords, "accounts");
	const char *wanted = peek_text(passwords, "at_maximum", "");
	const char *now = peek_text(passwords, "at_maximum_now", "");
	int64_t max_attempts = 0;

	if (!passwords)
		return;
	for (size_t i = 0; i < peek_length(accounts); i++)
		passwords_account(p, peek_at(accounts, i));
	if (!peek_true(passwords, "serving")) {
		page_field(p, "Passwords");
		page_add(p, PAGE_BAD, "wrong ones are not counted: nothing listens for them");
		page_close(p);
	}
	(void)peek_int(passwords, "max_attempts", &max_attempts);
	if (max_attempts > 0 && !peek_true(peek_object(status, "unlock_code"), "ready")) {
		page_field(p, "Passwords");
		page_add(p, PAGE_WARN,
			"there are no unlock codes yet: after %" PRId64
			" wrong ones only the organisation can help, over the network",
			max_attempts);
		page_close(p);
	}
	if (max_attempts > 0 && strcmp(wanted, now) != 0) {
		char words[2][32];

		render_spaced(wanted, words[0], sizeof(words[0]));
		render_spaced(now, words[1], sizeof(words[1]));
		page_field(p, "Passwords");
		page_add(p, PAGE_WARN,
			"after %" PRId64
			" wrong ones: %s; this phone cannot do what is asked for, %s: "
			"'agentctl compliance' says why",
			max_attempts, words[1], words[0]);
		page_close(p);
	}
}
