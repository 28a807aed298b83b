/* SPDX-License-Identifier: Apache-2.0 */
/* render_journal.c - records of the journal and the verdict on its chain. Pure; agentctl. */
#include <inttypes.h>

#include "agent/ctl/ago.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"
#include "agent/ctl/render_journal.h"

static void journal_one(struct page *p, struct json_object *record, int64_t now_s)
{
	char when[AGO_TEXT] = "at an unknown time", relative[AGO_TEXT] = "", type[64];
	int64_t seq = 0, t, uptime;

	peek_int(record, "seq", &seq);
	if (peek_int(record, "time", &t)) {
		date_format(t, when);
		ago_format(now_s, t, relative);
	}
	render_spaced(peek_text(record, "type", "?"), type, sizeof(type));
	page_open(p, 0, 2);
	page_add(p, PAGE_DIM, "%" PRId64, seq);
	page_add(p, PAGE_PLAIN, " %s ", when);
	page_add(p, PAGE_BOLD, "%s", type);
	if (peek_int(record, "time", &t) && t < AGO_CLOCK_UNSET_BEFORE &&
		peek_int(record, "uptime_s", &uptime)) {
		span_format(uptime, relative);
		page_add(p, PAGE_DIM, " (the clock was not set; %s after start %s)", relative,
			peek_text(record, "boot", "?"));
	} else if (relative[0] && strcmp(relative, when) != 0) {
		page_add(p, PAGE_DIM, " (%s)", relative);
	}
	page_close(p);
	render_journal_words(p, peek_text(record, "type", "?"), peek_object(record, "data"));
}

void render_journal(struct page *p, struct json_object *answer, int64_t now_s)
{
	struct json_object *records = peek_array(answer, "records");
	int64_t dropped = 0;

	for (size_t i = 0; i < peek_length(records); i++)
		journal_one(p, peek_at(records, i), now_s);
	if (peek_int(answer, "dropped", &dropped) && dropped > 0)
		page_line(p, 0, PAGE_WARN,
			"%" PRId64
			" older record%s dropped for space; what concerns security goes last.",
			dropped, dropped == 1 ? " was" : "s were");
}

void render_journal_verify(struct page *p, struct json_object *answer)
{
	int64_t records = 0, offset, dropped = 0;

	peek_int(answer, "records", &records);
	if (peek_true(answer, "ok")) {
		page_open(p, 0, 0);
		page_add(p, PAGE_GOOD, "The journal is whole:");
		page_add(p, PAGE_PLAIN,
			" %" PRId64 " record%s, every one chained to the one before.", records,
			records == 1 ? "" : "s");
		page_close(p);
	} else if (!peek_int(answer, "bad_offset", &offset)) {
		page_open(p, 0, 0);
		page_add(p, PAGE_BAD, "The journal could NOT be checked:");
		page_add(p, PAGE_PLAIN,
			" it cannot be read. What to do: look at agentctl status, and "
			"check the storage of the phone.");
		page_close(p);
	} else {
		page_open(p, 0, 0);
		page_add(p, PAGE_BAD, "The journal is DAMAGED");
		page_add(p, PAGE_PLAIN, " at byte %" PRId64, offset);
		page_add(p, PAGE_PLAIN, ", behind %" PRId64 " good record%s.", records,
			records == 1 ? "" : "s");
		page_close(p);
		page_line(p, 0, PAGE_PLAIN,
			"Either the storage is failing or somebody changed the file. What to do: tell your "
			"administrator; at its next start the agent keeps the damaged file aside and "
			"begins a new one.");
	}
	if (peek_int(answer, "dropped", &dropped) && dropped > 0)
		page_line(p, 0, PAGE_PLAIN,
			"%" PRId64 " older records were dropped for space before.", dropped);
}
