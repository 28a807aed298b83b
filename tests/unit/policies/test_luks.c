/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_luks.c - headers of LUKS1 and LUKS2 as cryptsetup 2.6 made them (tests/corpus/luks: the
 * binary header, then what luksDump --dump-json-metadata printed), and what is refused of them.
 */
#include "policies/luks2.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/fs.h"
#include "tests/lib/check.h"

#define UUID "2f6a4c1e-58d3-4b7a-9c0f-8e1d2a3b4c5d"

/* A file of the corpus, to be changed before it is read. */
struct sample {
	char *data;
	size_t n;
	struct luks_header header;
	struct luks_fault fault;
};

static void sample_open(struct sample *s, const char *name)
{
	char path[128];

	memset(s, 0, sizeof(*s));
	snprintf(path, sizeof(path), "tests/corpus/luks/%s", name);
	if (fs_read(AT_FDCWD, path, 1 << 20, &s->data, &s->n) < 0)
		abort();
}

static void sample_close(struct sample *s)
{
	free(s->data);
}

/* In the text, the first time; aborts where it is not there, so that no test tests nothing. */
static void sample_replace(struct sample *s, const char *from, const char *to)
{
	char *at = strstr(s->data + LUKS_BINARY_BYTES, from), *end = s->data + s->n;
	struct buf out = BUF_INIT;

	if (!at)
		abort();
	buf_append(&out, s->data, (size_t)(at - s->data));
	buf_puts(&out, to);
	buf_append(&out, at + strlen(from), (size_t)(end - at) - strlen(from));
	free(s->data);
	if (buf_take(&out, &s->data, &s->n) < 0)
		abort();
}

static int sample_read(struct sample *s)
{
	int r = luks_parse(s->data, s->n, &s->header, &s->fault);

	if (r == 0 && s->header.version == 2)
		r = luks2_parse(s->data + LUKS_BINARY_BYTES, s->n - LUKS_BINARY_BYTES, &s->header,
			&s->fault);
	return r;
}

static void test_magic(void)
{
	static const char one[] = "LUKS\xba\xbe\0\1", two[] = "LUKS\xba\xbe\0\2",
			  three[] = "LUKS\xba\xbe\0\3", copy[] = "SKUL\xba\xbe\0\2";

	CHECK_INT(luks_magic(one, 8), 1);
	CHECK_INT(luks_magic(two, 8), 2);
	CHECK_INT(luks_magic(three, 8), 0);
	CHECK_INT(luks_magic(copy, 8), 0); /* of the second header, which begins nothing */
	CHECK_INT(luks_magic(two, 7), 0);
	CHECK_INT(luks_magic("", 0), 0);
}

static void test_luks1(void)
{
	char text[LIMIT_TEXT_BYTES + 1];
	struct sample s;

	sample_open(&s, "luks1");
	CHECK_INT(s.n, LUKS1_BYTES);
	CHECK_INT(sample_read(&s), 0);
	CHECK_INT(s.header.version, 1);
	CHECK_STR(s.header.uuid, UUID);
	CHECK_STR(s.header.cipher, "aes-cbc-essiv:sha256");
	CHECK_INT(s.header.key_bits, 256);
	CHECK_INT(s.header.data_offset, 2 * 1024 * 1024);
	CHECK_INT(luks_opening_slots(&s.header), 0x81);
	CHECK_INT(s.header.slots[7].kdf, LUKS_KDF_PBKDF2);
	CHECK_INT(s.header.slots[7].iterations, 1000);
	CHECK_INT(s.header.slots[0].offset_bytes, 4096);
	CHECK_INT(s.header.slots[0].size_bytes, 128000);
	CHECK_INT(s.header.keyslots_offset, 4096);
	luks_describe(&s.header, text);
	CHECK_STR(text, "LUKS1 aes-cbc-essiv:sha256 256 bits, slots 0 pbkdf2, 7 pbkdf2");
	/* One byte less, and 591 of them alone. */
	CHECK_INT(luks_parse(s.data, LUKS1_BYTES - 1, &s.header, &s.fault), -EBADMSG);
	CHECK_STR(s.fault.text, "the header is cut off");
	sample_close(&s);
}

static void test_luks1_hostile(void)
{
	static const struct {
		size_t at;
		const char *bytes;
		size_t n;
		const char *fault;
	} changes[] = {
		{8, "\0", 1, "the cipher of the header is empty"},
		{8, "a\nes", 4, "the cipher of the header is no text"},
		{40, "0123456789abcdef0123456789abcdef", 32,
			"the mode of the cipher of the header is not ended"},
		{108, "\0\0\0\0", 4, "the volume key has 0 bytes"},
		{108, "\0\0\2\1", 4, "the volume key has 513 bytes"},
		{168, "../../etc/passwd", 16, "the UUID of the header is none"},
		{208, "\0\0\0\1", 4, "keyslot 0 is neither enabled nor disabled"},
		{212, "\0\0\0\0", 4, "keyslot 0 has no iterations"},
		{248, "\0\0\0\1", 4, "keyslot 0 lies outside of the header"},
		{248, "\377\377\377\377", 4, "keyslot 0 lies outside of the header"},
		{252, "\0\0\0\0", 4, "keyslot 0 has 0 stripes"},
		{252, "\0\1\0\1", 4, "keyslot 0 has 65537 stripes"},
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct sample s;

		sample_open(&s, "luks1");
		memcpy(s.data + changes[i].at, changes[i].bytes, changes[i].n);
		CHECK_INT(sample_read(&s), -EBADMSG);
		CHECK_STR(s.fault.text, changes[i].fault);
		sample_close(&s);
	}
	for (int same = 0; same < 2; same++) {
		struct sample s;

		sample_open(&s, "luks1");
		/* The area of keyslot 7 where that of keyslot 0 is. */
		if (same)
			memcpy(s.data + 208 + 7 * 48 + 40, s.data + 208 + 40, 4);
		CHECK_INT(sample_read(&s), same ? -EBADMSG : 0);
		sample_close(&s);
	}
}

static void test_luks2(void)
{
	char text[LIMIT_TEXT_BYTES + 1];
	const struct luks_slot *slot;
	struct sample s;

	sample_open(&s, "argon2id");
	CHECK_INT(sample_read(&s), 0);
	CHECK_INT(s.header.version, 2);
	CHECK_STR(s.header.uuid, UUID);
	CHECK(s.header.sequence > 0);
	CHECK_STR(s.header.cipher, "aes-xts-plain64");
	CHECK_INT(s.header.key_bits, 512);
	CHECK_INT(s.header.data_offset, 16777216);
	CHECK_INT(s.header.header_bytes, 16384);
	CHECK_INT(s.header.keyslots_offset, 32768);
	CHECK_INT(s.header.keyslots_bytes, 16744448);
	CHECK_INT(luks_opening_slots(&s.header), 1);
	slot = &s.header.slots[0];
	CHECK_INT(slot->kdf, LUKS_KDF_ARGON2ID);
	CHECK_INT(slot->memory_kib, 65536);
	CHECK_INT(slot->iterations, 4);
	CHECK_INT(slot->parallel, 2);
	CHECK_INT(slot->key_bits, 512);
	CHECK_STR(slot->cipher, "aes-xts-plain64");
	CHECK_INT(slot->offset_bytes, 32768);
	CHECK_INT(slot->size_bytes, 258048);
	CHECK_INT(slot->priority, LUKS_PRIORITY_NORMAL);
	CHECK(!s.header.reencrypting && !s.header.requirement[0]);
	luks_describe(&s.header, text);
	CHECK_STR(text, "LUKS2 aes-xts-plain64 512 bits, slots 0 argon2id 65536 KiB");
	sample_close(&s);
}

static void test_tokens(void)
{
	char text[LIMIT_TEXT_BYTES + 1];
	struct sample s;

	sample_open(&s, "tokens");
	CHECK_INT(sample_read(&s), 0);
	CHECK_INT(luks_opening_slots(&s.header), 7);
	CHECK_INT(luks_recovery_slots(&s.header), 2);
	CHECK_INT(luks_drawn_slots(&s.header), 6);
	CHECK_INT(s.header.tokens[0].generation, 7);
	CHECK_STR(s.header.tokens[1].type, "systemd-tpm2");
	CHECK_INT(s.header.tokens[1].slots, 4);
	CHECK(s.header.tokens[2].active && s.header.tokens[2].slots == 0);
	CHECK_INT(s.header.slots[0].priority, LUKS_PRIORITY_PREFER);
	CHECK_INT(s.header.slots[1].priority, LUKS_PRIORITY_NORMAL);
	CHECK_INT(s.header.slots[2].priority, LUKS_PRIORITY_IGNORE);
	luks_describe(&s.header, text);
	CHECK_STR(text, "LUKS2 aes-xts-plain64 512 bits, slots 0 argon2id 65536 KiB, 1 (recovery), "
			"2 pbkdf2 (systemd-tpm2)");
	sample_close(&s);
}

static void test_many_slots(void)
{
	char text[LIMIT_TEXT_BYTES + 1];
	struct sample s;

	sample_open(&s, "many_slots");
	CHECK_INT(sample_read(&s), 0);
	CHECK_INT(luks_opening_slots(&s.header), UINT32_MAX);
	CHECK_INT(s.header.slots[3].kdf, LUKS_KDF_ARGON2I);
	CHECK_INT(s.header.slots[3].memory_kib, 32);
	CHECK_INT(s.header.slots[31].kdf, LUKS_KDF_PBKDF2);
	/* Cut, and still one line. */
	luks_describe(&s.header, text);
	CHECK_INT(strlen(text), LIMIT_TEXT_BYTES);
	/* The most that is read of it is more than all of it. */
	CHECK((s.n - LUKS_BINARY_BYTES) * 3 < LIMIT_LUKS_JSON_BYTES);
	sample_close(&s);
}

static void test_what_opens_nothing(void)
{
	char text[LIMIT_TEXT_BYTES + 1];
	struct sample s;

	sample_open(&s, "unbound");
	CHECK_INT(sample_read(&s), 0);
	CHECK_INT(luks_opening_slots(&s.header), 1);
	CHECK(s.header.slots[1].active && !s.header.slots[1].opens);
	sample_close(&s);
	sample_open(&s, "erased");
	CHECK_INT(sample_read(&s), 0);
	CHECK_INT(luks_opening_slots(&s.header), 0);
	CHECK_INT(s.header.key_bits, 0);
	luks_describe(&s.header, text);
	CHECK_STR(text, "LUKS2 aes-xts-plain64, no passphrase opens it");
	sample_close(&s);
	sample_open(&s, "reencrypting");
	CHECK_INT(sample_read(&s), 0);
	CHECK(s.header.reencrypting);
	CHECK_STR(s.header.cipher, "aes-xts-plain64"); /* what is on the disk still */
	CHECK(s.header.slots[2].active && !s.header.slots[2].opens);
	luks_describe(&s.header, text);
	CHECK(strstr(text, ", being re-encrypted") != NULL);
	sample_close(&s);
}

/* What is on the disk while it is encrypted in place for the first time. */
static void test_plain_part(void)
{
	struct sample s;

	sample_open(&s, "argon2id");
	sample_replace(&s, "\"segments\":{\n    \"0\":{",
		"\"segments\":{\n    \"1\":{\"type\":\"linear\",\"offset\":\"0\",\"size\":\"4096\"},"
		"\"0\":{");
	CHECK_INT(sample_read(&s), 0);
	CHECK_STR(s.header.cipher, "none");
	CHECK_INT(s.header.data_offset, 0);
	sample_close(&s);
}

static void test_requirements(void)
{
	struct sample s;

	sample_open(&s, "argon2id");
	sample_replace(&s, "\"config\":{",
		"\"config\":{\"requirements\":{\"mandatory\":[\"opal\",\"more\"]},");
	CHECK_INT(sample_read(&s), 0);
	CHECK_STR(s.header.requirement, "opal");
	CHECK(!s.header.reencrypting);
	sample_close(&s);
}

static void test_hostile(void)
{
	static const struct {
		const char *from, *to, *fault;
	} changes[] = {
		{"\"keyslots\":{\n    \"0\"", "\"keyslots\":{\n    \"00\"",
			"keyslots: must hold objects with numbers from 0 to 31 as names"},
		{"\"keyslots\":{\n    \"0\"", "\"keyslots\":{\n    \"32\"",
			"keyslots: must hold objects with numbers from 0 to 31 as names"},
		{"\"keyslots\":{\n", "\"keyslots\":{\"1\":7,",
			"keyslots: must hold objects with numbers from 0 to 31 as names"},
		{"\"keyslots\":{\n", "\"other\":{\n", "keyslots: is missing"},
		{"\"type\":\"luks2\"", "\"type\":\"luks3\"",
			"keyslots.0: type must be luks2 or reencrypt"},
		{"\"key_size\":64", "\"key_size\":0",
			"keyslots.0.key_size: must be an integer from 1 to 512"},
		{"\"key_size\":64", "\"key_size\":513",
			"keyslots.0.key_size: must be an integer from 1 to 512"},
		{"\"offset\":\"32768\"", "\"offset\":32768",
			"keyslots.0.area.offset: must be text"},
		{"\"offset\":\"32768\"", "\"offset\":\"32767\"",
			"keyslots.0.area: lies outside of the area for keyslots"},
		{"\"offset\":\"32768\"", "\"offset\":\"9223372036854775807\"",
			"keyslots.0.area: lies outside of the area for keyslots"},
		{"\"offset\":\"32768\"", "\"offset\":\"9223372036854775808\"",
			"keyslots.0.area: offset must be a number in quotes"},
		{"\"offset\":\"32768\"", "\"offset\":\"-1\"",
			"keyslots.0.area: offset must be a number in quotes"},
		{"\"size\":\"258048\"", "\"size\":\"0\"",
			"keyslots.0.area: lies outside of the area for keyslots"},
		{"\"size\":\"258048\"", "\"size\":\"16744449\"",
			"keyslots.0.area: lies outside of the area for keyslots"},
		{"\"argon2id\"", "\"scrypt\"",
			"keyslots.0.kdf: type must be pbkdf2, argon2i or argon2id"},
		{"\"memory\":65536", "\"memory\":4294967296",
			"keyslots.0.kdf.memory: must be an integer from 1 to 4294967295"},
		{"\"memory\":65536", "\"memory\":\"65536\"",
			"keyslots.0.kdf.memory: must be an integer without point and exponent"},
		{"\"tokens\":{", "\"tokens\":{\"0\":{\"type\":\"t\",\"keyslots\":[\"4\"]}",
			"tokens: 0 names a keyslot that is not there"},
		{"\"tokens\":{", "\"tokens\":{\"0\":{\"type\":\"t\",\"keyslots\":[\"0\",\"0\"]}",
			"tokens.0: keyslots has a number twice"},
		{"\"tokens\":{", "\"tokens\":{\"0\":{\"type\":\"t\",\"keyslots\":[0]}",
			"tokens.0: keyslots must hold numbers in quotes"},
		{"\"tokens\":{", "\"tokens\":{\"0\":{\"type\":\"a b\",\"keyslots\":[]}",
			"tokens.0: type must be one word"},
		{"\"encryption\":\"aes-xts-plain64\",\n      \"sector",
			"\"encryption\":\"aes\\n\",\n      \"sector",
			"segments.0.encryption: must not hold control characters"},
		{"\"json_size\":\"12288\"", "\"json_size\":\"12289\"",
			"config: json_size does not fit the header"},
		{"\"keyslots_size\":\"16744448\"", "\"keyslots_size\":\"134217729\"",
			"config: keyslots_size is above 128 MiB"},
		{"\"digests\":{", "\"digests\":{\"0\":{},",
			"line 40, column 6: a member name that its object has already"},
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct luks_header before;
		struct sample s;

		sample_open(&s, "argon2id");
		sample_replace(&s, changes[i].from, changes[i].to);
		CHECK_INT(luks_parse(s.data, s.n, &s.header, &s.fault), 0);
		before = s.header;
		CHECK_INT(sample_read(&s), -EBADMSG);
		CHECK_STR(s.fault.text, changes[i].fault);
		CHECK(memcmp(&before, &s.header, sizeof(before)) == 0);
		sample_close(&s);
	}
}

/* Two keyslots of one area. */
static void test_overlap(void)
{
	struct sample s;

	sample_open(&s, "tokens");
	sample_replace(&s, "\"offset\":\"290816\"", "\"offset\":\"290815\"");
	CHECK_INT(sample_read(&s), -EBADMSG);
	CHECK_STR(s.fault.text, "keyslots.1.area: lies on that of keyslot 0");
	sample_close(&s);
}

static void test_limits(void)
{
	_cleanup_free_ char *large = malloc(LIMIT_LUKS_JSON_BYTES + 1);
	struct sample s;

	sample_open(&s, "argon2id");
	CHECK(large != NULL);
	memset(large, ' ', LIMIT_LUKS_JSON_BYTES + 1);
	memcpy(large, s.data + LUKS_BINARY_BYTES, s.n - LUKS_BINARY_BYTES);
	CHECK_INT(luks_parse(s.data, s.n, &s.header, &s.fault), 0);
	CHECK_INT(luks2_parse(large, LIMIT_LUKS_JSON_BYTES + 1, &s.header, &s.fault), -EBADMSG);
	CHECK_STR(s.fault.text, "the metadata is above 64 KiB");
	CHECK_INT(luks2_parse(large, LIMIT_LUKS_JSON_BYTES, &s.header, &s.fault), 0);
	/* Of the binary header: the size, and which of the two it is. */
	s.data[15] = 1;
	CHECK_INT(sample_read(&s), -EBADMSG);
	CHECK_STR(s.fault.text, "the header has a size of 16385 bytes");
	s.data[15] = 0;
	s.data[262] = 0x40;
	CHECK_INT(sample_read(&s), -EBADMSG);
	CHECK_STR(s.fault.text, "the first header says that it is not the first");
	CHECK_INT(luks_parse(s.data, LUKS_BINARY_BYTES - 1, &s.header, &s.fault), -EBADMSG);
	CHECK_STR(s.fault.text, "the header is cut off");
	sample_close(&s);
}

/* Equal exactly as long as the same passphrases open it. */
static void test_digest(void)
{
	static const struct {
		const char *from, *to;
		bool same;
	} changes[] = {
		{"\"salt\":\"", "\"salt\":\"A", false},
		{"\"time\":4", "\"time\":5", false},
		{"\"digest\":\"", "\"digest\":\"A", false},
		{"\"size\":\"dynamic\"", "\"size\":\"4096\"", true},
		{"\"tokens\":{", "\"tokens\":{\"0\":{\"type\":\"t\",\"keyslots\":[\"0\"]}", true},
		{"\"key_size\":64,\n", "\"key_size\":64,\n\"priority\":2,\n", true},
	};
	struct sample a, b;

	sample_open(&a, "argon2id");
	CHECK_INT(sample_read(&a), 0);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		sample_open(&b, "argon2id");
		sample_replace(&b, changes[i].from, changes[i].to);
		CHECK_INT(sample_read(&b), 0);
		CHECK_INT(memcmp(a.header.slots_digest, b.header.slots_digest, SHA256_BYTES) == 0,
			changes[i].same);
		sample_close(&b);
	}
	sample_close(&a);
	/* LUKS1: the salt of a keyslot, and the UUID, which is no part of it. */
	sample_open(&a, "luks1");
	sample_open(&b, "luks1");
	CHECK_INT(sample_read(&a), 0);
	b.data[168] = '3';
	CHECK_INT(sample_read(&b), 0);
	CHECK(memcmp(a.header.slots_digest, b.header.slots_digest, SHA256_BYTES) == 0);
	b.data[216] ^= 1;
	CHECK_INT(sample_read(&b), 0);
	CHECK(memcmp(a.header.slots_digest, b.header.slots_digest, SHA256_BYTES) != 0);
	sample_close(&a);
	sample_close(&b);
}

static const struct check_test tests[] = {
	{"magic", test_magic},
	{"luks1", test_luks1},
	{"luks1_hostile", test_luks1_hostile},
	{"luks2", test_luks2},
	{"tokens", test_tokens},
	{"many_slots", test_many_slots},
	{"what_opens_nothing", test_what_opens_nothing},
	{"plain_part", test_plain_part},
	{"requirements", test_requirements},
	{"hostile", test_hostile},
	{"overlap", test_overlap},
	{"limits", test_limits},
	{"digest", test_digest},
};

CHECK_MAIN(tests)
