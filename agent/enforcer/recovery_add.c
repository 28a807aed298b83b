/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery_add.c - the part of a walk that makes keyslots: which the volume at hand still needs,
 * with what in it, and what is on record of it before and after; see recovery_walk.h. Enforcer.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/recovery_walk.h"

static const struct {
	enum recovery_end full; /* no keyslot is free */
	const char *full_text, *failed_text;
} addings[RECOVERY_ADDING_MAX] = {
	[RECOVERY_ADDING_PASSPHRASE] = {RECOVERY_FULL,
		"all keyslots are in use; cryptsetup luksKillSlot frees one",
		"the passphrase could not be recorded"},
	[RECOVERY_ADDING_KEPT] = {RECOVERY_FULL,
		"no keyslot is free for the agent's own key; cryptsetup luksKillSlot frees one",
		"the agent's own key could not be recorded"},
	[RECOVERY_ADDING_KEY] = {RECOVERY_FULL,
		"all keyslots are in use; cryptsetup luksKillSlot frees one",
		"the key could not be sealed"},
};

/* Bit N: keyslot N has, or had, a recovery key. */
static uint32_t run_key_slots(struct recovery_run *run)
{
	const struct recovery_volume *v = recovery_run_volume(run);
	uint32_t slots = luks_recovery_slots(&run->header);

	for (size_t i = 0; v && i < RECOVERY_PLACE_MAX; i++)
		if (v->keys[i].generation)
			slots |= UINT32_C(1) << v->keys[i].slot;
	return slots;
}

static bool run_wants_passphrase(const struct recovery_run *run)
{
	return run->n_given && !run->gave;
}

static bool run_wants_kept(struct recovery_run *run)
{
	return run->wants_keep && !run->kept && !recovery_run_holds_kept(run);
}

bool recovery_run_wants(struct recovery_run *run)
{
	return run_wants_passphrase(run) || run_wants_kept(run) || recovery_run_needs_key(run);
}

void recovery_run_opened(struct recovery_run *run, int slot)
{
	/* Somebody has read the key aloud, or from a screen. */
	run->seen = run->n_given && slot >= 0 && (run_key_slots(run) & (UINT32_C(1) << slot));
	recovery_run_add(run);
}

/* The secret that goes into the keyslot that is being made. */
struct child_secret recovery_run_secret(const struct recovery_run *run)
{
	switch (run->adding) {
	case RECOVERY_ADDING_PASSPHRASE:
		return (struct child_secret){run->given, run->n_given};
	case RECOVERY_ADDING_KEPT:
		return (struct child_secret){run->kept_key, RECOVERY_KEPT_BYTES};
	case RECOVERY_ADDING_KEY:
	case RECOVERY_ADDING_MAX:
		break;
	}
	return (struct child_secret){run->key, RECOVERY_KEY_DIGITS};
}

/* The keyslot is on record before it is made. */
static int run_begin(struct recovery_run *run)
{
	struct recovery_record changed = run->e->recovery->record;
	struct recovery_volume *v = recovery_place(&changed, run->header.uuid);
	int r = 0;

	if (!v)
		return -ENOSPC;
	if (run->adding == RECOVERY_ADDING_KEY) {
		r = recovery_key_make(run->key);
		run->generation = ++changed.last_generation;
	}
	v->making_slot = run->slot;
	v->making_is_sealed = false;
	return r < 0 ? r : recovery_commit(run->e, &changed);
}

void recovery_run_add(struct recovery_run *run)
{
	if (!recovery_run_wants(run)) {
		recovery_run_next(run);
		return;
	}
	run->adding = run_wants_passphrase(run) ? RECOVERY_ADDING_PASSPHRASE
		      : run_wants_kept(run)	? RECOVERY_ADDING_KEPT
						: RECOVERY_ADDING_KEY;
	recovery_run_step(run, STEP_READ_ADD);
}

void recovery_run_make(struct recovery_run *run)
{
	int r;

	run->slot = recovery_run_free_slot(run);
	if (run->slot < 0) {
		recovery_run_conclude(
			run, addings[run->adding].full, addings[run->adding].full_text);
		return;
	}
	r = run_begin(run);
	if (r < 0)
		recovery_run_error(run, "a keyslot could not be begun", r);
	else
		recovery_run_step(run, STEP_ADD);
}

/* It opens the volume, and is the user's from now on. */
static int run_finish_passphrase(struct recovery_run *run)
{
	struct recovery_record changed = run->e->recovery->record;
	struct recovery_volume *v = recovery_find(&changed, run->header.uuid);
	int r = -ENOENT;

	if (v) {
		v->making_slot = -1;
		r = recovery_commit(run->e, &changed);
	}
	if (r < 0)
		return r;
	run->gave = true;
	recovery_run_outcome(run)->passphrase_slot = run->slot;
	log_info("a new passphrase opens %s, in keyslot %d", run->disks[run->at].name, run->slot);
	return 0;
}

static int run_finish_kept(struct recovery_run *run)
{
	struct recovery_record changed = run->e->recovery->record;
	struct recovery_volume *v = recovery_find(&changed, run->header.uuid);
	const struct recovery_key kept = {.slot = run->slot};
	int r;

	if (!v)
		return -ENOENT;
	r = recovery_slot_seal(run->e->sysroot_fd, run->disks[run->at].device, &run->header,
		run->slot, v->kept_seal);
	if (r < 0)
		return r;
	v->kept_slot = run->slot;
	v->making_slot = -1;
	r = recovery_commit(run->e, &changed);
	if (r < 0)
		return r;
	run->kept = true;
	recovery_run_outcome(run)->kept = true;
	recovery_journal(run->e, "kept", v, &kept);
	return 0;
}

static int run_finish_key(struct recovery_run *run)
{
	struct recovery_outcome *o = recovery_run_outcome(run);
	const struct recovery_volume *v;
	int r = recovery_run_finish_key(run);

	if (r < 0)
		return r;
	o->end = RECOVERY_SEALED;
	o->slot = run->slot;
	o->generation = run->generation;
	o->detail[0] = 0;
	run->made = true;
	log_info("recovery key %" PRId64 " of %s was made and sealed, in keyslot %d",
		run->generation, run->disks[run->at].name, run->slot);
	v = recovery_run_volume(run);
	recovery_journal(run->e, "made", v, &v->keys[RECOVERY_NEXT]);
	return 0;
}

void recovery_run_added(struct recovery_run *run)
{
	char detail[LIMIT_TEXT_BYTES + 1];
	int r = run->adding == RECOVERY_ADDING_PASSPHRASE ? run_finish_passphrase(run)
		: run->adding == RECOVERY_ADDING_KEPT	  ? run_finish_kept(run)
							  : run_finish_key(run);

	if (r < 0) {
		snprintf(detail, sizeof(detail), "%s: %s", addings[run->adding].failed_text,
			strerror(-r));
		recovery_run_fail(run, detail);
		return;
	}
	recovery_run_add(run);
}

/* --- when nothing comes of it ------------------------------------------------------------ */

void recovery_run_note(struct recovery_run *run)
{
	struct recovery_record changed = run->e->recovery->record;
	struct recovery_volume *v = recovery_find(&changed, run->header.uuid);
	char detail[LIMIT_TEXT_BYTES + 1];
	int r = -ENOENT;

	if (v)
		r = recovery_slot_seal(run->e->sysroot_fd, run->disks[run->at].device, &run->header,
			run->slot, v->making_seal);
	if (r == 0) {
		v->making_is_sealed = true;
		r = recovery_commit(run->e, &changed);
	}
	if (r == 0) {
		recovery_run_step(run, STEP_PROVE);
		return;
	}
	snprintf(detail, sizeof(detail), "%s: %s", addings[run->adding].failed_text, strerror(-r));
	recovery_run_fail(run, detail);
}

void recovery_run_fail(struct recovery_run *run, const char *detail)
{
	struct recovery_outcome *o = recovery_run_outcome(run);

	snprintf(o->detail, sizeof(o->detail), "%s", detail);
	recovery_run_step(run, STEP_AFTER);
}

void recovery_run_unbegin(struct recovery_run *run, bool is_stray)
{
	struct recovery_record changed = run->e->recovery->record;
	struct recovery_volume *v = recovery_find(&changed, run->header.uuid);

	if (!v)
		return;
	v->making_slot = -1;
	if (is_stray) {
		v->strays |= UINT32_C(1) << run->slot;
		log_warning("keyslot %d of %s may be one that nobody has the key of; it is left "
			    "alone, as it may be its owner's",
			run->slot, run->disks[run->at].name);
	}
	/* Noted as it is, nothing would be removed either that is not proved to be the agent's. */
	(void)recovery_commit(run->e, &changed);
}

void recovery_run_after(struct recovery_run *run, bool was_read)
{
	if (!was_read) {
		/* The next walk sees to it. */
		recovery_run_conclude(run, RECOVERY_FAILED, NULL);
	} else if (!run->header.slots[run->slot].active) {
		recovery_run_unbegin(run, false);
		recovery_run_conclude(run, RECOVERY_FAILED, NULL);
	} else {
		recovery_run_step(run, recovery_run_holds_making(run) ? STEP_UNDO : STEP_WHOSE);
	}
}

void recovery_run_whose(struct recovery_run *run, bool opens, bool is_known)
{
	if (opens) {
		recovery_run_step(run, STEP_UNDO);
		return;
	}
	recovery_run_unbegin(run, !is_known);
	recovery_run_conclude(run, RECOVERY_FAILED, NULL);
}

void recovery_run_undone(struct recovery_run *run, bool is_gone)
{
	if (is_gone)
		recovery_run_unbegin(run, false);
	recovery_run_conclude(run, RECOVERY_FAILED, NULL);
}
