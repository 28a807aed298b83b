/* SPDX-License-Identifier: Apache-2.0 */
/* luks_judge.c - the weakest of all LUKS volumes; see luks_judge.h. No effects. Enforcer only. */
#include "platform/luks_judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/mem.h"
#include "platform/backend.h"

/* A number that says how strong one volume is, and what would make it stronger. */
struct measure {
	int64_t number;
	char hint[LIMIT_TEXT_BYTES + 1];
};

/* False: the header does not tell. */
typedef bool (*measure_fn)(const struct luks_seen *seen, struct measure *ret_measure);

static bool measure_version(const struct luks_seen *seen, struct measure *ret_measure)
{
	ret_measure->number = seen->header->version;
	text_printf(ret_measure->hint, "LUKS%u%s%.100s%s", seen->header->version,
		seen->header->version == 1 ? "; cryptsetup convert --type luks2 " : "",
		seen->header->version == 1 ? seen->device : "",
		seen->header->version == 1 ? " makes it LUKS2 while it is closed" : "");
	return true;
}

static bool measure_key_size(const struct luks_seen *seen, struct measure *ret_measure)
{
	ret_measure->number = seen->header->key_bits;
	text_printf(ret_measure->hint,
		"%" PRIu32 " bits; cryptsetup reencrypt --key-size changes that",
		seen->header->key_bits);
	return seen->header->key_bits > 0;
}

static bool measure_keyslots(const struct luks_seen *seen, struct measure *ret_measure)
{
	ret_measure->number = __builtin_popcount(luks_opening_slots(seen->header));
	text_printf(ret_measure->hint, "%d keyslot%s; cryptsetup luksKillSlot removes one",
		(int)ret_measure->number, ret_measure->number == 1 ? "" : "s");
	return true;
}

/* Keyslots that a chosen passphrase opens: those whose costs matter. */
static uint32_t chosen_slots(const struct luks_header *header)
{
	return luks_opening_slots(header) & ~luks_drawn_slots(header);
}

static void hint_slot(const struct luks_seen *seen, unsigned int number, struct measure *measure)
{
	const struct luks_slot *slot = &seen->header->slots[number];

	text_printf(measure->hint, "keyslot %u has %s", number, luks_kdf_name(slot->kdf));
	if (slot->kdf != LUKS_KDF_PBKDF2)
		text_printf(measure->hint, "keyslot %u has %s with %" PRIu32 " KiB", number,
			luks_kdf_name(slot->kdf), slot->memory_kib);
	if (seen->header->version == 1)
		detail_add(measure->hint, "LUKS1 knows nothing better");
	else
		detail_add(
			measure->hint, "cryptsetup luksConvertKey --pbkdf argon2id changes that");
}

static bool measure_kdf(const struct luks_seen *seen, struct measure *ret_measure)
{
	uint32_t chosen = chosen_slots(seen->header);

	ret_measure->number = LUKS_KDF_MAX - 1;
	text_printf(ret_measure->hint, "no keyslot with a passphrase that was chosen");
	for (unsigned int i = 0; i < LUKS_SLOTS_MAX; i++) {
		const struct luks_slot *slot = &seen->header->slots[i];

		if (!(chosen & UINT32_C(1) << i) || (int64_t)slot->kdf > ret_measure->number)
			continue;
		ret_measure->number = slot->kdf;
		hint_slot(seen, i, ret_measure);
	}
	return true;
}

static bool measure_kdf_memory(const struct luks_seen *seen, struct measure *ret_measure)
{
	uint32_t chosen = chosen_slots(seen->header);

	ret_measure->number = setting_row(SETTING_ENCRYPTION_MIN_KDF_MEMORY)->max;
	text_printf(ret_measure->hint, "no keyslot with a passphrase that was chosen");
	for (unsigned int i = 0; i < LUKS_SLOTS_MAX; i++) {
		const struct luks_slot *slot = &seen->header->slots[i];

		/* 0 for pbkdf2. */
		if (!(chosen & UINT32_C(1) << i) || slot->memory_kib > ret_measure->number)
			continue;
		ret_measure->number = slot->memory_kib;
		hint_slot(seen, i, ret_measure);
	}
	return true;
}

/* --- observations --------------------------------------------------------------------------- */

/* One for each volume, the same for all settings. */
static int make_items(const struct luks_seen *seen, size_t n_seen, bool more,
	struct observed_item **ret_items, size_t *ret_n)
{
	struct observed_item *items = calloc(n_seen + 1, sizeof(*items));
	size_t n = 0;

	if (!items)
		return -ENOMEM;
	for (; n < n_seen; n++) {
		memcpy(items[n].name, seen[n].name, sizeof(items[n].name));
		items[n].state = seen[n].state;
		items[n].reason = seen[n].reason;
		if (seen[n].header)
			luks_describe(seen[n].header, items[n].detail);
		else
			memcpy(items[n].detail, seen[n].why, sizeof(items[n].detail));
	}
	if (more) {
		text_printf(items[n].name, "others");
		items[n].state = COMPLIANCE_UNKNOWN;
		items[n].reason = REASON_UNTRACEABLE;
		text_printf(
			items[n].detail, "more than %d devices are encrypted", LIMIT_BLOCK_CRYPTS);
		n++;
	}
	*ret_items = items;
	*ret_n = n;
	return 0;
}

/* Where no header could be read: no value, and the first of the items that say why. */
static void saw_nothing(
	struct backend *b, enum setting_id id, const struct observed_item *items, size_t n_items)
{
	for (size_t i = 0; i < n_items; i++) {
		if (items[i].state == COMPLIANCE_COMPLIANT)
			continue;
		backend_saw_none(b, id, items[i].state, items[i].reason);
		text_printf(b->observations[id]->detail, "%.100s: %.150s", items[i].name,
			items[i].detail);
		return;
	}
	backend_saw_none(b, id, COMPLIANCE_NONCOMPLIANT, REASON_PLAIN_STORAGE);
	text_printf(b->observations[id]->detail, "nothing of the phone lies on LUKS");
}

static int judge_number(struct backend *b, enum setting_id id, const struct luks_seen *seen,
	size_t n_seen, bool more, measure_fn measure)
{
	bool less_is_weaker = setting_row(id)->merge == MERGE_MAX, any = false;
	struct observed_item *items;
	struct measure weakest = {0};
	const struct luks_seen *which = NULL;
	size_t n_items;
	int r = make_items(seen, n_seen, more, &items, &n_items);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n_seen; i++) {
		struct measure now = {0};

		if (!seen[i].header)
			continue;
		any = true;
		if (!measure(&seen[i], &now))
			continue;
		if (which && (less_is_weaker ? now.number >= weakest.number
					     : now.number <= weakest.number))
			continue;
		which = &seen[i];
		weakest = now;
	}
	if (which) {
		backend_saw(b, id, weakest.number, true);
		text_printf(
			b->observations[id]->detail, "%.100s: %.150s", which->name, weakest.hint);
	} else if (any) {
		backend_saw_none(b, id, COMPLIANCE_UNKNOWN, REASON_UNTRACEABLE);
		text_printf(
			b->observations[id]->detail, "without keyslots the header does not say");
	} else {
		saw_nothing(b, id, items, n_items);
	}
	b->observations[id]->items = items;
	b->observations[id]->n_items = n_items;
	return 0;
}

static int order_of_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int judge_ciphers(struct backend *b, const struct luks_seen *seen, size_t n_seen, bool more)
{
	struct observation *o = b->observations[SETTING_ENCRYPTION_CIPHERS];
	struct string_set set = {0};
	struct observed_item *items;
	size_t n_items, n_distinct = 0;
	int r = make_items(seen, n_seen, more, &items, &n_items);

	if (r < 0)
		return r;
	set.strings = calloc(n_seen + 1, sizeof(*set.strings));
	for (size_t i = 0; set.strings && i < n_seen; i++) {
		char *copy = seen[i].header ? strdup(seen[i].header->cipher) : NULL;

		if (copy)
			set.strings[set.n_strings++] = copy;
		else if (seen[i].header)
			r = -ENOMEM;
	}
	if (!set.strings || r < 0) {
		struct value lost = {.type = VALUE_SET, .set = set};

		value_done(&lost);
		free(items);
		return -ENOMEM;
	}
	qsort(set.strings, set.n_strings, sizeof(*set.strings), order_of_text);
	for (size_t i = 0; i < set.n_strings; i++) {
		if (n_distinct && strcmp(set.strings[n_distinct - 1], set.strings[i]) == 0)
			free(set.strings[i]);
		else
			set.strings[n_distinct++] = set.strings[i];
	}
	set.n_strings = n_distinct;
	if (n_distinct == 0) {
		free(set.strings);
		saw_nothing(b, SETTING_ENCRYPTION_CIPHERS, items, n_items);
	} else {
		backend_saw(b, SETTING_ENCRYPTION_CIPHERS, 0, true);
		o->value.set = set;
		text_printf(o->detail, "cryptsetup reencrypt --cipher changes it");
	}
	o->items = items;
	o->n_items = n_items;
	return 0;
}

/* What is known of the empty passphrase, in the words of the item. */
static void judge_empty_item(const struct luks_seen *seen, struct observed_item *item)
{
	switch (seen->empty) {
	case LUKS_EMPTY_REFUSED:
		text_printf(item->detail, "an empty passphrase does not open it");
		break;
	case LUKS_EMPTY_OPENS:
		item->state = COMPLIANCE_NONCOMPLIANT;
		item->reason = REASON_EMPTY_PASSPHRASE;
		text_printf(item->detail,
			"opens with an empty passphrase; cryptsetup luksChangeKey %.100s sets one",
			seen->device);
		break;
	case LUKS_EMPTY_UNTRIED:
		item->state = COMPLIANCE_UNKNOWN;
		item->reason = REASON_NOT_OBSERVED;
		text_printf(item->detail, "the empty passphrase has not been tried yet");
		break;
	case LUKS_EMPTY_FAILED:
		item->state = COMPLIANCE_ERROR;
		item->reason = REASON_OBSERVE_FAILED;
		text_printf(item->detail, "the empty passphrase cannot be tried: %.200s",
			seen->empty_said);
		break;
	}
}

static int judge_empty(struct backend *b, const struct luks_seen *seen, size_t n_seen, bool more)
{
	const enum setting_id id = SETTING_ENCRYPTION_FORBID_EMPTY_PASSPHRASE;
	struct observation *o = b->observations[id];
	struct observed_item *items;
	size_t n_items, n_tried = 0, n_untried = 0;
	const struct observed_item *worst = NULL;
	int r = make_items(seen, n_seen, more, &items, &n_items);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n_seen; i++) {
		if (!seen[i].header)
			continue;
		judge_empty_item(&seen[i], &items[i]);
		if (items[i].state == COMPLIANCE_NONCOMPLIANT && !worst)
			worst = &items[i];
		if (seen[i].empty == LUKS_EMPTY_REFUSED || seen[i].empty == LUKS_EMPTY_OPENS)
			n_tried++;
		else
			n_untried++;
	}
	/* One that opens is the answer; that none does is one only when all were tried. */
	if (worst || (n_tried && !n_untried)) {
		backend_saw(b, id, worst == NULL, true);
		if (worst)
			o->reason = worst->reason;
		if (worst)
			text_printf(o->detail, "%.100s: %.150s", worst->name, worst->detail);
	} else {
		saw_nothing(b, id, items, n_items);
	}
	o->items = items;
	o->n_items = n_items;
	return 0;
}

int luks_judge(struct backend *b, const struct luks_seen *seen, size_t n_seen, bool more)
{
	static const struct {
		enum setting_id id;
		measure_fn measure;
	} numbers[] = {
		{SETTING_ENCRYPTION_MIN_VERSION, measure_version},
		{SETTING_ENCRYPTION_MIN_KEY_SIZE, measure_key_size},
		{SETTING_ENCRYPTION_MIN_KDF, measure_kdf},
		{SETTING_ENCRYPTION_MIN_KDF_MEMORY, measure_kdf_memory},
		{SETTING_ENCRYPTION_MAX_KEYSLOTS, measure_keyslots},
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(numbers) && r == 0; i++)
		r = judge_number(b, numbers[i].id, seen, n_seen, more, numbers[i].measure);
	if (r == 0)
		r = judge_ciphers(b, seen, n_seen, more);
	return r < 0 ? r : judge_empty(b, seen, n_seen, more);
}
