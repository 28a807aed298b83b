/* SPDX-License-Identifier: Apache-2.0 */
/*
 * luks2.c - the JSON metadata of LUKS2; see luks2.h. Pure: no system calls. Enforcer only.
 *
 * The specification writes numbers of 64 bits as text, and refers to objects by their numbers as
 * text; one number has one text here, so that "1" and "01" cannot both be there. 32 objects of each
 * kind are the most there can be.
 */
#include "policies/luks2.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/json/json_read.h"
#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "policies/doc_path.h"

#define KEY_BYTES_MAX 512
#define SALT_TEXT_BYTES 128 /* base64 of 64 bytes needs 88 */

struct luks2_reader {
	struct luks_header header; /* of the result */
	struct json_error error;
	struct buf identity; /* what slots_digest is made of */
	uint64_t json_bytes;
	uint32_t keys_of_segments; /* keyslots that a digest ties to a segment */
	bool seen_cipher;
};

/* --- values --------------------------------------------------------------------------------- */

/* A number written as the specification writes it. */
static bool read_number(const char *text, int64_t max, int64_t *ret_value)
{
	return (text[0] != '0' || !text[1]) && parse_int64(text, 0, max, ret_value) == 0;
}

static int get_number_text(struct luks2_reader *r, struct json_object *object, const char *path,
	const char *name, uint64_t *ret_value)
{
	const char *text;
	int64_t value;
	int e = json_get_string(object, path, name, 20, &text, &r->error);

	e = json_required(e, path, name, &r->error);
	if (e < 0)
		return e;
	if (!read_number(text, INT64_MAX, &value))
		return json_fail(&r->error, path, "%s must be a number in quotes", name);
	*ret_value = (uint64_t)value;
	return 0;
}

static int get_number(struct luks2_reader *r, struct json_object *object, const char *path,
	const char *name, uint32_t max, uint32_t *ret_value)
{
	int64_t value;
	int e = json_get_int(object, path, name, 1, max, &value, &r->error);

	e = json_required(e, path, name, &r->error);
	if (e == 0)
		*ret_value = (uint32_t)value;
	return e;
}

/* Printable ASCII without spaces: what it ends up in may be cut anywhere. */
static bool is_word(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return false;
	return *text != 0;
}

static int get_word(struct luks2_reader *r, struct json_object *object, const char *path,
	const char *name, size_t max_bytes, const char **ret_text)
{
	int e = json_get_string(object, path, name, max_bytes, ret_text, &r->error);

	e = json_required(e, path, name, &r->error);
	if (e < 0)
		return e;
	if (!is_word(*ret_text))
		return json_fail(&r->error, path, "%s must be one word", name);
	return 0;
}

/* Numbers in quotes; bit N for N. -ENOENT if there is no such array. */
static int get_references(struct luks2_reader *r, struct json_object *object, const char *path,
	const char *name, uint32_t *ret_bits)
{
	struct json_object *array;
	uint32_t bits = 0;
	int e = json_get_array(object, path, name, &array, &r->error);

	if (e < 0)
		return e;
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *item = json_object_array_get_idx(array, i);
		int64_t number;

		if (!json_object_is_type(item, json_type_string) ||
			!read_number(json_object_get_string(item), 31, &number))
			return json_fail(&r->error, path, "%s must hold numbers in quotes", name);
		if (bits & UINT32_C(1) << number)
			return json_fail(&r->error, path, "%s has a number twice", name);
		bits |= UINT32_C(1) << number;
	}
	*ret_bits = bits;
	return 0;
}

/* Whether an array of words holds one that begins so. */
static bool has_word(struct json_object *array, const char *beginning)
{
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(array, i));

		if (text && strncmp(text, beginning, strlen(beginning)) == 0)
			return true;
	}
	return false;
}

/*
 * Calls one for each member "0" to "31" of the object of that name, by number: the digest of the
 * keyslots must not depend on the order in which they were made.
 */
static int each_of(struct luks2_reader *r, struct json_object *top, const char *name,
	int (*one)(struct luks2_reader *r, struct json_object *object, const char *path,
		unsigned int number))
{
	struct json_object *object, *member;
	int e = json_get_object(top, "", name, &object, &r->error);

	e = json_required(e, "", name, &r->error);
	if (e < 0)
		return e;
	json_object_object_foreach(object, key, value)
	{
		int64_t number;

		if (!read_number(key, 31, &number) || !json_object_is_type(value, json_type_object))
			return json_fail(&r->error, name,
				"must hold objects with numbers from 0 to 31 as names");
	}
	for (unsigned int i = 0; i <= 31; i++) {
		char path[DOC_PATH_BYTES], number[12];

		snprintf(number, sizeof(number), "%u", i);
		if (!json_object_object_get_ex(object, number, &member))
			continue;
		doc_path(path, "%s.%u", name, i);
		e = one(r, member, path, i);
		if (e < 0)
			return e;
	}
	return 0;
}

/* --- config --------------------------------------------------------------------------------- */

static int read_requirements(struct luks2_reader *r, struct json_object *config)
{
	static const char path[] = "config.requirements";
	static const char reencrypt[] = "online-reencrypt", offline[] = "offline-reencrypt";
	struct json_object *requirements, *mandatory;
	int e = json_get_object(config, "config", "requirements", &requirements, &r->error);

	if (e < 0)
		return e == -ENOENT ? 0 : e;
	e = json_get_array(requirements, path, "mandatory", &mandatory, &r->error);
	if (e < 0)
		return e == -ENOENT ? 0 : e;
	for (size_t i = 0; i < json_object_array_length(mandatory); i++) {
		struct json_object *item = json_object_array_get_idx(mandatory, i);
		const char *text = json_object_get_string(item);

		if (!json_object_is_type(item, json_type_string) ||
			json_object_get_string_len(item) > LUKS_WORD_BYTES || !is_word(text))
			return json_fail(&r->error, path, "must hold words");
		if (strncmp(text, reencrypt, strlen(reencrypt)) == 0 || strcmp(text, offline) == 0)
			r->header.reencrypting = true;
		else if (!r->header.requirement[0])
			snprintf(r->header.requirement, sizeof(r->header.requirement), "%s", text);
	}
	return 0;
}

static int read_config(struct luks2_reader *r, struct json_object *top)
{
	struct json_object *config;
	int e = json_get_object(top, "", "config", &config, &r->error);

	e = json_required(e, "", "config", &r->error);
	if (e == 0)
		e = get_number_text(r, config, "config", "json_size", &r->json_bytes);
	if (e == 0)
		e = get_number_text(
			r, config, "config", "keyslots_size", &r->header.keyslots_bytes);
	if (e < 0)
		return e;
	if (r->json_bytes + LUKS_BINARY_BYTES != r->header.header_bytes)
		return json_fail(&r->error, "config", "json_size does not fit the header");
	/* cryptsetup's own limit. */
	if (r->header.keyslots_bytes > 128 * 1024 * 1024)
		return json_fail(&r->error, "config", "keyslots_size is above 128 MiB");
	return read_requirements(r, config);
}

/* --- digests, segments, tokens -------------------------------------------------------------- */

static int read_digest(
	struct luks2_reader *r, struct json_object *object, const char *path, unsigned int number)
{
	const char *salt = "", *digest = "";
	uint32_t slots, segments;
	int e = get_references(r, object, path, "keyslots", &slots);

	e = json_required(e, path, "keyslots", &r->error);
	if (e == 0)
		e = get_references(r, object, path, "segments", &segments);
	e = json_required(e, path, "segments", &r->error);
	if (e == 0)
		e = get_word(r, object, path, "salt", SALT_TEXT_BYTES, &salt);
	if (e == 0)
		e = get_word(r, object, path, "digest", SALT_TEXT_BYTES, &digest);
	if (e < 0)
		return e;
	if (segments)
		r->keys_of_segments |= slots;
	buf_printf(&r->identity, "digest %u %s %s %" PRIx32 " %d\n", number, salt, digest, slots,
		segments != 0);
	return 0;
}

static int read_segment(
	struct luks2_reader *r, struct json_object *object, const char *path, unsigned int number)
{
	const char *type, *cipher;
	struct json_object *flags;
	uint64_t offset;
	int e = get_word(r, object, path, "type", LUKS_WORD_BYTES, &type);

	(void)number;
	if (e == 0)
		e = get_number_text(r, object, path, "offset", &offset);
	if (e < 0)
		return e;
	e = json_get_array(object, path, "flags", &flags, &r->error);
	if (e < 0 && e != -ENOENT)
		return e;
	/* What was, or will be, while the volume is re-encrypted. */
	if (e == 0 && has_word(flags, "backup-"))
		return 0;
	if (!r->seen_cipher || offset < r->header.data_offset)
		r->header.data_offset = offset;
	/* Parts of it hold plain text until they are re-encrypted, or lie in the disk's hands. */
	if (strcmp(type, "linear") == 0 || strcmp(type, "hw-opal") == 0) {
		snprintf(r->header.cipher, sizeof(r->header.cipher), "none");
		r->seen_cipher = true;
		return 0;
	}
	e = get_word(r, object, path, "encryption", LUKS_CIPHER_BYTES, &cipher);
	if (e == 0 && !r->seen_cipher) {
		snprintf(r->header.cipher, sizeof(r->header.cipher), "%s", cipher);
		r->seen_cipher = true;
	}
	return e;
}

static int read_token(
	struct luks2_reader *r, struct json_object *object, const char *path, unsigned int number)
{
	struct luks_token *token = &r->header.tokens[number];
	const char *type;
	int e = get_word(r, object, path, "type", LUKS_WORD_BYTES, &type);

	if (e == 0) {
		e = get_references(r, object, path, "keyslots", &token->slots);
		e = json_required(e, path, "keyslots", &r->error);
	}
	if (e < 0)
		return e;
	snprintf(token->type, sizeof(token->type), "%s", type);
	if (strcmp(type, LUKS_RECOVERY_TOKEN) == 0) {
		e = json_get_int(
			object, path, "generation", 0, INT64_MAX, &token->generation, &r->error);
		if (e < 0 && e != -ENOENT)
			return e;
	}
	token->active = true;
	return 0;
}

/* --- keyslots ------------------------------------------------------------------------------- */

static int read_kdf(struct luks2_reader *r, struct json_object *object, const char *path,
	struct luks_slot *slot)
{
	const char *type, *salt = "", *hash = "";
	int e = get_word(r, object, path, "type", LUKS_WORD_BYTES, &type);

	if (e < 0)
		return e;
	for (slot->kdf = 0; slot->kdf < LUKS_KDF_MAX; slot->kdf++)
		if (strcmp(type, luks_kdf_name(slot->kdf)) == 0)
			break;
	if (slot->kdf == LUKS_KDF_MAX)
		return json_fail(&r->error, path, "type must be pbkdf2, argon2i or argon2id");
	e = get_word(r, object, path, "salt", SALT_TEXT_BYTES, &salt);
	if (e == 0 && slot->kdf == LUKS_KDF_PBKDF2) {
		e = get_word(r, object, path, "hash", LUKS_WORD_BYTES, &hash);
		if (e == 0)
			e = get_number(
				r, object, path, "iterations", UINT32_MAX, &slot->iterations);
	} else if (e == 0) {
		e = get_number(r, object, path, "time", UINT32_MAX, &slot->iterations);
		if (e == 0)
			e = get_number(r, object, path, "memory", UINT32_MAX, &slot->memory_kib);
		if (e == 0)
			e = get_number(r, object, path, "cpus", UINT32_MAX, &slot->parallel);
	}
	if (e == 0)
		buf_printf(&r->identity, "%s %s %s %" PRIu32 " %" PRIu32 " %" PRIu32 "\n", type,
			salt, hash, slot->iterations, slot->memory_kib, slot->parallel);
	return e;
}

/* Where it lies: behind both headers, before the data, on no other. */
static int read_area(struct luks2_reader *r, struct json_object *object, const char *path,
	struct luks_slot *slot)
{
	const struct luks_header *h = &r->header;
	int e = get_number_text(r, object, path, "offset", &slot->offset_bytes);

	if (e == 0)
		e = get_number_text(r, object, path, "size", &slot->size_bytes);
	if (e < 0)
		return e;
	if (slot->size_bytes == 0 || slot->offset_bytes < h->keyslots_offset ||
		slot->size_bytes > h->keyslots_bytes ||
		slot->offset_bytes - h->keyslots_offset > h->keyslots_bytes - slot->size_bytes)
		return json_fail(&r->error, path, "lies outside of the area for keyslots");
	for (unsigned int i = 0; i < LUKS_SLOTS_MAX; i++) {
		const struct luks_slot *other = &h->slots[i];

		if (other->active && slot->offset_bytes < other->offset_bytes + other->size_bytes &&
			other->offset_bytes < slot->offset_bytes + slot->size_bytes)
			return json_fail(&r->error, path, "lies on that of keyslot %u", i);
	}
	return 0;
}

static int read_priority(struct luks2_reader *r, struct json_object *object, const char *path,
	struct luks_slot *slot)
{
	int64_t priority = LUKS_PRIORITY_NORMAL;
	int e = json_get_int(
		object, path, "priority", 0, LUKS_PRIORITY_MAX - 1, &priority, &r->error);

	slot->priority = (enum luks_priority)priority;
	return e == -ENOENT ? 0 : e;
}

/* The parts of a keyslot that holds a key. */
static int read_key(struct luks2_reader *r, struct json_object *object, const char *path,
	struct json_object *area, struct luks_slot *slot)
{
	char below[DOC_PATH_BYTES];
	struct json_object *af, *kdf;
	const char *cipher, *hash;
	uint32_t key_bytes = 0, area_key_bytes = 0, stripes = 0;
	int e = get_number(r, object, path, "key_size", KEY_BYTES_MAX, &key_bytes);

	if (e < 0)
		return e;
	slot->key_bits = key_bytes * 8;
	doc_path(below, "%s.area", path);
	e = get_word(r, area, below, "encryption", LUKS_CIPHER_BYTES, &cipher);
	if (e == 0)
		e = get_number(r, area, below, "key_size", KEY_BYTES_MAX, &area_key_bytes);
	if (e < 0)
		return e;
	snprintf(slot->cipher, sizeof(slot->cipher), "%s", cipher);
	e = json_get_object(object, path, "af", &af, &r->error);
	e = json_required(e, path, "af", &r->error);
	if (e < 0)
		return e;
	doc_path(below, "%s.af", path);
	e = get_word(r, af, below, "hash", LUKS_WORD_BYTES, &hash);
	if (e == 0)
		e = get_number(r, af, below, "stripes", UINT32_MAX, &stripes);
	if (e < 0)
		return e;
	buf_printf(&r->identity, "%" PRIu32 " %s %" PRIu32 " %s %" PRIu32 " ", key_bytes, cipher,
		area_key_bytes, hash, stripes);
	e = json_get_object(object, path, "kdf", &kdf, &r->error);
	e = json_required(e, path, "kdf", &r->error);
	if (e < 0)
		return e;
	doc_path(below, "%s.kdf", path);
	return read_kdf(r, kdf, below, slot);
}

static int read_slot(
	struct luks2_reader *r, struct json_object *object, const char *path, unsigned int number)
{
	struct luks_slot slot = {.active = true};
	char below[DOC_PATH_BYTES];
	struct json_object *area;
	const char *type;
	size_t at = r->identity.n_bytes;
	int e = get_word(r, object, path, "type", LUKS_WORD_BYTES, &type);

	if (e == 0) {
		e = json_get_object(object, path, "area", &area, &r->error);
		e = json_required(e, path, "area", &r->error);
	}
	doc_path(below, "%s.area", path);
	if (e == 0)
		e = read_area(r, area, below, &slot);
	if (e == 0)
		e = read_priority(r, object, path, &slot);
	if (e < 0)
		return e;
	buf_printf(&r->identity, "slot %u %" PRIu64 " %" PRIu64 " ", number, slot.offset_bytes,
		slot.size_bytes);
	if (strcmp(type, "luks2") == 0) {
		e = read_key(r, object, path, area, &slot);
		slot.opens = (r->keys_of_segments & UINT32_C(1) << number) != 0;
	} else if (strcmp(type, "reencrypt") == 0) {
		/* Holds how far a re-encryption is, and no key. */
		r->header.reencrypting = true;
		buf_puts(&r->identity, "reencrypt\n");
	} else {
		e = json_fail(&r->error, path, "type must be luks2 or reencrypt");
	}
	if (e == 0)
		e = r->identity.error;
	if (e == 0)
		e = sha256(r->identity.data + at, r->identity.n_bytes - at, slot.digest);
	if (e == 0)
		r->header.slots[number] = slot;
	return e;
}

/* --- the whole ------------------------------------------------------------------------------ */

/* What refers to a keyslot refers to one that is there. */
static int check_references(struct luks2_reader *r)
{
	uint32_t active = 0;

	for (unsigned int i = 0; i < LUKS_SLOTS_MAX; i++)
		if (r->header.slots[i].active)
			active |= UINT32_C(1) << i;
	if (r->keys_of_segments & ~active)
		return json_fail(&r->error, "digests", "name a keyslot that is not there");
	for (unsigned int i = 0; i < LUKS_TOKENS_MAX; i++)
		if (r->header.tokens[i].slots & ~active)
			return json_fail(
				&r->error, "tokens", "%u names a keyslot that is not there", i);
	if (!r->seen_cipher)
		return json_fail(&r->error, "segments", "hold no data");
	return 0;
}

static int read_all(struct luks2_reader *r, struct json_object *top)
{
	int e = read_config(r, top);

	/* Digests before keyslots: they say which of these open the volume. */
	if (e == 0)
		e = each_of(r, top, "digests", read_digest);
	if (e == 0)
		e = each_of(r, top, "segments", read_segment);
	if (e == 0)
		e = each_of(r, top, "keyslots", read_slot);
	if (e == 0)
		e = each_of(r, top, "tokens", read_token);
	if (e == 0)
		e = check_references(r);
	if (e < 0)
		return e;
	for (unsigned int i = 0; i < LUKS_SLOTS_MAX; i++) {
		const struct luks_slot *slot = &r->header.slots[i];

		if (slot->active && slot->opens &&
			(r->header.key_bits == 0 || slot->key_bits < r->header.key_bits))
			r->header.key_bits = slot->key_bits;
	}
	if (r->identity.error)
		return r->identity.error;
	return sha256(r->identity.data ? r->identity.data : "", r->identity.n_bytes,
		r->header.slots_digest);
}

int luks2_parse(
	const char *json, size_t n_bytes, struct luks_header *header, struct luks_fault *ret_fault)
{
	_cleanup_json_ struct json_object *top = NULL;
	struct luks2_reader reader = {.header = *header};
	int e;

	if (header->version != 2)
		return luks_fail(ret_fault, "the header is not one of LUKS2");
	if (n_bytes > LIMIT_LUKS_JSON_BYTES)
		return luks_fail(
			ret_fault, "the metadata is above %d KiB", LIMIT_LUKS_JSON_BYTES / 1024);
	e = json_parse(json, n_bytes, &top, &reader.error);
	if (e == 0)
		e = read_all(&reader, top);
	buf_done(&reader.identity);
	if (e == -EBADMSG)
		return luks_fail(ret_fault, "%s%s%s", reader.error.path,
			*reader.error.path ? ": " : "", reader.error.message);
	if (e == 0)
		*header = reader.header;
	return e;
}
