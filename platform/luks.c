/* SPDX-License-Identifier: Apache-2.0 */
/*
 * luks.c - backend "luks": what the LUKS volumes below the mounted file systems and swaps are
 * worth. Asks cryptsetup for a header only when its bytes have changed, and tries the empty
 * passphrase only when the keyslots have. Changes nothing. Enforcer only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "platform/backend.h"
#include "platform/backends.h"
#include "platform/luks_disks.h"
#include "platform/luks_judge.h"
#include "platform/luks_known.h"
#include "platform/watch.h"

#define MOUNTINFO "proc/self/mountinfo"
#define SWAPS "proc/swaps"
/* A trial costs memory and current: one a day, however often keyslots change. */
#define TRIAL_INTERVAL_US (24 * 3600 * USEC_PER_SEC)

struct luks_volume {
	struct block_crypt crypt;
	char device[LUKS_DEVICE_BYTES];
	bool has_header;
	uint8_t start_digest[SHA256_BYTES]; /* of the bytes that header is of */
	struct luks_header header;
	enum compliance_state state;
	enum compliance_reason reason;
	char why[LIMIT_TEXT_BYTES + 1];
	enum luks_empty empty;
	char empty_said[LIMIT_TEXT_BYTES + 1];
	int64_t tried_us; /* 0: never */
	bool urgent;	  /* it opened last time: what was changed is hopefully that */
};

struct luks_backend {
	struct backend_call call;
	struct luks_volume *volumes;
	size_t n_volumes;
	bool more;
	size_t at; /* the volume that is looked at */
	struct cryptsetup *dump, *trial;
	uint8_t trial_digest[SHA256_BYTES]; /* of the keyslots that are tried */
	sd_event_source *trial_source;
	int64_t trial_us;    /* when that is */
	struct watch *watch; /* of the volumes' devices */
	backend_changed_fn changed;
	void *changed_userdata;
};

/* Without cryptsetup it can still be seen that nothing lies on LUKS. */
static void luks_probe(struct backend *b, struct backend_fact *ret_fact)
{
	int root_fd = b->platform->sysroot_fd;

	*ret_fact = (struct backend_fact){.reason = REASON_NO_MECHANISM};
	if (!backend_file_exists(root_fd, MOUNTINFO))
		text_printf(ret_fact->detail, "/proc is not mounted");
	else if (!backend_file_exists(root_fd, "sys/dev/block"))
		text_printf(ret_fact->detail, "/sys is not mounted");
	else
		*ret_fact = (struct backend_fact){.present = true};
}

/* --- which volumes there are ---------------------------------------------------------------- */

static bool is_plain(const struct luks_volume *v)
{
	return strncmp(v->crypt.kind, "LUKS", 4) != 0;
}

/* The volume as it was known, or nothing known of it. */
static void take_volume(const struct luks_backend *l, const struct block_crypt *crypt,
	struct luks_volume *ret_volume)
{
	*ret_volume = (struct luks_volume){.crypt = *crypt};
	for (size_t i = 0; i < l->n_volumes; i++) {
		const struct luks_volume *old = &l->volumes[i];

		if (old->crypt.major == crypt->major && old->crypt.minor == crypt->minor &&
			strcmp(old->crypt.device, crypt->device) == 0)
			*ret_volume = *old;
	}
	ret_volume->crypt = *crypt;
	luks_disk_device(crypt, ret_volume->device);
}

static int find_volumes(struct backend *b)
{
	struct luks_backend *l = b->state;
	struct luks_volume *volumes;
	struct block_crypts crypts;
	int r = luks_disks_find(b->platform->sysroot_fd, &crypts);

	if (r < 0)
		return r;
	volumes = calloc(crypts.n_crypts + 1, sizeof(*volumes));
	if (!volumes)
		return -ENOMEM;
	for (size_t i = 0; i < crypts.n_crypts; i++)
		take_volume(l, &crypts.crypts[i], &volumes[i]);
	free(l->volumes);
	l->volumes = volumes;
	l->n_volumes = crypts.n_crypts;
	l->more = crypts.more;
	return 0;
}

/* --- requests ------------------------------------------------------------------------------- */

static int ask(struct backend *b, const struct luks_volume *v, struct cryptsetup_request *request,
	cryptsetup_done_fn done, struct cryptsetup **ret_operation)
{
	char path[PATH_MAX];
	int r = luks_disk_request(b->platform, v->device, path, request);

	if (r < 0)
		return r;
	return cryptsetup_start(b->platform->event, request, done, b, ret_operation);
}

/* --- the empty passphrase ------------------------------------------------------------------- */

static void plan_trial(struct backend *b);

static void trial_done(const struct cryptsetup_result *result, void *userdata)
{
	struct backend *b = userdata;
	struct luks_backend *l = b->state;
	const struct luks_known *known = b->platform->luks;
	bool opens = result->verdict == CRYPTSETUP_OK;
	bool answered = opens || result->verdict == CRYPTSETUP_WRONG_KEY;

	for (size_t i = 0; i < l->n_volumes; i++) {
		struct luks_volume *v = &l->volumes[i];

		if (!v->has_header ||
			memcmp(v->header.slots_digest, l->trial_digest, SHA256_BYTES) != 0)
			continue;
		v->tried_us = clock_boottime_us();
		v->urgent = opens;
		v->empty = LUKS_EMPTY_FAILED;
		if (answered)
			v->empty = opens ? LUKS_EMPTY_OPENS : LUKS_EMPTY_REFUSED;
		memcpy(v->empty_said, result->said, sizeof(v->empty_said));
	}
	if (answered && known && known->put)
		known->put(l->trial_digest, opens, known->userdata);
	plan_trial(b);
	if (l->changed)
		l->changed(b, l->changed_userdata);
}

static bool wants_trial(const struct luks_volume *v)
{
	return v->has_header && (v->empty == LUKS_EMPTY_UNTRIED || v->empty == LUKS_EMPTY_FAILED);
}

static int64_t trial_delay_us(const struct backend *b)
{
	const struct luks_known *known = b->platform->luks;

	return (int64_t)(known ? known->delay_s : LUKS_TRIAL_DELAY_S) * USEC_PER_SEC;
}

/* The volume that is to be tried next, and when. NULL: none is. */
static struct luks_volume *next_trial(struct backend *b, int64_t *ret_at_us)
{
	struct luks_backend *l = b->state;
	int64_t soon_us = clock_boottime_us() + trial_delay_us(b);
	struct luks_volume *next = NULL;

	for (size_t i = 0; i < l->n_volumes; i++) {
		struct luks_volume *v = &l->volumes[i];
		int64_t at_us = soon_us;

		if (!wants_trial(v))
			continue;
		if (v->tried_us && !v->urgent && v->tried_us + TRIAL_INTERVAL_US > at_us)
			at_us = v->tried_us + TRIAL_INTERVAL_US;
		if (next && at_us >= *ret_at_us)
			continue;
		next = v;
		*ret_at_us = at_us;
	}
	return next;
}

static int on_trial_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct backend *b = userdata;
	struct luks_backend *l = b->state;
	struct cryptsetup_request request = {
		.action = CRYPTSETUP_TEST, .secret = {.bytes = "", .n_bytes = 0}};
	struct luks_volume *v;
	int64_t at_us;
	int r;

	(void)source;
	(void)usec;
	l->trial_source = sd_event_source_unref(l->trial_source);
	v = next_trial(b, &at_us);
	/* What the timer was set for may be gone, or have changed again. */
	if (!v || at_us > clock_boottime_us() + trial_delay_us(b)) {
		plan_trial(b);
		return 0;
	}
	request.slots = luks_opening_slots(&v->header);
	memcpy(l->trial_digest, v->header.slots_digest, SHA256_BYTES);
	r = ask(b, v, &request, trial_done, &l->trial);
	if (r < 0) {
		struct cryptsetup_result failed = {.verdict = CRYPTSETUP_FAILED, .slot = -1};

		text_printf(failed.said, "cryptsetup cannot be started: %s", strerror(-r));
		trial_done(&failed, b);
	}
	return 0;
}

/* One at a time, each after its delay. */
static void plan_trial(struct backend *b)
{
	struct luks_backend *l = b->state;
	int64_t at_us, now_us = clock_boottime_us();

	if (l->trial || !next_trial(b, &at_us))
		return;
	/* Looking again and again puts nothing off; what is due sooner does not wait for the rest.
	 */
	if (l->trial_source && l->trial_us <= at_us)
		return;
	l->trial_source = sd_event_source_unref(l->trial_source);
	l->trial_us = at_us;
	/* Without memory for a timer the next observation plans again. A quarter later is as good,
	 * so that it may go with what wakes the phone anyway. */
	(void)sd_event_add_time(b->platform->event, &l->trial_source, CLOCK_BOOTTIME,
		(uint64_t)at_us, (uint64_t)(at_us > now_us ? (at_us - now_us) / 4 + 1 : 1),
		on_trial_time, b);
}

/* What was found out before, in another life perhaps. */
static void recall_trial(struct backend *b, struct luks_volume *v)
{
	const struct luks_known *known = b->platform->luks;
	int r = -ENOENT;

	if (!v->has_header || v->empty != LUKS_EMPTY_UNTRIED)
		return;
	/* What no passphrase opens an empty one does not. */
	if (luks_opening_slots(&v->header) == 0)
		r = 0;
	else if (known && known->get)
		r = known->get(v->header.slots_digest, known->userdata);
	if (r < 0)
		return;
	v->empty = r ? LUKS_EMPTY_OPENS : LUKS_EMPTY_REFUSED;
	v->urgent = r != 0;
}

/* --- headers -------------------------------------------------------------------------------- */

static void set_why(struct luks_volume *v, enum compliance_state state,
	enum compliance_reason reason, const char *why)
{
	v->has_header = false;
	v->state = state;
	v->reason = reason;
	text_printf(v->why, "%s", why);
}

static void set_error(struct luks_volume *v, int r)
{
	char why[LIMIT_TEXT_BYTES + 1];

	text_printf(why, "%s cannot be read: %s", v->device, strerror(-r));
	set_why(v, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED, why);
}

/* 1: cryptsetup has to be asked; 0: what there is to know is known. */
static int look_at(struct backend *b, struct luks_volume *v)
{
	uint8_t start[LUKS_BINARY_BYTES], digest[SHA256_BYTES];
	ssize_t n;
	int r;

	if (is_plain(v)) {
		set_why(v, COMPLIANCE_COMPLIANT, REASON_ENCRYPTED,
			"plain dm-crypt: there is no header that says with what");
		return 0;
	}
	if (strcmp(v->crypt.kind, "LUKS2") == 0 && !cryptsetup_find(b->platform->sysroot_fd)) {
		set_why(v, COMPLIANCE_UNSUPPORTED, REASON_NO_MECHANISM, CRYPTSETUP_ABSENT);
		return 0;
	}
	r = v->crypt.device[0] ? luks_disk_check(b->platform, &v->crypt) : -ENODEV;
	if (r < 0) {
		set_error(v, r);
		return 0;
	}
	n = cryptsetup_read_start(b->platform->sysroot_fd, v->device, start);
	if (n < 0) {
		set_error(v, (int)n);
		return 0;
	}
	if (luks_magic(start, (size_t)n) == 0) {
		set_why(v, COMPLIANCE_UNKNOWN, REASON_UNTRACEABLE,
			"the header is not on the device; where it is cannot be seen");
		return 0;
	}
	r = sha256(start, (size_t)n, digest);
	if (r < 0) {
		set_error(v, r);
		return 0;
	}
	if (v->has_header && memcmp(digest, v->start_digest, sizeof(digest)) == 0)
		return 0;
	memcpy(v->start_digest, digest, sizeof(digest));
	return 1;
}

static void take_header(struct luks_volume *v, const struct luks_header *header)
{
	/* Also after a time in which it could not be read. */
	bool same = memcmp(v->header.slots_digest, header->slots_digest, SHA256_BYTES) == 0;

	v->header = *header;
	v->has_header = true;
	v->state = COMPLIANCE_COMPLIANT;
	v->reason = REASON_ENCRYPTED;
	v->why[0] = 0;
	if (!same)
		v->empty = LUKS_EMPTY_UNTRIED;
}

static int luks_next(struct backend *b);

static void luks_dumped(const struct cryptsetup_result *result, void *userdata)
{
	struct backend *b = userdata;
	struct luks_backend *l = b->state;
	struct luks_volume *v = &l->volumes[l->at];
	char why[LIMIT_TEXT_BYTES + 1];
	int r;

	if (result->header) {
		take_header(v, result->header);
	} else {
		text_printf(why, "the header cannot be read: %.200s", result->said);
		set_why(v, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED, why);
	}
	l->at++;
	r = luks_next(b);
	if (r < 0)
		backend_call_finish(&l->call, r, "out of memory");
}

/* --- changes ------------------------------------------------------------------------------- */

static void luks_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct luks_backend *l = b->state;

	l->changed(b, l->changed_userdata);
}

/*
 * Whoever changes a header opens the device for writing and closes it again, as cryptsetup does.
 * What a mounted file system writes is not seen here. Where it cannot be watched it is still looked
 * at whenever everything is.
 */
static void watch_devices(struct backend *b)
{
	struct luks_backend *l = b->state;
	const char *paths[LIMIT_BLOCK_CRYPTS];
	size_t n = 0;

	watch_free(l->watch);
	l->watch = NULL;
	if (!l->changed)
		return;
	for (size_t i = 0; i < l->n_volumes; i++)
		if (l->volumes[i].has_header)
			paths[n++] = l->volumes[i].device + 1;
	if (n)
		(void)watch_new(b->platform->event, b->platform->sysroot_fd, paths, n,
			luks_on_change, b, &l->watch);
}

/* --- the operation -------------------------------------------------------------------------- */

static int luks_conclude(struct backend *b)
{
	struct luks_backend *l = b->state;
	_cleanup_free_ struct luks_seen *seen = calloc(l->n_volumes + 1, sizeof(*seen));

	if (!seen)
		return -ENOMEM;
	for (size_t i = 0; i < l->n_volumes; i++) {
		struct luks_volume *v = &l->volumes[i];

		recall_trial(b, v);
		text_printf(seen[i].name, "%s (%s)", v->crypt.mapping[0] ? v->crypt.mapping : "?",
			v->crypt.device[0] ? v->crypt.device : "?");
		text_printf(seen[i].device, "%s", v->device);
		seen[i].header = v->has_header ? &v->header : NULL;
		seen[i].state = v->state;
		seen[i].reason = v->reason;
		memcpy(seen[i].why, v->why, sizeof(seen[i].why));
		seen[i].empty = v->empty;
		memcpy(seen[i].empty_said, v->empty_said, sizeof(seen[i].empty_said));
	}
	plan_trial(b);
	watch_devices(b);
	return luks_judge(b, seen, l->n_volumes, l->more);
}

static int luks_end(struct backend *b, int r)
{
	struct luks_backend *l = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";

	if (r < 0) {
		text_printf(message, "cannot look at the LUKS volumes: %s", strerror(-r));
		for (enum setting_id id = 0; id < SETTING_MAX; id++)
			if (b->ops->serves[id])
				backend_saw_none(b, id, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
	}
	return backend_call_end(&l->call, r, message);
}

/* Goes on with the volumes that are left, until cryptsetup is asked. 0, or -errno where the call
 * will not be answered. */
static int luks_next(struct backend *b)
{
	struct luks_backend *l = b->state;

	for (; l->at < l->n_volumes; l->at++) {
		struct cryptsetup_request request = {.action = CRYPTSETUP_DUMP};
		struct luks_volume *v = &l->volumes[l->at];
		int r;

		if (look_at(b, v) == 0)
			continue;
		r = ask(b, v, &request, luks_dumped, &l->dump);
		if (r == 0)
			return 0;
		set_error(v, r);
	}
	return luks_end(b, luks_conclude(b));
}

static int luks_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	struct luks_backend *l = b->state;
	int r = find_volumes(b);

	backend_call_begin(&l->call, b, done, userdata);
	l->at = 0;
	return r < 0 ? luks_end(b, r) : luks_next(b);
}

/* Mounts and swaps are watched elsewhere, and a change of these has this looked at, too. */
static int luks_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	struct luks_backend *l = b->state;

	l->changed = changed;
	l->changed_userdata = userdata;
	return 0;
}

static void luks_free(struct backend *b)
{
	struct luks_backend *l = b->state;

	backend_call_cancel(&l->call);
	cryptsetup_free(l->dump);
	cryptsetup_free(l->trial);
	sd_event_source_unref(l->trial_source);
	watch_free(l->watch);
	free(l->volumes);
	free(l);
}

static const struct backend_ops luks_ops = {
	.name = "luks",
	.help = "Sees which version, ciphers and keyslots the LUKS volumes in use have.",
	.serves =
		{
			[SETTING_ENCRYPTION_MIN_VERSION] = true,
			[SETTING_ENCRYPTION_CIPHERS] = true,
			[SETTING_ENCRYPTION_MIN_KEY_SIZE] = true,
			[SETTING_ENCRYPTION_MIN_KDF] = true,
			[SETTING_ENCRYPTION_MIN_KDF_MEMORY] = true,
			[SETTING_ENCRYPTION_MAX_KEYSLOTS] = true,
			[SETTING_ENCRYPTION_FORBID_EMPTY_PASSPHRASE] = true,
		},
	.probe = luks_probe,
	.observe = luks_observe,
	.watch = luks_watch,
	.free = luks_free,
};

int luks_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(platform, &luks_ops, sizeof(struct luks_backend), ret_backend);
}
