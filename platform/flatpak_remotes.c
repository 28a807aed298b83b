/* SPDX-License-Identifier: Apache-2.0 */
/* flatpak_remotes.c - see flatpak_remotes.h. Enforcer only. */
#include "platform/flatpak_remotes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "platform/listing.h"
#include "policies/app_forms.h"
#include "policies/app_pattern.h"

#define FILTER_DIRECTORY "etc/mdm-agent"
#define FILTER_PREFIX "flatpak-"
#define FILTER_SUFFIX ".filter"
#define FILTER_BYTES (256 * 1024)

/* --- filters -------------------------------------------------------------------------------- */

/* "allow app/GLOB": flatpak knows * alone; ? becomes that where it is looser. False: not said. */
static bool write_glob(
	const char *word, const struct app_term *term, bool may_be_looser, struct buf *out)
{
	if (!may_be_looser && memchr(term->value, '?', term->n_value))
		return false;
	buf_printf(out, "%s app/", word);
	for (size_t i = 0; i < term->n_value; i++)
		buf_append(out, term->value[i] == '?' ? "*" : &term->value[i], 1);
	buf_puts(out, "\n");
	return true;
}

/* One pattern as far as it speaks of Flatpaks of that remote. False: it does not. */
static bool write_pattern(const char *word, const char *pattern, size_t n, const char *remote,
	bool may_be_looser, struct buf *out)
{
	static const struct app_term everything = {APP_TERM_FLATPAK, "*", 1};
	struct app_term term, id = everything;
	bool speaks = false;

	while (app_term_next(&pattern, &n, &term)) {
		if (term.kind == APP_TERM_FLATPAK)
			id = term;
		else if (term.kind != APP_TERM_REMOTE ||
			 !app_glob_fits(term.value, term.n_value, remote, strlen(remote)))
			return false;
		speaks = true;
	}
	return speaks && write_glob(word, &id, may_be_looser, out);
}

static void write_required(const struct string_set *required, const char *remote, struct buf *out)
{
	struct app_flatpak_name name;

	for (size_t i = 0; required && i < required->n_strings; i++)
		if (app_flatpak_read(required->strings[i], &name) &&
			strlen(remote) == name.n_remote &&
			memcmp(remote, name.remote, name.n_remote) == 0)
			buf_printf(out, "allow app/%s\n", name.id);
}

bool flatpak_filter_write(const struct apps_policy *policy, const char *remote, struct buf *out)
{
	size_t before = out->n_bytes;
	const char *list, *pattern;
	size_t n;

	if (policy->mode == APPS_ALLOW && policy->allowed) {
		/* Of several lists the first: what the others do not let be is removed. */
		buf_puts(out, "deny *\nallow runtime/*\n");
		list = policy->allowed->n_strings ? policy->allowed->strings[0] : NULL;
		while (list && value_list_next(&list, &pattern, &n))
			(void)write_pattern("allow", pattern, n, remote, true, out);
		write_required(policy->required, remote, out);
	} else if (policy->mode != APPS_OFF && policy->blocked) {
		for (size_t i = 0; i < policy->blocked->n_strings; i++)
			(void)write_pattern("deny", policy->blocked->strings[i],
				strlen(policy->blocked->strings[i]), remote, false, out);
	}
	return out->n_bytes > before;
}

static void filter_path(const char *remote, char ret_path[LIMIT_TEXT_BYTES + 1])
{
	snprintf(ret_path, LIMIT_TEXT_BYTES + 1, APPS_FLATPAK_FILTER, remote);
}

/* Whether the remote has our filter; below which root does not matter. */
static bool has_our_filter(const struct flatpak_remote *remote)
{
	char path[LIMIT_TEXT_BYTES + 2] = "/";
	size_t n, n_filter = strlen(remote->filter);

	filter_path(remote->name, path + 1);
	n = strlen(path);
	return n_filter >= n && strcmp(remote->filter + n_filter - n, path) == 0;
}

static bool is_filter_written(int root_fd, const char *remote, const struct buf *text)
{
	_cleanup_free_ char *there = NULL;
	char path[LIMIT_TEXT_BYTES + 1];
	size_t n;

	filter_path(remote, path);
	return fs_read(root_fd, path, FILTER_BYTES, &there, &n) == 0 && n == text->n_bytes &&
	       memcmp(there, text->data, n) == 0;
}

/* --- what is remembered ---------------------------------------------------------------------- */

static char *read_disabled(const struct platform *platform)
{
	char *text = NULL;

	if (platform->state_fd <= 0 || fs_read(platform->state_fd, FLATPAK_DISABLED_FILE,
					       LIMIT_STATE_BYTES, &text, NULL) < 0)
		return NULL;
	return text;
}

static char *read_filters(const struct platform *platform)
{
	char *text = NULL;

	if (platform->state_fd <= 0 || fs_read(platform->state_fd, FLATPAK_FILTERS_FILE,
					       LIMIT_STATE_BYTES, &text, NULL) < 0)
		return NULL;
	return text;
}

/* The line of a remote in there, "NAME PATH", and its length with the line's end; NULL: none. */
static const char *find_filter(const char *lines, const char *remote, size_t *ret_n)
{
	size_t n_remote = strlen(remote);

	for (const char *at = lines; at && *at; at += *ret_n) {
		*ret_n = strcspn(at, "\n");
		*ret_n += at[*ret_n] == '\n';
		if (strncmp(at, remote, n_remote) == 0 && at[n_remote] == ' ')
			return at;
	}
	return NULL;
}

/* Whether it can be one word of a job behind its first slash. */
static bool is_path(const char *path)
{
	return *path == '/' && apps_word_is_valid(path + 1, strlen(path + 1)) && path[1] != '!';
}

/* What a remote has before it gets our filter; nothing known before counts any more. */
static int note_filter(struct platform *platform, const struct flatpak_remote *remote)
{
	const struct fs_owner owner = {geteuid(), getegid(), 0600};
	_cleanup_free_ char *before = read_filters(platform);
	_cleanup_buf_ struct buf lines = {.max_bytes = LIMIT_STATE_BYTES};
	const char *line;
	size_t n = 0;

	if (platform->state_fd <= 0 || has_our_filter(remote))
		return 0;
	line = find_filter(before, remote->name, &n);
	buf_append(&lines, before ? before : "",
		line ? (size_t)(line - before) : strlen(before ? before : ""));
	if (line)
		buf_puts(&lines, line + n);
	if (is_path(remote->filter))
		buf_printf(&lines, "%s %s\n", remote->name, remote->filter);
	if (lines.error)
		return lines.error;
	return lines.n_bytes == 0 && !before ? 0
					     : fs_replace(platform->state_fd, FLATPAK_FILTERS_FILE,
						       lines.data, lines.n_bytes, &owner);
}

/* --- looking ---------------------------------------------------------------------------------- */

static size_t without_slashes(const char *url)
{
	size_t n = strlen(url);

	while (n > 1 && url[n - 1] == '/')
		n--;
	return n;
}

static bool is_listed(const struct string_set *list, const char *url)
{
	size_t n = without_slashes(url);

	for (size_t i = 0; list && i < list->n_strings; i++)
		if (without_slashes(list->strings[i]) == n && memcmp(list->strings[i], url, n) == 0)
			return true;
	return !list;
}

static int add_foreign(struct apps_look *look, const struct flatpak_remote *remote)
{
	struct look_item item = {
		.setting = SETTING_APPS_FLATPAK_REMOTES,
		.reason = REASON_FOREIGN_SOURCE,
		.is_removal = true,
		.kind = APPS_STEP_FLATPAK_REMOTE_DISABLE,
		.is_refused = remote->user[0] || !name_is_valid(remote->name),
	};
	int r;

	snprintf(item.name, sizeof(item.name), "%.100s", remote->name);
	snprintf(item.word, sizeof(item.word), "%.100s", remote->name);
	if (remote->user[0])
		/* Neither who it is nor an address, which may lie in a home: this is reported. */
		snprintf(item.detail, sizeof(item.detail),
			"somebody's own: only they can remove it");
	else
		snprintf(item.detail, sizeof(item.detail), "%.240s", remote->url);
	r = apps_look_add(look, &item);
	return r < 0 || item.is_refused ? r
					: apps_steps_add(&look->steps, &look->n_steps,
						  APPS_STEP_FLATPAK_REMOTE_DISABLE, remote->name);
}

static int step_unfilter(
	const struct platform *platform, struct apps_look *look, const char *remote)
{
	_cleanup_free_ char *before = read_filters(platform);
	char words[2 * LIMIT_TEXT_BYTES + 2];
	size_t n = 0;
	const char *line = find_filter(before, remote, &n);
	/* Without the name, the space, the first slash and the line's end. */
	size_t n_skip = strlen(remote) + 2;
	bool is_known = line && n > n_skip + 1 && n - n_skip - 1 <= LIMIT_TEXT_BYTES &&
			line[n_skip - 1] == '/' && line[n - 1] == '\n' &&
			apps_word_is_valid(line + n_skip, n - n_skip - 1) && line[n_skip] != '!';

	snprintf(words, sizeof(words), "%.100s%s%.*s", remote, is_known ? " " : "",
		is_known ? (int)(n - n_skip - 1) : 0, is_known ? line + n_skip : "");
	return apps_steps_add(
		&look->steps, &look->n_steps, APPS_STEP_FLATPAK_REMOTE_UNFILTER, words);
}

static int look_at_filter(
	struct platform *platform, struct apps_look *look, const struct flatpak_remote *remote)
{
	_cleanup_buf_ struct buf text = {.max_bytes = FILTER_BYTES};
	bool wanted, ours = has_our_filter(remote);

	buf_append(&text, "", 0);
	wanted = flatpak_filter_write(&look->policy, remote->name, &text);
	if (text.error)
		return text.error;
	if (wanted && (!ours || !is_filter_written(platform->sysroot_fd, remote->name, &text)))
		return apps_steps_add(&look->steps, &look->n_steps, APPS_STEP_FLATPAK_REMOTE_FILTER,
			remote->name);
	return !wanted && ours ? step_unfilter(platform, look, remote->name) : 0;
}

int flatpak_remotes_look(
	struct platform *platform, const struct effective *desired, struct apps_look *look)
{
	const struct effective_setting *setting =
		desired ? &desired->settings[SETTING_APPS_FLATPAK_REMOTES] : NULL;
	const struct string_set *list = setting && setting->present ? &setting->value.set : NULL;
	const struct flatpak_db *db = &look->snapshot->flatpaks;
	_cleanup_free_ char *disabled = read_disabled(platform);
	int r = 0;

	for (size_t i = 0; r == 0 && i < db->n_remotes; i++) {
		const struct flatpak_remote *remote = &db->remotes[i];
		bool listed = is_listed(list, remote->url);

		if (!listed && !remote->is_disabled)
			r = add_foreign(look, remote);
		if (remote->user[0] || !name_is_valid(remote->name) || !listed)
			continue;
		if (remote->is_disabled && text_has_line(disabled, remote->name))
			r = apps_steps_add(&look->steps, &look->n_steps,
				APPS_STEP_FLATPAK_REMOTE_ENABLE, remote->name);
		if (r == 0 && (!remote->is_disabled || text_has_line(disabled, remote->name)))
			r = look_at_filter(platform, look, remote);
	}
	return r;
}

/* --- before and after a job --------------------------------------------------------------------
 */

static int write_filter(struct platform *platform, const struct apps_look *look, const char *remote)
{
	const struct fs_owner owner = {geteuid(), getegid(), 0644};
	const struct flatpak_db *db = &look->snapshot->flatpaks;
	_cleanup_buf_ struct buf text = {.max_bytes = FILTER_BYTES};
	char path[LIMIT_TEXT_BYTES + 1];
	int r;

	if (!flatpak_filter_write(&look->policy, remote, &text) || text.error)
		return text.error;
	for (size_t i = 0; i < db->n_remotes; i++) {
		if (db->remotes[i].user[0] || strcmp(db->remotes[i].name, remote) != 0)
			continue;
		r = note_filter(platform, &db->remotes[i]);
		if (r < 0)
			return r;
	}
	r = fs_make_dirs(platform->sysroot_fd, FILTER_DIRECTORY, 0755);
	if (r < 0)
		return r;
	filter_path(remote, path);
	return fs_replace(platform->sysroot_fd, path, text.data, text.n_bytes, &owner);
}

int flatpak_remotes_prepare(struct platform *platform, const struct apps_look *look)
{
	const struct fs_owner owner = {geteuid(), getegid(), 0600};
	_cleanup_free_ char *disabled = read_disabled(platform);
	_cleanup_buf_ struct buf lines = {.max_bytes = LIMIT_STATE_BYTES};
	bool more = false;
	int r = 0;

	buf_puts(&lines, disabled ? disabled : "");
	for (size_t i = 0; r == 0 && i < look->n_steps; i++) {
		const struct apps_step *step = &look->steps[i];

		if (step->kind == APPS_STEP_FLATPAK_REMOTE_FILTER)
			r = write_filter(platform, look, step->words);
		if (step->kind != APPS_STEP_FLATPAK_REMOTE_DISABLE ||
			text_has_line(disabled, step->words))
			continue;
		buf_printf(&lines, "%s\n", step->words);
		more = true;
	}
	if (r < 0 || !more || platform->state_fd <= 0)
		return r;
	return lines.error ? lines.error
			   : fs_replace(platform->state_fd, FLATPAK_DISABLED_FILE, lines.data,
				     lines.n_bytes, &owner);
}

void flatpak_remotes_tidy(struct platform *platform, const struct apps_look *look, bool forget)
{
	const struct flatpak_db *db = &look->snapshot->flatpaks;
	_cleanup_(listing_done) struct listing listing = {0};
	bool any = false;

	if (forget && platform->state_fd > 0)
		(void)fs_remove(platform->state_fd, FLATPAK_DISABLED_FILE);
	if (forget && platform->state_fd > 0)
		(void)fs_remove(platform->state_fd, FLATPAK_FILTERS_FILE);
	if (listing_read(platform->sysroot_fd, FILTER_DIRECTORY, 1024, &listing) < 0)
		return;
	for (size_t i = 0; i < listing.n_names; i++) {
		size_t n = strlen(listing.names[i]), n_prefix = strlen(FILTER_PREFIX),
		       n_suffix = strlen(FILTER_SUFFIX);
		char path[LIMIT_TEXT_BYTES + 1], name[LIMIT_TEXT_BYTES + 1];
		bool used = false;

		if (n <= n_prefix + n_suffix || n > LIMIT_NAME_BYTES + n_prefix + n_suffix ||
			strncmp(listing.names[i], FILTER_PREFIX, n_prefix) != 0 ||
			strcmp(listing.names[i] + n - n_suffix, FILTER_SUFFIX) != 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(n - n_prefix - n_suffix),
			listing.names[i] + n_prefix);
		for (size_t k = 0; k < db->n_remotes; k++)
			used |= !db->remotes[k].user[0] && has_our_filter(&db->remotes[k]) &&
				strcmp(db->remotes[k].name, name) == 0;
		if (used)
			continue;
		filter_path(name, path);
		any |= fs_remove(platform->sysroot_fd, path) == 0;
	}
	if (any)
		(void)fs_remove_dir(platform->sysroot_fd, FILTER_DIRECTORY);
}
