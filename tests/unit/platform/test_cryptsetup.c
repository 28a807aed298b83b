/* SPDX-License-Identifier: Apache-2.0 */
/* test_cryptsetup.c - requests to the real cryptsetup(8), about volumes in files. */
#include "tests/unit/platform/cryptsetup_lab.h"

static void test_dump(void)
{
	struct lab lab;

	if (luks_image_skipped())
		return;
	lab_open(&lab);
	luks_image_make(lab.image, SMALL "--uuid 2f6a4c1e-58d3-4b7a-9c0f-8e1d2a3b4c5d", "open");
	CHECK_INT(ask_dump(&lab), CRYPTSETUP_OK);
	CHECK_STR(lab.result.said, "");
	CHECK_INT(lab.header.version, 2);
	CHECK_STR(lab.header.uuid, "2f6a4c1e-58d3-4b7a-9c0f-8e1d2a3b4c5d");
	CHECK_STR(lab.header.cipher, "aes-xts-plain64");
	CHECK_INT(lab.header.key_bits, 512);
	CHECK_INT(luks_opening_slots(&lab.header), 1);
	luks_image_make(lab.image, LUKS1, "open");
	CHECK_INT(ask_dump(&lab), CRYPTSETUP_OK);
	CHECK_INT(lab.header.version, 1);
	CHECK_INT(lab.header.key_bits, 256);
	CHECK_INT(luks_opening_slots(&lab.header), 1);
	lab_close(&lab);
}

static void test_no_volume(void)
{
	struct lab lab;

	if (luks_image_skipped())
		return;
	lab_open(&lab);
	CHECK_INT(ask_dump(&lab), CRYPTSETUP_WRONG_DEVICE);
	CHECK_STR(lab.result.said, "the device cannot be read: No such file or directory");
	luks_image_do("truncate -s 1M %s", lab.image);
	CHECK_INT(ask_dump(&lab), CRYPTSETUP_WRONG_DEVICE);
	CHECK_STR(lab.result.said, "there is no header of LUKS");
	CHECK(!lab.result.header);
	/* cryptsetup's own word: 1, and why. */
	CHECK_INT(ask_test(&lab, 0, SECRET("open")), CRYPTSETUP_FAILED);
	CHECK(strstr(lab.result.said, "is not a valid LUKS device") != NULL);
	luks_image_do("rm %s", lab.image);
	CHECK_INT(ask_test(&lab, 0, SECRET("open")), CRYPTSETUP_WRONG_DEVICE);
	/* What would wait for somebody at the other end. */
	luks_image_do("mkfifo %s", lab.image);
	CHECK_INT(ask_dump(&lab), CRYPTSETUP_WRONG_DEVICE);
	CHECK_STR(lab.result.said, "the device cannot be read: Block device required");
	lab_close(&lab);
}

static void test_passphrases(void)
{
	struct lab lab;

	if (luks_image_skipped())
		return;
	lab_open(&lab);
	luks_image_make(lab.image, SMALL, "zero");
	luks_image_add(lab.image, 7, "zero", "seven");
	CHECK_INT(ask_test(&lab, 0, SECRET("seven")), CRYPTSETUP_OK);
	CHECK_INT(lab.result.slot, 7);
	CHECK_INT(ask_test(&lab, 0x81, SECRET("seven")), CRYPTSETUP_OK);
	CHECK_INT(lab.result.slot, 7);
	CHECK_INT(ask_test(&lab, 0x81, SECRET("zero")), CRYPTSETUP_OK);
	CHECK_INT(lab.result.slot, 0);
	CHECK_INT(ask_test(&lab, 1, SECRET("seven")), CRYPTSETUP_WRONG_KEY);
	CHECK_INT(ask_test(&lab, 0x81, SECRET("eight")), CRYPTSETUP_WRONG_KEY);
	CHECK_INT(lab.result.slot, -1);
	CHECK_STR(lab.result.said, "No key available with this passphrase.");
	/* A line end is a part of it, and so is everything before it. */
	CHECK_INT(ask_test(&lab, 0, SECRET("seven\n")), CRYPTSETUP_WRONG_KEY);
	CHECK_INT(ask_test(&lab, 0, SECRET("seve")), CRYPTSETUP_WRONG_KEY);
	/* A keyslot that is not there is named, and hides no other. */
	CHECK_INT(ask_test(&lab, 0x21, SECRET("eight")), CRYPTSETUP_FAILED);
	CHECK_INT(lab.result.slot, 5);
	CHECK_STR(lab.result.said, "keyslot 5: No usable keyslot is available.");
	CHECK_INT(ask_test(&lab, 0xa0, SECRET("seven")), CRYPTSETUP_OK);
	CHECK_INT(lab.result.slot, 7);
	lab_close(&lab);
}

/* Left to cryptsetup, a keyslot that holds no key of the volume makes a wrong passphrase an error,
 * and one of priority "ignore" is passed over; named, both are what they are. */
static void test_odd_slots(void)
{
	struct lab lab;

	if (luks_image_skipped())
		return;
	lab_open(&lab);
	luks_image_make(lab.image, SMALL, "zero");
	luks_image_add(lab.image, 1, "zero", "one");
	luks_image_do(
		"printf unbound >%s.key && cryptsetup luksAddKey -q --unbound --key-size 512 " QUICK
		"%s %s.key",
		lab.image, lab.image, lab.image);
	luks_image_do("cryptsetup config --key-slot 1 --priority ignore %s", lab.image);
	CHECK_INT(ask_dump(&lab), CRYPTSETUP_OK);
	CHECK_INT(luks_opening_slots(&lab.header), 3);
	CHECK_INT(ask_test(&lab, 3, SECRET("wrong")), CRYPTSETUP_WRONG_KEY);
	CHECK_INT(ask_test(&lab, 3, SECRET("one")), CRYPTSETUP_OK);
	CHECK_INT(lab.result.slot, 1);
	CHECK(ask_test(&lab, 0, SECRET("one")) != CRYPTSETUP_OK);
	lab_close(&lab);
}

static void test_empty_passphrase(void)
{
	static const char *const kinds[] = {SMALL, LUKS1};

	if (luks_image_skipped())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct lab lab;

		lab_open(&lab);
		luks_image_make(lab.image, kinds[i], "");
		CHECK_INT(ask_test(&lab, 1, SECRET("")), CRYPTSETUP_OK);
		CHECK_INT(lab.result.slot, 0);
		luks_image_make(lab.image, kinds[i], "open");
		CHECK_INT(ask_test(&lab, 1, SECRET("")), CRYPTSETUP_WRONG_KEY);
		/* Nor is it what makes a wrong passphrase of none. */
		CHECK_INT(ask_test(&lab, 1, SECRET("\n")), CRYPTSETUP_WRONG_KEY);
		lab_close(&lab);
	}
}

static void test_keys(void)
{
	static const char *const kinds[] = {SMALL, LUKS1};
	struct cryptsetup_request add = {.action = CRYPTSETUP_ADD_KEY,
		.slot = -1,
		.drawn = true,
		.secret = SECRET("zero"),
		.new_secret = SECRET("new\nkey")};

	if (luks_image_skipped())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct lab lab;

		lab_open(&lab);
		luks_image_make(lab.image, kinds[i], "zero");
		add.slot = -1;
		CHECK_INT(ask(&lab, add), CRYPTSETUP_OK);
		CHECK_INT(lab.result.slot, 1);
		CHECK_INT(ask_test(&lab, 2, SECRET("new\nkey")), CRYPTSETUP_OK);
		add.slot = 5;
		CHECK_INT(ask(&lab, add), CRYPTSETUP_OK);
		CHECK_INT(lab.result.slot, 5);
		CHECK_INT(ask(&lab, add), CRYPTSETUP_FAILED); /* it is in use */
		CHECK(lab.result.said[0]);
		CHECK_INT(ask_dump(&lab), CRYPTSETUP_OK);
		CHECK_INT(luks_opening_slots(&lab.header), 0x23);
		CHECK_INT(lab.header.slots[5].kdf, LUKS_KDF_PBKDF2);
		CHECK_INT(lab.header.slots[5].iterations, 1000);
		/* By leave of a passphrase of another one only. */
		CHECK_INT(ask_kill(&lab, 0, SECRET("zero")), CRYPTSETUP_WRONG_KEY);
		CHECK_INT(ask_kill(&lab, 0, SECRET("wrong")), CRYPTSETUP_WRONG_KEY);
		CHECK_INT(ask_kill(&lab, 0, SECRET("new\nkey")), CRYPTSETUP_OK);
		CHECK_INT(ask_kill(&lab, 0, SECRET("new\nkey")), CRYPTSETUP_FAILED);
		CHECK_STR(lab.result.said, "keyslot 0 is not in use");
		CHECK_INT(ask_kill(&lab, 1, (struct child_secret){NULL, 0}), CRYPTSETUP_OK);
		/* The last one stays, whoever asks. */
		CHECK_INT(ask_kill(&lab, 5, SECRET("new\nkey")), CRYPTSETUP_FAILED);
		CHECK(strstr(lab.result.said, "keyslot 5 is the last") != NULL);
		CHECK_INT(ask_kill(&lab, 5, (struct child_secret){NULL, 0}), CRYPTSETUP_FAILED);
		CHECK_INT(ask_test(&lab, 0, SECRET("new\nkey")), CRYPTSETUP_OK);
		CHECK_INT(ask(&lab, (struct cryptsetup_request){.action = CRYPTSETUP_ERASE}),
			CRYPTSETUP_OK);
		CHECK_INT(ask_dump(&lab), CRYPTSETUP_OK);
		CHECK_INT(luks_opening_slots(&lab.header), 0);
		CHECK_INT(ask_test(&lab, 0, SECRET("new\nkey")), CRYPTSETUP_FAILED);
		/* Again changes nothing. */
		CHECK_INT(ask(&lab, (struct cryptsetup_request){.action = CRYPTSETUP_ERASE}),
			CRYPTSETUP_OK);
		lab_close(&lab);
	}
}

/* LUKS1 has 8 keyslots. */
static void test_full(void)
{
	struct lab lab;

	if (luks_image_skipped())
		return;
	lab_open(&lab);
	luks_image_make(lab.image, LUKS1, "zero");
	for (int i = 0; i < 8; i++)
		CHECK_INT(ask(&lab, (struct cryptsetup_request){.action = CRYPTSETUP_ADD_KEY,
					    .slot = -1,
					    .drawn = true,
					    .secret = SECRET("zero"),
					    .new_secret = SECRET("more")}),
			i < 7 ? CRYPTSETUP_OK : CRYPTSETUP_FAILED);
	CHECK_STR(lab.result.said, "All key slots full.");
	lab_close(&lab);
}

static void test_tokens(void)
{
	struct cryptsetup_request import = {.action = CRYPTSETUP_TOKEN_IMPORT,
		.json = "{\"type\":\"mdm-agent-recovery\",\"keyslots\":[\"0\"],\"generation\":7}"};
	struct cryptsetup_request remove_it = {.action = CRYPTSETUP_TOKEN_REMOVE};
	struct lab lab;

	if (luks_image_skipped())
		return;
	lab_open(&lab);
	luks_image_make(lab.image, SMALL, "zero");
	CHECK_INT(ask(&lab, import), CRYPTSETUP_OK);
	CHECK_INT(lab.result.slot, 0);
	CHECK_INT(ask(&lab, import), CRYPTSETUP_OK);
	CHECK_INT(lab.result.slot, 1);
	CHECK_INT(ask_dump(&lab), CRYPTSETUP_OK);
	CHECK_INT(luks_recovery_slots(&lab.header), 1);
	CHECK_INT(lab.header.tokens[1].generation, 7);
	CHECK_INT(ask(&lab, remove_it), CRYPTSETUP_OK);
	CHECK_INT(ask(&lab, remove_it), CRYPTSETUP_FAILED);
	CHECK_STR(lab.result.said, "Token 0 is not in use.");
	import.json = "{\"type\":\"mdm-agent-recovery\",\"keyslots\":[\"9\"]}";
	CHECK_INT(ask(&lab, import), CRYPTSETUP_FAILED);
	luks_image_make(lab.image, LUKS1, "zero");
	CHECK(ask(&lab, import) != CRYPTSETUP_OK);
	CHECK(lab.result.said[0]);
	lab_close(&lab);
}

/* A device's name is no option. */
static void test_names(void)
{
	char path[320];
	struct lab lab;

	if (luks_image_skipped())
		return;
	lab_open(&lab);
	luks_image_make(lab.image, SMALL, "zero");
	snprintf(path, sizeof(path), "%s/--help", lab.directory);
	CHECK_INT(rename(lab.image, path), 0);
	CHECK_INT(ask(&lab, (struct cryptsetup_request){.action = CRYPTSETUP_TEST,
				    .device = path,
				    .secret = SECRET("zero")}),
		CRYPTSETUP_OK);
	CHECK_INT(ask(&lab, (struct cryptsetup_request){.action = CRYPTSETUP_TEST,
				    .device = "--help",
				    .secret = SECRET("zero")}),
		-EINVAL);
	lab_close(&lab);
}

static void test_requests_refused(void)
{
	static char longest[LIMIT_CHILD_SECRET_BYTES + 1];
	const struct cryptsetup_request requests[] = {
		{.action = CRYPTSETUP_ACTION_MAX},
		{.action = CRYPTSETUP_DUMP, .program = "cryptsetup"},
		{.action = CRYPTSETUP_DUMP, .secret = SECRET("zero")},
		{.action = CRYPTSETUP_TEST},
		{.action = CRYPTSETUP_TEST, .secret = {longest, sizeof(longest)}},
		{.action = CRYPTSETUP_ADD_KEY, .secret = SECRET("a"), .new_secret = SECRET("")},
		{.action = CRYPTSETUP_ADD_KEY,
			.secret = SECRET("a"),
			.new_secret = SECRET("b"),
			.slot = 32},
		{.action = CRYPTSETUP_KILL_SLOT, .slot = -1},
		{.action = CRYPTSETUP_TOKEN_IMPORT},
		{.action = CRYPTSETUP_TOKEN_REMOVE, .slot = 32},
	};
	struct lab lab;

	if (luks_image_skipped())
		return;
	lab_open(&lab);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		CHECK_INT(ask(&lab, requests[i]), -EINVAL);
	CHECK_INT(ask(&lab, (struct cryptsetup_request){.action = CRYPTSETUP_ERASE,
				    .program = "/nonexistent/cryptsetup"}),
		-ENOENT);
	lab_close(&lab);
}

static const struct check_test tests[] = {
	{"dump", test_dump},
	{"no_volume", test_no_volume},
	{"passphrases", test_passphrases},
	{"odd_slots", test_odd_slots},
	{"empty_passphrase", test_empty_passphrase},
	{"keys", test_keys},
	{"full", test_full},
	{"tokens", test_tokens},
	{"names", test_names},
	{"requests_refused", test_requests_refused},
};

CHECK_MAIN(tests)
