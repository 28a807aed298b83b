/* SPDX-License-Identifier: Apache-2.0 */
/*
 * luks.c - the headers of LUKS as bytes; see luks.h. Pure: no system calls. Enforcer only.
 */
#include "policies/luks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "agent/util/mem.h"

#define SECTOR_BYTES 512
#define LUKS1_SLOTS 8
#define LUKS1_SLOT_BYTES 48
#define LUKS1_SLOT_ENABLED 0x00ac71f3u
#define LUKS1_SLOT_DISABLED 0x0000deadu
#define LUKS1_STRIPES_MAX 65536 /* the specification has 4000 */
#define LUKS1_KEY_BYTES_MAX 512
#define LUKS2_HEADER_MIN (16 * 1024)
#define LUKS2_HEADER_MAX (4 * 1024 * 1024)

static const char magic[6] = {'L', 'U', 'K', 'S', '\xba', '\xbe'};

const char *luks_kdf_name(enum luks_kdf kdf)
{
	static const char *const names[LUKS_KDF_MAX] = {
		[LUKS_KDF_PBKDF2] = "pbkdf2",
		[LUKS_KDF_ARGON2I] = "argon2i",
		[LUKS_KDF_ARGON2ID] = "argon2id",
	};

	return names[kdf];
}

int luks_fail(struct luks_fault *ret_fault, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret_fault->text, sizeof(ret_fault->text), format, args);
	va_end(args);
	return -EBADMSG;
}

/* Numbers in the headers are big-endian. */
static uint64_t be_get(const uint8_t *in, unsigned int n_bytes)
{
	uint64_t value = 0;

	while (n_bytes--)
		value = value << 8 | *in++;
	return value;
}

unsigned int luks_magic(const void *data, size_t n_bytes)
{
	const uint8_t *bytes = data;
	uint64_t version;

	if (n_bytes < sizeof(magic) + 2 || memcmp(bytes, magic, sizeof(magic)) != 0)
		return 0;
	version = be_get(bytes + sizeof(magic), 2);
	return version == 1 || version == 2 ? (unsigned int)version : 0;
}

/* A field of fixed size, padded with NUL, of letters that ciphers and UUIDs have. */
static int get_word(const uint8_t *field, size_t n_field, const char *name, char *ret_text,
	struct luks_fault *ret_fault)
{
	size_t n = strnlen((const char *)field, n_field);

	if (n == 0 || n == n_field)
		return luks_fail(
			ret_fault, "%s of the header is %s", name, n ? "not ended" : "empty");
	for (size_t i = 0; i < n; i++)
		if (field[i] <= ' ' || field[i] >= 0x7f)
			return luks_fail(ret_fault, "%s of the header is no text", name);
	memcpy(ret_text, field, n);
	ret_text[n] = 0;
	return 0;
}

static int get_uuid(
	const uint8_t *field, char ret_uuid[LUKS_UUID_BYTES + 1], struct luks_fault *ret_fault)
{
	int r = get_word(field, LUKS_UUID_BYTES, "the UUID", ret_uuid, ret_fault);

	if (r == 0 && strspn(ret_uuid, "0123456789abcdefABCDEF-") != strlen(ret_uuid))
		return luks_fail(ret_fault, "the UUID of the header is none");
	return r;
}

/* --- LUKS1 ---------------------------------------------------------------------------------- */

static int luks1_slot(const uint8_t *start, unsigned int number, struct luks_header *header,
	struct luks_fault *ret_fault)
{
	const uint8_t *bytes = start + 208 + number * LUKS1_SLOT_BYTES;
	struct luks_slot *slot = &header->slots[number];
	uint64_t state = be_get(bytes, 4), stripes = be_get(bytes + 44, 4);

	if (state == LUKS1_SLOT_DISABLED)
		return 0;
	if (state != LUKS1_SLOT_ENABLED)
		return luks_fail(ret_fault, "keyslot %u is neither enabled nor disabled", number);
	if (stripes < 1 || stripes > LUKS1_STRIPES_MAX)
		return luks_fail(ret_fault, "keyslot %u has %" PRIu64 " stripes", number, stripes);
	*slot = (struct luks_slot){
		.active = true,
		.opens = true,
		.kdf = LUKS_KDF_PBKDF2,
		.iterations = (uint32_t)be_get(bytes + 4, 4),
		.key_bits = header->key_bits,
		.offset_bytes = be_get(bytes + 40, 4) * SECTOR_BYTES,
		.size_bytes = (header->key_bits / 8 * stripes + SECTOR_BYTES - 1) / SECTOR_BYTES *
			      SECTOR_BYTES,
		.priority = LUKS_PRIORITY_NORMAL,
	};
	memcpy(slot->cipher, header->cipher, sizeof(slot->cipher));
	if (slot->iterations == 0)
		return luks_fail(ret_fault, "keyslot %u has no iterations", number);
	if (slot->offset_bytes < LUKS1_BYTES ||
		(header->data_offset &&
			slot->offset_bytes + slot->size_bytes > header->data_offset))
		return luks_fail(ret_fault, "keyslot %u lies outside of the header", number);
	/* Cipher, mode and hash are those of the volume. */
	return sha256_pair(start + 8, 96, bytes, LUKS1_SLOT_BYTES, slot->digest);
}

/* From the first to the last; the areas of unused slots are not told. */
static int luks1_areas(struct luks_header *header, struct luks_fault *ret_fault)
{
	uint64_t first = UINT64_MAX, end = 0;

	for (unsigned int i = 0; i < LUKS1_SLOTS; i++) {
		const struct luks_slot *a = &header->slots[i];

		if (!a->active)
			continue;
		for (unsigned int k = 0; k < i; k++) {
			const struct luks_slot *b = &header->slots[k];

			if (b->active && a->offset_bytes < b->offset_bytes + b->size_bytes &&
				b->offset_bytes < a->offset_bytes + a->size_bytes)
				return luks_fail(
					ret_fault, "keyslots %u and %u lie on each other", k, i);
		}
		if (a->offset_bytes < first)
			first = a->offset_bytes;
		if (a->offset_bytes + a->size_bytes > end)
			end = a->offset_bytes + a->size_bytes;
	}
	if (end) {
		header->keyslots_offset = first;
		header->keyslots_bytes = end - first;
	}
	return 0;
}

static int luks1_parse(
	const uint8_t *bytes, size_t n_bytes, struct luks_header *header, struct luks_fault *fault)
{
	char name[32], mode[32];
	uint64_t key_bytes;
	int r;

	if (n_bytes < LUKS1_BYTES)
		return luks_fail(fault, "the header is cut off");
	r = get_word(bytes + 8, sizeof(name), "the cipher", name, fault);
	if (r == 0)
		r = get_word(bytes + 40, sizeof(mode), "the mode of the cipher", mode, fault);
	if (r == 0)
		r = get_uuid(bytes + 168, header->uuid, fault);
	if (r < 0)
		return r;
	snprintf(header->cipher, sizeof(header->cipher), "%s-%s", name, mode);
	key_bytes = be_get(bytes + 108, 4);
	if (key_bytes < 1 || key_bytes > LUKS1_KEY_BYTES_MAX)
		return luks_fail(fault, "the volume key has %" PRIu64 " bytes", key_bytes);
	header->key_bits = (uint32_t)key_bytes * 8;
	header->data_offset = be_get(bytes + 104, 4) * SECTOR_BYTES;
	header->header_bytes = LUKS1_BYTES;
	for (unsigned int i = 0; i < LUKS1_SLOTS && r == 0; i++)
		r = luks1_slot(bytes, i, header, fault);
	if (r == 0)
		r = luks1_areas(header, fault);
	/* All of it makes the keyslots what they are, the name of the device apart. */
	if (r == 0 &&
		sha256_pair(bytes, 168, bytes + 208, LUKS1_BYTES - 208, header->slots_digest) < 0)
		return -EIO;
	return r;
}

/* --- LUKS2 ---------------------------------------------------------------------------------- */

static int luks2_binary(
	const uint8_t *bytes, size_t n_bytes, struct luks_header *header, struct luks_fault *fault)
{
	uint64_t size_bytes;

	if (n_bytes < LUKS_BINARY_BYTES)
		return luks_fail(fault, "the header is cut off");
	size_bytes = be_get(bytes + 8, 8);
	/* The sizes that the specification lists: powers of two. */
	if (size_bytes < LUKS2_HEADER_MIN || size_bytes > LUKS2_HEADER_MAX ||
		(size_bytes & (size_bytes - 1)))
		return luks_fail(fault, "the header has a size of %" PRIu64 " bytes", size_bytes);
	if (be_get(bytes + 256, 8) != 0)
		return luks_fail(fault, "the first header says that it is not the first");
	header->sequence = be_get(bytes + 16, 8);
	header->header_bytes = size_bytes;
	header->keyslots_offset = 2 * size_bytes;
	return get_uuid(bytes + 168, header->uuid, fault);
}

int luks_parse(const void *data, size_t n_bytes, struct luks_header *ret_header,
	struct luks_fault *ret_fault)
{
	struct luks_header header = {.version = luks_magic(data, n_bytes)};
	int r;

	if (header.version == 0)
		return luks_fail(ret_fault, "there is no header of LUKS");
	if (header.version == 1)
		r = luks1_parse(data, n_bytes, &header, ret_fault);
	else
		r = luks2_binary(data, n_bytes, &header, ret_fault);
	if (r == 0)
		*ret_header = header;
	return r;
}

/* --- questions ------------------------------------------------------------------------------ */

uint32_t luks_opening_slots(const struct luks_header *header)
{
	uint32_t slots = 0;

	for (unsigned int i = 0; i < LUKS_SLOTS_MAX; i++)
		if (header->slots[i].active && header->slots[i].opens)
			slots |= UINT32_C(1) << i;
	return slots;
}

uint32_t luks_recovery_slots(const struct luks_header *header)
{
	uint32_t slots = 0;

	for (unsigned int i = 0; i < LUKS_TOKENS_MAX; i++)
		if (header->tokens[i].active &&
			strcmp(header->tokens[i].type, LUKS_RECOVERY_TOKEN) == 0)
			slots |= header->tokens[i].slots;
	return slots;
}

uint32_t luks_drawn_slots(const struct luks_header *header)
{
	static const char *const types[] = {LUKS_RECOVERY_TOKEN, LUKS_KEPT_TOKEN, "systemd-tpm2",
		"systemd-fido2", "systemd-pkcs11", "systemd-recovery", "clevis"};
	uint32_t slots = 0;

	for (unsigned int i = 0; i < LUKS_TOKENS_MAX; i++)
		for (size_t k = 0; k < ARRAY_SIZE(types); k++)
			if (header->tokens[i].active &&
				strcmp(header->tokens[i].type, types[k]) == 0)
				slots |= header->tokens[i].slots;
	return slots;
}

static void describe_slot(const struct luks_header *header, unsigned int number, struct buf *out)
{
	const struct luks_slot *slot = &header->slots[number];
	uint32_t bit = UINT32_C(1) << number;

	buf_printf(out, "%u", number);
	if (!slot->opens) {
		buf_puts(out, " (opens nothing)");
		return;
	}
	if (luks_recovery_slots(header) & bit) {
		buf_puts(out, " (recovery)");
		return;
	}
	buf_printf(out, " %s", luks_kdf_name(slot->kdf));
	if (slot->kdf != LUKS_KDF_PBKDF2)
		buf_printf(out, " %" PRIu32 " KiB", slot->memory_kib);
	for (unsigned int i = 0; i < LUKS_TOKENS_MAX; i++)
		if (header->tokens[i].active && (header->tokens[i].slots & bit))
			buf_printf(out, " (%s)", header->tokens[i].type);
}

void luks_describe(const struct luks_header *header, char ret_text[LIMIT_TEXT_BYTES + 1])
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	const char *before = ", slots ";

	buf_printf(&out, "LUKS%u %s", header->version, header->cipher);
	if (header->key_bits)
		buf_printf(&out, " %" PRIu32 " bits", header->key_bits);
	for (unsigned int i = 0; i < LUKS_SLOTS_MAX; i++) {
		if (!header->slots[i].active)
			continue;
		buf_puts(&out, before);
		describe_slot(header, i, &out);
		before = ", ";
	}
	if (luks_opening_slots(header) == 0)
		buf_puts(&out, ", no passphrase opens it");
	if (header->reencrypting)
		buf_puts(&out, ", being re-encrypted");
	if (header->requirement[0])
		buf_printf(&out, ", requires %s", header->requirement);
	/* ASCII throughout, so that a cut leaves whole characters. */
	snprintf(ret_text, LIMIT_TEXT_BYTES + 1, "%s", out.error ? "LUKS" : out.data);
}
