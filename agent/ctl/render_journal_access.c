/* SPDX-License-Identifier: Apache-2.0 */
/* render_journal_access.c - records about passwords, recovery keys, and disks that were locked or
 * erased, in sentences; see render_journal.h. Pure; agentctl. */
#include <inttypes.h>
#include <string.h>

#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"
#include "agent/ctl/render_journal.h"
#include "agent/util/mem.h"

#define WORDS_INDENT 2

void journal_auth_failed(struct page *p, struct json_object *data)
{
	int64_t n = journal_count(data, "failed");

	page_line(p, WORDS_INDENT, PAGE_PLAIN, "%" PRId64 " wrong password%s in a row for %s.", n,
		journal_s(n), peek_text(data, "user", "?"));
}

void journal_auth_locked_out(struct page *p, struct json_object *data)
{
	page_line(p, WORDS_INDENT, PAGE_WARN,
		"%s has no attempts left, after %" PRId64
		" wrong passwords. The organisation can give new ones: ask for an unlock code.",
		peek_text(data, "user", "?"), journal_count(data, "failed"));
}

void journal_auth_unlocked(struct page *p, struct json_object *data)
{
	const char *cause = peek_text(data, "cause", "?");

	if (strcmp(cause, "code") == 0)
		page_line(p, WORDS_INDENT, PAGE_PLAIN,
			"An unlock code was entered: attempts count from zero again.");
	else
		page_line(p, WORDS_INDENT, PAGE_PLAIN,
			"By order of the organisation (%s) attempts count from zero again.", cause);
}

void journal_auth_missed(struct page *p, struct json_object *data)
{
	int64_t n = journal_count(data, "count");

	page_line(p, WORDS_INDENT, PAGE_WARN,
		"%" PRId64 " password%s %s checked while the agent did not answer%s", n,
		journal_s(n), n == 1 ? "was" : "were",
		strcmp(peek_text(data, "by", ""), "root") == 0
			? "."
			: "; so say processes of users, which may be wrong.");
}

void journal_password_changed(struct page *p, struct json_object *data)
{
	page_line(p, WORDS_INDENT, PAGE_PLAIN, "The password of %s was changed.",
		peek_text(data, "user", "?"));
}

void journal_recovery_key(struct page *p, struct json_object *data)
{
	static const struct {
		const char *what, *words;
	} rows[] = {
		{"made", "A recovery key was made, tried and sealed for the organisation"},
		{"acknowledged", "The organisation has the recovery key"},
		{"superseded", "The recovery key before the newest one ends"},
		{"kept", "The agent keeps a key of its own, to exchange recovery keys by itself"},
		{"seen",
			"Somebody at the organisation has seen the recovery key; a new one is due"},
		{"broken", "The recovery key no longer opens its disk"},
	};
	const char *what = peek_text(data, "what", "?"), *words = what;
	bool broken = strcmp(what, "broken") == 0;
	int64_t slot;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].what, what) == 0)
			words = rows[i].words;
	page_open(p, WORDS_INDENT, 2 * WORDS_INDENT);
	page_add(p, broken ? PAGE_BAD : PAGE_PLAIN, "%s", words);
	page_add(p, PAGE_PLAIN, ": disk %s", peek_text(data, "volume", "?"));
	if (peek_int(data, "keyslot", &slot))
		page_add(p, PAGE_PLAIN, ", keyslot %" PRId64, slot);
	if (journal_count(data, "generation") > 0)
		page_add(p, PAGE_PLAIN, ", key number %" PRId64, journal_count(data, "generation"));
	page_add(p, PAGE_PLAIN, ".%s",
		broken ? " What to do: agentctl escrow makes a new one." : "");
	page_close(p);
}

void journal_crypto_lock(struct page *p, struct json_object *data)
{
	int64_t n = journal_count(data, "volumes");

	page_line(p, WORDS_INDENT, PAGE_WARN,
		strcmp(peek_text(data, "what", ""), "done") == 0
			? "The disks are locked (%" PRId64
			  "): nothing but the organisation's recovery key opens them."
			: "Locking the disks began (%" PRId64
			  "): every passphrase but the organisation's recovery key is removed.",
		n);
}

void journal_wipe(struct page *p, struct json_object *data)
{
	const char *what = peek_text(data, "what", "?");
	char spaced[64];

	render_spaced(what, spaced, sizeof(spaced));
	page_open(p, WORDS_INDENT, 2 * WORDS_INDENT);
	if (strcmp(what, "begins") == 0)
		page_add(p, PAGE_BAD, "Too many wrong passwords: the policy has the phone erased");
	else if (strcmp(what, "point_of_no_return") == 0)
		page_add(p, PAGE_BAD, "The phone is being erased, for good");
	else
		page_add(p, PAGE_WARN, "Erasing the phone as the policy says: %s", spaced);
	journal_end(p, peek_string(data, "detail"));
	page_close(p);
}
