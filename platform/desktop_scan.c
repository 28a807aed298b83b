/* SPDX-License-Identifier: Apache-2.0 */
/* desktop_scan.c - what launchers show; see desktop_scan.h. Reads only. Enforcer only. */
#include "platform/desktop_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/util/fs.h"
#include "platform/listing.h"
#include "policies/desktop_entry.h"
#include "policies/keyfile.h"

#define SESSIONS_MAX 8
#define DEPTH_MAX 4
#define SUFFIX_BYTES (sizeof(".desktop") - 1)

struct sessions {
	struct desktop_names names[SESSIONS_MAX];
	size_t n;
};

/* What one user, or nobody in particular, has in front of an entry. */
struct front {
	unsigned char *seen; /* by number of the entry: SEEN_… */
};
enum {
	SEEN_NOT,
	SEEN_HIDES,
	SEEN_SHOWS,
};

struct scan {
	int root_fd;
	const struct apk_db *db;
	struct sessions sessions;
	struct desktop_scan result;
	size_t n_max;
	size_t n_names; /* gone through in directories in front */
	char *text;	/* room for LIMIT_DESKTOP_BYTES; owned */
};

/* --- desktops of this phone ---------------------------------------------------------------------
 */

/* For session files that do not say DesktopNames, by the beginning of their names. */
static const struct {
	const char *begin, *names;
} known_sessions[] = {
	{"phosh", "Phosh;GNOME"},
	{"gnome", "GNOME"},
	{"plasma", "KDE"},
	{"sxmo", "Sxmo"},
	{"swmo", "Sxmo"},
};

static void add_session(
	const char *file, const char *text, size_t n_bytes, struct sessions *sessions)
{
	struct desktop_names *names = &sessions->names[sessions->n];
	struct span key, value;
	struct keyfile keys;

	if (sessions->n == SESSIONS_MAX)
		return;
	*names = (struct desktop_names){.n_names = 0};
	keyfile_begin(&keys, text, n_bytes);
	while (keyfile_next(&keys, &key, &value))
		if (span_equals(&keys.group, "Desktop Entry") && span_equals(&key, "DesktopNames"))
			/* Some write it as XDG_CURRENT_DESKTOP has it. */
			desktop_names_add(names, value.at, value.n, ";:");
	for (size_t i = 0; i < ARRAY_SIZE(known_sessions) && !names->n_names; i++)
		if (strncmp(file, known_sessions[i].begin, strlen(known_sessions[i].begin)) == 0)
			desktop_names_add(names, known_sessions[i].names,
				strlen(known_sessions[i].names), ";");
	sessions->n++;
}

static void find_sessions(int root_fd, struct sessions *sessions)
{
	static const char *const directories[] = {
		"usr/share/wayland-sessions", "usr/share/xsessions"};

	for (size_t d = 0; d < ARRAY_SIZE(directories); d++) {
		_cleanup_(listing_done) struct listing listing = {0};

		if (listing_read(root_fd, directories[d], 64, &listing) < 0)
			continue;
		for (size_t i = 0; i < listing.n_names; i++) {
			_cleanup_free_ char *text = NULL;
			char path[PATH_MAX], id[LIMIT_TEXT_BYTES + 1];
			size_t n;

			snprintf(path, sizeof(path), "%s/%s", directories[d], listing.names[i]);
			if (desktop_id(listing.names[i], id) &&
				fs_read(root_fd, path, LIMIT_DESKTOP_BYTES, &text, &n) == 0)
				add_session(listing.names[i], text, n, sessions);
		}
	}
	if (!sessions->n) /* no session says which: one without a name */
		sessions->names[sessions->n++] = (struct desktop_names){.n_names = 0};
}

/* --- entries ------------------------------------------------------------------------------------
 */

static bool can_run(int root_fd, const char *program)
{
	static const char *const directories[] = {
		"usr/bin", "usr/local/bin", "bin", "usr/sbin", "usr/local/sbin", "sbin"};
	size_t n = program[0] == '/' ? 1 : ARRAY_SIZE(directories);

	for (size_t i = 0; i < n; i++) {
		char path[PATH_MAX];
		_cleanup_close_ int fd = -1;
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", program[0] == '/' ? "" : directories[i],
			program);
		fd = fs_open_in_root(root_fd, path, O_PATH);
		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111))
			return true;
	}
	return false;
}

/* Programs are looked for in the system only: PATH of a user may have more. */
static bool is_meant(
	const struct scan *s, const struct desktop_entry *entry, bool look_for_programs)
{
	bool shown = false;

	for (size_t i = 0; i < s->sessions.n && !shown; i++)
		shown = desktop_entry_is_shown(entry, &s->sessions.names[i]);
	if (!shown || !look_for_programs)
		return shown;
	if (entry->try_exec[0] && !can_run(s->root_fd, entry->try_exec))
		return false;
	return !entry->program[0] || can_run(s->root_fd, entry->program);
}

static int add_found(struct scan *s, const struct desktop_found *found)
{
	if (s->result.n_found == LIMIT_DESKTOP_ENTRIES) {
		s->result.more = true;
		return 0;
	}
	if (s->result.n_found == s->n_max) {
		size_t n = s->n_max ? 2 * s->n_max : 64;
		struct desktop_found *more = reallocarray(s->result.found, n, sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->result.found = more;
		s->n_max = n;
	}
	s->result.found[s->result.n_found++] = *found;
	return 0;
}

/* Into s->text, of which there is one for all: there are dozens of them. -1: it cannot be read. */
static ssize_t read_text(struct scan *s, const char *path)
{
	_cleanup_close_ int fd = fs_open_in_root(s->root_fd, path, O_RDONLY | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
		st.st_size > LIMIT_DESKTOP_BYTES)
		return -1;
	do
		n = read(fd, s->text, LIMIT_DESKTOP_BYTES);
	while (n < 0 && errno == EINTR);
	return n;
}

static int read_entry(struct scan *s, size_t package, const char *path, const char *below)
{
	struct desktop_found found = {.package = package};
	struct desktop_entry entry;
	ssize_t n;

	if (!desktop_id(below, found.id))
		return 0;
	n = read_text(s, path);
	if (n < 0 || desktop_entry_read(s->text, (size_t)n, &entry) < 0)
		return 0;
	memcpy(found.title, entry.name, sizeof(found.title));
	found.is_meant = is_meant(s, &entry, true);
	return add_found(s, &found);
}

static bool ends_as_entry(const struct apk_text *name)
{
	return name->n > SUFFIX_BYTES &&
	       memcmp(name->at + name->n - SUFFIX_BYTES, ".desktop", SUFFIX_BYTES) == 0;
}

static int read_packages(struct scan *s)
{
	static const char top[] = "usr/share/applications";
	const size_t n_top = sizeof(top) - 1;

	for (size_t i = 0; i < s->db->n_packages; i++) {
		struct apk_files files;
		struct apk_file file;

		apk_files_begin_desktop(&s->db->packages[i], &files);
		while (apk_files_next(&files, &file)) {
			const struct apk_text *dir = &file.directory;
			char path[PATH_MAX];
			int n, e;

			if (dir->n < n_top || memcmp(dir->at, top, n_top) != 0 ||
				(dir->n > n_top && dir->at[n_top] != '/') ||
				!ends_as_entry(&file.name))
				continue;
			n = snprintf(path, sizeof(path), "%.*s/%.*s", (int)dir->n, dir->at,
				(int)file.name.n, file.name.at);
			if (n < 0 || (size_t)n >= sizeof(path))
				continue;
			e = read_entry(s, i, path, path + n_top + 1);
			if (e < 0)
				return e;
		}
	}
	return 0;
}

static int compare_found(const void *a, const void *b)
{
	return strcmp(((const struct desktop_found *)a)->id, ((const struct desktop_found *)b)->id);
}

/* --- what stands in front ------------------------------------------------------------------------
 */

/* Whether somebody's file of an id shows it. One that cannot be read may be anything. */
static unsigned char judge_file(struct scan *s, int dir_fd, const char *name)
{
	_cleanup_free_ char *text = NULL;
	struct desktop_entry entry;
	char target[16];
	size_t n;
	int r = home_read_at(dir_fd, name, LIMIT_DESKTOP_BYTES, &text, &n);

	if (r == -ELOOP && readlinkat(dir_fd, name, target, sizeof(target)) == 9 &&
		memcmp(target, "/dev/null", 9) == 0)
		return SEEN_HIDES; /* the way to mask a file */
	if (r < 0)
		return SEEN_SHOWS;
	if (desktop_entry_read(text, n, &entry) < 0)
		return SEEN_HIDES; /* it masks what it cannot show */
	return is_meant(s, &entry, false) ? SEEN_SHOWS : SEEN_HIDES;
}

/*
 * Goes through a directory applications/ below fd. judge: files decide what they say; otherwise
 * they stand for something else, and what is behind them is not shown. Only names that packages
 * have are opened.
 */
static void look_in_front(
	struct scan *s, int fd, const char *prefix, bool judge, struct front *front)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	size_t depth = 0;

	for (const char *p = prefix; *p; p++)
		depth += *p == '/';
	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir && copy >= 0)
		close(copy);
	while (dir && s->n_names < LIMIT_DESKTOP_ENTRIES && (entry = readdir(dir))) {
		struct desktop_found wanted, *found;
		char path[PATH_MAX];

		s->n_names++;
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s%s", prefix, entry->d_name);
		if (entry->d_type == DT_DIR && depth < DEPTH_MAX) {
			_cleanup_close_ int below =
				home_open_at(fd, entry->d_name, O_RDONLY | O_DIRECTORY);

			strncat(path, "/", sizeof(path) - strlen(path) - 1);
			if (below >= 0)
				look_in_front(s, below, path, judge, front);
			continue;
		}
		if (!desktop_id(path, wanted.id))
			continue;
		found = bsearch(
			&wanted, s->result.found, s->result.n_found, sizeof(*found), compare_found);
		if (found && !front->seen[found - s->result.found])
			front->seen[found - s->result.found] =
				judge ? judge_file(s, fd, entry->d_name) : SEEN_HIDES;
	}
}

static void look_in_system(struct scan *s, const char *path, bool judge, struct front *front)
{
	_cleanup_close_ int fd = fs_open_in_root(s->root_fd, path, O_RDONLY | O_DIRECTORY);

	if (fd >= 0)
		look_in_front(s, fd, "", judge, front);
}

static void look_in_home(
	struct scan *s, const struct home *home, const char *path, bool judge, struct front *front)
{
	_cleanup_close_ int fd = home_open_at(home->fd, path, O_RDONLY | O_DIRECTORY);

	s->n_names = 0; /* no home takes from the system or another one */
	if (fd >= 0)
		look_in_front(s, fd, "", judge, front);
}

static void take_front(struct desktop_scan *scan, const struct front *front)
{
	for (size_t i = 0; i < scan->n_found; i++) {
		unsigned char seen = front->seen[i];

		scan->found[i].is_shown |=
			seen == SEEN_NOT ? scan->found[i].is_meant : seen == SEEN_SHOWS;
	}
}

/* One after the other in the order of the directories: what was seen first stays. */
static int judge_fronts(struct scan *s, const struct homes *homes)
{
	size_t n = s->result.n_found + 1;
	_cleanup_free_ unsigned char *system = calloc(n, 1), *own = calloc(n, 1);
	struct front behind = {system}, front = {own};

	if (!system || !own)
		return -ENOMEM;
	look_in_system(s, "var/lib/flatpak/exports/share/applications", false, &behind);
	look_in_system(s, "usr/local/share/applications", true, &behind);
	for (size_t i = 0; i < homes->n_homes; i++) {
		const struct home *home = &homes->homes[i];

		memset(own, SEEN_NOT, n);
		look_in_home(s, home, ".local/share/applications", true, &front);
		look_in_home(
			s, home, ".local/share/flatpak/exports/share/applications", false, &front);
		for (size_t k = 0; k < s->result.n_found; k++)
			if (!own[k])
				own[k] = system[k];
		take_front(&s->result, &front);
	}
	if (!homes->n_homes)
		take_front(&s->result, &behind);
	return 0;
}

int desktop_scan_packages(int root_fd, const struct apk_db *db, const struct homes *homes,
	struct desktop_scan *ret_scan)
{
	struct scan s = {.root_fd = root_fd, .db = db};
	int e;

	s.text = malloc(LIMIT_DESKTOP_BYTES);
	if (!s.text)
		return -ENOMEM;
	find_sessions(root_fd, &s.sessions);
	e = read_packages(&s);
	free(s.text);
	if (e == 0 && s.result.n_found) {
		qsort(s.result.found, s.result.n_found, sizeof(*s.result.found), compare_found);
		e = judge_fronts(&s, homes);
	}
	if (e < 0) {
		desktop_scan_done(&s.result);
		return e;
	}
	*ret_scan = s.result;
	return 0;
}

void desktop_scan_done(struct desktop_scan *scan)
{
	free(scan->found);
	*scan = (struct desktop_scan){0};
}
