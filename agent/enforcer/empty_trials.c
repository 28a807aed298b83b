/* SPDX-License-Identifier: Apache-2.0 */
/* empty_trials.c - how trials of the empty passphrase ended; see empty_trials.h. Enforcer. */
#include "agent/enforcer/empty_trials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/state_text.h"
#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "platform/luks_known.h"

#define TRIALS_FILE "trials" /* in the state directory */
#define TRIALS_LINE "mdm-agent-trials 1"
#define TRIALS_FILE_BYTES 8192 /* more than it can have */
#define BOOT_ENDS_S 600

struct empty_trials {
	struct enforcer *e;
	struct luks_known known; /* lent to the backend "luks" */
	struct empty_trials_record record;
};

/* --- text -------------------------------------------------------------------------------- */

void empty_trials_note(
	struct empty_trials_record *record, const uint8_t slots_digest[SHA256_BYTES], bool opens)
{
	size_t i = 0;

	while (i < record->n_rows &&
		memcmp(record->rows[i].slots_digest, slots_digest, SHA256_BYTES) != 0)
		i++;
	if (i == LIMIT_EMPTY_TRIALS)
		i = 0;
	if (i < record->n_rows) {
		record->n_rows--;
		memmove(&record->rows[i], &record->rows[i + 1],
			(record->n_rows - i) * sizeof(record->rows[0]));
	}
	memcpy(record->rows[record->n_rows].slots_digest, slots_digest, SHA256_BYTES);
	record->rows[record->n_rows++].opens = opens;
}

int empty_trials_find(
	const struct empty_trials_record *record, const uint8_t slots_digest[SHA256_BYTES])
{
	for (size_t i = 0; i < record->n_rows; i++)
		if (memcmp(record->rows[i].slots_digest, slots_digest, SHA256_BYTES) == 0)
			return record->rows[i].opens;
	return -ENOENT;
}

static int trials_take(char *line, void *userdata)
{
	struct empty_trials_record *record = userdata;
	uint8_t digest[SHA256_BYTES];
	char *value = line;
	const char *name = strsep(&value, " ");
	bool opens = strcmp(name, "opens") == 0;

	if (!opens && strcmp(name, "refused") != 0)
		return 0; /* of a newer agent */
	if (!value || hex_decode(value, digest, sizeof(digest)) < 0 ||
		record->n_rows == LIMIT_EMPTY_TRIALS ||
		empty_trials_find(record, digest) != -ENOENT)
		return -EBADMSG;
	empty_trials_note(record, digest, opens);
	return 0;
}

int empty_trials_parse(const char *text, size_t n_bytes, struct empty_trials_record *ret_record)
{
	struct empty_trials_record record = {.n_rows = 0};
	int r = state_text_parse(text, n_bytes, TRIALS_LINE, trials_take, &record);

	if (r == 0)
		*ret_record = record;
	return r;
}

int empty_trials_write(const struct empty_trials_record *record, struct buf *out)
{
	char digits[2 * SHA256_BYTES + 1];

	buf_puts(out, TRIALS_LINE "\n");
	for (size_t i = 0; i < record->n_rows; i++) {
		hex_encode(record->rows[i].slots_digest, SHA256_BYTES, digits);
		buf_printf(out, "%s %s\n", record->rows[i].opens ? "opens" : "refused", digits);
	}
	return state_text_close(out);
}

/* --- for the backend --------------------------------------------------------------------- */

static int trials_get(const uint8_t slots_digest[SHA256_BYTES], void *userdata)
{
	const struct empty_trials *trials = userdata;

	return empty_trials_find(&trials->record, slots_digest);
}

static void trials_put(const uint8_t slots_digest[SHA256_BYTES], bool opens, void *userdata)
{
	struct empty_trials *trials = userdata;
	struct enforcer *e = trials->e;
	_cleanup_buf_ struct buf text = {.max_bytes = TRIALS_FILE_BYTES};
	int r;

	empty_trials_note(&trials->record, slots_digest, opens);
	/* Its answer may come when the phone is nobody's any more. */
	if (!e->state.facts.enrolled)
		return;
	r = empty_trials_write(&trials->record, &text);
	if (r == 0)
		r = state_write(&e->state, TRIALS_FILE, text.data, text.n_bytes);
	if (r < 0)
		log_warning("%s in %s cannot be written: %s; after a restart the empty passphrase "
			    "is tried again",
			TRIALS_FILE, e->options.state_dir, strerror(-r));
}

/* --- life -------------------------------------------------------------------------------- */

void empty_trials_forget(struct enforcer *e)
{
	int r = fs_remove(e->state.dir_fd, TRIALS_FILE);

	if (e->trials)
		e->trials->record.n_rows = 0;
	if (r < 0)
		log_warning("%s in %s could not be removed: %s", TRIALS_FILE, e->options.state_dir,
			strerror(-r));
}

int empty_trials_new(struct enforcer *e, struct empty_trials **ret_trials)
{
	struct empty_trials *trials = calloc(1, sizeof(*trials));
	_cleanup_free_ char *text = NULL;
	size_t n = 0;
	int r;

	if (!trials)
		return -ENOMEM;
	trials->e = e;
	trials->known = (struct luks_known){
		.get = trials_get,
		.put = trials_put,
		.userdata = trials,
		.delay_s = clock_boottime_us() < BOOT_ENDS_S * USEC_PER_SEC ? LUKS_TRIAL_DELAY_S
									    : LUKS_TRIAL_SOON_S,
	};
	r = fs_read(e->state.dir_fd, TRIALS_FILE, TRIALS_FILE_BYTES, &text, &n);
	if (r == 0)
		r = empty_trials_parse(text, n, &trials->record);
	if (r < 0 && r != -ENOENT)
		log_warning("%s in %s cannot be read: %s; the empty passphrase is tried again",
			TRIALS_FILE, e->options.state_dir, strerror(-r));
	e->platform.luks = &trials->known;
	*ret_trials = trials;
	return 0;
}

void empty_trials_free(struct empty_trials *trials)
{
	if (!trials)
		return;
	trials->e->platform.luks = NULL;
	free(trials);
}
