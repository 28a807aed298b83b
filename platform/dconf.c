/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dconf.c - backend "dconf": the screen lock of phosh and GNOME by a locked system database. It
 * writes files below /etc/dconf and runs the real `dconf compile`; what it observes is what dconf
 * serves, read from the profile and the compiled databases. Enforcer only.
 *
 * Why `dconf compile` and not `dconf update`: update compiles every database of the system, so that
 * an administrator's half-written keyfile would go live, or make ours fail. Compiled is a private
 * copy of our two files, so that a file that somebody else put into our directory has no say. Then
 * the result is checked, put in place atomically, and running programs are told, as update does:
 * the replaced file is marked invalid and a signal goes out on the system bus.
 *
 * Limits: a session that started before our profile existed reads the new one after it was started
 * again, and nothing on the system tells which profile a process has read. A user who sets
 * DCONF_PROFILE or $XDG_RUNTIME_DIR/dconf/profile before the session starts gets another profile;
 * so does a user for whom root made /run/dconf/user/UID. None of the three is observed here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/child.h"
#include "agent/util/fs.h"
#include "platform/backend.h"
#include "platform/backends.h"
#include "platform/dconf_files.h"
#include "platform/dconf_notify.h"
#include "platform/dconf_read.h"
#include "platform/override.h"
#include "platform/sxmo.h"
#include "platform/watch.h"

#define DCONF_PROGRAM "usr/bin/dconf"
#define DATABASE_PATH DCONF_DATABASES_DIRECTORY "/" DCONF_DATABASE
#define KEYFILE_DIRECTORY DATABASE_PATH ".d"
#define KEYFILE_NAME "00-mdm-agent"
/* A leading dot and no ".d" at the end: `dconf update` of others passes it by. */
#define BUILD_DIRECTORY DCONF_DATABASES_DIRECTORY "/.mdm_agent.build"
#define BUILD_KEYFILES BUILD_DIRECTORY "/keyfiles"
#define BUILD_DATABASE BUILD_DIRECTORY "/database"

struct dconf_backend {
	struct backend_call call;
	struct child *child;
	struct watch *watch;
	backend_changed_fn changed;
	void *changed_userdata;
	sd_bus *bus;
	/* Of the apply under way. */
	struct dconf_want wants[DCONF_WANTS_MAX];
	size_t n_wants;
	bool any_change;
};

struct bytes {
	const char *data;
	size_t n;
};

static int derive_bytes(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	const struct bytes *bytes = userdata;

	(void)original;
	(void)n_bytes;
	buf_append(out, bytes->data, bytes->n);
	return out->error;
}

/* The files, in the order in which they are made. The database's contents come from dconf. */
static const struct override_spec keyfile_spec = {
	.name = "dconf-keyfile",
	.path = KEYFILE_DIRECTORY "/" KEYFILE_NAME,
	.mode = 0644,
	.derive = derive_bytes,
	.mark = DCONF_FILE_MARK,
};
static const struct override_spec locks_spec = {
	.name = "dconf-locks",
	.path = KEYFILE_DIRECTORY "/locks/" KEYFILE_NAME,
	.mode = 0644,
	.derive = derive_bytes,
	.mark = DCONF_FILE_MARK,
};
static const struct override_spec database_spec = {
	.name = "dconf-database",
	.path = DATABASE_PATH,
	.mode = 0644,
	.derive = derive_bytes,
};
static const struct override_spec profile_spec = {
	.name = "dconf-profile",
	.path = DCONF_PROFILE_PATH,
	.mode = 0644,
	.derive = dconf_profile_derive,
	.strip = dconf_profile_strip,
};

static struct override_place place_of(const struct backend *b)
{
	return (struct override_place){b->platform->sysroot_fd, b->platform->vault_fd};
}

static int apply_spec(struct backend *b, const struct override_spec *spec, void *userdata)
{
	struct dconf_backend *d = b->state;
	struct override_place place = place_of(b);
	struct override_spec full = *spec;
	bool changed = false;
	int r;

	full.userdata = userdata;
	r = override_apply(&place, &full, &changed);
	if (r == 0 && changed)
		d->any_change = true;
	return r;
}

/* --- probe and observe -------------------------------------------------------------------- */

static void dconf_probe(struct backend *b, struct backend_fact *ret_fact)
{
	int root_fd = b->platform->sysroot_fd;

	*ret_fact = (struct backend_fact){.present = false, .reason = REASON_NO_MECHANISM};
	if (!backend_file_exists(root_fd, DCONF_PROGRAM)) {
		text_printf(ret_fact->detail, "dconf is not installed: install the package dconf "
					      "(dconf-cli on Debian)");
		return;
	}
	if (sxmo_is_installed(root_fd) && !backend_file_exists(root_fd, "usr/bin/gnome-shell") &&
		!backend_file_exists(root_fd, "usr/bin/phosh-session") &&
		!backend_file_exists(root_fd, "usr/libexec/phosh")) {
		text_printf(ret_fact->detail,
			"dconf is installed, but Sxmo's screen does not follow it");
		return;
	}
	ret_fact->present = true;
	ret_fact->reason = REASON_NONE;
}

/* One key of dconf as the observation of one setting. */
static void observe_key(struct backend *b, const struct dconf_view *view, enum setting_id id,
	const char *key, enum gvdb_type type)
{
	struct observation *o = b->observations[id];
	struct dconf_answer answer;

	dconf_view_read(view, key, &answer);
	if (!answer.has_value) {
		backend_saw_none(b, id, COMPLIANCE_NONCOMPLIANT, REASON_WEAKER);
		text_printf(o->detail, "no system database sets %s, the user decides", key);
	} else if (answer.value.type != type) {
		backend_saw_none(b, id, COMPLIANCE_NONCOMPLIANT, REASON_WEAKER);
		text_printf(o->detail, "%s in %.80s has the wrong type and is ignored", key,
			answer.source);
	} else if (id == SETTING_SCREEN_LOCK_IDLE_DELAY && answer.value.number == 0) {
		backend_saw_none(b, id, COMPLIANCE_NONCOMPLIANT, REASON_WEAKER);
		text_printf(o->detail, "idle-delay is 0 in %.80s: the screen never turns blank",
			answer.source);
	} else {
		backend_saw(b, id, answer.value.number, answer.enforced);
		text_printf(o->detail, "%s", answer.source);
	}
	if (view->trouble[0])
		detail_add(o->detail, view->trouble);
}

/* A second key can switch the lock off in GNOME, whatever the first one says. */
static void observe_disabled(struct backend *b, const struct dconf_view *view)
{
	struct observation *o = b->observations[SETTING_SCREEN_LOCK_ENABLED];
	struct dconf_answer answer;

	if (!o->has_value)
		return;
	dconf_view_read(view, DCONF_KEY_LOCK_DISABLED, &answer);
	if (answer.has_value && answer.value.type == GVDB_BOOLEAN && answer.value.number) {
		o->value.number = 0;
		detail_add(o->detail, "disable-lock-screen is set");
	} else if (!answer.has_value || !answer.enforced) {
		o->enforced = false;
		detail_add(o->detail, "disable-lock-screen is not locked");
	}
}

static void observe_failed(struct backend *b)
{
	for (size_t i = 0; i < SETTING_MAX; i++)
		if (b->ops->serves[i])
			backend_saw_none(b, i, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
}

static int dconf_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	_cleanup_(dconf_view_done) struct dconf_view view = {0};
	struct dconf_backend *d = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	int r;

	backend_call_begin(&d->call, b, done, userdata);
	r = dconf_view_open(b->platform->sysroot_fd, &view);
	if (r < 0) {
		observe_failed(b);
		text_printf(message, "cannot read the dconf profile: %s", strerror(-r));
		return backend_call_end(&d->call, r, message);
	}
	observe_key(b, &view, SETTING_SCREEN_LOCK_IDLE_DELAY, DCONF_KEY_IDLE_DELAY, GVDB_UINT32);
	observe_key(b, &view, SETTING_SCREEN_LOCK_ENABLED, DCONF_KEY_LOCK_ENABLED, GVDB_BOOLEAN);
	observe_disabled(b, &view);
	observe_key(b, &view, SETTING_SCREEN_LOCK_DELAY, DCONF_KEY_LOCK_DELAY, GVDB_UINT32);
	observe_key(b, &view, SETTING_SCREEN_LOCK_REQUIRE_UNLOCK, DCONF_KEY_REQUIRE_UNLOCK,
		GVDB_BOOLEAN);
	return backend_call_end(&d->call, 0, "");
}

/* --- apply -------------------------------------------------------------------------------- */

/* Running programs have the old file mapped; its first byte tells them to open the new one. */
static void invalidate(int old_fd)
{
	static const char zeros[8];
	struct stat st;

	/* Only what nobody else can reach by a name any more. */
	if (old_fd >= 0 && fstat(old_fd, &st) == 0 && st.st_nlink == 0)
		(void)!pwrite(old_fd, zeros, sizeof(zeros), 0);
}

static int open_old_database(struct backend *b)
{
	return fs_open_nofollow(b->platform->sysroot_fd, DATABASE_PATH, O_RDWR | O_NONBLOCK, 0);
}

static void tell_programs(struct backend *b)
{
	struct dconf_backend *d = b->state;

	if (b->platform->sysroot_is_root)
		dconf_notify(b->platform->event, DCONF_DATABASE, &d->bus);
}

/* Ends an apply or revert: what happened so far was our own doing. */
static void dconf_settle(struct backend *b)
{
	struct dconf_backend *d = b->state;

	(void)fs_remove_tree(b->platform->sysroot_fd, BUILD_DIRECTORY);
	b->apply_changed = d->any_change;
	watch_settle(d->watch);
}

/* The profile comes last: programs then find the database that it names. */
static int apply_profile(struct backend *b, char message[LIMIT_TEXT_BYTES + 1])
{
	_cleanup_free_ char *vendor = NULL;
	int r = dconf_vendor_profile(b->platform->sysroot_fd, &vendor);

	if (r == 0)
		r = apply_spec(b, &profile_spec, vendor);
	if (r < 0)
		text_printf(message, "cannot write /" DCONF_PROFILE_PATH ": %s", strerror(-r));
	return r;
}

static int install_database(struct backend *b, char message[LIMIT_TEXT_BYTES + 1])
{
	struct dconf_backend *d = b->state;
	int root_fd = b->platform->sysroot_fd;
	_cleanup_close_ int old_fd = -1;
	_cleanup_free_ char *data = NULL;
	struct bytes bytes;
	int r;

	r = fs_read(root_fd, BUILD_DATABASE, LIMIT_PLATFORM_FILE_BYTES, &data, &bytes.n);
	if (r < 0) {
		text_printf(message, "dconf compile made no database: %s", strerror(-r));
		return r;
	}
	if (!dconf_database_says(data, bytes.n, d->wants, d->n_wants)) {
		text_printf(message, "dconf compile made a database that does not hold the policy: "
				     "check the installed dconf");
		return -EIO;
	}
	bytes.data = data;
	old_fd = open_old_database(b);
	r = apply_spec(b, &database_spec, &bytes);
	if (r < 0) {
		text_printf(message, "cannot write /" DATABASE_PATH ": %s", strerror(-r));
		return r;
	}
	invalidate(old_fd);
	return 0;
}

static void dconf_compiled(const struct child_result *result, void *userdata)
{
	struct backend *b = userdata;
	struct dconf_backend *d = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	int r = -EIO;

	switch (result->end) {
	case CHILD_EXITED:
		if (result->code == 0)
			r = install_database(b, message);
		else
			text_printf(message, "dconf compile failed (exit %d): %.*s", result->code,
				(int)strcspn(result->output, "\n"), result->output);
		break;
	case CHILD_KILLED:
		text_printf(message, "dconf compile was killed by signal %d", result->code);
		break;
	case CHILD_DEADLINE:
		text_printf(message, "dconf compile took longer than %d s", LIMIT_CHILD_SECONDS);
		break;
	case CHILD_FLOODED:
	case CHILD_END_MAX:
		text_printf(message, "dconf compile wrote too much");
		break;
	}
	if (r == 0)
		r = apply_profile(b, message);
	if (r == 0)
		tell_programs(b);
	dconf_settle(b);
	backend_call_finish(&d->call, r, message);
}

/* A file of the private copy; what a power cut leaves of it is removed at the next start. */
static int write_plain(int root_fd, const char *path, const struct bytes *bytes)
{
	_cleanup_close_ int fd = fs_open_nofollow(root_fd, path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	return fd < 0 ? fd : fs_write_all(fd, bytes->data, bytes->n);
}

static int start_compile(struct backend *b, const struct bytes *keyfile, const struct bytes *locks)
{
	static const char *const argv[] = {
		"/" DCONF_PROGRAM, "compile", "/" BUILD_DATABASE, "/" BUILD_KEYFILES, NULL};
	struct dconf_backend *d = b->state;
	int root_fd = b->platform->sysroot_fd;
	const struct child_spec spec = {
		.argv = argv,
		.root_fd = b->platform->sysroot_is_root ? -1 : root_fd,
		.deadline_s = LIMIT_CHILD_SECONDS,
		.merge_stderr = true,
	};
	int r;

	r = fs_remove_tree(root_fd, BUILD_DIRECTORY);
	if (r == 0)
		r = fs_make_dirs(root_fd, BUILD_KEYFILES "/locks", 0700);
	if (r == 0)
		r = write_plain(root_fd, BUILD_KEYFILES "/" KEYFILE_NAME, keyfile);
	if (r == 0)
		r = write_plain(root_fd, BUILD_KEYFILES "/locks/" KEYFILE_NAME, locks);
	if (r < 0)
		return r;
	return child_start(b->platform->event, &spec, dconf_compiled, b, &d->child);
}

/* Whether the database in place is right, byte for byte in what matters, and readable. */
static bool database_is_right(struct backend *b)
{
	struct dconf_backend *d = b->state;
	_cleanup_close_ int fd =
		fs_open_nofollow(b->platform->sysroot_fd, DATABASE_PATH, O_RDONLY | O_NONBLOCK, 0);
	_cleanup_free_ char *data = NULL;
	struct stat st;
	size_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 07777) != 0644 ||
		st.st_uid != geteuid())
		return false;
	if (fs_read_fd(fd, LIMIT_PLATFORM_FILE_BYTES, &data, &n) < 0)
		return false;
	return dconf_database_says(data, n, d->wants, d->n_wants);
}

/* Also notes the way back in the vault, which may have been lost while the database was not. */
static int keep_database(struct backend *b)
{
	_cleanup_free_ char *data = NULL;
	struct bytes bytes;
	int r = fs_read(
		b->platform->sysroot_fd, DATABASE_PATH, LIMIT_PLATFORM_FILE_BYTES, &data, &bytes.n);

	bytes.data = data;
	return r < 0 ? r : apply_spec(b, &database_spec, &bytes);
}

static int revert_all(struct backend *b, char message[LIMIT_TEXT_BYTES + 1]);

static int apply_files(struct backend *b, bool *ret_compiling, char message[LIMIT_TEXT_BYTES + 1])
{
	_cleanup_buf_ struct buf keyfile = BUF_INIT, locks = BUF_INIT;
	struct dconf_backend *d = b->state;
	struct bytes keyfile_bytes, locks_bytes;
	int r;

	*ret_compiling = false;
	dconf_write_keyfile(d->wants, d->n_wants, &keyfile);
	dconf_write_locks(d->wants, d->n_wants, &locks);
	if (keyfile.error || locks.error)
		return -ENOMEM;
	keyfile_bytes = (struct bytes){keyfile.data, keyfile.n_bytes};
	locks_bytes = (struct bytes){locks.data, locks.n_bytes};
	r = apply_spec(b, &keyfile_spec, &keyfile_bytes);
	if (r == 0)
		r = apply_spec(b, &locks_spec, &locks_bytes);
	if (r < 0) {
		text_printf(message, "cannot write to /" KEYFILE_DIRECTORY ": %s", strerror(-r));
		return r;
	}
	if (database_is_right(b)) {
		r = keep_database(b);
		return r < 0 ? r : apply_profile(b, message);
	}
	r = start_compile(b, &keyfile_bytes, &locks_bytes);
	if (r < 0)
		text_printf(message, "cannot run /" DCONF_PROGRAM ": %s", strerror(-r));
	*ret_compiling = r == 0;
	return r;
}

static int dconf_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	struct dconf_backend *d = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	bool compiling = false;
	int r;

	backend_call_begin(&d->call, b, done, userdata);
	d->any_change = false;
	d->n_wants = dconf_wants(desired, d->wants);
	r = d->n_wants ? apply_files(b, &compiling, message) : revert_all(b, message);
	if (compiling)
		return 0;
	dconf_settle(b);
	return backend_call_end(&d->call, r, message[0] || r == 0 ? message : strerror(-r));
}

/* --- revert, watch ------------------------------------------------------------------------ */

static int revert_all(struct backend *b, char message[LIMIT_TEXT_BYTES + 1])
{
	/* The reverse of the order of apply: first nothing names the database any more. */
	static const struct override_spec *const specs[] = {
		&profile_spec, &database_spec, &locks_spec, &keyfile_spec};
	struct dconf_backend *d = b->state;
	struct override_place place = place_of(b);
	_cleanup_close_ int old_fd = open_old_database(b);
	int r, result;

	result = fs_remove_tree(b->platform->sysroot_fd, BUILD_DIRECTORY);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		bool changed = false;

		r = override_revert(&place, specs[i], &changed);
		d->any_change |= changed;
		if (r < 0) {
			text_printf(
				message, "cannot restore /%s: %s", specs[i]->path, strerror(-r));
			result = r;
		}
	}
	invalidate(old_fd);
	if (d->any_change)
		tell_programs(b);
	return result;
}

static int dconf_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	struct dconf_backend *d = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	int r;

	backend_call_begin(&d->call, b, done, userdata);
	d->any_change = false;
	r = revert_all(b, message);
	dconf_settle(b);
	return backend_call_end(&d->call, r, message);
}

static void dconf_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct dconf_backend *d = b->state;

	d->changed(b, d->changed_userdata);
}

static int dconf_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	static const char *const paths[] = {
		DCONF_PROFILE_PATH,
		"usr/share/dconf/profile/user",
		"usr/local/share/dconf/profile/user",
		DCONF_DATABASES_DIRECTORY "/",
		KEYFILE_DIRECTORY "/" KEYFILE_NAME,
		KEYFILE_DIRECTORY "/locks/" KEYFILE_NAME,
		DCONF_PROGRAM,
	};
	struct dconf_backend *d = b->state;

	watch_free(TAKE_PTR(d->watch));
	d->changed = changed;
	d->changed_userdata = userdata;
	return watch_new(b->platform->event, b->platform->sysroot_fd, paths, ARRAY_SIZE(paths),
		dconf_on_change, b, &d->watch);
}

static void dconf_free(struct backend *b)
{
	struct dconf_backend *d = b->state;

	child_free(TAKE_PTR(d->child));
	backend_call_cancel(&d->call);
	watch_free(d->watch);
	dconf_notify_stop(&d->bus);
	free(d);
}

static const struct backend_ops dconf_ops = {
	.name = "dconf",
	.help = "Screen lock of phosh and GNOME by locked keys in a system database of dconf.",
	.serves =
		{
			[SETTING_SCREEN_LOCK_IDLE_DELAY] = true,
			[SETTING_SCREEN_LOCK_ENABLED] = true,
			[SETTING_SCREEN_LOCK_DELAY] = true,
			[SETTING_SCREEN_LOCK_REQUIRE_UNLOCK] = true,
		},
	.probe = dconf_probe,
	.observe = dconf_observe,
	.apply = dconf_apply,
	.watch = dconf_watch,
	.revert = dconf_revert,
	.free = dconf_free,
};

int dconf_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(platform, &dconf_ops, sizeof(struct dconf_backend), ret_backend);
}
