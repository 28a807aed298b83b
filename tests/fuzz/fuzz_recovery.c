/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: enforcer */
/*
 * fuzz_recovery.c - the records of recovery keys and of trials of the empty passphrase, of
 * arbitrary bytes. The digest line is made to fit, so that the lines are reached; what is taken is
 * within bounds, and written and read again it is the same.
 *
 * First byte: bit 0: trials. Rest: the file, without its last line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/empty_trials.h"
#include "agent/enforcer/recovery_store.h"
#include "agent/enforcer/state_text.h"
#include "agent/util/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void check_key(const struct recovery_record *record, const struct recovery_key *key)
{
	expect(key->generation >= 0 && key->generation <= record->last_generation);
	expect(key->slot >= 0 && key->slot < LUKS_SLOTS_MAX && key->made_s >= 0);
	expect(key->box.n_certificates <= ESCROW_CERTIFICATES_MAX);
	expect(key->box.n_cms <= ESCROW_BLOB_BYTES);
}

static void check_volume(const struct recovery_record *record, size_t i)
{
	const struct recovery_volume *v = &record->volumes[i];

	if (!v->uuid[0])
		return;
	expect(strlen(v->uuid) <= LUKS_UUID_BYTES && text_is_valid(v->uuid, strlen(v->uuid)));
	/* No other has its name. */
	expect(recovery_find((struct recovery_record *)record, v->uuid) == v);
	expect(v->making_slot >= -1 && v->making_slot < LUKS_SLOTS_MAX && v->checked_s >= 0);
	for (size_t k = 0; k < RECOVERY_PLACE_MAX; k++)
		check_key(record, &v->keys[k]);
	/* What is told to the server can be opened by somebody. */
	for (size_t k = RECOVERY_CURRENT; k <= RECOVERY_NEXT; k++)
		expect(!v->keys[k].generation ||
			(v->keys[k].box.n_certificates && v->keys[k].box.n_cms));
}

static void check_recovery(const struct buf *text)
{
	static struct recovery_record record, again;
	char enrolment[RECOVERY_ENROLMENT_DIGITS + 1] = "", same[sizeof(enrolment)] = "";
	_cleanup_buf_ struct buf first = BUF_INIT, second = BUF_INIT;
	int r = recovery_parse(text->data, text->n_bytes, &record, enrolment);

	if (r < 0) {
		expect(r == -EBADMSG);
		expect(record.last_generation == 0 && !record.volumes[0].uuid[0]);
		return;
	}
	for (size_t i = 0; i < RECOVERY_VOLUMES_MAX; i++)
		check_volume(&record, i);
	/* A file of the agent's says whose it is. */
	if (!enrolment[0])
		memcpy(enrolment, "00112233445566778899aabbccddeeff", sizeof(enrolment));
	expect(recovery_write(&record, enrolment, &first) == 0);
	expect(first.n_bytes <= LIMIT_STATE_BYTES);
	expect(recovery_parse(first.data, first.n_bytes, &again, same) == 0);
	expect(strcmp(enrolment, same) == 0);
	expect(recovery_write(&again, same, &second) == 0);
	expect(strcmp(first.data, second.data) == 0);
}

static void check_trials(const struct buf *text)
{
	_cleanup_buf_ struct buf first = BUF_INIT, second = BUF_INIT;
	struct empty_trials_record record, again;
	int r = empty_trials_parse(text->data, text->n_bytes, &record);

	if (r < 0) {
		expect(r == -EBADMSG);
		return;
	}
	expect(record.n_rows <= LIMIT_EMPTY_TRIALS);
	for (size_t i = 0; i < record.n_rows; i++)
		expect(empty_trials_find(&record, record.rows[i].slots_digest) ==
			record.rows[i].opens);
	expect(empty_trials_write(&record, &first) == 0);
	expect(empty_trials_parse(first.data, first.n_bytes, &again) == 0);
	expect(empty_trials_write(&again, &second) == 0);
	expect(strcmp(first.data, second.data) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (n_bytes < 1)
		return 0;
	buf_append(&text, data + 1, n_bytes - 1);
	expect(state_text_close(&text) == 0);
	if (data[0] & 1)
		check_trials(&text);
	else
		check_recovery(&text);
	return 0;
}
