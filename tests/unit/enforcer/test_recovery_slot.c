/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_recovery_slot.c - the key as people read it, and the seal of a keyslot: over volumes that
 * the real cryptsetup has made. Enforcer, without its loop.
 */
#include "agent/enforcer/recovery_private.h"
#include "tests/unit/platform/cryptsetup_lab.h"

#define SLOTS 3
/* Not a divisor of anything that has a size here. */
#define STRIDE 1777

typedef uint8_t seals[SLOTS][SHA256_BYTES];

/* Keyslots 0, 1 and 2, each with a passphrase of its own. */
static void lab_format(struct lab *lab, const char *options)
{
	luks_image_make(lab->image, options, "zero");
	luks_image_add(lab->image, 1, "zero", "one");
	luks_image_add(lab->image, 2, "zero", "two");
	if (ask_dump(lab) != CRYPTSETUP_OK)
		abort();
}

static void seal_all(struct lab *lab, seals ret_seals)
{
	for (int i = 0; i < SLOTS; i++)
		if (recovery_slot_seal(lab->fd, "/volume", &lab->header, i, ret_seals[i]) < 0)
			memset(ret_seals[i], 0, SHA256_BYTES);
}

/* Whether now only the seal of that keyslot is another one; -1: none is. */
static bool only_changed(struct lab *lab, seals before, int slot)
{
	seals now;

	seal_all(lab, now);
	for (int i = 0; i < SLOTS; i++)
		if ((memcmp(now[i], before[i], SHA256_BYTES) != 0) != (i == slot))
			return false;
	return true;
}

static void flip(struct lab *lab, uint64_t at)
{
	int fd = open(lab->image, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	if (fd < 0 || pread(fd, &byte, 1, (off_t)at) != 1)
		abort();
	byte ^= 0x10;
	if (pwrite(fd, &byte, 1, (off_t)at) != 1)
		abort();
	close(fd);
}

/* The keyslot whose area has that byte; -1: none. */
static int slot_at(const struct lab *lab, uint64_t at)
{
	for (int i = 0; i < LUKS_SLOTS_MAX; i++) {
		const struct luks_slot *s = &lab->header.slots[i];

		if (s->active && at >= s->offset_bytes && at - s->offset_bytes < s->size_bytes)
			return i;
	}
	return -1;
}

/* Bytes all over the volume's front, and the edges of the areas. */
static void check_areas(const char *options)
{
	uint64_t edges[4 * SLOTS], end = 0;
	struct lab lab;
	seals before;

	lab_open(&lab);
	lab_format(&lab, options);
	seal_all(&lab, before);
	CHECK(memcmp(before[0], before[1], SHA256_BYTES) != 0);
	CHECK(only_changed(&lab, before, -1));
	for (int i = 0; i < SLOTS; i++) {
		const struct luks_slot *s = &lab.header.slots[i];

		CHECK(s->active && s->opens && s->offset_bytes > 0 && s->size_bytes > STRIDE);
		edges[4 * i] = s->offset_bytes - 1;
		edges[4 * i + 1] = s->offset_bytes;
		edges[4 * i + 2] = s->offset_bytes + s->size_bytes - 1;
		edges[4 * i + 3] = s->offset_bytes + s->size_bytes;
		if (end < edges[4 * i + 3])
			end = edges[4 * i + 3];
	}
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		flip(&lab, edges[i]);
		CHECK(only_changed(&lab, before, slot_at(&lab, edges[i])));
		flip(&lab, edges[i]);
	}
	for (uint64_t at = lab.header.slots[0].offset_bytes; at < end; at += STRIDE) {
		flip(&lab, at);
		CHECK(only_changed(&lab, before, slot_at(&lab, at)));
		flip(&lab, at);
	}
	CHECK(only_changed(&lab, before, -1));
	lab_close(&lab);
}

static void test_any_byte_of_the_area(void)
{
	if (!luks_image_skipped())
		check_areas(SMALL);
}

static void test_any_byte_of_the_area_luks1(void)
{
	if (!luks_image_skipped())
		check_areas(LUKS1);
}

/* The start of LUKS1 has what is said of its keyslots: 48 bytes each, the last of which are about
 * its area. */
static void test_any_byte_of_luks1_metadata(void)
{
	struct lab lab;
	seals before;

	if (luks_image_skipped())
		return;
	lab_open(&lab);
	lab_format(&lab, LUKS1);
	seal_all(&lab, before);
	for (int slot = 0; slot < SLOTS; slot++)
		/* Iterations and salt. */
		for (uint64_t at = 4; at < 40; at++) {
			uint8_t start[LUKS_BINARY_BYTES];
			struct luks_fault fault;
			ssize_t n;

			flip(&lab, 208 + 48 * (uint64_t)slot + at);
			n = cryptsetup_read_start(lab.fd, "/volume", start);
			CHECK(n > 0 && luks_parse(start, (size_t)n, &lab.header, &fault) == 0);
			CHECK(only_changed(&lab, before, slot));
			flip(&lab, 208 + 48 * (uint64_t)slot + at);
		}
	lab_close(&lab);
}

static void test_any_byte_of_the_digest(void)
{
	struct lab lab;
	seals before;

	if (luks_image_skipped())
		return;
	lab_open(&lab);
	lab_format(&lab, SMALL);
	seal_all(&lab, before);
	for (int slot = 0; slot < SLOTS; slot++)
		for (size_t i = 0; i < SHA256_BYTES; i++) {
			lab.header.slots[slot].digest[i] ^= 1;
			CHECK(only_changed(&lab, before, slot));
			lab.header.slots[slot].digest[i] ^= 1;
		}
	lab_close(&lab);
}

/* What cryptsetup does to one keyslot is none of the others' business. */
static void test_what_is_done_to_a_keyslot(void)
{
	struct lab lab;
	seals before;

	if (luks_image_skipped())
		return;
	lab_open(&lab);
	lab_format(&lab, SMALL);
	seal_all(&lab, before);
	/* A fourth one, a label, a token on one: nothing that opens it has changed. */
	luks_image_add(lab.image, 3, "zero", "three");
	luks_image_do("cryptsetup config --label phone %s", lab.image);
	luks_image_do("printf %%s '{\"type\":\"mdm-agent-recovery\",\"keyslots\":[\"1\"]}' | "
		      "cryptsetup token import %s",
		lab.image);
	CHECK_INT(ask_dump(&lab), CRYPTSETUP_OK);
	CHECK(only_changed(&lab, before, -1));
	/* Another passphrase. */
	luks_image_do(
		"printf one >%s.old && printf uno >%s.new && cryptsetup luksChangeKey -q " QUICK
		"--key-slot 1 --key-file %s.old %s %s.new",
		lab.image, lab.image, lab.image, lab.image, lab.image);
	CHECK_INT(ask_dump(&lab), CRYPTSETUP_OK);
	CHECK(only_changed(&lab, before, 1));
	seal_all(&lab, before);
	/* The same one made a key with in another way. */
	luks_image_do("printf two | cryptsetup luksConvertKey -q --pbkdf pbkdf2 "
		      "--pbkdf-force-iterations 2000 --key-slot 2 --key-file=- %s",
		lab.image);
	CHECK_INT(ask_dump(&lab), CRYPTSETUP_OK);
	CHECK(only_changed(&lab, before, 2));
	lab_close(&lab);
}

static void test_no_seal(void)
{
	uint8_t seal[SHA256_BYTES], untouched[SHA256_BYTES];
	struct lab lab;

	if (luks_image_skipped())
		return;
	lab_open(&lab);
	lab_format(&lab, SMALL);
	memset(seal, 0x33, sizeof(seal));
	memcpy(untouched, seal, sizeof(seal));
	CHECK_INT(recovery_slot_seal(lab.fd, "/volume", &lab.header, SLOTS, seal), -ENOKEY);
	lab.header.slots[1].opens = false;
	CHECK_INT(recovery_slot_seal(lab.fd, "/volume", &lab.header, 1, seal), -ENOKEY);
	CHECK_INT(recovery_slot_seal(lab.fd, "/elsewhere", &lab.header, 0, seal), -ENOENT);
	lab.header.slots[0].size_bytes = 4096 * 1024 + 1;
	CHECK_INT(recovery_slot_seal(lab.fd, "/volume", &lab.header, 0, seal), -EFBIG);
	/* A device that ends in the middle of it. */
	CHECK_INT(truncate(lab.image, (off_t)(lab.header.slots[2].offset_bytes +
					      lab.header.slots[2].size_bytes - 1)),
		0);
	CHECK_INT(recovery_slot_seal(lab.fd, "/volume", &lab.header, 2, seal), -EIO);
	CHECK(memcmp(seal, untouched, sizeof(seal)) == 0);
	lab_close(&lab);
}

/* Eight groups of six digits, each a multiple of 11 of what fits into 16 bits, as mdmctl checks
 * them. */
static void test_key(void)
{
	char key[RECOVERY_KEY_DIGITS + 1], before[RECOVERY_KEY_DIGITS + 1] = "";

	for (int n = 0; n < 200; n++) {
		CHECK_INT(recovery_key_make(key), 0);
		CHECK_INT(strspn(key, "0123456789"), RECOVERY_KEY_DIGITS);
		CHECK_INT(strlen(key), RECOVERY_KEY_DIGITS);
		for (size_t i = 0; i < RECOVERY_KEY_DIGITS; i += 6) {
			unsigned int group = 0;

			for (size_t k = 0; k < 6; k++)
				group = 10 * group + (unsigned int)(key[i + k] - '0');
			CHECK(group % 11 == 0 && group / 11 <= UINT16_MAX);
		}
		CHECK(strcmp(key, before) != 0);
		memcpy(before, key, sizeof(key));
	}
}

static const struct check_test tests[] = {
	{"any_byte_of_the_area", test_any_byte_of_the_area},
	{"any_byte_of_the_area_luks1", test_any_byte_of_the_area_luks1},
	{"any_byte_of_luks1_metadata", test_any_byte_of_luks1_metadata},
	{"any_byte_of_the_digest", test_any_byte_of_the_digest},
	{"what_is_done_to_a_keyslot", test_what_is_done_to_a_keyslot},
	{"no_seal", test_no_seal},
	{"key", test_key},
};
CHECK_MAIN(tests)
