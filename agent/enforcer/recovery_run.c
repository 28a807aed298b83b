/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery_run.c - one walk over the volumes of the phone, step by step, each step one question to
 * cryptsetup; see recovery.h. Enforcer.
 *
 * For each volume: its header is read; keyslots that are nobody's any more are removed; the keys
 * that exist are looked at; a new one is made where that was asked for. The record is on the disk
 * before a keyslot is made and before one is removed, so that a restart finds what is left to do.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/recovery_walk.h"
#include "agent/enforcer/wipe.h"
#include "platform/luks_disks.h"

#define TOKEN_BYTES 160

void recovery_run_free(struct recovery_run *run)
{
	if (!run)
		return;
	cryptsetup_free(run->operation);
	sd_event_source_unref(run->defer);
	secret_free(run, sizeof(*run));
}

static int run_on_defer(sd_event_source *source, void *userdata);

static int run_begin(struct recovery_run *run)
{
	return sd_event_add_defer(run->e->event, &run->defer, run_on_defer, run);
}

static void run_end(struct recovery_run *run)
{
	struct enforcer *e = run->e;
	struct recovery *recovery = e->recovery;

	if (run->locks)
		recovery_run_locked(run);
	if (run->wants_keep)
		recovery_keep_close(e);
	recovery->run = recovery->next;
	recovery->next = NULL;
	run->done(e, run->outcomes, run->n_disks);
	recovery_run_free(run);
	if (recovery->run && run_begin(recovery->run) < 0) {
		log_error("recovery keys cannot be looked at: out of memory");
		run_end(recovery->run);
	}
}

/* One that did not begin. */
static void run_drop(struct recovery_run *run)
{
	for (size_t i = 0; i < run->n_disks; i++) {
		run->outcomes[i].end = RECOVERY_FAILED;
		snprintf(run->outcomes[i].detail, sizeof(run->outcomes[i].detail),
			"something else has to be done first; nothing was changed");
	}
	run->done(run->e, run->outcomes, run->n_disks);
	recovery_run_free(run);
}

/* --- one volume after the other ---------------------------------------------------------- */

struct recovery_outcome *recovery_run_outcome(struct recovery_run *run)
{
	return &run->outcomes[run->at];
}

void recovery_run_next(struct recovery_run *run)
{
	explicit_bzero(run->key, sizeof(run->key));
	run->at++;
	if (run->at == run->n_disks && run->wants_lock && !run->locks &&
		recovery_run_may_lock(run)) {
		run->locks = true;
		run->at = 0;
	}
	if (run->at < run->n_disks)
		recovery_run_step(run, STEP_READ);
	else
		run_end(run);
}

void recovery_run_conclude(struct recovery_run *run, enum recovery_end end, const char *detail)
{
	struct recovery_outcome *o = recovery_run_outcome(run);

	o->end = end;
	if (detail)
		snprintf(o->detail, sizeof(o->detail), "%s", detail);
	recovery_run_next(run);
}

void recovery_run_error(struct recovery_run *run, const char *what, int error)
{
	char detail[LIMIT_TEXT_BYTES + 1];

	snprintf(detail, sizeof(detail), "%s: %s", what, strerror(-error));
	recovery_run_conclude(run, RECOVERY_FAILED, detail);
}

/* --- steps ------------------------------------------------------------------------------- */

/* How many keyslots open the volume beside this one. */
static unsigned int run_other_slots(const struct recovery_run *run, int slot)
{
	return (unsigned int)__builtin_popcount(
		luks_opening_slots(&run->header) & ~(UINT32_C(1) << slot));
}

static void run_after_read(struct recovery_run *run)
{
	const struct recovery_volume *v = recovery_run_volume(run);
	struct recovery_outcome *o = recovery_run_outcome(run);

	memcpy(o->uuid, run->header.uuid, sizeof(o->uuid));
	if (run->header.reencrypting || run->header.requirement[0]) {
		recovery_run_conclude(run, RECOVERY_FAILED,
			"it is being re-encrypted, or needs a newer agent; nothing was changed");
		return;
	}
	if (run->locks) {
		recovery_run_lock(run);
		return;
	}
	if (run->step == STEP_READ && v && v->making_slot >= 0) {
		recovery_run_step(run, STEP_DROP_HALF);
		return;
	}
	if (run->step == STEP_READ && v && v->keys[RECOVERY_FORMER].generation) {
		recovery_run_step(run, STEP_DROP_OLD);
		return;
	}
	if (run->unkeeps && recovery_run_holds_kept(run) &&
		run_other_slots(run, v->kept_slot) == 0) {
		recovery_run_conclude(run, RECOVERY_FAILED,
			"no other keyslot opens it; have a passphrase of your own added");
		return;
	}
	if (run->unkeeps && v && v->kept_slot >= 0) {
		recovery_run_step(run, STEP_DROP_KEPT);
		return;
	}
	run->token = recovery_run_idle_token(run);
	if (run->token >= 0) {
		recovery_run_step(run, STEP_DROP_TOKEN);
		return;
	}
	recovery_run_look(run);
	run->gave = run->made = run->kept = run->seen = false;
	if (recovery_run_wants(run))
		recovery_run_step(run, STEP_TRY);
	else
		recovery_run_next(run);
}

/* What was to be removed is not there any more, or never will be the agent's to remove. */
static void run_dropped(struct recovery_run *run)
{
	struct recovery_record changed = run->e->recovery->record;
	struct recovery_volume *v = recovery_find(&changed, run->header.uuid);
	bool half = run->step == STEP_DROP_HALF;

	if (v && half)
		v->making_slot = -1;
	else if (v && run->step == STEP_DROP_KEPT)
		v->kept_slot = -1;
	else if (v)
		memset(&v->keys[RECOVERY_FORMER], 0, sizeof(v->keys[RECOVERY_FORMER]));
	(void)recovery_commit(run->e, &changed);
	recovery_run_step(run, half ? STEP_READ : STEP_READ_AGAIN);
}

static void run_after_try(struct recovery_run *run, const struct cryptsetup_result *result)
{
	if (result->verdict == CRYPTSETUP_WRONG_KEY) {
		recovery_run_conclude(
			run, RECOVERY_WRONG, "the passphrase opens none of its keyslots");
		return;
	}
	if (result->verdict != CRYPTSETUP_OK) {
		recovery_run_conclude(run, RECOVERY_FAILED, result->said);
		return;
	}
	recovery_run_opened(run, result->slot);
}

/* LUKS1 has no tokens, and a passphrase needs none. */
static bool run_is_marked(const struct recovery_run *run)
{
	return run->header.version != 1 && run->adding != RECOVERY_ADDING_PASSPHRASE;
}

static void run_on_result(const struct cryptsetup_result *result, void *userdata)
{
	struct recovery_run *run = userdata;
	bool well = result->verdict == CRYPTSETUP_OK;

	if (result->header)
		run->header = *result->header;
	switch (run->step) {
	case STEP_READ:
	case STEP_READ_AGAIN:
		if (well)
			run_after_read(run);
		else
			recovery_run_conclude(run, RECOVERY_FAILED, result->said);
		return;
	case STEP_DROP_HALF:
	case STEP_DROP_OLD:
	case STEP_DROP_KEPT:
		if (well)
			run_dropped(run);
		else
			recovery_run_conclude(run, RECOVERY_FAILED, result->said);
		return;
	case STEP_DROP_TOKEN:
	case STEP_LOCK:
		if (well)
			recovery_run_step(run, STEP_READ_AGAIN);
		else
			recovery_run_conclude(run, RECOVERY_FAILED, result->said);
		return;
	case STEP_TRY:
		run_after_try(run, result);
		return;
	case STEP_SEAL:
		if (well) {
			recovery_run_added(run);
			return;
		}
		break;
	case STEP_ADD:
		if (well) {
			recovery_run_step(run, STEP_PROVE);
			return;
		}
		break;
	case STEP_PROVE:
		if (well) {
			recovery_run_step(run, run_is_marked(run) ? STEP_MARK : STEP_SEAL);
			return;
		}
		break;
	case STEP_MARK:
		/* The record knows the keyslot without it. */
		recovery_run_step(run, STEP_SEAL);
		return;
	case STEP_UNDO:
		recovery_run_conclude(run, RECOVERY_FAILED, NULL);
		return;
	case STEP_MAX:
		return;
	}
	snprintf(recovery_run_outcome(run)->detail, sizeof(recovery_run_outcome(run)->detail), "%s",
		result->said);
	recovery_run_step(run, STEP_UNDO);
}

/* Whether a keyslot that is on record as half made, or as the one before, is to be removed, and can
 * be: the last that opens the volume never is. */
static bool run_may_drop(struct recovery_run *run, int *ret_slot)
{
	const struct recovery_volume *v = recovery_run_volume(run);
	const struct recovery_key *former = &v->keys[RECOVERY_FORMER];

	*ret_slot = run->step == STEP_DROP_HALF	  ? v->making_slot
		    : run->step == STEP_DROP_KEPT ? v->kept_slot
						  : former->slot;
	if (!run->header.slots[*ret_slot].active || run_other_slots(run, *ret_slot) == 0)
		return false;
	/* Somebody may have put a passphrase of their own there since. */
	return run->step == STEP_DROP_HALF ||
	       (run->step == STEP_DROP_KEPT ? recovery_run_holds_kept(run)
					    : recovery_run_holds(run, former));
}

static void run_write_token(const struct recovery_run *run, char *ret_json)
{
	if (run->adding == RECOVERY_ADDING_KEPT)
		snprintf(ret_json, TOKEN_BYTES,
			"{\"type\":\"" LUKS_KEPT_TOKEN "\",\"keyslots\":[\"%d\"]}", run->slot);
	else
		snprintf(ret_json, TOKEN_BYTES,
			"{\"type\":\"" LUKS_RECOVERY_TOKEN
			"\",\"keyslots\":[\"%d\"],\"generation\":%" PRId64 "}",
			run->slot, run->generation);
}

/* Fills the question of the step. False: there is nothing to ask, go on as if it was answered. */
static bool run_ask(struct recovery_run *run, struct cryptsetup_request *q, char *json)
{
	switch (run->step) {
	case STEP_READ:
	case STEP_READ_AGAIN:
	case STEP_SEAL:
		q->action = CRYPTSETUP_DUMP;
		return true;
	case STEP_DROP_HALF:
	case STEP_DROP_OLD:
	case STEP_DROP_KEPT:
		q->action = CRYPTSETUP_KILL_SLOT;
		return run_may_drop(run, &q->slot);
	case STEP_DROP_TOKEN:
		q->action = CRYPTSETUP_TOKEN_REMOVE;
		q->slot = run->token;
		return true;
	case STEP_TRY:
		q->action = CRYPTSETUP_TEST;
		q->slots = luks_opening_slots(&run->header);
		q->secret = (struct child_secret){run->passphrase, run->n_passphrase};
		return true;
	case STEP_ADD:
		q->action = CRYPTSETUP_ADD_KEY;
		q->slot = run->slot;
		q->drawn = run->adding != RECOVERY_ADDING_PASSPHRASE;
		q->secret = (struct child_secret){run->passphrase, run->n_passphrase};
		q->new_secret = recovery_run_secret(run);
		return true;
	case STEP_PROVE:
		q->action = CRYPTSETUP_TEST;
		q->slots = UINT32_C(1) << run->slot;
		q->secret = recovery_run_secret(run);
		return true;
	case STEP_MARK:
		run_write_token(run, json);
		q->action = CRYPTSETUP_TOKEN_IMPORT;
		q->json = json;
		return true;
	case STEP_UNDO:
	case STEP_LOCK:
		q->action = CRYPTSETUP_KILL_SLOT;
		q->slot = run->slot;
		return true;
	case STEP_MAX:
		break;
	}
	return false;
}

void recovery_run_step(struct recovery_run *run, enum recovery_step step)
{
	struct cryptsetup_request q = {
		.slot = -1,
	};
	char json[TOKEN_BYTES], path[PATH_MAX];
	int r;

	run->step = step;
	if (!run_ask(run, &q, json)) {
		run_dropped(run);
		return;
	}
	r = luks_disk_request(&run->e->platform, run->disks[run->at].device, path, &q);
	if (r == 0)
		r = cryptsetup_start(run->e->event, &q, run_on_result, run, &run->operation);
	if (r < 0)
		recovery_run_error(run, "cryptsetup could not be started", r);
}

static int run_on_defer(sd_event_source *source, void *userdata)
{
	struct recovery_run *run = userdata;

	(void)source;
	run->defer = sd_event_source_unref(run->defer);
	recovery_run_step(run, STEP_READ);
	return 0;
}

/* NULL: there is none. */
static bool run_is_passphrase(const void *passphrase, size_t n)
{
	return !passphrase || (n > 0 && n <= LIMIT_PASSWORD_BYTES);
}

void recovery_stop(struct enforcer *e)
{
	struct recovery_run *runs[2] = {NULL, NULL};

	if (!e->recovery)
		return;
	runs[0] = TAKE_PTR(e->recovery->run);
	runs[1] = TAKE_PTR(e->recovery->next);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		if (runs[i])
			run_drop(runs[i]);
}

int recovery_start(
	struct enforcer *e, const struct recovery_request *request, recovery_done_fn done)
{
	struct recovery_run *run;
	bool is_order;
	int r;

	if (!e->recovery)
		return -ENOSYS;
	/* A keyslot that is made while keys are destroyed would be one more. */
	if (wipe_is_underway(e))
		return -EBUSY;
	is_order = request->lock || request->unkeep;
	/* Who only looks has nothing to add to a walk that looks as well. */
	if (e->recovery->run && !is_order &&
		(request->may_wait || !e->recovery->run->may_wait || e->recovery->next))
		return -EBUSY;
	/* An order comes before whoever waits, who cannot hold it up. */
	if (e->recovery->next && (e->recovery->next->wants_lock || e->recovery->next->unkeeps))
		return -EBUSY;
	if (!run_is_passphrase(request->passphrase, request->n_passphrase) ||
		!run_is_passphrase(request->given, request->n_given) ||
		(request->given && !request->passphrase))
		return -EINVAL;
	run = calloc(1, sizeof(*run));
	if (!run)
		return -ENOMEM;
	run->e = e;
	run->done = done;
	escrow_wanted_look(e, &run->wanted);
	/* Whoever has a passphrase to give can do that for itself. */
	r = request->passphrase && !request->given && run->wanted.n == 0 ? -ENOKEY : 0;
	if (r == 0)
		r = recovery_disks(e, run->disks, &run->n_disks);
	if (r == 0 && run->n_disks == 0)
		r = -ENODEV;
	if (r == 0 && !e->platform.cryptsetup_program && !cryptsetup_find(e->sysroot_fd))
		r = -ENOENT;
	if (r == 0 && request->keep)
		r = recovery_keep_open(e, run->kept_key);
	if (r == 0 && !e->recovery->run)
		r = run_begin(run);
	if (r < 0) {
		recovery_run_free(run);
		return r;
	}
	run->wants_key = request->passphrase && run->wanted.n > 0;
	run->anew = request->anew;
	run->may_wait = request->may_wait;
	run->wants_keep = request->keep;
	run->unkeeps = request->unkeep;
	run->wants_lock = request->lock;
	/* It was found that it may be before the restart. */
	run->locks = request->lock && e->recovery->record.is_locking;
	run->n_passphrase = request->passphrase ? request->n_passphrase : 0;
	memcpy(run->passphrase, request->passphrase ? request->passphrase : "", run->n_passphrase);
	run->n_given = request->given ? request->n_given : 0;
	memcpy(run->given, request->given ? request->given : "", run->n_given);
	for (size_t i = 0; i < run->n_disks; i++) {
		memcpy(run->outcomes[i].name, run->disks[i].name, sizeof(run->outcomes[i].name));
		run->outcomes[i].slot = run->outcomes[i].passphrase_slot = -1;
	}
	if (e->recovery->next)
		run_drop(e->recovery->next);
	*(e->recovery->run ? &e->recovery->next : &e->recovery->run) = run;
	return 0;
}
