/* SPDX-License-Identifier: Apache-2.0 */
/* recovery_store.c - the state file of recovery keys; see recovery_store.h. Enforcer. */
#include "agent/enforcer/recovery_store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/state_text.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"

#define RECOVERY_FILE "recovery" /* in the state directory */
#define RECOVERY_LINE "mdm-agent-recovery 1"
#define RECOVERY_NUMBER_MAX ((INT64_C(1) << 53) - 1)

static const char *const recovery_places[RECOVERY_PLACE_MAX] = {"current", "next", "former"};

/* --- volumes ----------------------------------------------------------------------------- */

/* A volume that is free has nothing else: its memory is left alone, it may never have been used. */
static void recovery_forget(struct recovery_record *record)
{
	for (size_t i = 0; i < RECOVERY_VOLUMES_MAX; i++)
		if (record->volumes[i].uuid[0])
			memset(&record->volumes[i], 0, sizeof(record->volumes[i]));
	record->is_locking = false;
	memset(record->locked_boot, 0, sizeof(record->locked_boot));
	record->seen_generation = record->last_generation = 0;
}

void recovery_copy(const struct recovery_record *from, struct recovery_record *to)
{
	for (size_t i = 0; i < RECOVERY_VOLUMES_MAX; i++) {
		if (from->volumes[i].uuid[0])
			to->volumes[i] = from->volumes[i];
		else if (to->volumes[i].uuid[0])
			memset(&to->volumes[i], 0, sizeof(to->volumes[i]));
	}
	to->is_locking = from->is_locking;
	memcpy(to->locked_boot, from->locked_boot, sizeof(to->locked_boot));
	to->seen_generation = from->seen_generation;
	to->last_generation = from->last_generation;
}

struct recovery_volume *recovery_find(struct recovery_record *record, const char *uuid)
{
	for (size_t i = 0; i < RECOVERY_VOLUMES_MAX && *uuid; i++)
		if (strcmp(record->volumes[i].uuid, uuid) == 0)
			return &record->volumes[i];
	return NULL;
}

struct recovery_volume *recovery_place(struct recovery_record *record, const char *uuid)
{
	struct recovery_volume *v = recovery_find(record, uuid);

	for (size_t i = 0; i < RECOVERY_VOLUMES_MAX && !v && strlen(uuid) <= LUKS_UUID_BYTES; i++)
		if (!record->volumes[i].uuid[0]) {
			v = &record->volumes[i];
			memset(v, 0, sizeof(*v));
			memcpy(v->uuid, uuid, strlen(uuid) + 1);
			v->making_slot = v->kept_slot = -1;
		}
	return v;
}

/* --- reading ----------------------------------------------------------------------------- */

struct recovery_reader {
	struct recovery_record *record;
	struct recovery_volume *volume; /* the lines that follow are about it */
	char enrolment[RECOVERY_ENROLMENT_DIGITS + 1];
};

static bool recovery_uuid_is_valid(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && n <= LUKS_UUID_BYTES && strspn(text, "0123456789abcdefABCDEF-") == n;
}

/* "current slot 3": the place, then what it is about. */
static int recovery_take_key(struct recovery_key *key, const char *name, const char *value)
{
	int64_t slot;
	int r;

	if (strcmp(name, "generation") == 0)
		return parse_int64(value, 1, RECOVERY_NUMBER_MAX, &key->generation);
	if (strcmp(name, "slot") == 0) {
		r = parse_int64(value, 0, LUKS_SLOTS_MAX - 1, &slot);
		if (r == 0)
			key->slot = (int)slot;
		return r;
	}
	if (strcmp(name, "made") == 0)
		return parse_int64(value, 0, RECOVERY_NUMBER_MAX, &key->made_s);
	if (strcmp(name, "seal") == 0)
		return hex_decode(value, key->seal, sizeof(key->seal));
	/* What is of neither is of a newer agent. */
	r = escrow_box_take(&key->box, name, value);
	return r < 0 ? r : 0;
}

static int recovery_take_volume(struct recovery_volume *v, const char *name, char *value)
{
	int64_t slot;
	int r;

	if (strcmp(name, "making") == 0) {
		r = parse_int64(value, 0, LUKS_SLOTS_MAX - 1, &slot);
		if (r == 0)
			v->making_slot = (int)slot;
		return r;
	}
	if (strcmp(name, "makingseal") == 0) {
		v->making_is_sealed = true;
		return hex_decode(value, v->making_seal, sizeof(v->making_seal));
	}
	if (strcmp(name, "stray") == 0) {
		r = parse_int64(value, 0, LUKS_SLOTS_MAX - 1, &slot);
		if (r == 0)
			v->strays |= UINT32_C(1) << slot;
		return r;
	}
	if (strcmp(name, "kept") == 0) {
		r = parse_int64(value, 0, LUKS_SLOTS_MAX - 1, &slot);
		if (r == 0)
			v->kept_slot = (int)slot;
		return r;
	}
	if (strcmp(name, "keptseal") == 0)
		return hex_decode(value, v->kept_seal, sizeof(v->kept_seal));
	if (strcmp(name, "checked") == 0)
		return parse_int64(value, 0, RECOVERY_NUMBER_MAX, &v->checked_s);
	if (strcmp(name, "broken") == 0) {
		v->is_broken = strcmp(value, "yes") == 0;
		return 0;
	}
	for (size_t i = 0; i < RECOVERY_PLACE_MAX; i++)
		if (strcmp(name, recovery_places[i]) == 0) {
			const char *part = strsep(&value, " ");

			return value ? recovery_take_key(&v->keys[i], part, value) : -EBADMSG;
		}
	return 0;
}

static int recovery_take(char *line, void *userdata)
{
	struct recovery_reader *reader = userdata;
	char *value = line;
	const char *name = strsep(&value, " ");
	int r = 0;

	if (!value)
		return -EBADMSG;
	if (strcmp(name, "enrolment") == 0) {
		if (!hex_is_valid(value, 16))
			return -EBADMSG;
		memcpy(reader->enrolment, value, sizeof(reader->enrolment));
	} else if (strcmp(name, "generations") == 0) {
		r = parse_int64(value, 0, RECOVERY_NUMBER_MAX, &reader->record->last_generation);
	} else if (strcmp(name, "seen") == 0) {
		r = parse_int64(value, 0, RECOVERY_NUMBER_MAX, &reader->record->seen_generation);
	} else if (strcmp(name, "locking") == 0) {
		reader->record->is_locking = strcmp(value, "yes") == 0;
	} else if (strcmp(name, "locked") == 0) {
		if (!hex_is_valid(value, BOOT_ID_BYTES))
			return -EBADMSG;
		memcpy(reader->record->locked_boot, value, sizeof(reader->record->locked_boot));
	} else if (strcmp(name, "volume") == 0) {
		if (!recovery_uuid_is_valid(value) || recovery_find(reader->record, value))
			return -EBADMSG;
		reader->volume = recovery_place(reader->record, value);
		r = reader->volume ? 0 : -EBADMSG;
	} else if (reader->volume) {
		r = recovery_take_volume(reader->volume, name, value);
	}
	return r < 0 ? -EBADMSG : 0;
}

static bool recovery_is_whole(const struct recovery_record *record)
{
	for (size_t i = 0; i < RECOVERY_VOLUMES_MAX; i++)
		for (size_t k = 0; k < RECOVERY_PLACE_MAX; k++) {
			const struct recovery_key *key = &record->volumes[i].keys[k];

			if (key->generation > record->last_generation ||
				(key->generation && k != RECOVERY_FORMER &&
					(!key->box.n_certificates || !key->box.n_cms)))
				return false;
		}
	return true;
}

int recovery_parse(const char *text, size_t n_bytes, struct recovery_record *ret_record,
	char ret_enrolment[RECOVERY_ENROLMENT_DIGITS + 1])
{
	struct recovery_reader reader = {.record = ret_record};
	int r;

	recovery_forget(ret_record);
	r = state_text_parse(text, n_bytes, RECOVERY_LINE, recovery_take, &reader);
	if (r == 0 && !recovery_is_whole(ret_record))
		r = -EBADMSG;
	if (r < 0)
		recovery_forget(ret_record);
	else
		memcpy(ret_enrolment, reader.enrolment, sizeof(reader.enrolment));
	return r;
}

int recovery_load(struct enforcer *e, struct recovery_record *ret_record)
{
	char enrolment[RECOVERY_ENROLMENT_DIGITS + 1] = "";
	_cleanup_free_ char *text = NULL;
	size_t n = 0;
	int r = fs_read(e->state.dir_fd, RECOVERY_FILE, LIMIT_STATE_BYTES, &text, &n);

	recovery_forget(ret_record);
	if (r == 0)
		r = recovery_parse(text, n, ret_record, enrolment);
	if (r == 0 &&
		(!e->state.facts.enrolled || strcmp(enrolment, e->state.facts.enrolment_id) != 0)) {
		recovery_forget(ret_record);
		r = -ENOENT;
	}
	return r;
}

/* --- writing ----------------------------------------------------------------------------- */

static void recovery_write_key(
	const struct recovery_key *key, enum recovery_place place, struct buf *out)
{
	const char *name = recovery_places[place];
	char digits[2 * SHA256_BYTES + 1];

	hex_encode(key->seal, sizeof(key->seal), digits);
	buf_printf(out, "%s generation %" PRId64 "\n%s slot %d\n%s made %" PRId64 "\n%s seal %s\n",
		name, key->generation, name, key->slot, name, key->made_s, name, digits);
	if (place != RECOVERY_FORMER)
		escrow_box_write(&key->box, name, out);
}

static void recovery_write_volume(const struct recovery_volume *v, struct buf *out)
{
	char digits[2 * SHA256_BYTES + 1];

	buf_printf(out, "volume %s\nchecked %" PRId64 "\n", v->uuid, v->checked_s);
	if (v->is_broken)
		buf_puts(out, "broken yes\n");
	if (v->making_slot >= 0)
		buf_printf(out, "making %d\n", v->making_slot);
	if (v->making_slot >= 0 && v->making_is_sealed) {
		hex_encode(v->making_seal, sizeof(v->making_seal), digits);
		buf_printf(out, "makingseal %s\n", digits);
	}
	for (int i = 0; i < LUKS_SLOTS_MAX; i++)
		if (v->strays & (UINT32_C(1) << i))
			buf_printf(out, "stray %d\n", i);
	if (v->kept_slot >= 0) {
		hex_encode(v->kept_seal, sizeof(v->kept_seal), digits);
		buf_printf(out, "kept %d\nkeptseal %s\n", v->kept_slot, digits);
	}
	for (size_t i = 0; i < RECOVERY_PLACE_MAX; i++)
		if (v->keys[i].generation)
			recovery_write_key(&v->keys[i], i, out);
}

int recovery_write(const struct recovery_record *record, const char *enrolment, struct buf *out)
{
	buf_printf(out, RECOVERY_LINE "\nenrolment %s\ngenerations %" PRId64 "\n", enrolment,
		record->last_generation);
	if (record->seen_generation)
		buf_printf(out, "seen %" PRId64 "\n", record->seen_generation);
	if (record->is_locking)
		buf_puts(out, "locking yes\n");
	if (record->locked_boot[0])
		buf_printf(out, "locked %s\n", record->locked_boot);
	for (size_t i = 0; i < RECOVERY_VOLUMES_MAX; i++)
		if (record->volumes[i].uuid[0])
			recovery_write_volume(&record->volumes[i], out);
	return state_text_close(out);
}

int recovery_save(struct enforcer *e, const struct recovery_record *record)
{
	_cleanup_buf_ struct buf text = {.max_bytes = LIMIT_STATE_BYTES};
	int r = recovery_write(record, e->state.facts.enrolment_id, &text);

	if (r == 0)
		r = state_write(&e->state, RECOVERY_FILE, text.data, text.n_bytes);
	return enforcer_note_written(e, r);
}

void recovery_clear(struct enforcer *e, struct recovery_record *record)
{
	int64_t last = e->state.facts.enrolled ? record->last_generation : 0;
	int r;

	recovery_forget(record);
	record->last_generation = last;
	r = last ? recovery_save(e, record) : fs_remove(e->state.dir_fd, RECOVERY_FILE);
	if (r < 0)
		log_warning("%s in %s could not be removed: %s", RECOVERY_FILE,
			e->options.state_dir, strerror(-r));
}
