/* SPDX-License-Identifier: Apache-2.0 */
/* guard_build.c - the guard's table, made in steps; see guard_build.h. Enforcer only. */
#include "agent/enforcer/guard_build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/enforcer/guard_walk.h"
#include "agent/guard/born.h"
#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "agent/util/fs.h"

#define PATH_BYTES 4096

/* What is said of one package. */
struct guard_package {
	bool is_denied;
	enum guard_reason reason;
};

struct guard_flatpak {
	char *id;
	bool is_denied;
	enum guard_reason reason;
};

struct guard_build {
	int root_fd;
	const struct apk_db *db;
	struct guard_package *packages; /* of each of the database */
	struct guard_flatpak *flatpaks;
	size_t n_flatpaks;
	bool any_denied_flatpak;
	struct guard_files files;  /* what was found */
	struct guard_maker *maker; /* gets paths at once, inodes at the end */
	struct guard_header header;
	struct guard_counts counts;
	/* Where it is. */
	size_t package, flatpak;
	bool in_package;
	struct apk_files in;
	int directory_fd;		/* of the file before; -1: none, or it is not there */
	char directory[PATH_BYTES + 2]; /* its real path, with a slash at the end */
	struct apk_text directory_name;
	struct guard_walk *walk;
	size_t n_walked;
};

/* --- judging ----------------------------------------------------------------------------- */

static bool setting_number(const struct effective *effective, enum setting_id id, int64_t *ret)
{
	if (!effective->settings[id].present)
		return false;
	*ret = effective->settings[id].value.number;
	return true;
}

bool guard_is_wanted(const struct effective *effective)
{
	int64_t guard = 0;

	return setting_number(effective, SETTING_APPS_GUARD, &guard) && guard > 0;
}

void guard_settings(
	const struct effective *effective, uint32_t uid_min, struct guard_header *ret_header)
{
	struct apps_policy policy;
	int64_t guard = 0, failure = 0;

	apps_policy_read(effective, &policy);
	(void)setting_number(effective, SETTING_APPS_GUARD, &guard);
	(void)setting_number(effective, SETTING_APPS_GUARD_FAILURE, &failure);
	ret_header->mode = guard == 2 ? GUARD_ENFORCE : GUARD_AUDIT;
	ret_header->flags = 0;
	if (policy.mode == APPS_ALLOW)
		ret_header->flags |= GUARD_F_ALLOW_MODE;
	if (!policy.user_programs)
		ret_header->flags |= GUARD_F_NO_USER_PROGRAMS;
	/* Who only watches keeps nobody waiting. */
	if (failure == 1 && guard == 2)
		ret_header->flags |= GUARD_F_FAIL_CLOSED;
	ret_header->uid_min = uid_min;
	ret_header->answer_ms = GUARD_ANSWER_MS;
}

int guard_policy_mark(const struct effective *effective, uint64_t *ret_mark)
{
	static const enum setting_id ids[] = {SETTING_APPS_MODE, SETTING_APPS_ALLOWED,
		SETTING_APPS_BLOCKED, SETTING_APPS_USER_FLATPAKS, SETTING_APPS_USER_PROGRAMS,
		SETTING_APPS_GUARD, SETTING_APPS_GUARD_FAILURE};
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint8_t digest[SHA256_BYTES];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		const struct effective_setting *s = &effective->settings[ids[i]];

		if (!s->present)
			continue;
		buf_printf(&text, "%s=%lld", setting_row(ids[i])->name, (long long)s->value.number);
		/* Texts have no NUL in them. */
		for (size_t j = 0; j < s->value.set.n_strings; j++)
			buf_append(&text, s->value.set.strings[j],
				strlen(s->value.set.strings[j]) + 1);
		buf_append(&text, "\0\0", 2);
	}
	buf_append(&text, "", 0);
	if (text.error)
		return text.error;
	r = sha256(text.data, text.n_bytes, digest);
	if (r == 0)
		memcpy(ret_mark, digest, sizeof(*ret_mark));
	return r;
}

static enum guard_reason verdict_reason(enum app_verdict verdict)
{
	switch (verdict) {
	case APP_BLOCKED:
		return GUARD_R_BLOCKED;
	case APP_NOT_ALLOWED:
		return GUARD_R_NOT_ALLOWED;
	case APP_ALLOWED:
	case APP_PROTECTED:
	case APP_VERDICT_MAX:
		break;
	}
	return GUARD_R_NONE;
}

/* A copy that ends with NUL; "" where there is none. NULL: no memory. */
static char *text_copy(struct apk_text text)
{
	return strndup(text.n ? text.at : "", text.n);
}

static const struct app *find_app(
	const struct guard_inputs *in, enum app_kind kind, const char *name)
{
	for (size_t i = 0; i < in->n_apps; i++)
		if (in->apps[i].kind == kind && strcmp(in->apps[i].name, name) == 0)
			return &in->apps[i];
	return NULL;
}

static int judge_package(struct guard_build *b, const struct guard_inputs *in,
	const struct apps_policy *policy, size_t i)
{
	const struct apk_package *package = &b->db->packages[i];
	_cleanup_free_ char *name = text_copy(package->name),
			    *version = text_copy(package->version),
			    *origin = text_copy(package->origin), *tag = text_copy(package->tag);
	const struct app *known;
	enum guard_reason reason;
	struct app app;

	if (!name || !version || !origin || !tag)
		return -ENOMEM;
	app = (struct app){
		.kind = APP_PACKAGE,
		.name = name,
		.version = version,
		.origin = origin,
		.repository = tag,
		.remote = "",
		.user = "",
		.title = "",
		.sha256 = "",
	};
	known = find_app(in, APP_PACKAGE, name);
	if (known)
		app = *known;
	app.is_base = app.is_base || (in->is_base && in->is_base[i]);
	reason = verdict_reason(apps_judge(policy, &app));
	/* Whatever else is known of it: what the phone needs is never kept from running, nor what
	 * it may have come with by not being in a list. */
	if (app.is_base || app_is_protected(name) ||
		(!in->is_base && reason == GUARD_R_NOT_ALLOWED))
		reason = GUARD_R_NONE;
	b->packages[i].reason = reason;
	b->packages[i].is_denied = b->packages[i].reason != GUARD_R_NONE;
	b->counts.n_denied_owners += b->packages[i].is_denied;
	return 0;
}

static int judge_packages(
	struct guard_build *b, const struct guard_inputs *in, const struct apps_policy *policy)
{
	int r = 0;

	b->packages = calloc(b->db->n_packages + 1, sizeof(*b->packages));
	if (!b->packages)
		return -ENOMEM;
	for (size_t i = 0; i < b->db->n_packages && r == 0; i++)
		r = judge_package(b, in, policy, i);
	return r;
}

/* Those of the system. What is in a home belongs to who can change it, and is judged by that. */
static int judge_flatpaks(
	struct guard_build *b, const struct guard_inputs *in, const struct apps_policy *policy)
{
	b->flatpaks = calloc(in->n_apps + 1, sizeof(*b->flatpaks));
	if (!b->flatpaks)
		return -ENOMEM;
	for (size_t i = 0; i < in->n_apps; i++) {
		const struct app *app = &in->apps[i];
		struct guard_flatpak *f = &b->flatpaks[b->n_flatpaks];

		/* The id is a name of a directory. */
		if (app->kind != APP_FLATPAK || app->user[0] || !app->name[0] ||
			app->name[0] == '.' || strchr(app->name, '/'))
			continue;
		f->id = strdup(app->name);
		if (!f->id)
			return -ENOMEM;
		f->reason = verdict_reason(apps_judge(policy, app));
		f->is_denied = f->reason != GUARD_R_NONE;
		b->counts.n_denied_owners += f->is_denied;
		b->any_denied_flatpak = b->any_denied_flatpak || f->is_denied;
		b->n_flatpaks++;
	}
	return 0;
}

/* A content that some list names, and that all of them let through. */
static int judge_hash(struct guard_build *b, const struct apps_policy *policy, const char *hex)
{
	char text[2 * SHA256_BYTES + 1];
	uint8_t digest[SHA256_BYTES];
	struct app app = {
		.kind = APP_FILE,
		.name = "",
		.version = "",
		.origin = "",
		.repository = "",
		.remote = "",
		.user = "",
		.title = "",
		.sha256 = text,
	};

	memcpy(text, hex, 2 * SHA256_BYTES);
	text[2 * SHA256_BYTES] = 0;
	for (char *c = text; *c; c++)
		if (*c >= 'A' && *c <= 'F')
			*c = (char)(*c - 'A' + 'a');
	if (hex_decode(text, digest, sizeof(digest)) < 0 || apps_judge(policy, &app) != APP_ALLOWED)
		return 0;
	b->counts.n_hashes++;
	return guard_maker_add_hash(b->maker, digest);
}

static int judge_hashes(struct guard_build *b, const struct apps_policy *policy)
{
	static const char prefix[] = "sha256:";
	int r = 0;

	if (!policy->allowed)
		return 0;
	for (size_t i = 0; i < policy->allowed->n_strings; i++) {
		/* One list, with '\n' between its patterns; a digest stands alone in one. */
		for (const char *at = policy->allowed->strings[i]; at && *at && r == 0;) {
			size_t n = strcspn(at, "\n");

			if (n == strlen(prefix) + 2 * SHA256_BYTES &&
				strncmp(at, prefix, strlen(prefix)) == 0)
				r = judge_hash(b, policy, at + strlen(prefix));
			at += n + (at[n] == '\n');
		}
	}
	return r;
}

int guard_build_new(const struct guard_inputs *in, struct guard_build **ret_build)
{
	_cleanup_(guard_build_freep) struct guard_build *b = calloc(1, sizeof(*b));
	struct apps_policy policy;
	int r;

	if (!b)
		return -ENOMEM;
	b->root_fd = in->root_fd;
	b->db = in->db;
	b->directory_fd = -1;
	r = guard_maker_new(&b->maker);
	if (r < 0)
		return r;
	apps_policy_read(in->effective, &policy);
	guard_settings(in->effective, in->uid_min, &b->header);
	b->counts.is_foreign_cut = in->devices_are_cut;
	/* What lies where people can write needs no list. */
	b->counts.is_idle = policy.mode == APPS_OFF && policy.user_programs;
	r = judge_packages(b, in, &policy);
	if (r == 0)
		r = judge_flatpaks(b, in, &policy);
	if (r == 0)
		r = judge_hashes(b, &policy);
	for (size_t i = 0; i < in->n_devices && r == 0; i++) {
		r = guard_maker_add_device(b->maker, in->devices[i]);
		b->counts.n_devices += r == 0;
	}
	if (r < 0)
		return r;
	*ret_build = TAKE_PTR(b);
	return 0;
}

void guard_build_free(struct guard_build *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_flatpaks; i++)
		free(b->flatpaks[i].id);
	free(b->flatpaks);
	free(b->packages);
	guard_files_done(&b->files);
	guard_maker_free(b->maker);
	guard_walk_free(b->walk);
	closep(&b->directory_fd);
	free(b);
}

/* --- files of packages -------------------------------------------------------------------- */

/*
 * The real path of a directory is what the guard sees, whatever links the database's leads through
 * ("bin" is "usr/bin" on many systems).
 */
static void enter_directory(struct guard_build *b, struct apk_text name)
{
	char path[PATH_BYTES - 1], link[32];
	ssize_t n;

	if (b->directory_name.at && b->directory_name.n == name.n &&
		(name.n == 0 || memcmp(b->directory_name.at, name.at, name.n) == 0))
		return;
	closep(&b->directory_fd);
	b->directory_fd = -1;
	b->directory_name = (struct apk_text){name.n ? name.at : "", name.n};
	b->directory[0] = 0;
	if (name.n + 2 >= sizeof(path))
		return;
	snprintf(path, sizeof(path), "%.*s", (int)name.n, name.n ? name.at : "");
	b->directory_fd = fs_open_in_root(b->root_fd, name.n ? path : ".", O_PATH | O_DIRECTORY);
	if (b->directory_fd < 0) {
		b->directory_fd = -1;
		snprintf(b->directory, sizeof(b->directory), "/%s%s", path, name.n ? "/" : "");
		return;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", b->directory_fd);
	n = readlink(link, b->directory, PATH_BYTES);
	if (n <= 0) {
		snprintf(b->directory, sizeof(b->directory), "/%s%s", path, name.n ? "/" : "");
		return;
	}
	b->directory[n] = 0;
	if (b->directory[n - 1] != '/')
		memcpy(b->directory + n, "/", 2);
}

static int deny_path(struct guard_build *b, const struct guard_package *package, const char *name,
	const char *owner)
{
	char path[PATH_BYTES];
	int r;

	if (!b->directory[0] ||
		snprintf(path, sizeof(path), "%s%s", b->directory, name) >= (int)sizeof(path))
		return 0;
	r = guard_maker_add_path(b->maker, path, package->reason, owner);
	b->counts.n_paths += r == 0;
	return r;
}

static int look_at_file(struct guard_build *b, const struct apk_file *file)
{
	const struct guard_package *package = &b->packages[b->package];
	bool is_program = (file->mode & 0111) != 0;
	_cleanup_free_ char *name = NULL, *owner = NULL;
	struct guard_born born;
	struct stat st;

	if (!package->is_denied && !is_program)
		return 0;
	name = text_copy(file->name);
	owner = text_copy(b->db->packages[b->package].name);
	if (!name || !owner)
		return -ENOMEM;
	if (!name[0] || strchr(name, '/'))
		return 0;
	enter_directory(b, file->directory);
	/* A link's target is some package's own file, and judged as that. */
	if (b->directory_fd < 0 || fstatat(b->directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return package->is_denied && is_program ? deny_path(b, package, name, owner) : 0;
	if (!S_ISREG(st.st_mode) || (!is_program && !(st.st_mode & 0111)))
		return 0;
	born = (struct guard_born){st.st_dev, st.st_ino, guard_born_ns(b->directory_fd, name)};
	if (!package->is_denied)
		return guard_files_allow(&b->files, &born);
	return guard_files_deny(&b->files, &born, package->reason, owner)
		       ?: deny_path(b, package, name, owner);
}

/* 1: one was looked at; 0: there are no more. */
static int step_package(struct guard_build *b)
{
	struct apk_file file;
	int r;

	while (b->package < b->db->n_packages) {
		if (!b->in_package)
			apk_files_begin(&b->db->packages[b->package], &b->in);
		b->in_package = true;
		if (apk_files_next(&b->in, &file)) {
			r = look_at_file(b, &file);
			return r < 0 ? r : 1;
		}
		b->in_package = false;
		b->package++;
	}
	return 0;
}

/* --- files of Flatpaks -------------------------------------------------------------------- */

static int found_denied(const struct guard_found *found, const char *owner, void *userdata)
{
	struct guard_build *b = userdata;

	return guard_files_deny(&b->files, &found->file, b->flatpaks[b->flatpak].reason, owner);
}

/* What a denied one has in common with others is theirs as well. */
static int found_allowed(const struct guard_found *found, const char *owner, void *userdata)
{
	struct guard_build *b = userdata;

	(void)owner;
	return found->n_links > 1 ? guard_files_allow(&b->files, &found->file) : 0;
}

/* The next directory to walk: each app's, then the runtimes'. 1, or 0: no more. */
static int begin_walk(struct guard_build *b)
{
	char path[PATH_BYTES];
	const struct guard_flatpak *f;
	bool is_app = b->flatpak < b->n_flatpaks;
	int r;

	if (!b->any_denied_flatpak || b->flatpak > b->n_flatpaks)
		return 0;
	f = is_app ? &b->flatpaks[b->flatpak] : NULL;
	if (snprintf(path, sizeof(path), GUARD_FLATPAKS "/%s%s", is_app ? "app/" : "runtime",
		    is_app ? f->id : "") >= (int)sizeof(path))
		return -ENAMETOOLONG;
	r = guard_walk_new(b->root_fd, path, is_app ? f->id : "", GUARD_WALK_DEPTH, &b->walk);
	if (r == -ENOMEM)
		return r;
	if (r < 0) /* not there, or no directory */
		b->flatpak++;
	return 1;
}

/* 1: one was looked at; 0: there are no more. */
static int step_flatpak(struct guard_build *b)
{
	bool is_denied;
	int r;

	if (!b->walk)
		return begin_walk(b);
	is_denied = b->flatpak < b->n_flatpaks && b->flatpaks[b->flatpak].is_denied;
	if (b->n_walked++ >= GUARD_WALK_MAX && !is_denied) {
		/* What is shared with the rest of them is then denied; it is said. */
		b->counts.is_cut = true;
		b->flatpak = b->n_flatpaks + 1;
		guard_walk_free(TAKE_PTR(b->walk));
		return 0;
	}
	r = guard_walk_next(b->walk, is_denied ? found_denied : found_allowed, b);
	if (r != 0)
		return r;
	if (guard_walk_is_cut(b->walk) && is_denied)
		b->counts.is_denied_cut = true;
	else if (guard_walk_is_cut(b->walk))
		b->counts.is_cut = true;
	guard_walk_free(TAKE_PTR(b->walk));
	b->flatpak++;
	return 1;
}

int guard_build_step(struct guard_build *b, size_t max_files)
{
	for (size_t i = 0; i < max_files; i++) {
		int r = step_package(b);

		if (r == 0)
			r = step_flatpak(b);
		if (r <= 0)
			return r;
	}
	return 1;
}

/* --- the table ---------------------------------------------------------------------------- */

static int add_inode(const struct guard_file *file, const char *owner, void *userdata)
{
	const struct guard_born born = {file->device, file->inode, file->born_ns};
	struct guard_build *b = userdata;

	if (file->answer == GUARD_DENY)
		b->counts.n_denied++;
	else
		b->counts.n_allowed++;
	return guard_maker_add_born(b->maker, &born, file->answer, file->reason,
		file->answer == GUARD_DENY ? owner : NULL);
}

int guard_build_finish(struct guard_build *b, struct buf *out, uint64_t *ret_generation,
	struct guard_counts *ret_counts)
{
	_cleanup_buf_ struct buf table = BUF_INIT;
	uint8_t digest[SHA256_BYTES];
	struct guard_header *header;
	uint64_t generation;
	int r = guard_files_each(&b->files, add_inode, b);

	if (r < 0)
		return r;
	b->header.generation = 0;
	r = guard_maker_finish(b->maker, &b->header, &table);
	if (r == 0)
		r = sha256(table.data, table.n_bytes, digest);
	if (r < 0)
		return r;
	memcpy(&generation, digest, sizeof(generation));
	if (generation == 0)
		generation = 1;
	header = (struct guard_header *)(void *)table.data;
	header->generation = generation;
	buf_append(out, table.data, table.n_bytes);
	if (out->error)
		return out->error;
	b->counts.is_cut = b->counts.is_cut || b->files.is_cut;
	*ret_generation = generation;
	*ret_counts = b->counts;
	return 0;
}
