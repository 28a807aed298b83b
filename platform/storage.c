/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage.c - backend "storage": what of the mounted file systems and swaps is encrypted, seen in
 * /proc and sysfs, and on plain file systems in /home. Changes nothing, opens no device. Enforcer
 * only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/fs.h"
#include "platform/backend.h"
#include "platform/backends.h"
#include "platform/blocktree.h"
#include "platform/fscrypt.h"
#include "platform/mounts_watch.h"

#define MOUNTINFO "proc/self/mountinfo"
#define SWAPS "proc/swaps"
#define ITEMS_MAX 128 /* that are told of */
#define ITEMS_FIRST 64

struct storage_backend {
	struct backend_call call;
	struct mounts_watch *mounts, *swaps;
	backend_changed_fn changed;
	void *changed_userdata;
};

static void storage_probe(struct backend *b, struct backend_fact *ret_fact)
{
	*ret_fact = (struct backend_fact){.reason = REASON_NO_MECHANISM};
	if (!backend_file_exists(b->platform->sysroot_fd, MOUNTINFO)) {
		text_printf(ret_fact->detail, "/proc is not mounted");
		return;
	}
	if (!backend_file_exists(b->platform->sysroot_fd, "sys/dev/block")) {
		text_printf(ret_fact->detail, "/sys is not mounted");
		return;
	}
	ret_fact->present = true;
	ret_fact->reason = REASON_NONE;
}

/* Users may mount a thousand file systems, and none of what else is told may be lost over that. The
 * first are the system's; of the rest the bad ones are named. Returns how many are left. */
static size_t abridge(struct observed_item *items, size_t n_items)
{
	struct observed_item rest = {.state = COMPLIANCE_COMPLIANT};
	size_t n = ITEMS_FIRST, n_rest = 0;

	if (n_items <= ITEMS_MAX)
		return n_items;
	for (size_t i = ITEMS_FIRST; i < n_items; i++) {
		const struct observed_item *item = &items[i];

		if (item->state != COMPLIANCE_COMPLIANT && n < ITEMS_MAX - 1) {
			items[n++] = *item;
			continue;
		}
		n_rest++;
		if (item->state == COMPLIANCE_NONCOMPLIANT ||
			(item->state != COMPLIANCE_COMPLIANT &&
				rest.state == COMPLIANCE_COMPLIANT)) {
			rest.state = item->state;
			rest.reason = item->reason;
		}
	}
	text_printf(rest.name, "%zu more", n_rest);
	text_printf(rest.detail, "as the worst of them");
	items[n] = rest;
	return n + 1;
}

/* Of all items: fine, or the first bad one. */
static void conclude(struct backend *b, enum setting_id id, struct observed_item *items,
	size_t n_items, const char *nothing)
{
	struct observation *o = b->observations[id];
	const struct observed_item *worst = NULL;

	for (size_t i = 0; i < n_items; i++)
		if (items[i].state == COMPLIANCE_NONCOMPLIANT ||
			(items[i].state == COMPLIANCE_UNKNOWN && !worst))
			if (!worst || worst->state == COMPLIANCE_UNKNOWN)
				worst = &items[i];
	if (worst && worst->state == COMPLIANCE_UNKNOWN) {
		/* Neither readable nor unreadable was seen: no value. */
		backend_saw_none(b, id, COMPLIANCE_UNKNOWN, REASON_UNTRACEABLE);
	} else {
		backend_saw(b, id, worst == NULL, true);
		o->reason = worst ? worst->reason : REASON_NONE;
	}
	if (worst)
		text_printf(o->detail, "%.120s: %.120s", worst->name, worst->detail);
	else if (n_items == 0)
		text_printf(o->detail, "%s", nothing);
	observation_keep_items(o, items, abridge(items, n_items));
}

static bool is_boot(const char *point)
{
	return strcmp(point, "/boot") == 0 || strcmp(point, "/boot/efi") == 0 ||
	       strcmp(point, "/efi") == 0;
}

/* Names from mount points are other people's: one line of text in any case. */
static void set_name(struct observed_item *item, const char *name)
{
	text_printf(item->name, "%.255s", name);
	for (char *p = item->name; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

static bool same_mount(const struct mount *a, const struct mount *b)
{
	return a->major == b->major && a->minor == b->minor && strcmp(a->point, b->point) == 0;
}

/* Whether a mount earlier in the table is at the same point with the same file system. */
static bool seen_before(const struct mount_table *table, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same_mount(&table->mounts[k], &table->mounts[i]))
			return true;
	return false;
}

/* Whether a mount point is directory or below it. */
static bool is_at_or_below(const char *point, const char *directory)
{
	size_t n = strlen(directory);

	return strncmp(point, directory, n) == 0 && (point[n] == 0 || point[n] == '/');
}

static bool is_system(const struct mount_table *table, const struct mount *mount)
{
	static const char *const directories[] = {
		"/etc", "/opt", "/root", "/srv", "/tmp", "/usr", "/var"};

	(void)table;
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (is_at_or_below(mount->point, directories[i]))
			return true;
	return strcmp(mount->point, "/") == 0;
}

/* Also what has /home as one of its directories. */
static bool is_home(const struct mount_table *table, const struct mount *mount)
{
	const struct mount *holds = mount_table_find(table, "/home");

	return is_at_or_below(mount->point, "/home") ||
	       (holds && same_mount(holds, mount) && strcmp(holds->point, "/home") != 0);
}

/* What was said of some of the mounts, as an observation of its own. */
static int conclude_part(struct backend *b, enum setting_id id, const struct mount_table *table,
	const struct observed_item *items, const size_t *mount_of, size_t n_items,
	bool (*is_part)(const struct mount_table *table, const struct mount *mount))
{
	struct observed_item *part = calloc(n_items + 1, sizeof(*part));
	size_t n = 0;

	if (!part)
		return -ENOMEM;
	for (size_t i = 0; i < n_items; i++)
		if (is_part(table, &table->mounts[mount_of[i]]))
			part[n++] = items[i];
	conclude(b, id, part, n, "nothing is mounted there");
	return 0;
}

/* The verdict of an earlier mount of the same file system: bind mounts, subvolumes. */
static const struct observed_item *same_storage(const struct mount_table *table, size_t i,
	const struct observed_item *items, const size_t *mount_of, size_t n_items)
{
	const struct mount *mount = &table->mounts[i];

	for (size_t k = 0; k < n_items; k++) {
		const struct mount *other = &table->mounts[mount_of[k]];

		if (other->major == mount->major && other->minor == mount->minor &&
			is_boot(other->point) == is_boot(mount->point))
			return &items[k];
	}
	return NULL;
}

static int observe_mounts(struct backend *b, const struct mount_table *table)
{
	struct observed_item *items = calloc(table->n_mounts + 2, sizeof(*items));
	_cleanup_free_ size_t *mount_of = calloc(table->n_mounts + 1, sizeof(*mount_of));
	size_t n_items = 0;
	int r;

	if (!items || !mount_of) {
		free(items);
		return -ENOMEM;
	}
	for (size_t i = 0; i < table->n_mounts; i++) {
		const struct mount *mount = &table->mounts[i];
		struct observed_item *item = &items[n_items];
		const struct observed_item *same;

		if (seen_before(table, i))
			continue;
		same = same_storage(table, i, items, mount_of, n_items);
		if (same) {
			*item = *same;
		} else {
			struct block_trace trace;

			block_trace_mount(b->platform->sysroot_fd, table, mount, &trace);
			block_trace_judge(&trace, is_boot(mount->point), item);
			if (item->reason == REASON_PLAIN_STORAGE)
				fscrypt_note(b->platform->sysroot_fd, table, mount, item);
		}
		set_name(item, mount->point);
		mount_of[n_items++] = i;
	}
	r = conclude_part(b, SETTING_ENCRYPTION_SYSTEM, table, items, mount_of, n_items, is_system);
	if (r == 0)
		r = conclude_part(
			b, SETTING_ENCRYPTION_HOME, table, items, mount_of, n_items, is_home);
	if (r < 0) {
		free(items);
		return r;
	}
	if (table->is_cut) {
		items[n_items].state = COMPLIANCE_UNKNOWN;
		items[n_items].reason = REASON_UNTRACEABLE;
		text_printf(items[n_items].name, "other mounts");
		text_printf(items[n_items++].detail, "more than can be looked at");
	}
	conclude(b, SETTING_ENCRYPTION_STORAGE, items, n_items, "nothing is mounted");
	return 0;
}

static int observe_swaps(struct backend *b, const struct mount_table *table)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ struct swap *swaps = calloc(SWAPS_MAX, sizeof(*swaps));
	struct observed_item *items = NULL;
	size_t n, n_swaps = 0;
	int r;

	if (!swaps)
		return -ENOMEM;
	r = fs_read(b->platform->sysroot_fd, SWAPS, LIMIT_PLATFORM_FILE_BYTES, &text, &n);
	/* A kernel without swap has no such file. */
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0)
		r = swaps_parse(text, n, swaps, &n_swaps);
	if (r < 0 && r != -ENOENT)
		return r;
	if (n_swaps) {
		items = calloc(n_swaps, sizeof(*items));
		if (!items)
			return -ENOMEM;
	}
	for (size_t i = 0; i < n_swaps; i++) {
		struct block_trace trace;

		block_trace_swap(b->platform->sysroot_fd, table, &swaps[i], &trace);
		block_trace_judge(&trace, false, &items[i]);
		set_name(&items[i], swaps[i].path);
	}
	conclude(b, SETTING_ENCRYPTION_SWAP, items, n_swaps, "no swap");
	return 0;
}

static int storage_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	struct storage_backend *s = b->state;
	_cleanup_(mount_table_done) struct mount_table table = {0};
	_cleanup_free_ char *text = NULL;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	size_t n;
	int r;

	backend_call_begin(&s->call, b, done, userdata);
	r = fs_read(b->platform->sysroot_fd, MOUNTINFO, LIMIT_MOUNTINFO_BYTES, &text, &n);
	if (r == 0)
		r = mountinfo_parse(text, n, &table);
	if (r == 0)
		r = observe_mounts(b, &table);
	if (r == 0)
		r = observe_swaps(b, &table);
	if (r < 0) {
		text_printf(message, "cannot read the mounts and swaps: %s", strerror(-r));
		for (enum setting_id id = 0; id < SETTING_MAX; id++)
			if (b->ops->serves[id])
				backend_saw_none(b, id, COMPLIANCE_ERROR, REASON_OBSERVE_FAILED);
	}
	return backend_call_end(&s->call, r, message);
}

static void storage_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct storage_backend *s = b->state;

	s->changed(b, s->changed_userdata);
}

/* The kernel signals a change of these tables as an exceptional condition (proc(5)). */
static int watch_table(struct backend *b, const char *path, struct mounts_watch **watch)
{
	_cleanup_close_ int fd = fs_open_in_root(b->platform->sysroot_fd, path, O_RDONLY);

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	mounts_watch_free(TAKE_PTR(*watch));
	return mounts_watch_new(b->platform->event, fd, storage_on_change, b, watch);
}

static int storage_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	struct storage_backend *s = b->state;
	int r;

	s->changed = changed;
	s->changed_userdata = userdata;
	/* Files of a fixture tree do not signal. */
	if (!b->platform->sysroot_is_root)
		return 0;
	r = watch_table(b, MOUNTINFO, &s->mounts);
	return r < 0 ? r : watch_table(b, SWAPS, &s->swaps);
}

static void storage_free(struct backend *b)
{
	struct storage_backend *s = b->state;

	backend_call_cancel(&s->call);
	mounts_watch_free(s->mounts);
	mounts_watch_free(s->swaps);
	free(s);
}

static const struct backend_ops storage_ops = {
	.name = "storage",
	.help = "Sees which mounted file systems and swaps lie on LUKS.",
	.serves =
		{
			[SETTING_ENCRYPTION_STORAGE] = true,
			[SETTING_ENCRYPTION_SWAP] = true,
			[SETTING_ENCRYPTION_SYSTEM] = true,
			[SETTING_ENCRYPTION_HOME] = true,
		},
	.probe = storage_probe,
	.observe = storage_observe,
	.watch = storage_watch,
	.free = storage_free,
};

int storage_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(platform, &storage_ops, sizeof(struct storage_backend), ret_backend);
}
