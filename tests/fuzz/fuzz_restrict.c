/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: platform */
/*
 * fuzz_restrict.c - what restrictions read: the records of radios and of USB (what is accepted is
 * written again as what it says), lines of the kernel about radios, names of
 * services, tables of sockets. The first byte says which.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/mem.h"
#include "platform/radios.h"
#include "platform/ssh_units.h"
#include "platform/usb_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Wishes and switches, in any order: no more than there is room for, and what is shut is off. */
static void feed_radios(const uint8_t *data, size_t size)
{
	struct radio_order orders[RADIOS_MAX];
	struct radios radios = {0};

	for (; size >= sizeof(struct rfkill_event); size -= sizeof(struct rfkill_event)) {
		struct rfkill_event event;

		memcpy(&event, data, sizeof(event));
		data += sizeof(event);
		if (event.op > RFKILL_OP_CHANGE && event.type < RADIO_TYPES) {
			radios.shut[event.type] = event.soft;
			radios.kept[event.type] = event.hard;
			radios_calm(&radios);
			continue;
		}
		radios_take(&radios, &event, "name");
		if (radios.n > RADIOS_MAX || radios_to_land(&radios, orders) > RADIOS_MAX)
			abort();
		/* The kernel does as it is told. */
		for (size_t n = radios_to_shut(&radios, orders), i = 0; i < n; i++) {
			event = (struct rfkill_event){.idx = orders[i].index,
				.op = RFKILL_OP_CHANGE,
				.type = orders[i].type,
				.soft = orders[i].block};
			radios_take(&radios, &event, "");
		}
		if (radios_to_shut(&radios, orders) != 0)
			abort();
	}
}

static void read_radios(const char *text)
{
	_cleanup_buf_ struct buf first = BUF_INIT, second = BUF_INIT;
	struct radios radios = {0}, again = {0};

	if (radios_read(&radios, text) < 0) {
		if (radios.n_record)
			abort();
		return;
	}
	for (size_t i = 0; i < RADIO_TYPES; i++)
		radios.kept[i] = again.kept[i] = true;
	radios_write(&radios, &first);
	buf_append(&first, "", 1);
	if (radios_read(&again, first.data) < 0 || again.n_record != radios.n_record)
		abort();
	radios_write(&again, &second);
	if (second.n_bytes + 1 != first.n_bytes)
		abort();
}

static void read_usb(const char *text)
{
	_cleanup_buf_ struct buf first = BUF_INIT, rule = BUF_INIT;
	struct usb_record record, again;

	if (usb_record_read(text, &record) < 0)
		return;
	if (usb_record_write(&record, &first) < 0)
		abort();
	buf_append(&first, "", 1);
	if (usb_record_read(first.data, &again) < 0 || again.n_pins != record.n_pins ||
		again.n_hubs != record.n_hubs || again.n_refused != record.n_refused)
		abort();
	/* What was read can always be a rule. */
	if (usb_rule_write(record.pins, record.n_pins, &rule) < 0)
		abort();
}

static void read_services(const char *text)
{
	struct ssh_units units;

	ssh_units_read(text, &units);
	for (size_t i = 0; i < units.n; i++)
		if (!strstr(units.names[i], "ssh") && !strstr(units.names[i], "dropbear"))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = NULL;

	if (size == 0)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	if (!text)
		return 0;
	switch (data[0] % 5) {
	case 0:
		feed_radios(data + 1, size - 1);
		break;
	case 1:
		read_radios(text);
		break;
	case 2:
		read_usb(text);
		break;
	case 3:
		read_services(text);
		break;
	case 4:
		(void)tcp_table_listens(text, 22);
		break;
	}
	return 0;
}
