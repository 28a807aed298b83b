/* SPDX-License-Identifier: Apache-2.0 */
/* usb_record.c - see usb_record.h. Pure. Enforcer only. */
#include "platform/usb_record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/mem.h"

/* "1-1.2", "usb1". */
static bool is_name(const char *name)
{
	if (strncmp(name, "usb", 3) == 0)
		name += 3;
	return *name && strlen(name) < USB_NAME_BYTES - 3 && !name[strspn(name, "0123456789-.")];
}

/* What authorized_default can be. */
static bool is_value(const char *value)
{
	static const char *const values[] = {"0", "1", "2", "-1"};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (strcmp(value, values[i]) == 0)
			return true;
	return false;
}

void usb_record_pin(struct usb_record *record, const struct usb_pin *pin)
{
	if (usb_pin_is_valid(pin) && record->n_pins < USB_RECORD_PINS)
		record->pins[record->n_pins++] = *pin;
}

void usb_record_hub(struct usb_record *record, const char *name, const char *value)
{
	struct usb_hub *hub = &record->hubs[record->n_hubs];

	if (record->n_hubs == USB_RECORD_NAMES || !is_name(name) || !is_value(value))
		return;
	snprintf(hub->name, sizeof(hub->name), "%s", name);
	snprintf(hub->value, sizeof(hub->value), "%s", value);
	record->n_hubs++;
}

void usb_record_refused(struct usb_record *record, const char *name)
{
	if (record->n_refused < USB_RECORD_NAMES && is_name(name))
		snprintf(record->refused[record->n_refused++], USB_NAME_BYTES, "%s", name);
}

bool usb_record_is_refused(const struct usb_record *record, const char *name)
{
	for (size_t i = 0; i < record->n_refused; i++)
		if (strcmp(record->refused[i], name) == 0)
			return true;
	return false;
}

const char *usb_record_default(const struct usb_record *record, const char *name)
{
	for (size_t i = 0; i < record->n_hubs; i++)
		if (strcmp(record->hubs[i].name, name) == 0)
			return record->hubs[i].value;
	/* The kernel's own default for wires is 1, which it calls -1. */
	return record->parameter[0] && record->parameter[0] != '-' ? record->parameter : "1";
}

int usb_record_write(const struct usb_record *record, struct buf *out)
{
	if (record->parameter[0])
		buf_printf(out, "parameter %s\n", record->parameter);
	for (size_t i = 0; i < record->n_hubs; i++)
		buf_printf(out, "hub %s %s\n", record->hubs[i].name, record->hubs[i].value);
	for (size_t i = 0; i < record->n_pins; i++)
		buf_printf(out, "pin %s %s %s\n", record->pins[i].name, record->pins[i].vendor,
			record->pins[i].product);
	for (size_t i = 0; i < record->n_refused; i++)
		buf_printf(out, "refused %s\n", record->refused[i]);
	return out->error;
}

static bool read_parameter(char *const words[4], size_t n, struct usb_record *record)
{
	if (n != 2 || !is_value(words[1]) || record->parameter[0])
		return false;
	snprintf(record->parameter, sizeof(record->parameter), "%s", words[1]);
	return true;
}

static bool read_hub(char *const words[4], size_t n, struct usb_record *record)
{
	size_t before = record->n_hubs;

	if (n == 3)
		usb_record_hub(record, words[1], words[2]);
	return record->n_hubs == before + 1;
}

static bool read_pin(char *const words[4], size_t n, struct usb_record *record)
{
	size_t before = record->n_pins;
	struct usb_pin pin = {0};

	if (n != 4 || strlen(words[1]) >= sizeof(pin.name) ||
		strlen(words[2]) >= sizeof(pin.vendor) || strlen(words[3]) >= sizeof(pin.product))
		return false;
	memcpy(pin.name, words[1], strlen(words[1]) + 1);
	memcpy(pin.vendor, words[2], strlen(words[2]) + 1);
	memcpy(pin.product, words[3], strlen(words[3]) + 1);
	usb_record_pin(record, &pin);
	return record->n_pins == before + 1;
}

static bool read_refused(char *const words[4], size_t n, struct usb_record *record)
{
	size_t before = record->n_refused;

	if (n == 2)
		usb_record_refused(record, words[1]);
	return record->n_refused == before + 1;
}

static const struct {
	const char *word;
	bool (*read)(char *const words[4], size_t n, struct usb_record *record);
} lines[] = {
	{"parameter", read_parameter},
	{"hub", read_hub},
	{"pin", read_pin},
	{"refused", read_refused},
};

static bool read_line(const char *line, size_t n, struct usb_record *record)
{
	char text[128], *words[4] = {text};
	size_t n_words = 1;

	if (n >= sizeof(text))
		return false;
	memcpy(text, line, n);
	text[n] = 0;
	for (char *p = text; *p; p++) {
		if (*p != ' ')
			continue;
		if (n_words == ARRAY_SIZE(words))
			return false;
		*p = 0;
		words[n_words++] = p + 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (strcmp(words[0], lines[i].word) == 0)
			return lines[i].read(words, n_words, record);
	return false;
}

int usb_record_read(const char *text, struct usb_record *ret_record)
{
	_cleanup_free_ struct usb_record *record = calloc(1, sizeof(*record));

	if (!record)
		return -ENOMEM;
	while (*text) {
		size_t n = strcspn(text, "\n");

		if (!text[n] || !read_line(text, n, record))
			return -EBADMSG;
		text += n + 1;
	}
	*ret_record = *record;
	return 0;
}
