/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_removable_rule.c - the rules for udev as text: the words are those of the policy, and what
 * stands in the text is nothing but what may.
 */
#include "platform/removable_rule.h"
#include "platform/removable_view.h"
#include "platform/uevent.h"
#include "tests/unit/platform/fixture.h"

#include <sys/socket.h>

static const struct removable_pin card_pin = {.cid = "1b534d454231515430123456789abcde"};
static const struct removable_pin usb_pin = {.device_path = "/devices/pci/usb1/1-1",
	.vendor = "0781",
	.product = "5581",
	.serial = "4C530001"};

/* The table of settings has the same words in the same places. */
static void test_words(void)
{
	const struct setting_row *row = setting_row(SETTING_ENCRYPTION_REMOVABLE);
	enum removable_choice choice;

	CHECK_INT(row->max, REMOVABLE_CHOICE_MAX - 1);
	for (int i = 0; i < REMOVABLE_CHOICE_MAX; i++) {
		CHECK_STR(removable_choice_name((enum removable_choice)i), row->choices[i]);
		CHECK(removable_choice_find(row->choices[i], &choice));
		CHECK_INT(choice, i);
	}
	CHECK(!removable_choice_find("", &choice));
	CHECK(!removable_choice_find("read", &choice));
	CHECK(removable_forbids_writing(REMOVABLE_READ_ONLY | REMOVABLE_ENCRYPTED_ONLY));
	CHECK(removable_forbids_plain(REMOVABLE_READ_ONLY | REMOVABLE_ENCRYPTED_ONLY));
}

static void test_text(void)
{
	for (int c = 0; c < REMOVABLE_CHOICE_MAX; c++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		const struct removable_pin pins[] = {card_pin, usb_pin};
		const char *pinned, *asked;

		CHECK_INT(removable_rule_write(
				  (enum removable_choice)c, "/usr/libexec/media", pins, 2, &text),
			0);
		CHECK(strncmp(text.data, REMOVABLE_RULE_MARK, strlen(REMOVABLE_RULE_MARK)) == 0);
		/* What the system lies on is passed by before anybody is asked. */
		asked = strstr(text.data, "IMPORT{program}=\"/usr/libexec/media ");
		pinned = strstr(text.data, "ATTRS{cid}==\"1b534d454231515430123456789abcde\", "
					   "GOTO=\"mdm_media_end\"\n");
		CHECK(asked && pinned && pinned < asked);
		pinned = strstr(text.data,
			"DEVPATH==\"/devices/pci/usb1/1-1/*\", ATTRS{idVendor}==\"0781\", "
			"ATTRS{idProduct}==\"5581\", ATTRS{serial}==\"4C530001\", "
			"GOTO=\"mdm_media_end\"\n");
		CHECK(pinned && pinned < asked);
		/* Undoing hides nothing from desktops. */
		CHECK((strstr(text.data, "UDISKS_IGNORE") == NULL) == (c == REMOVABLE_ANY));
	}
}

/* Texts from devices cannot end a rule or stand for other devices. */
static void test_hostile(void)
{
	static const char *const bad[] = {"\"", "a\"b", "*", "a?b", "[a]", "a|b", "$env{X}", "%k",
		"a b", "a\nRUN+=\"/bin/sh\"", "a\\", "\x01", "\xc3\xa9"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct removable_pin pin = {0};

		snprintf(pin.cid, sizeof(pin.cid), "%s", bad[i]);
		CHECK_INT(removable_rule_write(REMOVABLE_BLOCKED, "/p", &pin, 1, &text), -EINVAL);
		pin = usb_pin;
		snprintf(pin.device_path, sizeof(pin.device_path), "%s", bad[i]);
		CHECK_INT(removable_rule_write(REMOVABLE_BLOCKED, "/p", &pin, 1, &text), -EINVAL);
		pin = usb_pin;
		snprintf(pin.vendor, sizeof(pin.vendor), "%.7s", bad[i]);
		CHECK_INT(removable_rule_write(REMOVABLE_BLOCKED, "/p", &pin, 1, &text), -EINVAL);
		CHECK_INT(text.n_bytes, 0);
		/* A serial number may be anything: it is left out then. */
		pin = usb_pin;
		snprintf(pin.serial, sizeof(pin.serial), "%s", bad[i]);
		CHECK_INT(removable_rule_write(REMOVABLE_BLOCKED, "/p", &pin, 1, &text), 0);
		CHECK(!strstr(text.data, "ATTRS{serial}"));
		CHECK_INT(removable_rule_write(REMOVABLE_BLOCKED, bad[i], NULL, 0, &text), -EINVAL);
	}
}

/* --- the filter of udev's messages, with made-up ones through a socket of another kind ------- */

static void message(int fd, uint32_t hash)
{
	uint8_t bytes[64] = "libudev";

	bytes[8] = 0xfe;
	bytes[9] = 0xed;
	bytes[10] = 0xca;
	bytes[11] = 0xfe;
	for (int i = 0; i < 4; i++)
		bytes[24 + i] = (uint8_t)(hash >> (24 - 8 * i));
	if (send(fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		abort();
}

/* MurmurHash2 as libudev has it, for the names that the filter knows as numbers. */
static uint32_t hash_of(const char *text)
{
	const uint32_t m = 0x5bd1e995;
	uint32_t n = (uint32_t)strlen(text), h = n, k;

	for (; n >= 4; n -= 4, text += 4) {
		memcpy(&k, text, 4);
		k = k * m;
		k = (k ^ (k >> 24)) * m;
		h = (h * m) ^ k;
	}
	if (n == 3)
		h ^= (uint32_t)(uint8_t)text[2] << 16;
	if (n >= 2)
		h ^= (uint32_t)(uint8_t)text[1] << 8;
	if (n >= 1)
		h = (h ^ (uint8_t)text[0]) * m;
	h = (h ^ (h >> 13)) * m;
	return h ^ (h >> 15);
}

static void test_filter(void)
{
	static const struct {
		const char *subsystem;
		bool passes;
	} rows[] = {{"block", true}, {"usb", true}, {"mmc", true}, {"power_supply", false},
		{"backlight", false}, {"thermal", false}, {"input", false}, {"net", false}};
	int fds[2];

	CHECK_INT(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	CHECK_INT(uevent_filter_media(fds[0]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char data[64];

		message(fds[1], hash_of(rows[i].subsystem));
		CHECK_INT(recv(fds[0], data, sizeof(data), 0) > 0, rows[i].passes);
	}
	close(fds[0]);
	close(fds[1]);
}

static const struct check_test tests[] = {
	{"words", test_words},
	{"text", test_text},
	{"hostile", test_hostile},
	{"filter", test_filter},
};

CHECK_MAIN(tests)
