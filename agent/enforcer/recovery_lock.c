/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery_lock.c - the part of a walk that leaves nothing but the organisation's keys; see
 * recovery_walk.h. Enforcer.
 */
#include <string.h>

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/recovery_walk.h"
#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"

static void run_journal(struct recovery_run *run, const char *what)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "what", what);
	jsonw_int(&w, "volumes", (int64_t)run->n_disks);
	jsonw_object_end(&w);
	enforcer_journal(run->e, JOURNAL_CRYPTO_LOCK, &payload);
}

bool recovery_run_may_lock(struct recovery_run *run)
{
	struct recovery_record changed = run->e->recovery->record;

	for (size_t i = 0; i < run->n_disks; i++)
		if (run->outcomes[i].end != RECOVERY_PRESENT)
			return false;
	changed.is_locking = true;
	if (recovery_commit(run->e, &changed) == 0) {
		run_journal(run, "begun");
		return true;
	}
	for (size_t i = 0; i < run->n_disks; i++) {
		run->outcomes[i].end = RECOVERY_FAILED;
		snprintf(run->outcomes[i].detail, sizeof(run->outcomes[i].detail),
			"that it is to be locked could not be recorded; nothing was changed");
	}
	return false;
}

/* A keyslot in use that is not the one to stay. -1: there is none. */
static int run_lock_slot(const struct recovery_run *run, int stays)
{
	for (int i = 0; i < LUKS_SLOTS_MAX; i++)
		if (run->header.slots[i].active && i != stays)
			return i;
	return -1;
}

/* What was found before may not be true any more. */
void recovery_run_lock(struct recovery_run *run)
{
	const struct recovery_volume *v = recovery_run_volume(run);
	const struct recovery_key *held = v ? &v->keys[RECOVERY_CURRENT] : NULL;

	if (!held || !held->generation || !recovery_run_holds(run, held)) {
		recovery_run_conclude(run, RECOVERY_BROKEN,
			"the organisation's key no longer opens it; its keyslots were left alone");
		return;
	}
	run->slot = run_lock_slot(run, held->slot);
	if (run->slot < 0)
		recovery_run_conclude(run, RECOVERY_LOCKED, "");
	else
		recovery_run_step(run, STEP_LOCK);
}

/* What is left of the volumes' keys is what the server has. It is over where nothing was in the
 * way; anything else is tried again after the next start. */
void recovery_run_locked(struct recovery_run *run)
{
	struct recovery_record changed = run->e->recovery->record;
	uint8_t boot[BOOT_ID_BYTES];
	bool all = true;

	for (size_t i = 0; i < run->n_disks; i++) {
		struct recovery_volume *v = recovery_find(&changed, run->outcomes[i].uuid);

		if (run->outcomes[i].end == RECOVERY_FAILED)
			return;
		all = all && run->outcomes[i].end == RECOVERY_LOCKED;
		if (!v || run->outcomes[i].end != RECOVERY_LOCKED)
			continue;
		memset(&v->keys[RECOVERY_NEXT], 0, sizeof(v->keys[RECOVERY_NEXT]));
		memset(&v->keys[RECOVERY_FORMER], 0, sizeof(v->keys[RECOVERY_FORMER]));
		v->making_slot = v->kept_slot = -1;
		v->strays = 0;
	}
	changed.is_locking = false;
	/* Not before it has restarted it asks for the key. */
	if (all && clock_boot_id(boot) == 0)
		hex_encode(boot, sizeof(boot), changed.locked_boot);
	if (recovery_commit(run->e, &changed) == 0 && all)
		run_journal(run, "done");
	recovery_keep_close(run->e);
}
