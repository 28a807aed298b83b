/* SPDX-License-Identifier: Apache-2.0 */
/* recovery.c - the recovery keys of the phone's disks: life, report, volumes; see recovery.h.
 * Enforcer. */
#include "agent/enforcer/recovery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/recovery_private.h"
#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "platform/luks_disks.h"

#define RECOVERY_LOOK_S (24 * 3600)

const char *recovery_end_name(enum recovery_end end)
{
	static const char *const names[RECOVERY_END_MAX] = {
		[RECOVERY_SEALED] = "sealed",
		[RECOVERY_PRESENT] = "present",
		[RECOVERY_WAITING] = "waiting",
		[RECOVERY_MISSING] = "missing",
		[RECOVERY_SEEN] = "seen",
		[RECOVERY_OTHER] = "other_key",
		[RECOVERY_BROKEN] = "broken",
		[RECOVERY_WRONG] = "wrong_passphrase",
		[RECOVERY_FULL] = "no_keyslot",
		[RECOVERY_FAILED] = "failed",
		[RECOVERY_LOCKED] = "locked",
	};

	return names[end];
}

_Static_assert(RECOVERY_DEVICE_BYTES == LUKS_DEVICE_BYTES, "a path of the platform fits");

int recovery_commit(struct enforcer *e, const struct recovery_record *changed)
{
	int r = recovery_save(e, changed);

	if (r == 0)
		recovery_copy(changed, &e->recovery->record);
	return r;
}

void recovery_journal(struct enforcer *e, const char *what, const struct recovery_volume *volume,
	const struct recovery_key *key)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "what", what);
	jsonw_string(&w, "volume", volume->uuid);
	jsonw_int(&w, "keyslot", key->slot);
	jsonw_int(&w, "generation", key->generation);
	jsonw_object_end(&w);
	enforcer_journal(e, JOURNAL_RECOVERY_KEY, &payload);
}

/* --- volumes ----------------------------------------------------------------------------- */

int recovery_disks(struct enforcer *e, struct recovery_disk ret_disks[RECOVERY_VOLUMES_MAX],
	size_t *ret_n_disks, struct recovery_unseen *ret_unseen)
{
	_cleanup_free_ struct block_crypts *crypts = calloc(1, sizeof(*crypts));
	int r = crypts ? luks_disks_find_own(e->sysroot_fd, crypts) : -ENOMEM;
	size_t n = 0;

	*ret_unseen = (struct recovery_unseen){.why = NULL};
	for (size_t i = 0; r == 0 && i < crypts->n_crypts; i++) {
		const struct block_crypt *crypt = &crypts->crypts[i];
		struct recovery_disk *disk = &ret_disks[n];
		const char *why = NULL;

		if (!crypt->device[0] || luks_disk_check(&e->platform, crypt) < 0)
			why = "its device cannot be found";
		else if (n == RECOVERY_VOLUMES_MAX)
			why = "more volumes are in use than the agent makes keys for";
		if (why) {
			snprintf(ret_unseen->name, sizeof(ret_unseen->name), "%s", crypt->mapping);
			ret_unseen->why = why;
			continue;
		}
		luks_disk_device(crypt, disk->device);
		snprintf(disk->name, sizeof(disk->name), "%s (%s)", crypt->mapping, crypt->device);
		n++;
	}
	if (r == 0 && crypts->more)
		*ret_unseen = (struct recovery_unseen){
			"another disk", "more volumes are in use than can be looked at"};
	*ret_n_disks = n;
	return r;
}

void recovery_open_places(struct enforcer *e, char ret_text[LIMIT_TEXT_BYTES + 1])
{
	static const char *const places[] = {"/", "/home", "/var"};
	size_t n = 0;

	ret_text[0] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (luks_disks_hold(e->sysroot_fd, places[i]) <= 0)
			n += (size_t)snprintf(ret_text + n, LIMIT_TEXT_BYTES + 1 - n, "%s%s",
				n ? ", " : "", places[i]);
}

/* --- for the backend --------------------------------------------------------------------- */

static enum escrow_standing recovery_standing(struct enforcer *e, const struct recovery_volume *v)
{
	const struct recovery_key *held = &v->keys[RECOVERY_CURRENT];
	struct escrow_wanted wanted;

	if (!held->generation)
		return ESCROW_NO_KEY;
	if (v->is_broken)
		return ESCROW_BROKEN;
	escrow_wanted_look(e, &wanted);
	if (!escrow_box_fits(&held->box, &wanted))
		return ESCROW_OTHER;
	return held->generation <= e->recovery->record.seen_generation ? ESCROW_SEEN : ESCROW_HELD;
}

static void recovery_get(const char *uuid, const uint8_t header[SHA256_BYTES],
	struct escrow_volume *ret_volume, void *userdata)
{
	struct enforcer *e = userdata;
	struct recovery *recovery = e->recovery;
	const struct recovery_volume *v = recovery_find(&recovery->record, uuid);
	size_t i;

	*ret_volume = (struct escrow_volume){.standing = ESCROW_NO_KEY};
	if (!v)
		return;
	ret_volume->standing = recovery_standing(e, v);
	if (ret_volume->standing != ESCROW_HELD && v->keys[RECOVERY_NEXT].generation)
		ret_volume->standing = ESCROW_UNTOLD;
	ret_volume->made_s = v->keys[RECOVERY_CURRENT].made_s;
	ret_volume->checked_s = v->checked_s;
	i = (size_t)(v - recovery->record.volumes);
	if (memcmp(recovery->headers[i], header, SHA256_BYTES) != 0) {
		memcpy(recovery->headers[i], header, SHA256_BYTES);
		recovery_tidy(e);
	}
}

/* --- telling ----------------------------------------------------------------------------- */

bool recovery_reports(const struct enforcer *e)
{
	for (size_t i = 0; e->recovery && i < RECOVERY_VOLUMES_MAX; i++)
		for (size_t k = RECOVERY_CURRENT; k <= RECOVERY_NEXT; k++)
			if (e->recovery->record.volumes[i].keys[k].generation)
				return true;
	return false;
}

void recovery_write_entries(const struct enforcer *e, struct jsonw *w)
{
	for (size_t i = 0; e->recovery && i < RECOVERY_VOLUMES_MAX; i++) {
		const struct recovery_volume *v = &e->recovery->record.volumes[i];

		for (size_t k = RECOVERY_CURRENT; k <= RECOVERY_NEXT; k++)
			if (v->keys[k].generation)
				escrow_box_report(&v->keys[k].box, ESCROW_KIND_DISK,
					v->keys[k].generation, -1, w);
		e->recovery->told[i] = v->keys[RECOVERY_NEXT].generation;
	}
}

static void recovery_journal_acknowledged(struct enforcer *e, const struct recovery_volume *v)
{
	recovery_journal(e, "acknowledged", v, &v->keys[RECOVERY_CURRENT]);
	if (v->keys[RECOVERY_FORMER].generation)
		recovery_journal(e, "superseded", v, &v->keys[RECOVERY_FORMER]);
}

void recovery_acknowledged(struct enforcer *e)
{
	bool acknowledged[RECOVERY_VOLUMES_MAX] = {false}, any = false;
	struct recovery_record changed;

	if (!e->recovery)
		return;
	changed = e->recovery->record;
	for (size_t i = 0; i < RECOVERY_VOLUMES_MAX; i++) {
		struct recovery_key *keys = changed.volumes[i].keys;
		int64_t told = e->recovery->told[i];

		/* What was made since the report was written is not what the server has. A keyslot
		 * that still waits for its removal is not forgotten for the next. */
		if (!told || keys[RECOVERY_NEXT].generation != told ||
			keys[RECOVERY_FORMER].generation)
			continue;
		keys[RECOVERY_FORMER] = keys[RECOVERY_CURRENT];
		memset(&keys[RECOVERY_FORMER].box, 0, sizeof(keys[RECOVERY_FORMER].box));
		keys[RECOVERY_CURRENT] = keys[RECOVERY_NEXT];
		memset(&keys[RECOVERY_NEXT], 0, sizeof(keys[RECOVERY_NEXT]));
		changed.volumes[i].is_broken = false;
		e->recovery->told[i] = 0;
		acknowledged[i] = any = true;
	}
	if (any && recovery_commit(e, &changed) == 0) {
		log_info("the server has the sealed recovery key of a disk");
		for (size_t i = 0; i < RECOVERY_VOLUMES_MAX; i++)
			if (acknowledged[i])
				recovery_journal_acknowledged(e, &changed.volumes[i]);
		recovery_tidy(e);
	}
}

/* --- life -------------------------------------------------------------------------------- */

static void recovery_tidied(
	struct enforcer *e, const struct recovery_outcome *outcomes, size_t n_outcomes)
{
	for (size_t i = 0; i < n_outcomes; i++)
		if (outcomes[i].end == RECOVERY_FAILED)
			log_warning("the recovery key of %s could not be looked at: %s",
				outcomes[i].name, outcomes[i].detail);
	reconcile_request(&e->reconcile, false);
}

void recovery_tidy(struct enforcer *e)
{
	const struct recovery_request look = {.may_wait = true};
	bool any = false;
	int r;

	for (size_t i = 0; e->recovery && i < RECOVERY_VOLUMES_MAX; i++)
		any = any || e->recovery->record.volumes[i].uuid[0];
	if (!any)
		return;
	r = recovery_start(e, &look, recovery_tidied);
	/* One that is under way does the same. */
	if (r < 0 && r != -EBUSY)
		log_warning("recovery keys could not be looked at: %s", strerror(-r));
}

bool recovery_is_ready(struct enforcer *e)
{
	struct escrow_wanted wanted;
	bool any = false;

	escrow_wanted_look(e, &wanted);
	for (size_t i = 0; e->recovery && i < RECOVERY_VOLUMES_MAX; i++) {
		const struct recovery_volume *v = &e->recovery->record.volumes[i];

		if (!v->uuid[0])
			continue;
		if (!v->keys[RECOVERY_CURRENT].generation || v->is_broken ||
			!escrow_box_fits(&v->keys[RECOVERY_CURRENT].box, &wanted))
			return false;
		any = true;
	}
	return any;
}

int recovery_seen(struct enforcer *e, int64_t generation, size_t *ret_n_seen)
{
	struct recovery_record changed;
	bool any = false;
	int r;

	if (!e->recovery)
		return -ENOSYS;
	changed = e->recovery->record;
	if (generation > changed.last_generation)
		generation = changed.last_generation;
	if (generation > changed.seen_generation)
		changed.seen_generation = generation;
	for (size_t i = 0; i < RECOVERY_VOLUMES_MAX; i++)
		any = any || changed.volumes[i].keys[RECOVERY_CURRENT].generation;
	if (!any)
		return -ENOKEY;
	r = recovery_commit(e, &changed);
	if (r < 0)
		return r;
	*ret_n_seen = 0;
	for (size_t i = 0; i < RECOVERY_VOLUMES_MAX; i++) {
		const struct recovery_key *key = &changed.volumes[i].keys[RECOVERY_CURRENT];

		if (!key->generation || key->generation > changed.seen_generation)
			continue;
		recovery_journal(e, "seen", &changed.volumes[i], key);
		(*ret_n_seen)++;
	}
	return 0;
}

bool recovery_is_locking(const struct enforcer *e)
{
	return e->recovery && e->recovery->record.is_locking;
}

bool recovery_wants_restart(const struct enforcer *e)
{
	uint8_t boot[BOOT_ID_BYTES];
	char now[2 * BOOT_ID_BYTES + 1];

	if (!e->recovery || !e->recovery->record.locked_boot[0] || clock_boot_id(boot) < 0)
		return false;
	hex_encode(boot, sizeof(boot), now);
	return strcmp(now, e->recovery->record.locked_boot) == 0;
}

void recovery_tidy_daily(struct enforcer *e)
{
	int64_t now_s = clock_realtime_s();

	for (size_t i = 0; e->recovery && i < RECOVERY_VOLUMES_MAX; i++) {
		const struct recovery_volume *v = &e->recovery->record.volumes[i];

		/* A clock that went back must not put it off. */
		if (v->uuid[0] &&
			(v->checked_s > now_s || now_s - v->checked_s >= RECOVERY_LOOK_S)) {
			recovery_tidy(e);
			return;
		}
	}
}

void recovery_forget(struct enforcer *e)
{
	if (!e->recovery)
		return;
	recovery_run_free(e->recovery->run);
	recovery_run_free(e->recovery->next);
	e->recovery->run = e->recovery->next = NULL;
	memset(e->recovery->told, 0, sizeof(e->recovery->told));
	e->recovery->unkeeping = e->recovery->unkept = false;
	/* It may be the last that opens a disk: not thrown away behind anybody's back. */
	if (recovery_keeps(e))
		log_error(
			"the agent's own key still has keyslots of this phone's disks; its file in "
			"%s was left",
			e->options.state_dir);
	else
		recovery_keep_close(e);
	recovery_clear(e, &e->recovery->record);
}

int recovery_new(struct enforcer *e, struct recovery **ret_recovery)
{
	struct recovery *recovery = calloc(1, sizeof(*recovery));
	int r;

	if (!recovery)
		return -ENOMEM;
	r = recovery_load(e, &recovery->record);
	if (r == -EBADMSG)
		log_warning("the record of recovery keys in %s was damaged; have new ones made "
			    "with 'agentctl escrow'",
			e->options.state_dir);
	if (r < 0 && r != -ENOENT && r != -EBADMSG) {
		free(recovery);
		return r;
	}
	recovery->known = (struct escrow_known){.get = recovery_get, .userdata = e};
	e->platform.escrow = &recovery->known;
	*ret_recovery = recovery;
	return 0;
}

void recovery_free(struct recovery *recovery)
{
	if (!recovery)
		return;
	recovery_run_free(recovery->run);
	recovery_run_free(recovery->next);
	free(recovery);
}
