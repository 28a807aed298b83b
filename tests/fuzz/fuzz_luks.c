/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: policies */
/*
 * fuzz_luks.c - headers of LUKS, the metadata of LUKS2 behind them as cryptsetup prints it. What is
 * taken is within its bounds, says one thing only, and is told in one line.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/util/codec.h"
#include "policies/luks2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void expect_text(const char *text)
{
	expect(text_is_valid(text, strlen(text)));
}

static void check_slots(const struct luks_header *header)
{
	uint32_t active = 0;

	for (unsigned int i = 0; i < LUKS_SLOTS_MAX; i++) {
		const struct luks_slot *slot = &header->slots[i];

		if (!slot->active) {
			expect(slot->size_bytes == 0 && !slot->opens);
			continue;
		}
		active |= UINT32_C(1) << i;
		expect(slot->kdf < LUKS_KDF_MAX && slot->priority < LUKS_PRIORITY_MAX);
		expect(slot->size_bytes > 0 && slot->offset_bytes >= header->keyslots_offset);
		expect(slot->offset_bytes + slot->size_bytes <=
			header->keyslots_offset + header->keyslots_bytes);
		expect(!slot->opens || (slot->key_bits > 0 && slot->iterations > 0));
		for (unsigned int k = 0; k < i; k++)
			expect(!header->slots[k].active ||
				slot->offset_bytes >= header->slots[k].offset_bytes +
							      header->slots[k].size_bytes ||
				header->slots[k].offset_bytes >=
					slot->offset_bytes + slot->size_bytes);
	}
	expect((luks_opening_slots(header) & ~active) == 0);
	expect((luks_recovery_slots(header) & ~active) == 0);
	for (unsigned int i = 0; i < LUKS_TOKENS_MAX; i++) {
		expect(header->tokens[i].active || header->tokens[i].slots == 0);
		expect_text(header->tokens[i].type);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct luks_header header, again;
	struct luks_fault fault = {""};
	char text[LIMIT_TEXT_BYTES + 1];
	int r = luks_parse(data, size, &header, &fault);

	if (r == 0 && header.version == 2) {
		const char *json = (const char *)data + LUKS_BINARY_BYTES;
		struct luks_header before = header;

		again = header;
		r = luks2_parse(json, size - LUKS_BINARY_BYTES, &header, &fault);
		expect(r == luks2_parse(json, size - LUKS_BINARY_BYTES, &again, &fault));
		expect(memcmp(&again, &header, sizeof(header)) == 0);
		expect(r == 0 || memcmp(&before, &header, sizeof(header)) == 0);
	}
	if (r < 0) {
		expect(fault.text[0]);
		expect_text(fault.text);
		return 0;
	}
	check_slots(&header);
	expect_text(header.uuid);
	expect_text(header.cipher);
	expect_text(header.requirement);
	luks_describe(&header, text);
	expect(strncmp(text, "LUKS", 4) == 0);
	expect_text(text);
	return 0;
}
