/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: platform */
/*
 * media_rules_tool.c - prints the rules that the agent writes for udev:
 * media_rules_tool CHOICE PROGRAM [cid=CID | usb=DEVPATH,VENDOR,PRODUCT[,SERIAL]]...
 */
#include "platform/removable_rule.h"

#include <stdio.h>
#include <string.h>

static bool parse_pin(const char *text, struct removable_pin *ret_pin)
{
	*ret_pin = (struct removable_pin){0};
	if (sscanf(text, "cid=%47s", ret_pin->cid) == 1)
		return true;
	return sscanf(text, "usb=%255[^,],%7[^,],%7[^,],%127s", ret_pin->device_path,
		       ret_pin->vendor, ret_pin->product, ret_pin->serial) >= 3;
}

int main(int argc, char *argv[])
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct removable_pin pins[REMOVABLE_PINS_MAX];
	enum removable_choice choice;
	size_t n_pins = 0;

	if (argc < 3 || argc > 3 + REMOVABLE_PINS_MAX || !removable_choice_find(argv[1], &choice))
		return 2;
	for (int i = 3; i < argc; i++)
		if (!parse_pin(argv[i], &pins[n_pins++]))
			return 2;
	if (removable_rule_write(choice, argv[2], pins, n_pins, &text) < 0)
		return 1;
	fwrite(text.data, 1, text.n_bytes, stdout);
	return 0;
}
