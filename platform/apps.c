/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps.c - everything that is installed, in one picture; see apps.h. Reads files, runs nothing.
 * Enforcer only.
 */
#include "platform/apps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/util/fs.h"
#include "platform/backend.h"
#include "platform/desktop_scan.h"
#include "platform/homes.h"
#include "policies/apps_base.h"
#include "policies/keyfile.h"

#define CHUNK_BYTES (32 * 1024)

const char *const apps_watch_paths[] = {
	"lib/apk/db/installed", /* replaced by rename */
	"etc/apk/world",
	"usr/share/applications/",
	"usr/local/share/applications/",
	"var/lib/flatpak/.changed", /* touched by Flatpak after each change */
	"var/lib/flatpak/repo/config",
};
const size_t apps_n_watch_paths = ARRAY_SIZE(apps_watch_paths);

/* --- texts: in chunks, freed together ------------------------------------------------------------
 */

struct chunk {
	struct chunk *next;
	size_t n_used, n_max;
	char text[];
};

struct owned {
	struct chunk *chunks;
	char *db_text, *world_text;
};

/* A clean copy, cut at LIMIT_TEXT_BYTES unless it is whole. NULL: no memory. */
static const char *keep(struct owned *owned, const char *text, size_t n_bytes, bool whole)
{
	size_t n_max = (whole || n_bytes < LIMIT_TEXT_BYTES ? n_bytes : LIMIT_TEXT_BYTES) + 1;
	struct chunk *chunk = owned->chunks;
	char *kept;

	if (!n_bytes)
		return "";
	if (!chunk || chunk->n_max - chunk->n_used < n_max) {
		size_t n = n_max > CHUNK_BYTES ? n_max : CHUNK_BYTES;

		chunk = malloc(sizeof(*chunk) + n);
		if (!chunk)
			return NULL;
		*chunk = (struct chunk){.next = owned->chunks, .n_max = n};
		owned->chunks = chunk;
	}
	kept = chunk->text + chunk->n_used;
	text_clean(text, n_bytes, kept, n_max);
	chunk->n_used += strlen(kept) + 1;
	return kept;
}

static void owned_free(struct owned *owned)
{
	if (!owned)
		return;
	while (owned->chunks) {
		struct chunk *next = owned->chunks->next;

		free(owned->chunks);
		owned->chunks = next;
	}
	free(owned->db_text);
	free(owned->world_text);
	free(owned);
}

/* --- packages ------------------------------------------------------------------------------------
 */

/* The whole file in one go: it is replaced, never written into. */
static int read_whole(
	int root_fd, const char *path, size_t max_bytes, char **ret_text, size_t *ret_n)
{
	_cleanup_close_ int fd = fs_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t n = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADF;
	if ((uint64_t)st.st_size > max_bytes)
		return -EFBIG;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (n < (size_t)st.st_size) {
		ssize_t n_read = read(fd, text + n, (size_t)st.st_size - n);

		if (n_read < 0 && errno == EINTR)
			continue;
		if (n_read < 0)
			return -errno;
		if (n_read == 0)
			break;
		n += (size_t)n_read;
	}
	text[n] = 0;
	*ret_text = TAKE_PTR(text);
	*ret_n = n;
	return 0;
}

static bool is_of_alpine(int root_fd)
{
	return backend_file_exists(root_fd, "etc/alpine-release") ||
	       backend_file_exists(root_fd, "etc/apk") ||
	       backend_file_exists(root_fd, "usr/local/sbin/apk");
}

static void say_unreadable(struct apps_snapshot *s, const char *path, int r)
{
	s->manager = APPS_MANAGER_UNREADABLE;
	text_printf(s->manager_detail, "/%s cannot be read: %s", path,
		r == -EFBIG || r == -E2BIG ? "it is too large" : strerror(-r));
}

static void say_manager(struct apps_snapshot *s, int root_fd, int r)
{
	if (r == 0) {
		s->manager = APPS_MANAGER_APK;
	} else if (r != -ENOENT && r != -ENOTDIR) {
		say_unreadable(s, "lib/apk/db/installed", r);
	} else if (is_of_alpine(root_fd)) {
		s->manager = APPS_MANAGER_IMMUTABLE;
		text_printf(s->manager_detail,
			"this system is one image without packages; its apps are Flatpaks");
	} else {
		s->manager = APPS_MANAGER_NONE;
		text_printf(s->manager_detail,
			"there is no database of apk; packages of others are not listed");
	}
}

/* 0, or -ENOMEM. */
static int read_packages(const struct apps_request *request, struct apps_snapshot *s)
{
	struct owned *owned = s->owned;
	size_t n, n_world = 0;
	int r = read_whole(
		request->root_fd, "lib/apk/db/installed", LIMIT_APK_DB_BYTES, &owned->db_text, &n);

	if (r == 0)
		r = apk_db_read(owned->db_text, n, &s->db);
	if (r == -ENOMEM)
		return r;
	say_manager(s, request->root_fd, r);
	if (r < 0)
		s->db = (struct apk_db){0};
	r = read_whole(request->root_fd, "etc/apk/world", LIMIT_APK_WORLD_BYTES, &owned->world_text,
		&n_world);
	if (r == -ENOMEM)
		return r;
	/* Nobody would seem to have chosen anything, nor the image. */
	if (r < 0 && r != -ENOENT && s->manager == APPS_MANAGER_APK)
		say_unreadable(s, "etc/apk/world", r);
	s->world = (struct apk_text){owned->world_text, n_world};
	s->is_base = calloc(s->db.n_packages + 1, sizeof(*s->is_base));
	s->is_explicit = calloc(s->db.n_packages + 1, sizeof(*s->is_explicit));
	s->has_desktop = calloc(s->db.n_packages + 1, sizeof(*s->has_desktop));
	if (!s->is_base || !s->is_explicit || !s->has_desktop)
		return -ENOMEM;
	apps_world_mark(&s->db, s->world, s->is_explicit);
	s->n_base = apps_base_mark(&s->db, request->base, s->is_base);
	return 0;
}

/* --- the list ------------------------------------------------------------------------------------
 */

struct list {
	struct apps_snapshot *snapshot;
	struct app *apps; /* all of them, before the limit */
	size_t n;
};

static int compare_apps(const void *a, const void *b)
{
	const struct app *x = a, *y = b;
	int order;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	order = strcmp(x->name, y->name);
	if (!order)
		order = strcmp(x->user, y->user);
	return order ? order : strcmp(x->version, y->version);
}

static int compare_base(const void *a, const void *b)
{
	const struct app *x = a, *y = b;

	if (x->is_base != y->is_base)
		return x->is_base - y->is_base;
	/* Nobody hides what all have behind what they have themselves. */
	if (!*x->user != !*y->user)
		return *x->user ? 1 : -1;
	return compare_apps(a, b);
}

/* False: no memory for its texts. */
static bool add_app(struct list *list, const struct app *app)
{
	if (!app->name || !app->version || !app->origin || !app->repository || !app->remote ||
		!app->user || !app->title)
		return false;
	list->apps[list->n] = *app;
	list->apps[list->n++].sha256 = "";
	return true;
}

static const char *keep_text(struct apps_snapshot *s, const struct apk_text *text)
{
	return keep(s->owned, text->at, text->n, false);
}

static const char *keep_string(struct apps_snapshot *s, const char *text)
{
	return keep(s->owned, text, strlen(text), false);
}

/* The entry that stands for a package: one that is shown, then one that is meant to be. */
static void choose_entries(const struct desktop_scan *scan, const struct desktop_found **entries)
{
	for (size_t i = 0; i < scan->n_found; i++) {
		const struct desktop_found *found = &scan->found[i];
		const struct desktop_found **chosen = &entries[found->package];

		if (!found->is_meant && !found->is_shown)
			continue;
		if (!*chosen || (found->is_shown && !(*chosen)->is_shown))
			*chosen = found;
	}
}

static int add_packages(struct list *list, const struct desktop_found *const *entries)
{
	struct apps_snapshot *s = list->snapshot;

	for (size_t i = 0; i < s->db.n_packages; i++) {
		const struct apk_package *package = &s->db.packages[i];
		struct app app = {.kind = APP_PACKAGE,
			.remote = "",
			.user = "",
			.size_kib = package->installed_bytes / 1024,
			.is_explicit = s->is_explicit[i],
			.is_base = s->is_base[i]};

		s->has_desktop[i] = entries[i] && entries[i]->is_meant;
		if (!s->is_explicit[i] && !s->has_desktop[i])
			continue;
		app.name = keep_text(s, &package->name);
		app.version = keep_text(s, &package->version);
		app.origin = keep_text(s, &package->origin);
		app.repository = keep_text(s, &package->tag);
		app.title = entries[i] ? keep_string(s, entries[i]->title) : "";
		app.is_shown = entries[i] && entries[i]->is_shown;
		if (!add_app(list, &app))
			return -ENOMEM;
	}
	return 0;
}

static int add_flatpaks(struct list *list)
{
	struct apps_snapshot *s = list->snapshot;

	for (size_t i = 0; i < s->flatpaks.n_apps; i++) {
		const struct flatpak_app *flatpak = &s->flatpaks.apps[i];
		struct app app = {.kind = APP_FLATPAK,
			.name = flatpak->id,
			.version = flatpak->version[0] ? flatpak->version : flatpak->branch,
			.origin = "",
			.repository = "",
			.remote = flatpak->remote,
			.user = flatpak->user,
			.title = flatpak->title,
			.size_kib = flatpak->installed_bytes / 1024,
			.is_shown = flatpak->is_shown};

		add_app(list, &app);
	}
	return 0;
}

static int add_files(struct list *list, const struct home_programs *programs)
{
	struct apps_snapshot *s = list->snapshot;

	if (!programs)
		return 0;
	s->n_found = programs->n_total;
	s->found_is_cut = programs->is_cut;
	for (size_t i = 0; i < programs->n_found; i++) {
		const struct home_program *program = &programs->found[i];
		struct app app = {.kind = APP_FILE,
			.name = keep(s->owned, program->path, strlen(program->path), true),
			.version = "",
			.origin = "",
			.repository = "",
			.remote = "",
			.user = keep_string(s, program->user),
			.title = "",
			.size_kib = program->n_bytes / 1024,
			.n_home = program->n_home};

		if (!add_app(list, &app))
			return -ENOMEM;
	}
	return 0;
}

/* Where there are too many, what was chosen stays and base goes. */
static void take_list(struct list *list)
{
	struct apps_snapshot *s = list->snapshot;

	if (list->n > LIMIT_APPS) {
		qsort(list->apps, list->n, sizeof(*list->apps), compare_base);
		s->n_apps_left_out = list->n - LIMIT_APPS;
		list->n = LIMIT_APPS;
	}
	if (list->n)
		qsort(list->apps, list->n, sizeof(*list->apps), compare_apps);
	s->apps = list->apps;
	s->n_apps = list->n;
	list->apps = NULL;
}

static int make_list(const struct apps_request *request, const struct desktop_scan *scan,
	struct apps_snapshot *s)
{
	_cleanup_free_ const struct desktop_found **entries =
		calloc(s->db.n_packages + 1, sizeof(*entries));
	struct list list = {.snapshot = s};
	_cleanup_free_ struct app *apps = NULL;
	size_t n_max = s->flatpaks.n_apps + LIMIT_APPS_FOUND + 1;
	int r;

	if (!entries)
		return -ENOMEM;
	choose_entries(scan, entries);
	for (size_t i = 0; i < s->db.n_packages; i++)
		n_max += s->is_explicit[i] || entries[i];
	list.apps = apps = calloc(n_max, sizeof(*list.apps));
	if (!list.apps)
		return -ENOMEM;
	r = add_packages(&list, entries);
	if (r == 0)
		r = add_flatpaks(&list);
	if (r == 0)
		r = add_files(&list, request->programs);
	if (r < 0)
		return r;
	take_list(&list);
	apps = NULL;
	return 0;
}

int apps_collect(const struct apps_request *request, struct apps_snapshot **ret_snapshot)
{
	_cleanup_(apps_snapshot_freep) struct apps_snapshot *s = calloc(1, sizeof(*s));
	_cleanup_(desktop_scan_done) struct desktop_scan scan = {.n_found = 0};
	_cleanup_(homes_done) struct homes homes = {.n_homes = 0};
	int r;

	if (!s)
		return -ENOMEM;
	s->owned = calloc(1, sizeof(struct owned));
	if (!s->owned)
		return -ENOMEM;
	homes_open(request->root_fd, &homes);
	/* Before anything is read: what changes meanwhile is seen the next time. */
	r = apps_identity_of(request->root_fd, &homes, s->identity);
	if (r == 0)
		r = read_packages(request, s);
	if (r == 0)
		r = flatpak_db_read(request->root_fd, &homes, &s->flatpaks);
	if (r == 0)
		r = desktop_scan_packages(request->root_fd, &s->db, &homes, &scan);
	if (r == 0)
		r = make_list(request, &scan, s);
	if (r < 0)
		return r;
	*ret_snapshot = TAKE_PTR(s);
	return 0;
}

void apps_snapshot_free(struct apps_snapshot *snapshot)
{
	if (!snapshot)
		return;
	free(snapshot->apps);
	free(snapshot->is_base);
	free(snapshot->is_explicit);
	free(snapshot->has_desktop);
	flatpak_db_done(&snapshot->flatpaks);
	apk_db_done(&snapshot->db);
	owned_free(snapshot->owned);
	free(snapshot);
}

/* --- what it all hangs on
 * ------------------------------------------------------------------------- */

static const char *const system_paths[] = {
	"lib/apk/db/installed",
	"etc/apk/world",
	"etc/passwd",
	"usr/share/applications",
	"usr/local/share/applications",
	"usr/share/wayland-sessions",
	"usr/share/xsessions",
	"var/lib/flatpak/.changed",
	"var/lib/flatpak/app",
	"var/lib/flatpak/repo/config",
	"var/lib/flatpak/exports/share/applications",
};
static const char *const home_paths[] = {
	".local/share/applications",
	".local/share/flatpak/.changed",
	".local/share/flatpak/app",
	".local/share/flatpak/repo/config",
	".local/share/flatpak/exports/share/applications",
};

struct identity {
	uint64_t device, inode, size;
	int64_t changed_s, changed_ns, modified_s, modified_ns;
};

/* Takes the descriptor, or what went wrong. */
static void identify(int fd, struct identity *ret_identity)
{
	_cleanup_close_ int owned = fd;
	struct identity identity = {.size = fd < 0 ? (uint64_t)-fd : 0};
	struct stat st;

	if (owned >= 0 && fstat(owned, &st) == 0)
		identity = (struct identity){st.st_dev, st.st_ino, (uint64_t)st.st_size,
			st.st_ctim.tv_sec, st.st_ctim.tv_nsec, st.st_mtim.tv_sec,
			st.st_mtim.tv_nsec};
	*ret_identity = identity;
}

int apps_identity_of(int root_fd, const struct homes *homes, uint8_t ret_identity[SHA256_BYTES])
{
	const size_t n_system = ARRAY_SIZE(system_paths), n_home = ARRAY_SIZE(home_paths);
	_cleanup_free_ struct identity *identities =
		calloc(n_system + n_home * LIMIT_ACCOUNTS, sizeof(*identities));
	size_t n = 0;

	if (!identities)
		return -ENOMEM;
	for (size_t i = 0; i < n_system; i++)
		identify(fs_open_in_root(root_fd, system_paths[i], O_PATH), &identities[n++]);
	for (size_t h = 0; h < homes->n_homes; h++)
		for (size_t i = 0; i < n_home; i++)
			identify(home_open_at(
					 homes->homes[h].fd, home_paths[i], O_PATH | O_NOFOLLOW),
				&identities[n++]);
	return sha256(identities, n * sizeof(*identities), ret_identity);
}

int apps_identity(int root_fd, uint8_t ret_identity[SHA256_BYTES])
{
	_cleanup_(homes_done) struct homes homes;

	homes_open(root_fd, &homes);
	return apps_identity_of(root_fd, &homes, ret_identity);
}
