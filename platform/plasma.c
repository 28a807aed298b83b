/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plasma.c - backend "plasma": the screen locker of Plasma and Plasma Mobile by entries in
 * /etc/xdg/kscreenlockerrc that users cannot change. The rest of the file stays as it is.
 * Enforcer only.
 *
 * The group is made immutable with the entries: an entry alone is not enough, because a user's file
 * can have the same key for one language, which KConfig prefers.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "platform/backend.h"
#include "platform/backends.h"
#include "platform/kconfig.h"
#include "platform/override.h"
#include "platform/watch.h"

#define LOCKER_FILE "etc/xdg/kscreenlockerrc"
#define LOCKER_GROUP "Daemon"
/* KConfig's reader takes what fits into an int. */
#define LOCKER_NUMBER_MAX INT32_MAX

struct plasma_backend {
	struct backend_call call;
	struct watch *watch;
	backend_changed_fn changed;
	void *changed_userdata;
};

/* The file as far as it is asked for. */
struct locker {
	struct kconfig_entry autolock, timeout, grace, password;
	bool immutable; /* the group */
	bool present;
};

static const struct override_spec locker_spec = {
	.name = "plasma-kscreenlockerrc",
	.path = LOCKER_FILE,
	.mode = 0644,
	.derive = kconfig_derive,
	.strip = kconfig_strip,
};

static void plasma_probe(struct backend *b, struct backend_fact *ret_fact)
{
	static const char *const paths[] = {
		"usr/bin/plasmashell",
		"usr/libexec/kscreenlocker_greet",
		"usr/lib/kscreenlocker_greet",
		"usr/lib/libexec/kscreenlocker_greet",
		LOCKER_FILE,
	};

	*ret_fact = (struct backend_fact){.reason = REASON_NO_MECHANISM};
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		ret_fact->present |= backend_file_exists(b->platform->sysroot_fd, paths[i]);
	if (ret_fact->present)
		ret_fact->reason = REASON_NONE;
	else
		text_printf(ret_fact->detail, "Plasma is not installed");
}

/* --- observe ------------------------------------------------------------------------------ */

static int read_locker(int root_fd, struct locker *ret)
{
	_cleanup_free_ char *text = NULL;
	struct kconfig_group group;
	struct stat st;
	_cleanup_close_ int fd = fs_open_in_root(root_fd, LOCKER_FILE, O_RDONLY | O_NONBLOCK);
	size_t n;
	int r;

	*ret = (struct locker){.present = false};
	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADF;
	/* A file that users cannot read is none to them. */
	if (!(st.st_mode & S_IROTH))
		return 0;
	r = fs_read_fd(fd, LIMIT_PLATFORM_FILE_BYTES, &text, &n);
	if (r < 0)
		return r;
	ret->present = true;
	kconfig_read(text, n, LOCKER_GROUP, "Autolock", &ret->autolock, &group);
	kconfig_read(text, n, LOCKER_GROUP, "Timeout", &ret->timeout, &group);
	kconfig_read(text, n, LOCKER_GROUP, "LockGrace", &ret->grace, &group);
	kconfig_read(text, n, LOCKER_GROUP, "RequirePassword", &ret->password, &group);
	ret->immutable =
		group.immutable && st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH));
	return 0;
}

static void saw_nothing(struct backend *b, enum setting_id id, const char *key)
{
	backend_saw_none(b, id, COMPLIANCE_NONCOMPLIANT, REASON_WEAKER);
	text_printf(b->observations[id]->detail,
		"/" LOCKER_FILE " does not set %s, the user decides", key);
}

static void observe_bool(struct backend *b, enum setting_id id, const struct kconfig_entry *entry,
	bool immutable, const char *key)
{
	if (!entry->present) {
		saw_nothing(b, id, key);
		return;
	}
	backend_saw(b, id, kconfig_bool(entry->value), immutable);
	text_printf(b->observations[id]->detail, "%s in /" LOCKER_FILE, key);
}

static void observe_number(struct backend *b, enum setting_id id, const struct kconfig_entry *entry,
	const struct locker *locker, int64_t unit_s)
{
	const char *key = id == SETTING_SCREEN_LOCK_DELAY ? "LockGrace" : "Timeout";
	int64_t number;

	if (!entry->present) {
		saw_nothing(b, id, key);
		return;
	}
	if (parse_int64(entry->value, 0, LOCKER_NUMBER_MAX, &number) < 0 ||
		(id == SETTING_SCREEN_LOCK_IDLE_DELAY && number == 0)) {
		backend_saw_none(b, id, COMPLIANCE_NONCOMPLIANT, REASON_WEAKER);
		text_printf(b->observations[id]->detail,
			"%s=%s in /" LOCKER_FILE " is no time after which the screen locks", key,
			entry->value);
		return;
	}
	backend_saw(b, id, number * unit_s, locker->immutable);
	text_printf(b->observations[id]->detail, "%s in /" LOCKER_FILE, key);
}

static int plasma_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	struct plasma_backend *p = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	struct observation *idle = b->observations[SETTING_SCREEN_LOCK_IDLE_DELAY];
	struct locker locker;
	int r = read_locker(b->platform->sysroot_fd, &locker);

	backend_call_begin(&p->call, b, done, userdata);
	if (r < 0) {
		for (size_t i = 0; i < SETTING_MAX; i++)
			if (b->ops->serves[i])
				backend_saw_none(b, i, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
		text_printf(message, "cannot read /" LOCKER_FILE ": %s", strerror(-r));
		return backend_call_end(&p->call, r, message);
	}
	observe_number(b, SETTING_SCREEN_LOCK_IDLE_DELAY, &locker.timeout, &locker, 60);
	if (idle->has_value && locker.autolock.present && !kconfig_bool(locker.autolock.value)) {
		backend_saw_none(
			b, SETTING_SCREEN_LOCK_IDLE_DELAY, COMPLIANCE_NONCOMPLIANT, REASON_WEAKER);
		text_printf(idle->detail,
			"Autolock=false in /" LOCKER_FILE ": the screen does not lock by itself");
	}
	observe_bool(
		b, SETTING_SCREEN_LOCK_ENABLED, &locker.autolock, locker.immutable, "Autolock");
	observe_number(b, SETTING_SCREEN_LOCK_DELAY, &locker.grace, &locker, 1);
	observe_bool(b, SETTING_SCREEN_LOCK_REQUIRE_UNLOCK, &locker.password, locker.immutable,
		"RequirePassword");
	return backend_call_end(&p->call, 0, "");
}

/* --- apply -------------------------------------------------------------------------------- */

static bool wanted(const struct effective *desired, enum setting_id id, int64_t *ret_number)
{
	const struct effective_setting *setting = &desired->settings[id];

	if (!setting->present || value_demands_nothing(setting_row(id), &setting->value))
		return false;
	*ret_number = setting->value.number;
	return true;
}

/* The lines of our block; empty if the policy wants nothing here. */
static void write_lines(const struct effective *desired, struct buf *out)
{
	_cleanup_buf_ struct buf lines = BUF_INIT;
	int64_t number;

	if (wanted(desired, SETTING_SCREEN_LOCK_ENABLED, &number)) {
		buf_puts(&lines, "Autolock[$i]=true\n");
		buf_puts(&lines, "LockOnResume[$i]=true\n");
	}
	/* Whole minutes, rounded to the stricter side; below one there is nothing. */
	if (wanted(desired, SETTING_SCREEN_LOCK_IDLE_DELAY, &number))
		buf_printf(&lines, "Timeout[$i]=%" PRId64 "\n",
			number >= 60 ? number / 60 : INT64_C(1));
	if (wanted(desired, SETTING_SCREEN_LOCK_DELAY, &number))
		buf_printf(&lines, "LockGrace[$i]=%" PRId64 "\n", number);
	if (wanted(desired, SETTING_SCREEN_LOCK_REQUIRE_UNLOCK, &number))
		buf_puts(&lines, "RequirePassword[$i]=true\n");
	if (lines.error)
		out->error = lines.error;
	if (lines.n_bytes) {
		buf_puts(out, "[" LOCKER_GROUP "][$i]\n");
		buf_append(out, lines.data, lines.n_bytes);
	}
}

static int plasma_finish(struct backend *b, int r, bool changed)
{
	struct plasma_backend *p = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";

	if (r < 0)
		text_printf(message, "cannot write /" LOCKER_FILE ": %s", strerror(-r));
	b->apply_changed = changed;
	watch_settle(p->watch);
	return backend_call_end(&p->call, r, message);
}

static int plasma_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	struct plasma_backend *p = b->state;
	const struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	struct override_spec spec = locker_spec;
	_cleanup_buf_ struct buf lines = BUF_INIT;
	bool changed = false;
	int r;

	backend_call_begin(&p->call, b, done, userdata);
	write_lines(desired, &lines);
	if (lines.error)
		return plasma_finish(b, lines.error, false);
	spec.userdata = lines.data;
	r = lines.n_bytes ? override_apply(&place, &spec, &changed)
			  : override_revert(&place, &spec, &changed);
	return plasma_finish(b, r, changed);
}

static int plasma_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	struct plasma_backend *p = b->state;
	const struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	bool changed = false;
	int r;

	backend_call_begin(&p->call, b, done, userdata);
	r = override_revert(&place, &locker_spec, &changed);
	return plasma_finish(b, r, changed);
}

/* --- watch -------------------------------------------------------------------------------- */

static void plasma_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct plasma_backend *p = b->state;

	p->changed(b, p->changed_userdata);
}

static int plasma_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	static const char *const paths[] = {LOCKER_FILE, "usr/bin/plasmashell"};
	struct plasma_backend *p = b->state;

	watch_free(TAKE_PTR(p->watch));
	p->changed = changed;
	p->changed_userdata = userdata;
	return watch_new(b->platform->event, b->platform->sysroot_fd, paths, ARRAY_SIZE(paths),
		plasma_on_change, b, &p->watch);
}

static void plasma_free(struct backend *b)
{
	struct plasma_backend *p = b->state;

	backend_call_cancel(&p->call);
	watch_free(p->watch);
	free(p);
}

static const struct backend_ops plasma_ops = {
	.name = "plasma",
	.help = "Screen lock of Plasma by entries in /etc/xdg/kscreenlockerrc that users cannot change.",
	.serves =
		{
			[SETTING_SCREEN_LOCK_IDLE_DELAY] = true,
			[SETTING_SCREEN_LOCK_ENABLED] = true,
			[SETTING_SCREEN_LOCK_DELAY] = true,
			[SETTING_SCREEN_LOCK_REQUIRE_UNLOCK] = true,
		},
	.probe = plasma_probe,
	.observe = plasma_observe,
	.apply = plasma_apply,
	.watch = plasma_watch,
	.revert = plasma_revert,
	.free = plasma_free,
};

int plasma_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(platform, &plasma_ops, sizeof(struct plasma_backend), ret_backend);
}
