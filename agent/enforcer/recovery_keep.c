/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery_keep.c - the key that the agent may keep for itself, so that recovery keys are exchanged
 * without anybody typing a passphrase; see recovery.h. Enforcer.
 *
 * It is a drawn text in a file of the state directory, and is kept only where that lies on one of
 * the encrypted volumes: whoever reads it there has the disk open already. It is read when it is
 * used, and wiped. Its keyslots go with crypto-lock and with the enrolment.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/recovery_private.h"
#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "platform/luks_disks.h"

#define KEEP_FILE "recovery-key" /* in the state directory */
#define KEEP_RETRY_US (3600 * USEC_PER_SEC)

/* --- the file ----------------------------------------------------------------------------- */

static int keep_read(struct enforcer *e, char ret_key[RECOVERY_KEPT_BYTES + 1])
{
	char *text = NULL;
	size_t n = 0;
	int r = fs_read(e->state.dir_fd, KEEP_FILE, RECOVERY_KEPT_BYTES, &text, &n);

	if (r < 0)
		return r;
	r = n == RECOVERY_KEPT_BYTES ? 0 : -EBADMSG;
	if (r == 0) {
		memcpy(ret_key, text, n);
		ret_key[n] = 0;
	}
	secret_free(text, n);
	return r;
}

static int keep_make(struct enforcer *e, char ret_key[RECOVERY_KEPT_BYTES + 1])
{
	uint8_t random[RECOVERY_KEPT_BYTES / 2];
	int r = random_bytes(random, sizeof(random));

	if (r < 0)
		return r;
	hex_encode(random, sizeof(random), ret_key);
	explicit_bzero(random, sizeof(random));
	return state_write(&e->state, KEEP_FILE, ret_key, RECOVERY_KEPT_BYTES);
}

int recovery_keep_open(struct enforcer *e, char ret_key[RECOVERY_KEPT_BYTES + 1])
{
	char link[64], path[PATH_MAX];
	ssize_t n;
	int r;

	/* What it lies on, not what the command line called it. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", e->state.dir_fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = 0;
	r = luks_disks_hold(e->sysroot_fd, path);
	if (r <= 0)
		return r < 0 ? r : -EXDEV;
	r = keep_read(e, ret_key);
	return r == -ENOENT || r == -EBADMSG ? keep_make(e, ret_key) : r;
}

bool recovery_keeps(const struct enforcer *e)
{
	for (size_t i = 0; e->recovery && i < RECOVERY_VOLUMES_MAX; i++) {
		const struct recovery_volume *v = &e->recovery->record.volumes[i];

		if (v->uuid[0] && v->kept_slot >= 0)
			return true;
	}
	return false;
}

void recovery_keep_close(struct enforcer *e)
{
	int r = recovery_keeps(e) ? 0 : fs_remove(e->state.dir_fd, KEEP_FILE);

	if (r < 0 && r != -ENOENT)
		log_error(
			"%s in %s, which opens this phone's disks, could not be removed: %s; remove "
			"it by hand",
			KEEP_FILE, e->options.state_dir, strerror(-r));
}

/* --- exchanging ---------------------------------------------------------------------------- */

static void keep_on_exchanged(
	struct enforcer *e, const struct recovery_outcome *outcomes, size_t n_outcomes)
{
	bool any = false;

	for (size_t i = 0; i < n_outcomes; i++) {
		any = any || outcomes[i].end == RECOVERY_SEALED;
		if (outcomes[i].end != RECOVERY_SEALED && outcomes[i].detail[0])
			log_warning("no new recovery key of %s: %s", outcomes[i].name,
				outcomes[i].detail);
	}
	/* Where nothing came of it nothing will for a while. */
	if (!any)
		e->recovery->exchange_after_us = clock_boottime_us() + KEEP_RETRY_US;
	reconcile_request(&e->reconcile, false);
	if (!any || !e->state.facts.enrolled || checkin_is_leaving(e))
		return;
	/* What was made counts when the server has it. */
	pacing_request(&e->pacing, clock_boottime_us(), 0, true);
	checkin_begin(e);
}

/* What the round found: 0: nothing to do; 1: keys are lacking; 2: they are too old. */
static int keep_wish(const struct enforcer *e)
{
	static const enum setting_id ids[] = {
		SETTING_ENCRYPTION_ESCROW, SETTING_ENCRYPTION_ESCROW_MAX_AGE};
	int wish = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		const struct compliance_result *result =
			compliance_result(&e->reconcile.compliance, ids[i]);

		if (!result->present || result->state != COMPLIANCE_NONCOMPLIANT)
			continue;
		if (result->reason == REASON_ESCROW_OLD)
			wish = 2;
		else if (result->reason == REASON_ESCROW_SEEN ||
			 result->reason == REASON_ESCROW_OTHER_KEY ||
			 result->reason == REASON_ESCROW_BROKEN ||
			 result->reason == REASON_ESCROW_MISSING)
			wish = wish ? wish : 1;
	}
	return wish;
}

void recovery_update(struct enforcer *e)
{
	char key[RECOVERY_KEPT_BYTES + 1];
	struct recovery_request request = {
		.passphrase = key, .n_passphrase = RECOVERY_KEPT_BYTES, .may_wait = true};
	int64_t now_us = clock_boottime_us();
	int wish = e->reconcile.has_compliance && recovery_keeps(e) ? keep_wish(e) : 0, r;

	if (!wish || e->recovery->record.is_locking || e->recovery->unkeeping ||
		now_us < e->recovery->exchange_after_us)
		return;
	for (size_t i = 0; i < RECOVERY_VOLUMES_MAX; i++)
		if (e->recovery->record.volumes[i].keys[RECOVERY_NEXT].generation)
			return;
	request.anew = wish == 2;
	r = keep_read(e, key);
	if (r == 0)
		r = recovery_start(e, &request, keep_on_exchanged);
	explicit_bzero(key, sizeof(key));
	/* What is under way ends with a round. */
	if (r == -EBUSY)
		return;
	if (r < 0) {
		log_warning("recovery keys cannot be exchanged: %s", strerror(-r));
		e->recovery->exchange_after_us = now_us + KEEP_RETRY_US;
	}
}

/* --- the end ------------------------------------------------------------------------------- */

static void keep_on_ended(
	struct enforcer *e, const struct recovery_outcome *outcomes, size_t n_outcomes)
{
	for (size_t i = 0; i < n_outcomes; i++)
		if (outcomes[i].end == RECOVERY_FAILED)
			log_warning("the agent's keyslot of %s may still be there: %s",
				outcomes[i].name, outcomes[i].detail);
	e->recovery->unkeeping = false;
	e->recovery->unkept = true;
	recovery_keep_close(e);
	checkin_revert(e);
}

bool recovery_unkeep(struct enforcer *e)
{
	const struct recovery_request request = {.unkeep = true};
	int r;

	if (!e->recovery || e->recovery->unkept || !recovery_keeps(e))
		return false;
	if (e->recovery->unkeeping)
		return true;
	r = recovery_start(e, &request, keep_on_ended);
	e->recovery->unkeeping = r == 0;
	if (r < 0)
		log_warning("the agent's keyslots cannot be removed: %s", strerror(-r));
	return r == 0;
}
