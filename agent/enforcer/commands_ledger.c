/* SPDX-License-Identifier: Apache-2.0 */
/* commands_ledger.c - the commands this phone accepted, in memory and as text; see
 * commands_ledger.h. Enforcer; pure. */
#include "agent/enforcer/commands_ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/enforcer/state_text.h"
#include "agent/util/clock.h"
#include "agent/util/codec.h"

#define LEDGER_LINE "mdm-agent-commands 1"
#define LEDGER_NONE "-" /* an empty word */

void ledger_done(struct ledger *ledger)
{
	for (size_t i = 0; i < ledger->n_entries; i++)
		free(ledger->entries[i].command);
	free(ledger->entries);
	*ledger = (struct ledger){0};
}

struct ledger_entry *ledger_find(const struct ledger *ledger, const char *id)
{
	for (size_t i = 0; i < ledger->n_entries; i++)
		if (strcmp(ledger->entries[i].id, id) == 0)
			return &ledger->entries[i];
	return NULL;
}

bool ledger_is_replay(const struct ledger *ledger, const struct command *command)
{
	return command->expires_s <= ledger->ended_floor_s ||
	       command->issued_s <= ledger->issued_floor_s;
}

static int64_t ledger_later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void ledger_remove(struct ledger *ledger, size_t i)
{
	free(ledger->entries[i].command);
	ledger->n_entries--;
	memmove(&ledger->entries[i], &ledger->entries[i + 1],
		(ledger->n_entries - i) * sizeof(ledger->entries[0]));
}

/* Forgets the one whose time was over first, so that the floor stays as low as it can. */
static int ledger_make_room(struct ledger *ledger, int64_t now_s)
{
	size_t first = ledger->n_entries;

	if (ledger->n_entries < LIMIT_COMMANDS)
		return 0;
	for (size_t i = 0; i < ledger->n_entries; i++) {
		const struct ledger_entry *entry = &ledger->entries[i];

		if (!command_state_is_final(entry->state) || entry->expires_s >= now_s)
			continue;
		if (first == ledger->n_entries ||
			entry->expires_s < ledger->entries[first].expires_s)
			first = i;
	}
	if (first == ledger->n_entries)
		return -EBUSY;
	ledger->ended_floor_s =
		ledger_later(ledger->ended_floor_s, ledger->entries[first].expires_s);
	ledger_remove(ledger, first);
	return 0;
}

/* An empty entry at the end, or NULL. */
static struct ledger_entry *ledger_append(struct ledger *ledger)
{
	struct ledger_entry *grown =
		realloc(ledger->entries, (ledger->n_entries + 1) * sizeof(*grown));

	if (!grown)
		return NULL;
	ledger->entries = grown;
	grown[ledger->n_entries] = (struct ledger_entry){0};
	return &grown[ledger->n_entries++];
}

int ledger_add(struct ledger *ledger, const struct command *command, int64_t now_s,
	struct ledger_entry **ret_entry)
{
	_cleanup_free_ struct command *copy = malloc(sizeof(*copy));
	struct ledger_entry *entry;
	int r;

	if (!copy)
		return -ENOMEM;
	*copy = *command;
	r = ledger_make_room(ledger, now_s);
	if (r < 0)
		return r;
	entry = ledger_append(ledger);
	if (!entry)
		return -ENOMEM;
	memcpy(entry->id, command->id, sizeof(entry->id));
	snprintf(entry->verb, sizeof(entry->verb), "%s", command_verbs[command->verb].name);
	entry->state = COMMAND_ACCEPTED;
	entry->issued_s = command->issued_s;
	entry->expires_s = command->expires_s;
	entry->command = TAKE_PTR(copy);
	*ret_entry = entry;
	return 0;
}

void ledger_drop_newest(struct ledger *ledger)
{
	ledger_remove(ledger, ledger->n_entries - 1);
}

void ledger_forget(struct ledger *ledger)
{
	for (size_t i = 0; i < ledger->n_entries; i++)
		ledger->issued_floor_s =
			ledger_later(ledger->issued_floor_s, ledger->entries[i].issued_s);
	while (ledger->n_entries)
		ledger_drop_newest(ledger);
	ledger->enrolment[0] = ledger->leaving[0] = 0;
}

/* Copies text, cut between characters, without what a line of the file cannot hold. */
static void ledger_copy(char *to, size_t size, const char *text)
{
	size_t n = strnlen(text, size - 1);

	memcpy(to, text, n);
	to[n] = 0;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)to[i] < 0x20 || to[i] == 0x7f)
			to[i] = ' ';
	while (n && !text_is_valid(to, n))
		to[--n] = 0;
}

void ledger_set(struct ledger_entry *entry, enum command_state state, const char *reason,
	const char *detail)
{
	entry->state = state;
	ledger_copy(entry->reason, sizeof(entry->reason), reason);
	if (!name_is_valid(entry->reason))
		entry->reason[0] = 0;
	ledger_copy(entry->detail, sizeof(entry->detail), detail);
	/* What a message said is nobody's business once it was shown. */
	if (command_state_is_final(state)) {
		free(entry->command);
		entry->command = NULL;
	}
}

/* --- text -------------------------------------------------------------------------------- */

static const char *word(const char *text)
{
	return *text ? text : LEDGER_NONE;
}

static void ledger_write_arguments(const struct command *command, struct buf *out)
{
	const struct verb_argument *row = command_verbs[command->verb].arguments;

	for (size_t i = 0; row[i].name; i++) {
		const struct command_value *value = &command->values[i];

		if (!value->has)
			continue;
		buf_printf(out, "argument %s ", row[i].name);
		switch (row[i].type) {
		case VERB_TEXT:
			buf_puts(out, value->text);
			break;
		case VERB_INT:
			buf_printf(out, "%" PRId64, value->number);
			break;
		case VERB_BOOL:
			buf_puts(out, value->truth ? "1" : "0");
			break;
		case VERB_ARGUMENT_TYPE_MAX:
			break;
		}
		buf_puts(out, "\n");
	}
}

int ledger_write(const struct ledger *ledger, struct buf *out)
{
	buf_puts(out, LEDGER_LINE "\n");
	buf_printf(out, "ended_floor %" PRId64 "\nissued_floor %" PRId64 "\n",
		ledger->ended_floor_s, ledger->issued_floor_s);
	if (ledger->enrolment[0])
		buf_printf(out, "enrolment %s\n", ledger->enrolment);
	if (ledger->leaving[0])
		buf_printf(out, "leaving %s\n", ledger->leaving);
	for (size_t i = 0; i < ledger->n_entries; i++) {
		const struct ledger_entry *entry = &ledger->entries[i];

		buf_printf(out,
			"command %s %s %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
			" %s %s\n",
			entry->id, entry->verb, command_state_name(entry->state), entry->issued_s,
			entry->expires_s, entry->accepted_s, entry->changed_s, entry->seq,
			word(entry->boot), word(entry->reason));
		if (entry->detail[0])
			buf_printf(out, "detail %s\n", entry->detail);
		if (entry->command)
			ledger_write_arguments(entry->command, out);
	}
	return state_text_close(out);
}

static bool ledger_state_is_ours(enum command_state state)
{
	return state != COMMAND_STATE_MAX && state != COMMAND_QUEUED &&
	       state != COMMAND_DELIVERED && state != COMMAND_CANCELLED;
}

static bool ledger_take_word(const char *field, bool valid, char *ret_text)
{
	if (strcmp(field, LEDGER_NONE) == 0)
		return true;
	if (valid)
		memcpy(ret_text, field, strlen(field) + 1);
	return valid;
}

/* "ID VERB STATE ISSUED EXPIRES ACCEPTED CHANGED SEQ BOOT REASON" */
static int ledger_take_command(char *fields_text, struct ledger *ledger)
{
	struct ledger_entry entry = {0}, *added;
	char *fields[10], *at = fields_text;
	enum verb_id verb;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		fields[i] = strsep(&at, " ");
		if (!fields[i])
			return -EBADMSG;
	}
	if (at || !hex_is_valid(fields[0], 16) || !name_is_valid(fields[1]) ||
		ledger_find(ledger, fields[0]) || ledger->n_entries == LIMIT_COMMANDS)
		return -EBADMSG;
	memcpy(entry.id, fields[0], sizeof(entry.id));
	memcpy(entry.verb, fields[1], strlen(fields[1]) + 1);
	entry.state = command_state_find(fields[2]);
	if (!ledger_state_is_ours(entry.state) ||
		parse_int64(fields[3], 0, INT64_MAX, &entry.issued_s) < 0 ||
		parse_int64(fields[4], 0, INT64_MAX, &entry.expires_s) < 0 ||
		parse_int64(fields[5], INT64_MIN, INT64_MAX, &entry.accepted_s) < 0 ||
		parse_int64(fields[6], INT64_MIN, INT64_MAX, &entry.changed_s) < 0 ||
		parse_int64(fields[7], 0, INT64_MAX, &entry.seq) < 0 ||
		!ledger_take_word(fields[8], hex_is_valid(fields[8], BOOT_ID_BYTES), entry.boot) ||
		!ledger_take_word(fields[9], name_is_valid(fields[9]), entry.reason))
		return -EBADMSG;
	verb = command_verb_find(entry.verb);
	if (verb != VERB_MAX && !command_state_is_final(entry.state)) {
		entry.command = calloc(1, sizeof(*entry.command));
		if (!entry.command)
			return -ENOMEM;
		memcpy(entry.command->id, entry.id, sizeof(entry.id));
		entry.command->verb = verb;
		entry.command->issued_s = entry.issued_s;
		entry.command->expires_s = entry.expires_s;
	}
	added = ledger_append(ledger);
	if (!added) {
		free(entry.command);
		return -ENOMEM;
	}
	*added = entry;
	return 0;
}

static bool ledger_take_value(
	const struct verb_argument *row, const char *text, struct command_value *value)
{
	size_t n = strlen(text);
	int64_t number = 0;

	switch (row->type) {
	case VERB_TEXT:
		if ((int64_t)n < row->min || (int64_t)n > row->max)
			return false;
		memcpy(value->text, text, n + 1);
		break;
	case VERB_INT:
		if (parse_int64(text, row->min, row->max, &value->number) < 0)
			return false;
		break;
	case VERB_BOOL:
		if (parse_int64(text, 0, 1, &number) < 0)
			return false;
		value->truth = number == 1;
		break;
	case VERB_ARGUMENT_TYPE_MAX:
		return false;
	}
	value->has = true;
	return true;
}

/* "NAME VALUE" of the last command. */
static int ledger_take_argument(char *text, struct ledger *ledger)
{
	char *value = strchr(text, ' ');
	struct ledger_entry *entry;
	const struct verb_argument *row;
	struct command_value *to;

	if (!value || !ledger->n_entries)
		return -EBADMSG;
	*value++ = 0;
	entry = &ledger->entries[ledger->n_entries - 1];
	/* Of a verb that this agent does not know. */
	if (!entry->command)
		return 0;
	row = command_verbs[entry->command->verb].arguments;
	while (row->name && strcmp(row->name, text) != 0)
		row++;
	to = &entry->command->values[row - command_verbs[entry->command->verb].arguments];
	if (row->name && to->has)
		return -EBADMSG;
	/* Another version of the agent has other bounds: the command cannot be run then. */
	if (!row->name || !ledger_take_value(row, value, to)) {
		free(entry->command);
		entry->command = NULL;
	}
	return 0;
}

static int ledger_take_detail(const char *text, struct ledger *ledger)
{
	struct ledger_entry *entry;

	if (!ledger->n_entries || !*text || strlen(text) >= sizeof(entry->detail))
		return -EBADMSG;
	entry = &ledger->entries[ledger->n_entries - 1];
	if (entry->detail[0])
		return -EBADMSG;
	memcpy(entry->detail, text, strlen(text) + 1);
	return 0;
}

static int ledger_take_id(const char *text, char ret_id[33])
{
	if (!hex_is_valid(text, 16))
		return -EBADMSG;
	memcpy(ret_id, text, 33);
	return 0;
}

static int ledger_take(char *line, void *userdata)
{
	struct ledger *ledger = userdata;
	char *value = strchr(line, ' ');

	if (!value || value == line)
		return -EBADMSG;
	*value++ = 0;
	if (strcmp(line, "command") == 0)
		return ledger_take_command(value, ledger);
	if (strcmp(line, "argument") == 0)
		return ledger_take_argument(value, ledger);
	if (strcmp(line, "detail") == 0)
		return ledger_take_detail(value, ledger);
	if (strcmp(line, "ended_floor") == 0)
		return parse_int64(value, 0, INT64_MAX, &ledger->ended_floor_s) < 0 ? -EBADMSG : 0;
	if (strcmp(line, "issued_floor") == 0)
		return parse_int64(value, 0, INT64_MAX, &ledger->issued_floor_s) < 0 ? -EBADMSG : 0;
	if (strcmp(line, "enrolment") == 0)
		return ledger_take_id(value, ledger->enrolment);
	if (strcmp(line, "leaving") == 0)
		return ledger_take_id(value, ledger->leaving);
	/* What else a newer agent wrote is skipped. */
	return 0;
}

/* An argument that the verb needs may stand in a line that was left out. */
static void ledger_check_arguments(struct ledger_entry *entry)
{
	const struct verb_argument *row;

	if (!entry->command)
		return;
	row = command_verbs[entry->command->verb].arguments;
	for (size_t i = 0; row[i].name; i++) {
		if (!row[i].required || entry->command->values[i].has)
			continue;
		free(entry->command);
		entry->command = NULL;
		return;
	}
}

int ledger_parse(const char *text, size_t n_bytes, struct ledger *ret_ledger)
{
	_cleanup_(ledger_done) struct ledger ledger = {0};
	int r = state_text_parse(text, n_bytes, LEDGER_LINE, ledger_take, &ledger);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ledger.n_entries; i++)
		ledger_check_arguments(&ledger.entries[i]);
	*ret_ledger = ledger;
	ledger = (struct ledger){0};
	return 0;
}
