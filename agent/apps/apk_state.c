/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apk_state.c - what apk has installed and is asked to keep, as its files say (see apk.h): read
 * without its lock, which replaces them by rename; the world is changed with it. Runs no program.
 * Run by mdm-agent-apps, as root.
 */
#include "agent/apps/apk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "agent/util/limits.h"
#include "agent/util/mem.h"

#define DB_DIR "lib/apk/db"
#define DB_FILE DB_DIR "/installed"
#define WORLD_FILE "etc/apk/world"
#define TAKEN_FILE WORLD_FILE ".mdm-agent" /* what is out of the world for a while */

void apk_state_done(struct apk_state *state)
{
	apk_db_done(&state->db);
	free(state->db_text);
	free(state->world_text);
	*state = (struct apk_state){0};
}

int apk_state_read(int root_fd, struct apk_state *ret_state)
{
	_cleanup_(apk_state_done) struct apk_state state = {0};
	int r = fs_read(root_fd, DB_FILE, LIMIT_APK_DB_BYTES, &state.db_text, &state.n_db);

	if (r < 0)
		return r;
	r = fs_read(root_fd, WORLD_FILE, LIMIT_APK_WORLD_BYTES, &state.world_text, &state.n_world);
	if (r < 0 && r != -ENOENT)
		return r;
	r = apk_db_read(state.db_text, state.n_db, &state.db);
	if (r < 0)
		return r;
	*ret_state = state;
	state = (struct apk_state){0};
	return 0;
}

static const struct apk_package *find(const struct apk_state *state, const char *name)
{
	size_t i = apk_db_find(&state->db, name, strlen(name));

	return i < state->db.n_packages ? &state->db.packages[i] : NULL;
}

bool apk_state_is_installed(const struct apk_state *state, const char *name)
{
	return find(state, name) != NULL;
}

static bool text_is(const struct apk_text *text, const char *wanted)
{
	return text->n == strlen(wanted) && memcmp(text->at, wanted, text->n) == 0;
}

bool apk_state_is_in_world(const struct apk_state *state, const char *name)
{
	struct apk_text rest = {state->world_text, state->n_world};
	struct apk_dependency d;

	while (apk_dependency_next(&rest, &d))
		if (!d.is_conflict && text_is(&d.name, name))
			return true;
	return false;
}

bool apk_state_fits(const struct apk_state *state, const char *word)
{
	struct apk_text rest = {word, strlen(word)};
	const struct apk_package *package;
	struct apk_dependency d;
	size_t i;

	if (!apk_dependency_next(&rest, &d))
		return false;
	i = apk_db_provider(&state->db, d.name.at, d.name.n);
	if (d.is_conflict || i == state->db.n_packages)
		return d.is_conflict == (i == state->db.n_packages);
	package = &state->db.packages[i];
	/* Other relations than "=" are kept by apk as long as the package is there. */
	return strcmp(d.operator, "=") != 0 || package->name.n != d.name.n ||
	       memcmp(package->name.at, d.name.at, d.name.n) != 0 ||
	       (package->version.n == d.version.n &&
		       memcmp(package->version.at, d.version.at, d.version.n) == 0);
}

void apk_state_version(const struct apk_state *state, const char *name, char *ret, size_t size)
{
	const struct apk_package *package = find(state, name);

	snprintf(ret, size, "%.*s", package ? (int)package->version.n : 0,
		package ? package->version.at : "");
}

/* The flag stands between the name and the files of its stanza: "f:s". */
bool apk_state_is_broken(const struct apk_state *state, const char *name)
{
	const struct apk_package *package = find(state, name);
	const char *end = state->db_text + state->n_db;

	for (const char *at = package ? package->name.at : NULL; at;
		at = memchr(at, '\n', (size_t)(end - at))) {
		at += *at == '\n';
		if (end - at < 2 || *at == '\n' || strncmp(at, "F:", 2) == 0)
			return false;
		if (strncmp(at, "f:", 2) == 0)
			return memchr(at, 's', strcspn(at, "\n")) != NULL;
	}
	return false;
}

bool apk_state_has_policy(const struct apk_state *state, const char *const *words, size_t n)
{
	const struct apk_package *package = find(state, APPS_VIRTUAL);
	size_t n_there = 0;
	const char *at;

	if (!package || !apk_state_is_in_world(state, APPS_VIRTUAL))
		return false;
	at = package->depends.at;
	for (const char *end = at ? at + package->depends.n : NULL; at && at < end; n_there++) {
		size_t n_word = strcspn(at, " \n"), i;

		for (i = 0; i < n; i++)
			if (strlen(words[i]) == n_word && memcmp(words[i], at, n_word) == 0)
				break;
		if (i == n)
			return false;
		at += n_word + 1;
	}
	/* A word that stands twice is asked for anew. */
	return n_there == n;
}

void apk_state_chain(const struct apk_state *state, const char *name, char *ret, size_t size)
{
	_cleanup_free_ bool *from = calloc(state->db.n_packages + 1, sizeof(*from));
	size_t chain[8], n, package = apk_db_find(&state->db, name, strlen(name)), used = 0;
	struct apk_text rest = {state->world_text, state->n_world};
	struct apk_dependency d;

	ret[0] = '\0';
	if (!from || package == state->db.n_packages)
		return;
	while (apk_dependency_next(&rest, &d)) {
		size_t i = apk_db_provider(&state->db, d.name.at, d.name.n);

		if (!d.is_conflict && i < state->db.n_packages && i != package)
			from[i] = true;
	}
	n = apk_db_chain(&state->db, from, package, chain, ARRAY_SIZE(chain));
	for (size_t i = n < ARRAY_SIZE(chain) ? n : ARRAY_SIZE(chain); i-- > 0 && used < size;) {
		const struct apk_text *text = &state->db.packages[chain[i]].name;

		used += (size_t)snprintf(ret + used, size - used, "%s%.*s", used ? " <- " : "",
			(int)text->n, text->at);
	}
}

void apk_word_name(const char *word, char ret_name[LIMIT_TEXT_BYTES + 1])
{
	word += *word == '!';
	snprintf(ret_name, LIMIT_TEXT_BYTES + 1, "%.*s", (int)strcspn(word, "<>=~@"), word);
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

bool apk_word_is_plain(const char *word)
{
	const char *name = word + (*word == '!');

	name += *name == '.'; /* a virtual package's */
	return strspn(name, LETTERS) > 0 && !strstr(name, ".apk") &&
	       name[strspn(name, LETTERS "+.:@<>=~-")] == '\0';
}

/* --- the world ------------------------------------------------------------------------------ */

static int take_lock(struct apps_run *run, int *ret_fd)
{
	_cleanup_close_ int dir_fd = fs_open_in_root(run->root_fd, DB_DIR, O_RDONLY | O_DIRECTORY);
	_cleanup_close_ int fd = -1;

	if (dir_fd < 0)
		return dir_fd;
	fd = openat(dir_fd, "lock", O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (apps_run_is_late(run))
			return -EBUSY;
		apk_wait_for_lock(run, USEC_PER_SEC / 2);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static bool is_named(const struct apk_dependency *d, const struct apps_words *names)
{
	for (size_t i = 0; names && !d->is_conflict && i < names->n; i++) {
		const char *name = names->words[i] + (names->words[i][0] == '!');

		/* Of thousands of members and as many names. */
		if (strncmp(name, d->name.at, d->name.n) == 0 &&
			strcspn(name + d->name.n, "<>=~@") == 0)
			return true;
	}
	return false;
}

int apk_world_edit(
	struct apps_run *run, const struct apps_words *out, const char *in, char **ret_taken)
{
	_cleanup_close_ int lock_fd = -1;
	_cleanup_free_ char *old = NULL;
	_cleanup_buf_ struct buf world = BUF_INIT, taken = BUF_INIT;
	struct fs_owner owner = {.uid = geteuid(), .gid = getegid(), .mode = 0644};
	size_t n_old;
	int r = take_lock(run, &lock_fd);

	if (r == 0)
		r = fs_read(run->root_fd, WORLD_FILE, LIMIT_APK_WORLD_BYTES, &old, &n_old);
	if (r < 0)
		return r;
	for (char *line = old, *rest; *line; line = rest) {
		size_t n = strcspn(line, " \n");
		struct apk_text text = {line, n};
		struct apk_dependency d;

		rest = line + n + (line[n] != '\0');
		if (n == 0)
			continue;
		line[n] = '\0';
		if (apk_dependency_next(&text, &d) && is_named(&d, out))
			buf_printf(&taken, "%s%s", taken.n_bytes ? " " : "", line);
		else
			buf_printf(&world, "%s\n", line);
	}
	for (const char *at = in ? in : ""; *at;) {
		size_t n = strcspn(at, " ");

		buf_append(&world, at, n);
		buf_puts(&world, "\n");
		at += n + (at[n] == ' ');
	}
	if (world.error || taken.error)
		return -ENOMEM;
	if (taken.n_bytes && ret_taken)
		r = fs_replace(run->root_fd, TAKEN_FILE, taken.data, taken.n_bytes, &owner);
	if (r == 0 && (taken.n_bytes || (in && *in))) {
		r = fs_replace(run->root_fd, WORLD_FILE, world.n_bytes ? world.data : "",
			world.n_bytes, &owner);
	}
	if (r < 0)
		return r;
	if (ret_taken)
		*ret_taken = taken.n_bytes ? TAKE_PTR(taken.data) : NULL;
	return 0;
}

int apk_world_forget(struct apps_run *run)
{
	int r = fs_remove(run->root_fd, TAKEN_FILE);

	return r == -ENOENT ? 0 : r;
}

/* Whether the virtual package bans it, or asks for it. */
static bool has_policy_word(
	const struct apk_state *state, const struct apk_text *name, bool is_conflict)
{
	const struct apk_package *package = find(state, APPS_VIRTUAL);
	struct apk_text rest = package ? package->depends : (struct apk_text){0};
	struct apk_dependency d;

	while (apk_dependency_next(&rest, &d))
		if (d.is_conflict == is_conflict && d.name.n == name->n &&
			memcmp(d.name.at, name->at, name->n) == 0)
			return true;
	return false;
}

bool apk_state_is_required(const struct apk_state *state, const char *name)
{
	return has_policy_word(state, &(struct apk_text){name, strlen(name)}, false);
}

int apk_world_recover(struct apps_run *run)
{
	_cleanup_(apk_state_done) struct apk_state state = {0};
	_cleanup_free_ char *taken = NULL;
	_cleanup_buf_ struct buf in = BUF_INIT;
	char name[LIMIT_TEXT_BYTES + 1], *rest = NULL;
	size_t n;
	int r = fs_read(run->root_fd, TAKEN_FILE, LIMIT_APK_WORLD_BYTES, &taken, &n);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = apk_state_read(run->root_fd, &state);
	if (r < 0)
		return r;
	for (char *word = strtok_r(taken, " \n", &rest); word;
		word = strtok_r(NULL, " \n", &rest)) {
		apk_word_name(word, name);
		if (apk_state_is_in_world(&state, name) ||
			has_policy_word(&state, &(struct apk_text){name, strlen(name)}, true))
			continue;
		buf_printf(&in, "%s%s", in.n_bytes ? " " : "", word);
	}
	if (in.error)
		return in.error;
	if (in.n_bytes)
		r = apk_world_edit(run, NULL, in.data, NULL);
	return r < 0 ? r : apk_world_forget(run);
}
