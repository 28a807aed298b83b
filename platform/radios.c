/* SPDX-License-Identifier: Apache-2.0 */
/* radios.c - radio switches, decided; see radios.h. No system calls. Enforcer only. */
#include "platform/radios.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/mem.h"

static struct radio *find(struct radios *radios, uint32_t index)
{
	for (size_t i = 0; i < radios->n; i++)
		if (radios->all[i].index == index)
			return &radios->all[i];
	return NULL;
}

static const struct radio *find_record(const struct radios *radios, const struct radio *radio)
{
	for (size_t i = 0; i < radios->n_record; i++)
		if (radios->record[i].type == radio->type &&
			strcmp(radios->record[i].name, radio->name) == 0)
			return &radios->record[i];
	return NULL;
}

/*
 * What a radio that comes blocked while its type is shut is wished to be. The block may be ours:
 * systemd-rfkill keeps it over a restart, after which the kernel may have given the radio another
 * name. Then it is on if its user had any of that type on.
 */
static bool was_wished(const struct radios *radios, const struct radio *radio)
{
	const struct radio *record = find_record(radios, radio);
	bool wished = radio->soft;

	if (record || !radio->soft)
		return record ? record->wished : wished;
	for (size_t i = 0; i < radios->n_record; i++)
		if (radios->record[i].type == radio->type)
			wished &= radios->record[i].wished;
	return wished;
}

/* Names are written into lines of text. */
static void set_name(struct radio *radio, const char *name)
{
	snprintf(radio->name, sizeof(radio->name), "%s", *name ? name : "?");
	for (char *p = radio->name; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

static void add(struct radios *radios, const struct rfkill_event *event, const char *name)
{
	struct radio *radio = find(radios, event->idx);

	if (event->type >= RADIO_TYPES || (!radio && radios->n == RADIOS_MAX))
		return;
	if (!radio)
		radio = &radios->all[radios->n++];
	*radio = (struct radio){
		.index = event->idx,
		.type = event->type,
		.soft = event->soft,
		.hard = event->hard,
		.wished = event->soft,
		.calm = event->soft,
	};
	set_name(radio, name);
	/* While its type is shut it says nothing of its user. */
	if (radios->shut[radio->type])
		radio->wished = was_wished(radios, radio);
}

void radios_take(struct radios *radios, const struct rfkill_event *event, const char *name)
{
	struct radio *radio = find(radios, event->idx);

	if (event->op == RFKILL_OP_ADD) {
		add(radios, event, name);
	} else if (event->op == RFKILL_OP_DEL && radio) {
		*radio = radios->all[--radios->n];
	} else if (event->op == RFKILL_OP_CHANGE && radio) {
		radio->soft = event->soft;
		radio->hard = event->hard;
		if (!radios->shut[radio->type])
			radio->wished = event->soft;
	}
}

static void order(const struct radio *radio, bool block, struct radio_order *ret_order)
{
	*ret_order = (struct radio_order){radio->index, radio->type, block};
}

size_t radios_to_shut(const struct radios *radios, struct radio_order ret_orders[RADIOS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < radios->n; i++)
		if (radios->shut[radios->all[i].type] && !radios->all[i].soft)
			order(&radios->all[i], true, &ret_orders[n++]);
	return n;
}

size_t radios_to_open(
	const struct radios *radios, uint8_t type, struct radio_order ret_orders[RADIOS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < radios->n; i++) {
		const struct radio *radio = &radios->all[i];

		if (radio->type == type && radio->soft && !radio->wished)
			order(radio, false, &ret_orders[n++]);
	}
	return n;
}

/* A network is reached by it, its user may have it, and software can switch it. */
static bool is_for_reach(const struct radios *radios, const struct radio *radio)
{
	return (radio->type == RFKILL_TYPE_WLAN || radio->type == RFKILL_TYPE_BLUETOOTH ||
		       radio->type == RFKILL_TYPE_WWAN) &&
	       !radios->shut[radio->type] && !radio->hard;
}

bool radios_all_off(const struct radios *radios)
{
	size_t n = 0;

	for (size_t i = 0; i < radios->n; i++) {
		if (!is_for_reach(radios, &radios->all[i]))
			continue;
		if (!radios->all[i].soft)
			return false;
		n++;
	}
	return n > 0;
}

size_t radios_to_land(const struct radios *radios, struct radio_order ret_orders[RADIOS_MAX])
{
	size_t n = 0;

	if (!radios_all_off(radios))
		return 0;
	for (size_t i = 0; i < radios->n; i++)
		if (is_for_reach(radios, &radios->all[i]) && !radios->all[i].calm)
			order(&radios->all[i], false, &ret_orders[n++]);
	if (n)
		return n;
	for (size_t i = 0; i < radios->n; i++)
		if (is_for_reach(radios, &radios->all[i]))
			order(&radios->all[i], false, &ret_orders[n++]);
	return n;
}

void radios_calm(struct radios *radios)
{
	if (radios_all_off(radios))
		return;
	for (size_t i = 0; i < radios->n; i++)
		if (!radios->shut[radios->all[i].type])
			radios->all[i].calm = radios->all[i].soft;
}

size_t radios_count(const struct radios *radios, uint8_t type, bool *ret_off)
{
	size_t n = 0;

	*ret_off = true;
	for (size_t i = 0; i < radios->n; i++) {
		if (radios->all[i].type != type)
			continue;
		n++;
		*ret_off &= radios->all[i].soft || radios->all[i].hard;
	}
	return n;
}

bool radios_has_record(const struct radios *radios, uint8_t type)
{
	for (size_t i = 0; i < radios->n_record; i++)
		if (radios->record[i].type == type)
			return true;
	return false;
}

/* --- text ---------------------------------------------------------------------------------- */

/* "2 0 hci0": type, whether its user has it blocked, name. */
void radios_write(const struct radios *radios, struct buf *out)
{
	for (size_t i = 0; i < radios->n; i++)
		if (radios->kept[radios->all[i].type])
			buf_printf(out, "%u %u %s\n", radios->all[i].type, radios->all[i].wished,
				radios->all[i].name);
	/* What is not plugged in now, or has not come up yet. */
	for (size_t i = 0, n = radios->n; i < radios->n_record && n < RADIOS_MAX; i++) {
		const struct radio *gone = &radios->record[i];
		bool here = !radios->kept[gone->type];

		for (size_t k = 0; k < radios->n; k++)
			here |= radios->all[k].type == gone->type &&
				strcmp(radios->all[k].name, gone->name) == 0;
		if (here)
			continue;
		buf_printf(out, "%u %u %s\n", gone->type, gone->wished, gone->name);
		n++;
	}
}

/* One line without its end. */
static bool read_line(const char *line, size_t n, struct radio *ret_radio)
{
	char text[RADIO_LINE_BYTES], *wished, *name;
	int64_t type;

	if (n >= sizeof(text))
		return false;
	memcpy(text, line, n);
	text[n] = 0;
	wished = strchr(text, ' ');
	if (!wished)
		return false;
	*wished++ = 0;
	name = strchr(wished, ' ');
	if (!name)
		return false;
	*name++ = 0;
	if (parse_int64(text, 0, RADIO_TYPES - 1, &type) < 0 ||
		(strcmp(wished, "0") != 0 && strcmp(wished, "1") != 0) || !*name ||
		strlen(name) >= RADIO_NAME_BYTES)
		return false;
	*ret_radio = (struct radio){.type = (uint8_t)type, .wished = *wished == '1'};
	set_name(ret_radio, name);
	return strcmp(ret_radio->name, name) == 0;
}

int radios_read(struct radios *radios, const char *text)
{
	struct radio record[RADIOS_MAX];
	size_t n_record = 0;

	radios->n_record = 0;
	while (*text) {
		size_t n = strcspn(text, "\n");

		if (!text[n] || n_record == RADIOS_MAX || !read_line(text, n, &record[n_record]))
			return -EBADMSG;
		n_record++;
		text += n + 1;
	}
	memcpy(radios->record, record, n_record * sizeof(*record));
	radios->n_record = n_record;
	return 0;
}
