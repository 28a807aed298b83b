/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flatpak_db.c - installed Flatpaks; see flatpak_db.h. Reads only. Enforcer only.
 *
 * The system's installation is read with the same care as those in homes: what apps export lies
 * there as well. The links that Flatpak makes (active) are read, never followed.
 */
#include "platform/flatpak_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "platform/flatpak_deploy.h"
#include "policies/desktop_entry.h"
#include "policies/keyfile.h"

#define SYSTEM_PATH "var/lib/flatpak"
#define HOME_PATH ".local/share/flatpak"
#define ENTRIES_MAX 64 /* desktop entries of one app */

struct reader {
	struct flatpak_db db;
	size_t n_apps_max;
	/* Of the installation: names seen in directories of apps, apps, bytes of files. */
	size_t n_entries, n_apps, n_bytes;
	int fd;		  /* of the installation, borrowed */
	const char *path; /* of it, below the root */
	const char *user; /* "": the system's */
};

/* Descriptors on the way to one app. */
struct place {
	int fd;
	char path[LIMIT_TEXT_BYTES * 4];
};

/* --- one app -------------------------------------------------------------------------------- */

/* A part of a name that is used as it is, in lists and on command lines. */
static bool is_part(const char *name, size_t max_bytes)
{
	return name[0] != '.' && name[0] != '-' && strlen(name) <= max_bytes &&
	       text_is_valid(name, strlen(name)) && !strpbrk(name, "/ ");
}

static bool is_meant(const struct desktop_entry *entry)
{
	return entry->is_application && !entry->hidden && !entry->no_display;
}

/* A file of the app, if there is still room for one. */
static int read_file(struct reader *r, int fd, const char *name, char **ret_text, size_t *ret_n)
{
	int e;

	if (*r->user && r->n_bytes >= LIMIT_FLATPAK_HOME_BYTES) {
		r->db.more = true;
		return -EFBIG;
	}
	e = home_read_at(fd, name, LIMIT_FLATPAK_FILE_BYTES, ret_text, ret_n);
	if (e == 0)
		r->n_bytes += *ret_n;
	return e;
}

/* What the exported desktop entries say. That of the app's own name gives its title. */
static void read_desktop(struct reader *r, int deploy_fd, struct flatpak_app *app)
{
	static const char directory[] = "export/share/applications";
	char own[LIMIT_TEXT_BYTES + 16];
	int fd = home_open_at(deploy_fd, directory, O_RDONLY | O_DIRECTORY);
	_cleanup_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *next;
	size_t n = 0;

	if (fd >= 0 && !dir)
		close(fd);
	snprintf(own, sizeof(own), "%s.desktop", app->id);
	while (dir && n++ < ENTRIES_MAX && (next = readdir(dir))) {
		_cleanup_free_ char *text = NULL;
		struct desktop_entry entry;
		char id[LIMIT_TEXT_BYTES + 1];
		size_t n_text;

		if (!desktop_id(next->d_name, id) ||
			read_file(r, fd, next->d_name, &text, &n_text) < 0 ||
			desktop_entry_read(text, n_text, &entry) < 0)
			continue;
		app->is_shown |= is_meant(&entry);
		if (!app->title[0] || strcmp(next->d_name, own) == 0)
			memcpy(app->title, entry.name, sizeof(app->title));
	}
}

static int add_app(struct reader *r, const struct flatpak_app *app, const char *path)
{
	struct flatpak_app *added;

	if (r->db.n_apps == LIMIT_APPS || (*r->user && r->n_apps == LIMIT_FLATPAK_HOME_APPS)) {
		r->db.more = true;
		return 0;
	}
	if (r->db.n_apps == r->n_apps_max) {
		size_t n = r->n_apps_max ? 2 * r->n_apps_max : 16;
		struct flatpak_app *apps = reallocarray(r->db.apps, n, sizeof(*apps));

		if (!apps)
			return -ENOMEM;
		r->db.apps = apps;
		r->n_apps_max = n;
	}
	added = &r->db.apps[r->db.n_apps];
	*added = *app;
	snprintf(added->user, sizeof(added->user), "%s", r->user);
	if (asprintf(&added->deploy, "%s/%s", r->path, path) < 0)
		return -ENOMEM;
	r->db.n_apps++;
	r->n_apps++;
	return 0;
}

/* The deployed commit of one branch. One without its files is no app: half installed, or made up.
 */
static int read_branch(struct reader *r, const struct place *branch, struct flatpak_app *app)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *deploy = NULL, *metadata = NULL;
	char commit[sizeof(app->commit) + 1], path[LIMIT_TEXT_BYTES * 5];
	char id[LIMIT_TEXT_BYTES + 1];
	size_t n_deploy, n_metadata;
	ssize_t n = readlinkat(branch->fd, "active", commit, sizeof(commit) - 1);

	if (n < 0)
		return 0;
	commit[n] = 0;
	if (!hex_is_valid(commit, 32))
		return 0;
	fd = home_open_at(branch->fd, commit, O_PATH | O_DIRECTORY);
	if (fd < 0 || read_file(r, fd, "deploy", &deploy, &n_deploy) < 0 ||
		read_file(r, fd, "metadata", &metadata, &n_metadata) < 0)
		return 0;
	if (flatpak_deploy_read(deploy, n_deploy, app) < 0 ||
		flatpak_metadata_read(metadata, n_metadata, app, id, sizeof(id)) < 0)
		return 0;
	memcpy(app->commit, commit, sizeof(app->commit));
	read_desktop(r, fd, app);
	snprintf(path, sizeof(path), "%s/%s", branch->path, commit);
	return add_app(r, app, path);
}

/* --- directories: app/ID/ARCH/BRANCH ---------------------------------------------------------- */

enum level {
	LEVEL_ID,
	LEVEL_ARCH,
	LEVEL_BRANCH,
};

static int read_level(
	struct reader *r, const struct place *above, enum level level, struct flatpak_app *app);

static int enter(struct reader *r, const struct place *above, const char *name, enum level level,
	struct flatpak_app *app)
{
	char *parts[] = {app->id, app->arch, app->branch};
	const size_t sizes[] = {sizeof(app->id), sizeof(app->arch), sizeof(app->branch)};
	_cleanup_close_ int fd = -1;
	struct place place;
	int n;

	if (!is_part(name, sizes[level] - 1))
		return 0;
	fd = home_open_at(above->fd, name, O_PATH | O_DIRECTORY);
	n = snprintf(place.path, sizeof(place.path), "%s/%s", above->path, name);
	if (fd < 0 || n < 0 || (size_t)n >= sizeof(place.path))
		return 0;
	place.fd = fd;
	memcpy(parts[level], name, strlen(name) + 1);
	if (level == LEVEL_BRANCH) {
		struct flatpak_app branch = *app; /* the next one begins anew */

		return read_branch(r, &place, &branch);
	}
	return read_level(r, &place, level + 1, app);
}

/* Three levels deep, no more. */
static int read_level(
	struct reader *r, const struct place *above, enum level level, struct flatpak_app *app)
{
	int fd = home_open_at(above->fd, ".", O_RDONLY | O_DIRECTORY), e = 0;
	_cleanup_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const size_t n_max = *r->user ? LIMIT_FLATPAK_HOME_ENTRIES : LIMIT_FLATPAK_ENTRIES;
	const struct dirent *entry;

	if (fd >= 0 && !dir)
		close(fd);
	while (dir && e == 0 && (entry = readdir(dir))) {
		if (r->n_entries == n_max) {
			r->db.more = true;
			break;
		}
		r->n_entries++;
		if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN)
			e = enter(r, above, entry->d_name, level, app);
	}
	return e;
}

/* --- installations ---------------------------------------------------------------------------- */

static int read_remotes(struct reader *r)
{
	_cleanup_free_ char *text = NULL;
	struct flatpak_remote *remotes;
	bool more = false;
	size_t n, n_added;

	if (home_read_at(r->fd, "repo/config", LIMIT_FLATPAK_FILE_BYTES, &text, &n) < 0)
		return 0;
	remotes = reallocarray(r->db.remotes, LIMIT_FLATPAK_REMOTES, sizeof(*remotes));
	if (!remotes)
		return -ENOMEM;
	r->db.remotes = remotes;
	remotes += r->db.n_remotes;
	n_added = flatpak_config_read(
		text, n, remotes, LIMIT_FLATPAK_REMOTES - r->db.n_remotes, &more);
	for (size_t i = 0; i < n_added; i++)
		snprintf(remotes[i].user, sizeof(remotes[i].user), "%s", r->user);
	r->db.n_remotes += n_added;
	r->db.more |= more;
	return 0;
}

static int read_installation(struct reader *r, int fd, const char *path, const char *user)
{
	struct place apps = {.path = "app"};
	struct flatpak_app app = {.installed_bytes = 0};
	_cleanup_close_ int apps_fd = home_open_at(fd, "app", O_PATH | O_DIRECTORY);
	int e;

	r->fd = fd;
	r->path = path;
	r->user = user;
	r->n_entries = r->n_apps = r->n_bytes = 0;
	e = read_remotes(r);
	if (e < 0 || apps_fd < 0)
		return e;
	apps.fd = apps_fd;
	return read_level(r, &apps, LEVEL_ID, &app);
}

static int read_homes(struct reader *r, const struct homes *homes)
{
	r->db.n_homes_skipped = homes->n_skipped;
	for (size_t i = 0; i < homes->n_homes; i++) {
		const struct home *home = &homes->homes[i];
		_cleanup_close_ int fd = home_open_at(home->fd, HOME_PATH, O_PATH | O_DIRECTORY);
		char path[sizeof(home->path) + sizeof(HOME_PATH)];
		int e;

		if (fd < 0)
			continue;
		snprintf(path, sizeof(path), "%s/" HOME_PATH, home->path + 1);
		e = read_installation(r, fd, path, home->user);
		if (e < 0)
			return e;
	}
	return 0;
}

static int compare_apps(const void *a, const void *b)
{
	const struct flatpak_app *x = a, *y = b;
	int order = strcmp(x->id, y->id);

	if (!order)
		order = strcmp(x->user, y->user);
	if (!order)
		order = strcmp(x->branch, y->branch);
	return order ? order : strcmp(x->arch, y->arch);
}

static int compare_remotes(const void *a, const void *b)
{
	const struct flatpak_remote *x = a, *y = b;
	int order = strcmp(x->user, y->user);

	return order ? order : strcmp(x->name, y->name);
}

int flatpak_db_read(int root_fd, const struct homes *homes, struct flatpak_db *ret_db)
{
	struct reader r = {.n_apps_max = 0};
	_cleanup_close_ int fd = fs_open_in_root(root_fd, SYSTEM_PATH, O_PATH | O_DIRECTORY);
	int e = 0;

	if (fd >= 0)
		e = read_installation(&r, fd, SYSTEM_PATH, "");
	if (e == 0)
		e = read_homes(&r, homes);
	if (e < 0) {
		flatpak_db_done(&r.db);
		return e;
	}
	if (r.db.n_apps)
		qsort(r.db.apps, r.db.n_apps, sizeof(*r.db.apps), compare_apps);
	if (r.db.n_remotes)
		qsort(r.db.remotes, r.db.n_remotes, sizeof(*r.db.remotes), compare_remotes);
	*ret_db = r.db;
	return 0;
}

void flatpak_db_done(struct flatpak_db *db)
{
	for (size_t i = 0; i < db->n_apps; i++)
		free(db->apps[i].deploy);
	free(db->apps);
	free(db->remotes);
	*db = (struct flatpak_db){0};
}
