/* SPDX-License-Identifier: Apache-2.0 */
/* render_escrow.c - the recovery keys of this phone's disks. Pure; agentctl. */
#include <string.h>

#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"

/* A state of the answer in words; one of a newer agent as it came. */
static struct render_words escrow_state(const char *state)
{
	static const struct {
		const char *state;
		struct render_words words;
	} rows[] = {
		{"sealed", {"a new recovery key was made", PAGE_GOOD,
				   "It counts when the server has it, which is told now."}},
		{"present", {"the organisation has a recovery key that opens it", PAGE_GOOD, NULL}},
		{"waiting", {"a recovery key waits to be told to the server", PAGE_PLAIN,
				    "It is told with the next check-in: agentctl sync."}},
		{"missing",
			{"there is no recovery key", PAGE_WARN, "Have one made: agentctl escrow"}},
		{"seen", {"the organisation has a recovery key, which somebody has seen", PAGE_WARN,
				 "Have a new one made: agentctl escrow"}},
		{"other_key", {"the recovery key is sealed to somebody else by now", PAGE_WARN,
				      "Have a new one made: agentctl escrow"}},
		{"broken", {"the recovery key no longer opens it", PAGE_BAD,
				   "Have a new one made: agentctl escrow"}},
		{"wrong_passphrase", {"nothing was changed", PAGE_BAD, NULL}},
		{"no_keyslot", {"nothing was changed", PAGE_BAD, NULL}},
		{"failed", {"failed", PAGE_BAD, NULL}},
	};

	for (size_t i = 0; state && i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].state, state) == 0)
			return rows[i].words;
	return (struct render_words){state ? state : "in an unknown state", PAGE_WARN, NULL};
}

static void escrow_one(struct page *p, struct json_object *volume)
{
	struct render_words words = escrow_state(peek_string(volume, "state"));
	const char *detail = peek_text(volume, "detail", "");
	int64_t slot;

	page_open(p, 0, 2);
	page_add(p, PAGE_BOLD, "%s", peek_text(volume, "name", "?"));
	page_add(p, PAGE_PLAIN, ": ");
	page_add(p, words.style, "%s", words.text);
	if (peek_int(volume, "slot", &slot))
		page_add(p, PAGE_DIM, " (keyslot %lld)", (long long)slot);
	page_close(p);
	if (peek_int(volume, "passphrase_slot", &slot))
		page_line(p, 2, PAGE_GOOD, "The new passphrase opens it (keyslot %lld).",
			(long long)slot);
	if (peek_true(volume, "kept"))
		page_line(p, 2, PAGE_DIM, "The agent has a key of its own to exchange it.");
	if (detail[0])
		page_line(p, 2, PAGE_PLAIN, "%s", detail);
	if (words.sentence)
		page_line(p, 2, PAGE_PLAIN, "%s", words.sentence);
}

void render_escrow(struct page *p, struct json_object *answer)
{
	struct json_object *volumes = peek_array(answer, "volumes");

	for (size_t i = 0; i < peek_length(volumes); i++)
		escrow_one(p, peek_at(volumes, i));
}
