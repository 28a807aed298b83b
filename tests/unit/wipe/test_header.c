/* SPDX-License-Identifier: Apache-2.0 */
/* test_header.c - where the keys are: headers that are whole, strange, lying or destroyed. */
#include <errno.h>
#include <string.h>

#include "agent/wipe/header.h"
#include "agent/wipe/target.h"
#include "agent/wipe/tpm.h"
#include "tests/lib/check.h"

#define UUID "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
#define MIB (UINT64_C(1024) * 1024)

static uint8_t block[WIPE_BLOCK_BYTES];
static struct wipe_header header;

static void be_put(size_t at, uint64_t value, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		block[at + i] = (uint8_t)(value >> 8 * (n - 1 - i));
}

static void make_luks1(uint64_t payload_sectors)
{
	memset(block, 0, sizeof(block));
	memcpy(block, "LUKS\xba\xbe", 6);
	be_put(6, 1, 2);
	be_put(104, payload_sectors, 4);
	be_put(108, 64, 4);
	memcpy(block + 168, UUID, sizeof(UUID));
	for (unsigned int i = 0; i < 8; i++) {
		be_put(208 + 48 * i + 40, 8 + 512 * i, 4);
		be_put(208 + 48 * i + 44, 4000, 4);
	}
}

static void make_luks2(bool second, uint64_t size, uint64_t offset)
{
	memset(block, 0, sizeof(block));
	memcpy(block, second ? "SKUL\xba\xbe" : "LUKS\xba\xbe", 6);
	be_put(6, 2, 2);
	be_put(8, size, 8);
	memcpy(block + 168, UUID, sizeof(UUID));
	be_put(256, offset, 8);
}

static void test_luks1(void)
{
	make_luks1(4096);
	CHECK_INT(wipe_header_read(block, false, 0, &header), 0);
	CHECK_INT(header.version, 1);
	CHECK_STR(header.uuid, UUID);
	CHECK_INT(header.area_bytes, 2 * MIB);
	/* A detached header: no data behind it, the slots are all there is. */
	make_luks1(0);
	CHECK_INT(wipe_header_read(block, false, 0, &header), 0);
	CHECK_INT(header.area_bytes, 2 * MIB); /* 2095104, in whole blocks */
	/* Numbers that lie. */
	make_luks1(UINT32_MAX);
	CHECK_INT(wipe_header_read(block, false, 0, &header), 0);
	CHECK_INT(header.area_bytes, LIMIT_WIPE_AREA_BYTES);
}

static void test_luks2(void)
{
	static const char json[] =
		"{\"keyslots\":{\"0\":{\"area\":{\"offset\":\"32768\",\"size\":\"258048\"}}},"
		"\"tokens\":{},\"segments\":{\"0\":{\"type\":\"crypt\",\"offset\":\"16777216\","
		"\"size\":\"dynamic\"}},\"digests\":{\"0\":{\"segments\":[\"0\"],\"offset\":\"5\"}},"
		"\"config\":{\"json_size\":\"12288\",\"keyslots_size\":\"16744448\"}}";
	static const char detached[] = "{\"segments\":{\"0\":{\"offset\":\"0\"}},"
				       "\"config\":{\"keyslots_size\":\"1048576\"}}";
	static const char too_large[] = "{\"segments\":{\"0\":{\"offset\":\"1\"}},"
					"\"config\":{\"keyslots_size\":\"99999999999\"}}";
	static const char *const broken[] = {"", "{", "{}", "\xff\x01{", "[[[[[[[[[[[[[[[[[[[[[",
		"{\"segments\":{\"0\":{\"offset\":\"0\"}}}", "{\"segments\":\"", too_large};

	make_luks2(false, 0x4000, 0);
	CHECK_INT(wipe_header_read(block, false, 0, &header), 0);
	CHECK_INT(header.version, 2);
	CHECK_INT(header.header_bytes, 0x4000);
	CHECK_INT(header.area_bytes, 16 * MIB);
	header.area_bytes = 0;
	CHECK_INT(wipe_header_add_json(&header, json, sizeof(json)), 0);
	CHECK_INT(header.area_bytes, 16 * MIB);
	CHECK_INT(wipe_header_add_json(&header, detached, sizeof(detached)), 0);
	CHECK_INT(header.area_bytes, 0x8000 + MIB);
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++)
		CHECK_INT(wipe_header_add_json(&header, broken[i], strlen(broken[i])), -EBADMSG);
	CHECK_INT(header.area_bytes, 0x8000 + MIB);
	/* The second header lies where its size says. */
	make_luks2(true, 0x8000, 0x8000);
	CHECK_INT(wipe_header_read(block, true, 0x8000, &header), 0);
	CHECK_INT(wipe_header_read(block, true, 0x4000, &header), -ENODATA);
	CHECK_INT(wipe_header_read(block, false, 0, &header), -ENODATA);
	make_luks2(false, 0x4001, 0);
	CHECK_INT(wipe_header_read(block, false, 0, &header), -ENODATA);
	make_luks2(false, 0x4000, 0);
	block[168] = 'x';
	CHECK_INT(wipe_header_read(block, false, 0, &header), -ENODATA);
}

static void test_file_systems(void)
{
	static uint8_t head[FILESYSTEM_HEAD_BYTES];
	char uuid[WIPE_UUID_BYTES + 1];
	uint64_t at = 1;

	CHECK_INT(filesystem_uuid_read(head, uuid, &at), -ENODATA);
	memcpy(head + 65536 + 64, "_BHRfS_M", 8);
	head[65536 + 32] = 0xab;
	CHECK_INT(filesystem_uuid_read(head, uuid, &at), 0);
	CHECK_INT(at, 65536);
	CHECK_STR(uuid, "ab000000-0000-0000-0000-000000000000");
	memcpy(head + 1024, "\x10\x20\xf5\xf2", 4);
	head[1024 + 108 + 15] = 0xcd;
	CHECK_INT(filesystem_uuid_read(head, uuid, &at), 0);
	CHECK_INT(at, 0);
	CHECK_STR(uuid, "00000000-0000-0000-0000-0000000000cd");
}

/* As the specification's tables say, byte for byte. */
static void test_tpm(void)
{
	static const uint8_t expected[TPM_EVICT_BYTES] = {0x80, 0x02, 0x00, 0x00, 0x00, 0x23, 0x00,
		0x00, 0x01, 0x20, 0x40, 0x00, 0x00, 0x01, 0x81, 0x00, 0x12, 0x34, 0x00, 0x00, 0x00,
		0x09, 0x40, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x81, 0x00, 0x12, 0x34};
	uint8_t command[TPM_EVICT_BYTES];

	tpm_evict_command(0x81001234, command);
	CHECK(memcmp(command, expected, sizeof(expected)) == 0);
}

static const struct check_test tests[] = {
	{"luks1", test_luks1},
	{"luks2", test_luks2},
	{"file systems", test_file_systems},
	{"tpm", test_tpm},
};
CHECK_MAIN(tests)
