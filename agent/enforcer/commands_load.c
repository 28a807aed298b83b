/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands_load.c - what becomes of the commands of an earlier life of the agent; see commands.h.
 * Runs as root in the enforcer, once at the start. Runs nothing by itself.
 */
#include <errno.h>
#include <string.h>

#include "agent/enforcer/commands_private.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"

static int commands_load(struct enforcer *e, struct ledger *ledger)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = fs_read(e->state.dir_fd, COMMANDS_FILE, LIMIT_STATE_BYTES, &text, &n);

	return r < 0 ? r : ledger_parse(text, n, ledger);
}

/*
 * Without its ledger a phone cannot know what it carried out. It knows that all of that was issued
 * before its signed floor, which every accepted command raises before it is recorded: so that is
 * the floor of what is taken from now on. Commands signed afterwards work at once.
 */
static void commands_lost(struct enforcer *e, int error)
{
	struct ledger *ledger = &e->commands->ledger;

	ledger->issued_floor_s = e->state.facts.highwater.signed_s;
	if (error != -ENOENT) {
		_cleanup_buf_ struct buf payload = BUF_INIT;

		state_keep_broken(&e->state, COMMANDS_FILE, COMMANDS_FILE ".broken");
		buf_puts(&payload, "{\"what\":\"commands\"}");
		enforcer_journal(e, JOURNAL_RECOVERED, &payload);
		enforcer_problem(e, PROBLEM_COMMANDS_DAMAGED,
			"Commands that were under way are lost; sign those that matter again. The "
			"damaged file is kept beside it.",
			"the record of commands in %s was damaged; nothing signed before is "
			"carried out",
			e->options.state_dir);
	}
	if (e->state.facts.enrolled)
		(void)commands_save(e);
}

/* --- what was not told yet --------------------------------------------------------------- */

struct commands_told {
	const struct ledger *ledger;
	bool told[LIMIT_COMMANDS];
	uint64_t first_seq; /* the oldest record there is; 0: none */
};

static int commands_on_record(const struct journal_record *record, void *userdata)
{
	struct commands_told *told = userdata;

	if (told->first_seq == 0)
		told->first_seq = record->seq;
	for (size_t i = 0; i < told->ledger->n_entries; i++) {
		const struct ledger_entry *entry = &told->ledger->entries[i];

		if (record->seq == (uint64_t)entry->seq && record->type == JOURNAL_COMMAND &&
			strstr(record->payload, entry->id))
			told->told[i] = true;
	}
	return 0;
}

/*
 * A state is in the ledger before it is in the journal. Where a power cut came between the two, the
 * record with its number is missing or another one; what was dropped for space was there once.
 */
static void commands_retell(struct enforcer *e)
{
	struct ledger *ledger = &e->commands->ledger;
	struct commands_told told = {.ledger = ledger};
	int64_t first = INT64_MAX;
	bool again = false;

	for (size_t i = 0; i < ledger->n_entries; i++)
		if (ledger->entries[i].seq > 0 && ledger->entries[i].seq < first)
			first = ledger->entries[i].seq;
	if (!e->journal || first == INT64_MAX)
		return;
	(void)journal_each(e->journal, (uint64_t)first - 1, commands_on_record, &told);
	for (size_t i = 0; i < ledger->n_entries; i++) {
		struct ledger_entry *entry = &ledger->entries[i];

		if (entry->seq == 0 || told.told[i] || (uint64_t)entry->seq < told.first_seq)
			continue;
		entry->seq = (int64_t)journal_last_seq(e->journal) + 1;
		commands_journal(e, entry);
		again = true;
	}
	/* Unsaved, it is told once more. */
	if (again)
		(void)commands_save(e);
}

/* --- start ------------------------------------------------------------------------------- */

/* What the end of the process left running. */
static void commands_recover(struct enforcer *e, struct ledger_entry *entry)
{
	struct command_result result = {COMMAND_INTERRUPTED, "restarted",
		"the agent or the phone stopped in the middle; it is not run again"};
	uint8_t boot[BOOT_ID_BYTES];
	char now[2 * BOOT_ID_BYTES + 1] = "";

	if (clock_boot_id(boot) == 0)
		hex_encode(boot, sizeof(boot), now);
	if (entry->command && command_handlers[entry->command->verb].resume)
		command_handlers[entry->command->verb].resume(
			e, entry->command, strcmp(now, entry->boot) == 0, &result);
	if (result.state == COMMAND_RUNNING && commands_is_beside(entry->command->verb))
		memcpy(e->commands->beside, entry->id, sizeof(e->commands->beside));
	else if (result.state == COMMAND_RUNNING)
		memcpy(e->commands->running, entry->id, sizeof(e->commands->running));
	else
		commands_end(e, entry, result.state, result.reason, result.detail);
}

int commands_new(struct enforcer *e, struct commands **ret_commands)
{
	struct commands *c = calloc(1, sizeof(*c));
	bool leaving;
	int r;

	if (!c)
		return -ENOMEM;
	*ret_commands = c;
	commands_make_nonce(c);
	r = commands_load(e, &c->ledger);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		commands_lost(e, r);
	/* The end of the enrolment was recorded, that of its commands was not. */
	if (!e->state.facts.enrolled ||
		(c->ledger.enrolment[0] &&
			strcmp(c->ledger.enrolment, e->state.facts.enrolment_id) != 0))
		commands_forget(e);
	commands_retell(e);
	leaving = c->ledger.leaving[0];
	for (size_t i = 0; i < c->ledger.n_entries; i++) {
		struct ledger_entry *entry = &c->ledger.entries[i];

		if (entry->state != COMMAND_RUNNING)
			continue;
		if (leaving && entry->command && command_leaves(entry->command))
			memcpy(c->running, entry->id, sizeof(c->running));
		else
			commands_recover(e, entry);
	}
	if (leaving)
		command_unenroll_resume(e);
	commands_schedule(e);
	return 0;
}
