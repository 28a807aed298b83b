/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery_look.c - the keys of the volume at hand: what became of those that exist, and the record
 * and the seal of a new one; see recovery_walk.h. Reads the device, asks nobody. Enforcer.
 */
#include <errno.h>
#include <string.h>

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/recovery_walk.h"
#include "agent/util/clock.h"

/* Keyslots may be spread over 32 numbers, but LUKS1 has 8. */
#define LUKS1_SLOTS 8

struct recovery_volume *recovery_run_volume(struct recovery_run *run)
{
	return recovery_find(&run->e->recovery->record, run->header.uuid);
}

bool recovery_run_holds(struct recovery_run *run, const struct recovery_key *key)
{
	uint8_t seal[SHA256_BYTES];

	return recovery_slot_seal(run->e->sysroot_fd, run->disks[run->at].device, &run->header,
		       key->slot, seal) == 0 &&
	       memcmp(seal, key->seal, sizeof(seal)) == 0;
}

bool recovery_run_holds_making(struct recovery_run *run)
{
	const struct recovery_volume *v = recovery_run_volume(run);
	struct recovery_key making = {.generation = 0};

	if (!v || v->making_slot < 0 || !v->making_is_sealed)
		return false;
	making.slot = v->making_slot;
	memcpy(making.seal, v->making_seal, sizeof(making.seal));
	return recovery_run_holds(run, &making);
}

bool recovery_run_holds_kept(struct recovery_run *run)
{
	const struct recovery_volume *v = recovery_run_volume(run);
	struct recovery_key kept = {.generation = 0};

	if (!v || v->kept_slot < 0)
		return false;
	kept.slot = v->kept_slot;
	memcpy(kept.seal, v->kept_seal, sizeof(kept.seal));
	return recovery_run_holds(run, &kept);
}

/* Keyslots that nobody may have the key of, as long as they are there. */
static void run_look_at_strays(struct recovery_run *run)
{
	struct recovery_record changed = run->e->recovery->record;
	struct recovery_volume *v = recovery_find(&changed, run->header.uuid);
	struct recovery_outcome *o = recovery_run_outcome(run);
	uint32_t active = 0;

	for (int i = 0; i < LUKS_SLOTS_MAX; i++)
		if (run->header.slots[i].active)
			active |= UINT32_C(1) << i;
	if (!v || !v->strays)
		return;
	if (v->strays & ~active) {
		v->strays &= active;
		(void)recovery_commit(run->e, &changed);
	}
	if (v->strays && !o->detail[0])
		snprintf(o->detail, sizeof(o->detail),
			"the agent was interrupted while it made keyslot %d: if that is not yours, "
			"nobody has its key: cryptsetup luksKillSlot %s %d",
			__builtin_ctz(v->strays), run->disks[run->at].device,
			__builtin_ctz(v->strays));
}

static void run_look_at_keys(struct recovery_run *run)
{
	struct recovery_record changed = run->e->recovery->record;
	struct recovery_volume *v = recovery_find(&changed, run->header.uuid);
	struct recovery_outcome *o = recovery_run_outcome(run);
	const struct recovery_key *key;
	bool broken, began;

	o->end = RECOVERY_MISSING;
	o->kept = recovery_run_holds_kept(run);
	if (!v)
		return;
	/* For locking what the server has counts. */
	key = &v->keys[v->keys[RECOVERY_NEXT].generation && !run->wants_lock ? RECOVERY_NEXT
									     : RECOVERY_CURRENT];
	if (!key->generation)
		return;
	o->slot = key->slot;
	o->generation = key->generation;
	if (!recovery_run_holds(run, key)) {
		o->end = RECOVERY_BROKEN;
		snprintf(o->detail, sizeof(o->detail),
			"keyslot %d was changed or removed since; have a new key made", key->slot);
	} else if (!escrow_box_fits(&key->box, &run->wanted)) {
		o->end = RECOVERY_OTHER;
		snprintf(o->detail, sizeof(o->detail),
			"it is sealed to another escrow certificate than the policy names; have a "
			"new key made");
	} else if (key->generation <= changed.seen_generation && !run->wants_lock) {
		o->end = RECOVERY_SEEN;
	} else {
		o->end = key == &v->keys[RECOVERY_NEXT] ? RECOVERY_WAITING : RECOVERY_PRESENT;
	}
	broken = v->keys[RECOVERY_CURRENT].generation &&
		 !recovery_run_holds(run, &v->keys[RECOVERY_CURRENT]);
	if (broken && !v->is_broken)
		log_warning("the recovery key of %s that the organisation has no longer opens it",
			run->disks[run->at].name);
	began = broken && !v->is_broken;
	v->is_broken = broken;
	v->checked_s = clock_realtime_s();
	if (recovery_commit(run->e, &changed) == 0) {
		if (began)
			recovery_journal(run->e, "broken", v, &v->keys[RECOVERY_CURRENT]);
	} else {
		snprintf(o->detail, sizeof(o->detail), "what was seen could not be recorded");
	}
}

void recovery_run_look(struct recovery_run *run)
{
	run_look_at_keys(run);
	run_look_at_strays(run);
}

int recovery_run_idle_token(const struct recovery_run *run)
{
	for (int i = 0; i < LUKS_TOKENS_MAX; i++)
		if (run->header.tokens[i].active && run->header.tokens[i].slots == 0 &&
			(strcmp(run->header.tokens[i].type, LUKS_RECOVERY_TOKEN) == 0 ||
				strcmp(run->header.tokens[i].type, LUKS_KEPT_TOKEN) == 0))
			return i;
	return -1;
}

/* --- a new key --------------------------------------------------------------------------- */

int recovery_run_free_slot(const struct recovery_run *run)
{
	int n = run->header.version == 1 ? LUKS1_SLOTS : LUKS_SLOTS_MAX;

	for (int i = 0; i < n; i++)
		if (!run->header.slots[i].active)
			return i;
	return -1;
}

bool recovery_run_needs_key(struct recovery_run *run)
{
	const struct recovery_volume *v = recovery_run_volume(run);
	enum recovery_end end = recovery_run_outcome(run)->end;
	const struct recovery_key *key;

	if (!run->wants_key || run->made)
		return false;
	if (run->anew || run->seen || (end != RECOVERY_PRESENT && end != RECOVERY_WAITING))
		return true;
	/* Whoever it was sealed to may be somebody else by now. */
	key = &v->keys[v->keys[RECOVERY_NEXT].generation ? RECOVERY_NEXT : RECOVERY_CURRENT];
	return !escrow_box_fits(&key->box, &run->wanted);
}

int recovery_run_finish_key(struct recovery_run *run)
{
	struct recovery_record changed = run->e->recovery->record;
	struct recovery_volume *v = recovery_find(&changed, run->header.uuid);
	const struct escrow_inside inside = {
		.kind = ESCROW_KIND_DISK,
		.generation = run->generation,
		.volume = run->header.uuid,
		.slot = run->slot,
		.secret = run->key,
	};
	struct recovery_key *next, before;
	int r;

	if (!v)
		return -ENOENT;
	next = &v->keys[RECOVERY_NEXT];
	before = *next;
	memset(next, 0, sizeof(*next));
	next->generation = run->generation;
	next->slot = run->slot;
	next->made_s = clock_realtime_s();
	r = recovery_slot_seal(run->e->sysroot_fd, run->disks[run->at].device, &run->header,
		run->slot, next->seal);
	if (r == 0)
		r = escrow_box_seal(run->e, &inside, &run->wanted, &next->box);
	if (r < 0)
		return r;
	/* One that the server never had is nobody's. */
	v->making_slot = before.generation ? before.slot : -1;
	v->making_is_sealed = true;
	memcpy(v->making_seal, before.seal, sizeof(v->making_seal));
	return recovery_commit(run->e, &changed);
}
