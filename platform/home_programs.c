/* SPDX-License-Identifier: Apache-2.0 */
/*
 * home_programs.c - programs in people's homes; see home_programs.h. Reads only. Enforcer only.
 *
 * Directories near the home come first (they wait in a row), because that is where people put what
 * they run, and a limit then leaves out the depths of caches and build trees. Hidden directories
 * and caches are looked at as well: what lies there runs like anything else. Left out is
 * .local/share/flatpak, whose apps are listed by themselves.
 */
#include "platform/home_programs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "agent/util/buf.h"
#include "agent/util/fs.h"
#include "platform/homes.h"

#define HEAD_BYTES 16
#define FLATPAK_DIRECTORY ".local/share/flatpak"

static const char *const kind_names[HOME_PROGRAM_KIND_MAX] = {
	[HOME_APPIMAGE] = "appimage",
	[HOME_BINARY] = "binary",
	[HOME_SCRIPT] = "script",
};

struct home_walk {
	struct homes homes;
	size_t i_home;	    /* the one that is looked at */
	struct buf waiting; /* paths of its directories, each with its NUL; "" is the home itself */
	size_t n_taken;	    /* bytes of them that are done with */
	DIR *dir;	    /* NULL: the next one is to be opened */
	char path[PATH_MAX]; /* of dir, below the home */
	size_t n_entries;
	struct home_programs programs;
};

const char *home_program_kind_name(enum home_program_kind kind)
{
	return kind_names[kind];
}

void home_programs_done(struct home_programs *programs)
{
	for (size_t i = 0; i < programs->n_found; i++)
		free(programs->found[i].path);
	*programs = (struct home_programs){.n_found = 0};
}

/* --- what was found ------------------------------------------------------------------------- */

static int compare_programs(const struct home_program *a, const struct home_program *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return strcmp(a->path, b->path);
}

/* Takes the program over, path included; where there is no room the last of all goes. */
static void add_program(struct home_programs *programs, const struct home_program *program)
{
	size_t at = programs->n_found;

	programs->n_total++;
	while (at > 0 && compare_programs(&programs->found[at - 1], program) > 0)
		at--;
	if (at == LIMIT_APPS_FOUND) {
		free(program->path);
		return;
	}
	if (programs->n_found == LIMIT_APPS_FOUND)
		free(programs->found[--programs->n_found].path);
	memmove(&programs->found[at + 1], &programs->found[at],
		(programs->n_found - at) * sizeof(*program));
	programs->found[at] = *program;
	programs->n_found++;
}

static bool is_named_appimage(const char *name)
{
	static const char suffix[] = ".AppImage";
	size_t n = strlen(name), n_suffix = sizeof(suffix) - 1;

	return n > n_suffix && strcasecmp(name + n - n_suffix, suffix) == 0;
}

/* What a file is by its first bytes. False: nothing that runs. */
static bool judge_head(const uint8_t *head, size_t n, enum home_program_kind *ret_kind)
{
	if (n >= 4 && memcmp(head, "\177ELF", 4) == 0) {
		/* AppImage's mark, of types 1 and 2, in bytes that ELF leaves empty. */
		bool marked = n >= 11 && head[8] == 'A' && head[9] == 'I' &&
			      (head[10] == 1 || head[10] == 2);

		*ret_kind = marked ? HOME_APPIMAGE : HOME_BINARY;
		return true;
	}
	*ret_kind = HOME_SCRIPT;
	return n >= 2 && head[0] == '#' && head[1] == '!';
}

/* --- files ---------------------------------------------------------------------------------- */

/* Looks at a name that is no directory, at a path below the home. 0 or -ENOMEM. */
static int look_at_file(struct home_walk *w, const char *path, const char *name)
{
	const struct home *home = &w->homes.homes[w->i_home];
	struct home_program program = {.uid = home->uid};
	bool named = is_named_appimage(name);
	_cleanup_close_ int mark = home_open_at(home->fd, path, O_PATH | O_NOFOLLOW), fd = -1;
	char *whole;
	uint8_t head[HEAD_BYTES];
	struct stat st;
	ssize_t n;

	if (mark < 0 || fstat(mark, &st) < 0 || !S_ISREG(st.st_mode) ||
		(!named && !(st.st_mode & 0111)))
		return 0;
	fd = home_open_at(home->fd, path, O_RDONLY);
	n = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);
	if (n < 0 || !judge_head(head, (size_t)n, &program.kind)) {
		if (!named)
			return 0;
		program.kind = HOME_APPIMAGE;
	} else if (named || program.kind == HOME_APPIMAGE) {
		program.kind = HOME_APPIMAGE;
	} else if (!(st.st_mode & 0111)) {
		return 0;
	}
	if (asprintf(&whole, "%s/%s", home->path, path) < 0)
		return -ENOMEM;
	program.path = whole;
	program.n_home = strlen(home->path) + 1;
	program.n_bytes = (uint64_t)st.st_size;
	memcpy(program.user, home->user, sizeof(program.user));
	add_program(&w->programs, &program);
	return 0;
}

/* --- directories ---------------------------------------------------------------------------- */

static size_t depth_of(const char *path)
{
	size_t depth = *path ? 1 : 0;

	for (; *path; path++)
		depth += *path == '/';
	return depth;
}

/* Lets a directory wait for its turn; one that there is no room for is what is_cut says. */
static void let_wait(struct home_walk *w, const char *path)
{
	if (strcmp(path, FLATPAK_DIRECTORY) == 0)
		return;
	if (depth_of(path) > LIMIT_HOME_DEPTH) {
		w->programs.is_cut = true;
		return;
	}
	if (w->n_taken > w->waiting.n_bytes / 2) {
		memmove(w->waiting.data, w->waiting.data + w->n_taken,
			w->waiting.n_bytes - w->n_taken);
		w->waiting.n_bytes -= w->n_taken;
		w->n_taken = 0;
	}
	if (w->waiting.n_bytes - w->n_taken + strlen(path) + 1 > LIMIT_HOME_WAITING_BYTES) {
		w->programs.is_cut = true;
		return;
	}
	buf_append(&w->waiting, path, strlen(path) + 1);
}

static int open_directory(struct home_walk *w, const char *path)
{
	const struct home *home = &w->homes.homes[w->i_home];
	int fd = home_open_at(home->fd, *path ? path : ".", O_RDONLY | O_DIRECTORY);

	/* One that cannot be opened, another mount or a link by now: not looked at. */
	if (fd < 0)
		return fd == -ENOMEM ? fd : 0;
	w->dir = fdopendir(fd);
	if (!w->dir) {
		close(fd);
		return -ENOMEM;
	}
	snprintf(w->path, sizeof(w->path), "%s", path);
	return 0;
}

static int look_at_entry(struct home_walk *w, const struct dirent *entry)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s%s%s", w->path, *w->path ? "/" : "", entry->d_name);
	unsigned char type = entry->d_type;

	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return 0;
	if (n < 0 || (size_t)n >= sizeof(path)) {
		w->programs.is_cut = true;
		return 0;
	}
	if (type == DT_UNKNOWN) {
		_cleanup_close_ int fd =
			home_open_at(w->homes.homes[w->i_home].fd, path, O_PATH | O_NOFOLLOW);
		struct stat st;

		if (fd < 0 || fstat(fd, &st) < 0)
			return 0;
		type = S_ISDIR(st.st_mode) ? DT_DIR : S_ISREG(st.st_mode) ? DT_REG : DT_LNK;
	}
	if (type == DT_DIR)
		let_wait(w, path);
	else if (type == DT_REG)
		return look_at_file(w, path, entry->d_name);
	return w->waiting.error;
}

/* The next home; 0: there is none. */
static int next_home(struct home_walk *w)
{
	if (w->i_home >= w->homes.n_homes)
		return 0;
	w->i_home++;
	buf_reset(&w->waiting);
	w->n_taken = 0;
	if (w->i_home == w->homes.n_homes)
		return 0;
	w->programs.n_homes++;
	buf_append(&w->waiting, "", 1);
	return w->waiting.error ? w->waiting.error : 1;
}

/* Goes on by one name or one directory. 1, 0 at the end, -errno. */
static int step_once(struct home_walk *w)
{
	const struct dirent *entry;
	int r;

	if (w->n_entries == LIMIT_HOME_ENTRIES) {
		w->programs.is_cut = true;
		return 0;
	}
	if (w->dir) {
		entry = readdir(w->dir);
		if (!entry) { /* an error, too: it is a stranger's directory */
			closedir(w->dir);
			w->dir = NULL;
			return 1;
		}
		w->n_entries++;
		r = look_at_entry(w, entry);
		return r < 0 ? r : 1;
	}
	if (w->i_home < w->homes.n_homes && w->n_taken < w->waiting.n_bytes) {
		const char *path = w->waiting.data + w->n_taken;

		w->n_taken += strlen(path) + 1;
		r = open_directory(w, path);
		return r < 0 ? r : 1;
	}
	return next_home(w);
}

int home_walk_step(struct home_walk *walk, size_t n_entries)
{
	int r = 1;

	for (size_t i = 0; i < n_entries && r == 1; i++)
		r = step_once(walk);
	return r;
}

int home_walk_new(int root_fd, struct home_walk **ret_walk)
{
	_cleanup_(home_walk_freep) struct home_walk *walk = calloc(1, sizeof(*walk));

	if (!walk)
		return -ENOMEM;
	homes_open(root_fd, &walk->homes);
	walk->programs.n_homes_skipped = walk->homes.n_skipped;
	if (walk->homes.n_homes) {
		walk->programs.n_homes = 1;
		buf_append(&walk->waiting, "", 1);
		if (walk->waiting.error)
			return walk->waiting.error;
	}
	*ret_walk = TAKE_PTR(walk);
	return 0;
}

void home_walk_free(struct home_walk *walk)
{
	if (!walk)
		return;
	if (walk->dir)
		closedir(walk->dir);
	buf_done(&walk->waiting);
	home_programs_done(&walk->programs);
	homes_done(&walk->homes);
	free(walk);
}

void home_walk_take(struct home_walk *walk, struct home_programs *ret_programs)
{
	*ret_programs = walk->programs;
	walk->programs = (struct home_programs){.n_found = 0};
}
