/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: enforcer */
/*
 * fuzz_ledger.c - the record of commands. The digest line is made to fit, so that the lines are
 * reached; what is read is within bounds, and written and read again it is the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/commands_ledger.h"
#include "agent/util/codec.h"
#include "agent/util/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void check_entry(const struct ledger *ledger, const struct ledger_entry *entry)
{
	expect(hex_is_valid(entry->id, 16) && name_is_valid(entry->verb));
	expect(ledger_find(ledger, entry->id) == entry);
	expect(text_is_valid(entry->detail, strlen(entry->detail)));
	expect(!entry->command || !command_state_is_final(entry->state));
	if (!entry->command)
		return;
	for (size_t i = 0; command_verbs[entry->command->verb].arguments[i].name; i++) {
		const struct verb_argument *row = &command_verbs[entry->command->verb].arguments[i];
		const struct command_value *value = &entry->command->values[i];

		expect(value->has || !row->required);
		if (value->has && row->type == VERB_TEXT)
			expect(strlen(value->text) <= (size_t)row->max);
		if (value->has && row->type == VERB_INT)
			expect(value->number >= row->min && value->number <= row->max);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_(ledger_done) struct ledger ledger = {0}, again = {0};
	_cleanup_buf_ struct buf text = BUF_INIT, first = BUF_INIT, second = BUF_INIT;
	char digits[2 * SHA256_BYTES + 1];
	uint8_t digest[SHA256_BYTES];
	int r;

	buf_append(&text, data, n_bytes);
	expect(sha256(text.data, text.n_bytes, digest) == 0);
	hex_encode(digest, sizeof(digest), digits);
	buf_printf(&text, "sha256 %s\n", digits);
	r = ledger_parse(text.data, text.n_bytes, &ledger);
	if (r < 0) {
		expect(r == -EBADMSG && ledger.n_entries == 0);
		return 0;
	}
	expect(ledger.n_entries <= LIMIT_COMMANDS);
	for (size_t i = 0; i < ledger.n_entries; i++)
		check_entry(&ledger, &ledger.entries[i]);
	expect(ledger_write(&ledger, &first) == 0);
	expect(ledger_parse(first.data, first.n_bytes, &again) == 0);
	expect(again.n_entries == ledger.n_entries);
	expect(ledger_write(&again, &second) == 0);
	expect(strcmp(first.data, second.data) == 0);
	return 0;
}
