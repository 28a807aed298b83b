/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escrow.c - backend "escrow": whether the organisation has a recovery key of every LUKS volume
 * that the phone lives on, and how old that and its last check are. Changes nothing. Enforcer only.
 */
#include <errno.h>
#include <string.h>

#include "agent/util/clock.h"
#include "platform/backend.h"
#include "platform/backends.h"
#include "platform/escrow_known.h"
#include "platform/luks_disks.h"
#include "platform/watch.h"

#define DAY_S (24 * 3600)
#define ADVICE_MAKE "agentctl escrow"
#define ADVICE_RENEW "agentctl escrow --new"

struct escrow_backend {
	struct backend_call call;
	struct watch *watch; /* of the volumes' devices */
	backend_changed_fn changed;
	void *changed_userdata;
};

struct escrow_worst {
	int64_t checked_days, age_days;
	bool is_held;	 /* all: the server has them */
	bool is_missing; /* one, or it is broken, was seen, or is sealed to others */
	bool is_unread;	 /* a header */
};

static void escrow_probe(struct backend *b, struct backend_fact *ret_fact)
{
	bool mounts = backend_file_exists(b->platform->sysroot_fd, "proc/self/mountinfo");

	*ret_fact = (struct backend_fact){.reason = REASON_NO_MECHANISM};
	if (mounts && backend_file_exists(b->platform->sysroot_fd, "sys/dev/block"))
		*ret_fact = (struct backend_fact){.present = true};
	else
		text_printf(ret_fact->detail, "%s is not mounted", mounts ? "/sys" : "/proc");
}

/* Whole days; a clock that went back makes nothing older. */
static int64_t days_since(int64_t then_s)
{
	int64_t now_s = clock_realtime_s();

	return now_s > then_s ? (now_s - then_s) / DAY_S : 0;
}

/* What is said of one volume. */
static void judge_volume(
	const struct escrow_volume *volume, struct observed_item *item, struct escrow_worst *worst)
{
	static const struct {
		enum compliance_state state;
		enum compliance_reason reason;
		const char *detail;
	} rows[] = {
		[ESCROW_NO_KEY] = {COMPLIANCE_NONCOMPLIANT, REASON_ESCROW_MISSING,
			"no recovery key; have one made: " ADVICE_MAKE},
		[ESCROW_UNTOLD] = {COMPLIANCE_PENDING, REASON_ESCROW_UNTOLD,
			"the server does not have the recovery key yet"},
		[ESCROW_HELD] = {COMPLIANCE_COMPLIANT, REASON_NONE, ""},
		[ESCROW_SEEN] = {COMPLIANCE_NONCOMPLIANT, REASON_ESCROW_SEEN,
			"somebody has seen the recovery key; have a new one made: " ADVICE_RENEW},
		[ESCROW_OTHER] = {COMPLIANCE_NONCOMPLIANT, REASON_ESCROW_OTHER_KEY,
			"the recovery key is sealed to another escrow certificate than the "
			"policy's; have one made: " ADVICE_MAKE},
		[ESCROW_BROKEN] = {COMPLIANCE_NONCOMPLIANT, REASON_ESCROW_BROKEN,
			"the recovery key no longer opens it; have one made: " ADVICE_MAKE},
	};
	int64_t checked = days_since(volume->checked_s), age = days_since(volume->made_s);

	item->state = rows[volume->standing].state;
	item->reason = rows[volume->standing].reason;
	text_printf(item->detail, "%s", rows[volume->standing].detail);
	worst->is_held = worst->is_held &&
			 (volume->standing == ESCROW_HELD || volume->standing == ESCROW_SEEN);
	worst->is_missing = worst->is_missing || volume->standing == ESCROW_NO_KEY ||
			    volume->standing == ESCROW_SEEN || volume->standing == ESCROW_OTHER ||
			    volume->standing == ESCROW_BROKEN;
	if (checked > worst->checked_days)
		worst->checked_days = checked;
	if (age > worst->age_days)
		worst->age_days = age;
}

/* A volume whose header cannot be read has no key that anybody could speak of. */
static void look_at(struct backend *b, const struct block_crypt *crypt, struct observed_item *item,
	struct escrow_worst *worst)
{
	struct escrow_volume volume = {.standing = ESCROW_NO_KEY};
	const struct escrow_known *known = b->platform->escrow;
	char device[LUKS_DEVICE_BYTES];
	uint8_t start[LUKS_BINARY_BYTES], digest[SHA256_BYTES];
	struct luks_header header;
	struct luks_fault fault;
	ssize_t n = luks_disk_check(b->platform, crypt);

	luks_disk_device(crypt, device);
	text_printf(item->name, "%s (%s)", crypt->mapping, crypt->device);
	if (n == 0)
		n = cryptsetup_read_start(b->platform->sysroot_fd, device, start);
	if (n < 0 || luks_parse(start, (size_t)n, &header, &fault) < 0 ||
		sha256(start, (size_t)n, digest) < 0) {
		item->state = COMPLIANCE_ERROR;
		item->reason = REASON_OBSERVE_FAILED;
		text_printf(item->detail, "its header cannot be read");
		worst->is_held = false;
		worst->is_unread = true;
		return;
	}
	if (known)
		known->get(header.uuid, digest, &volume, known->userdata);
	judge_volume(&volume, item, worst);
	if (item->reason == REASON_ESCROW_MISSING && !cryptsetup_find(b->platform->sysroot_fd))
		text_printf(
			item->detail, "no recovery key, and none can be made: " CRYPTSETUP_ABSENT);
}

/* The first item that is not well says why. */
static void say_why(struct observation *o, const struct observed_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (items[i].state == COMPLIANCE_COMPLIANT)
			continue;
		o->reason = items[i].reason;
		text_printf(o->detail, "%.100s: %.140s", items[i].name, items[i].detail);
		return;
	}
}

static int conclude(struct backend *b, const struct block_crypts *crypts)
{
	struct observed_item *items = calloc(crypts->n_crypts + 1, sizeof(*items));
	struct escrow_worst worst = {.is_held = true};
	struct observation *o;
	size_t n = 0;

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < crypts->n_crypts; i++)
		look_at(b, &crypts->crypts[i], &items[n++], &worst);
	if (worst.is_unread && !worst.is_missing)
		backend_saw_none(
			b, SETTING_ENCRYPTION_ESCROW, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
	else
		backend_saw(b, SETTING_ENCRYPTION_ESCROW, n > 0 && !worst.is_missing, true);
	o = b->observations[SETTING_ENCRYPTION_ESCROW];
	if (n == 0) {
		o->reason = REASON_PLAIN_STORAGE;
		text_printf(o->detail, "nothing of the phone lies on LUKS");
	}
	say_why(o, items, n);
	o->items = items;
	o->n_items = n;
	if (n == 0 || !worst.is_held) {
		/* What is not there has no age. */
		backend_saw_none(b, SETTING_ENCRYPTION_ESCROW_CHECK, COMPLIANCE_NONCOMPLIANT,
			REASON_ESCROW_MISSING);
		backend_saw_none(b, SETTING_ENCRYPTION_ESCROW_MAX_AGE, COMPLIANCE_NONCOMPLIANT,
			REASON_ESCROW_MISSING);
		return 0;
	}
	backend_saw(b, SETTING_ENCRYPTION_ESCROW_CHECK, worst.checked_days, true);
	backend_saw(b, SETTING_ENCRYPTION_ESCROW_MAX_AGE, worst.age_days, true);
	b->observations[SETTING_ENCRYPTION_ESCROW_MAX_AGE]->reason = REASON_ESCROW_OLD;
	text_printf(b->observations[SETTING_ENCRYPTION_ESCROW_MAX_AGE]->detail,
		"a new one is made by " ADVICE_RENEW);
	return 0;
}

static void escrow_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct escrow_backend *s = b->state;

	s->changed(b, s->changed_userdata);
}

/* Whoever changes a header opens the device for writing and closes it again. Where that cannot be
 * seen it is still looked at whenever everything is. */
static void watch_devices(struct backend *b, const struct block_crypts *crypts)
{
	char devices[LIMIT_BLOCK_CRYPTS][LUKS_DEVICE_BYTES];
	const char *paths[LIMIT_BLOCK_CRYPTS];
	struct escrow_backend *s = b->state;
	size_t n = 0;

	watch_free(s->watch);
	s->watch = NULL;
	for (size_t i = 0; i < crypts->n_crypts; i++) {
		luks_disk_device(&crypts->crypts[i], devices[n]);
		paths[n] = devices[n] + 1;
		n++;
	}
	if (n && s->changed)
		(void)watch_new(b->platform->event, b->platform->sysroot_fd, paths, n,
			escrow_on_change, b, &s->watch);
}

static int escrow_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	struct escrow_backend *s = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	struct block_crypts crypts;
	int r;

	backend_call_begin(&s->call, b, done, userdata);
	r = luks_disks_find_own(b->platform->sysroot_fd, &crypts);
	if (r == 0) {
		/* Before looking: what happens from now on is not missed. */
		watch_devices(b, &crypts);
		r = conclude(b, &crypts);
	}
	if (r < 0) {
		text_printf(message, "cannot find the LUKS volumes: %s", strerror(-r));
		for (enum setting_id id = 0; id < SETTING_MAX; id++)
			if (b->ops->serves[id])
				backend_saw_none(b, id, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
	}
	return backend_call_end(&s->call, r, message);
}

static int escrow_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	struct escrow_backend *s = b->state;

	s->changed = changed;
	s->changed_userdata = userdata;
	return 0;
}

static void escrow_free(struct backend *b)
{
	struct escrow_backend *s = b->state;

	backend_call_cancel(&s->call);
	watch_free(s->watch);
	free(s);
}

static const struct backend_ops escrow_ops = {
	.name = "escrow",
	.help = "Sees whether the organisation has a recovery key of every LUKS volume.",
	.serves =
		{
			[SETTING_ENCRYPTION_ESCROW] = true,
			[SETTING_ENCRYPTION_ESCROW_CHECK] = true,
			[SETTING_ENCRYPTION_ESCROW_MAX_AGE] = true,
		},
	.probe = escrow_probe,
	.observe = escrow_observe,
	.watch = escrow_watch,
	.free = escrow_free,
};

int escrow_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(platform, &escrow_ops, sizeof(struct escrow_backend), ret_backend);
}
