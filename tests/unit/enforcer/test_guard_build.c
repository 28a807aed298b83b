/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_guard_build.c - the guard's table against a naive model: random packages, links and policies
 * on a real directory tree; Flatpaks that share files; contents; what a table is called.
 */
#include "agent/enforcer/guard_build.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/enforcer/guard_host.h"
#include "agent/enforcer/guard_walk.h"
#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "tests/lib/check.h"

/* --- policies ----------------------------------------------------------------------------- */

static char *texts[8];
static struct effective effective;

static void policy_set(enum setting_id id, int64_t number)
{
	effective.settings[id].present = true;
	effective.settings[id].value.type = setting_row(id)->type;
	effective.settings[id].value.number = number;
}

static void policy_texts(enum setting_id id, size_t at, const char *text)
{
	texts[at] = (char *)(uintptr_t)text;
	effective.settings[id].present = true;
	effective.settings[id].value.type = setting_row(id)->type;
	effective.settings[id].value.set = (struct string_set){&texts[at], 1};
}

static void policy_reset(int64_t mode, int64_t guard)
{
	memset(&effective, 0, sizeof(effective));
	policy_set(SETTING_APPS_MODE, mode);
	policy_set(SETTING_APPS_GUARD, guard);
}

/* --- a phone ------------------------------------------------------------------------------ */

#define MAX_FILES 64
#define MAX_PACKAGES 8

struct phone_file {
	char path[64];
	size_t package;
	unsigned int mode;
	bool is_there, is_link;
};

static struct phone {
	int fd;
	char path[300];
	struct phone_file files[MAX_FILES];
	size_t n_files, n_packages;
	bool is_base[MAX_PACKAGES], is_explicit[MAX_PACKAGES];
	struct buf text;
	struct apk_db db;
	struct app apps[MAX_PACKAGES];
	char names[MAX_PACKAGES][32];
} phone;

static const char *const directories[] = {"usr/bin", "bin", "usr/lib/app", "opt"};

static uint64_t seed;

static size_t draw(size_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (size_t)(seed >> 33) % below;
}

static void phone_done(void)
{
	apk_db_done(&phone.db);
	buf_done(&phone.text);
	close(phone.fd);
	memset(&phone, 0, sizeof(phone));
}

static bool phone_file_make(struct phone_file *f, size_t i)
{
	int fd;

	if (!f->is_there)
		return true;
	if (f->is_link)
		return symlinkat("/usr/bin/f0", phone.fd, f->path) == 0;
	/* Every fifth is another name of one before. */
	if (i > 0 && draw(5) == 0) {
		const struct phone_file *other = &phone.files[draw(i)];

		if (other->is_there && !other->is_link &&
			linkat(phone.fd, other->path, phone.fd, f->path, 0) == 0)
			return true;
	}
	fd = openat(phone.fd, f->path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return false;
	(void)fchmod(fd, f->mode);
	close(fd);
	return true;
}

static void phone_text(void)
{
	for (size_t p = 0; p < phone.n_packages; p++) {
		buf_printf(&phone.text, "P:p%zu\nV:1-r0\n", p);
		for (size_t d = 0; d < ARRAY_SIZE(directories); d++) {
			bool said = false;

			for (size_t i = 0; i < phone.n_files; i++) {
				const struct phone_file *f = &phone.files[i];
				size_t n = strlen(directories[d]);

				if (f->package != p || strncmp(f->path, directories[d], n) != 0 ||
					f->path[n] != '/')
					continue;
				if (!said)
					buf_printf(&phone.text, "F:%s\n", directories[d]);
				said = true;
				buf_printf(&phone.text, "R:%s\n", f->path + n + 1);
				if (f->mode != 0644)
					buf_printf(&phone.text, "a:0:0:%o\n", f->mode);
			}
		}
		buf_puts(&phone.text, "\n");
	}
}

static bool phone_make(void)
{
	static char base[256];
	static unsigned int n_made;

	memset(&phone, 0, sizeof(phone));
	if (!base[0])
		close(check_tmpdir(base));
	snprintf(phone.path, sizeof(phone.path), "%s/%u", base, n_made++);
	if (mkdir(phone.path, 0755) < 0)
		return false;
	phone.fd = open(phone.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (phone.fd < 0 || fs_make_dirs(phone.fd, "usr/bin", 0755) < 0 ||
		fs_make_dirs(phone.fd, "usr/lib/app", 0755) < 0 ||
		fs_make_dirs(phone.fd, "opt", 0755) < 0 ||
		symlinkat("usr/bin", phone.fd, "bin") < 0)
		return false;
	phone.n_packages = 1 + draw(MAX_PACKAGES);
	phone.n_files = draw(MAX_FILES);
	for (size_t p = 0; p < phone.n_packages; p++) {
		snprintf(phone.names[p], sizeof(phone.names[p]), "p%zu", p);
		phone.is_base[p] = draw(4) == 0;
		phone.is_explicit[p] = draw(2) == 0;
		phone.apps[p] = (struct app){.kind = APP_PACKAGE,
			.name = phone.names[p],
			.version = "1-r0",
			.origin = "",
			.repository = "",
			.remote = "",
			.user = "",
			.title = "",
			.sha256 = "",
			.is_explicit = phone.is_explicit[p],
			.is_base = phone.is_base[p]};
	}
	for (size_t i = 0; i < phone.n_files; i++) {
		struct phone_file *f = &phone.files[i];

		*f = (struct phone_file){
			.package = draw(phone.n_packages),
			.mode = draw(3) == 0 ? 0644 : 0755,
			.is_there = draw(10) != 0,
			.is_link = draw(10) == 0,
		};
		snprintf(f->path, sizeof(f->path), "%s/f%zu",
			directories[draw(ARRAY_SIZE(directories))], i);
		if (!phone_file_make(f, i))
			return false;
	}
	phone_text();
	return !phone.text.error &&
	       apk_db_read(phone.text.data, phone.text.n_bytes, &phone.db) == 0;
}

static int phone_build(struct buf *out, uint64_t *ret_generation, struct guard_counts *ret_counts)
{
	_cleanup_(guard_build_freep) struct guard_build *build = NULL;
	struct guard_inputs inputs = {
		.root_fd = phone.fd,
		.effective = &effective,
		.db = &phone.db,
		.is_base = phone.is_base,
		.apps = phone.apps,
		.n_apps = phone.n_packages,
		.uid_min = 1000,
	};
	int r = guard_build_new(&inputs, &build);

	while (r == 0 && (r = guard_build_step(build, 1 + draw(16))) == 1)
		r = 0;
	return r < 0 ? r : guard_build_finish(build, out, ret_generation, ret_counts);
}

/* --- the model ----------------------------------------------------------------------------- */

static bool model_denies(size_t package)
{
	struct apps_policy policy;
	enum app_verdict verdict;

	apps_policy_read(&effective, &policy);
	verdict = apps_judge(&policy, &phone.apps[package]);
	return !phone.is_base[package] && (verdict == APP_BLOCKED || verdict == APP_NOT_ALLOWED);
}

/* -1: no word on it. */
static int model_answer(const struct stat *st)
{
	int answer = -1;

	for (size_t i = 0; i < phone.n_files; i++) {
		const struct phone_file *f = &phone.files[i];
		struct stat other;

		if (fstatat(phone.fd, f->path, &other, AT_SYMLINK_NOFOLLOW) < 0 ||
			other.st_ino != st->st_ino || other.st_dev != st->st_dev)
			continue;
		if (!model_denies(f->package)) {
			if (f->mode & 0111)
				return GUARD_ALLOW;
		} else if ((f->mode | other.st_mode) & 0111) {
			answer = GUARD_DENY;
		}
	}
	return answer;
}

static void compare(const struct guard_table *table)
{
	char root[PATH_MAX];

	CHECK(realpath(phone.path, root));
	for (size_t i = 0; i < phone.n_files; i++) {
		const struct phone_file *f = &phone.files[i];
		const struct guard_inode *found;
		const struct guard_path *path;
		bool wants_path = model_denies(f->package) && (f->mode & 0111);
		char full[PATH_MAX + 80];
		struct stat st;

		snprintf(full, sizeof(full), "%s/%s%s", root,
			strncmp(f->path, "bin/", 4) == 0 ? "usr/" : "", f->path);
		path = guard_table_path(table, guard_path_digest(full, strlen(full)));
		if (wants_path && !f->is_link) {
			CHECK(path);
			CHECK_STR(guard_table_owner(table, path->owner), phone.names[f->package]);
		}
		if (fstatat(phone.fd, f->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		found = guard_table_inode(table, st.st_dev, st.st_ino);
		if (!S_ISREG(st.st_mode)) {
			CHECK(!found && !path);
			continue;
		}
		CHECK_INT(found ? found->answer : -1, model_answer(&st));
		if (!model_denies(f->package))
			CHECK(!path);
	}
}

static void test_as_the_model(void)
{
	static const char *const blocked[] = {"p0", "p1\np3", "p*", "zzz", "name:p2"};
	static const char *const allowed[] = {"p1\np2", "p*", "p0", "sha256:00"};

	for (uint64_t round = 0; round < 300; round++) {
		_cleanup_buf_ struct buf out = BUF_INIT, again = BUF_INIT;
		struct guard_counts counts;
		struct guard_table table;
		uint64_t generation = 0, other = 0;

		seed = round * 7919 + 1;
		CHECK(phone_make());
		policy_reset((int64_t)draw(3), 1 + (int64_t)draw(2));
		if (draw(2))
			policy_texts(SETTING_APPS_BLOCKED, 0, blocked[draw(ARRAY_SIZE(blocked))]);
		if (draw(2))
			policy_texts(SETTING_APPS_ALLOWED, 1, allowed[draw(ARRAY_SIZE(allowed))]);
		CHECK_INT(phone_build(&out, &generation, &counts), 0);
		CHECK_INT(guard_table_take(out.data, out.n_bytes, &table), 0);
		CHECK(table.header->generation == generation && generation != 0);
		compare(&table);
		/* Made again, it is called the same; the steps do not matter. */
		CHECK_INT(phone_build(&again, &other, &counts), 0);
		CHECK(other == generation && again.n_bytes == out.n_bytes &&
			memcmp(again.data, out.data, out.n_bytes) == 0);
		phone_done();
	}
}

static void test_without_a_record_of_the_base(void)
{
	_cleanup_(guard_build_freep) struct guard_build *build = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	static const char text[] = "P:phosh\nV:1\nF:usr/bin\nR:phosh\na:0:0:755\n\n"
				   "P:game\nV:1\nF:usr/bin\nR:game\na:0:0:755\n\n";
	static const struct app apps[] = {{.kind = APP_PACKAGE,
						  .name = "phosh",
						  .version = "",
						  .origin = "",
						  .repository = "",
						  .remote = "",
						  .user = "",
						  .title = "",
						  .sha256 = "",
						  .is_explicit = true},
		{.kind = APP_PACKAGE,
			.name = "game",
			.version = "",
			.origin = "",
			.repository = "",
			.remote = "",
			.user = "",
			.title = "",
			.sha256 = "",
			.is_explicit = true}};
	struct apk_db db;
	struct guard_counts counts;
	uint64_t generation;
	char path[256];
	int fd = check_tmpdir(path);
	struct guard_inputs inputs = {.root_fd = fd,
		.effective = &effective,
		.db = &db,
		.apps = apps,
		.n_apps = 2,
		.uid_min = 1000};

	CHECK_INT(apk_db_read(text, strlen(text), &db), 0);
	/* Mode allow without a list lets nothing be; who made the phone is not known. */
	policy_reset(APPS_ALLOW, 2);
	policy_texts(SETTING_APPS_ALLOWED, 1, "other");
	policy_texts(SETTING_APPS_BLOCKED, 0, "game");
	CHECK_INT(guard_build_new(&inputs, &build), 0);
	CHECK_INT(guard_build_step(build, 1000), 0);
	CHECK_INT(guard_build_finish(build, &out, &generation, &counts), 0);
	CHECK_INT(counts.n_denied_owners, 1);
	CHECK_INT(counts.n_paths, 1);
	apk_db_done(&db);
	close(fd);
}

static bool make_file(int fd, const char *path, unsigned int mode)
{
	char directory[256];
	int file;

	snprintf(directory, sizeof(directory), "%s", path);
	*strrchr(directory, '/') = 0;
	if (fs_make_dirs(fd, directory, 0755) < 0)
		return false;
	file = openat(fd, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (file < 0)
		return false;
	(void)fchmod(file, mode);
	close(file);
	return true;
}

#define DEPLOY(id) "var/lib/flatpak/app/" id "/x86_64/stable/0123/files/bin/"

static void test_flatpaks_share(void)
{
	_cleanup_(guard_build_freep) struct guard_build *build = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	static const char *const ids[] = {"org.bad.App", "org.good.App", "../evil"};
	struct app apps[4];
	struct apk_db db = {0};
	struct guard_counts counts;
	struct guard_table table;
	uint64_t generation;
	struct stat st;
	char path[256];
	int fd = check_tmpdir(path);
	struct guard_inputs inputs = {.root_fd = fd,
		.effective = &effective,
		.db = &db,
		.apps = apps,
		.n_apps = 4,
		.uid_min = 1000};

	for (size_t i = 0; i < 4; i++)
		apps[i] = (struct app){.kind = APP_FLATPAK,
			.name = ids[i % 3],
			.version = "",
			.origin = "",
			.repository = "",
			.remote = "flathub",
			.user = i == 3 ? "ada" : "",
			.title = "",
			.sha256 = ""};
	CHECK(make_file(fd, DEPLOY("org.bad.App") "own", 0755));
	CHECK(make_file(fd, DEPLOY("org.bad.App") "data", 0644));
	CHECK(make_file(fd, DEPLOY("org.bad.App") "shared", 0755));
	CHECK(make_file(fd, DEPLOY("org.bad.App") "runtimes", 0755));
	CHECK(make_file(fd, DEPLOY("org.good.App") "own", 0755));
	CHECK(make_file(fd, "var/lib/flatpak/runtime/org.r/x86_64/1/5/files/bin/sh", 0755));
	CHECK(make_file(fd, "evil/files/bin/x", 0755));
	CHECK(linkat(fd, DEPLOY("org.bad.App") "shared", fd, DEPLOY("org.good.App") "shared", 0) ==
		0);
	CHECK(linkat(fd, DEPLOY("org.bad.App") "runtimes", fd,
		      "var/lib/flatpak/runtime/org.r/x86_64/1/5/files/bin/ls", 0) == 0);
	/* A deploy's link leads out of it. */
	CHECK(symlinkat("/evil", fd, "var/lib/flatpak/app/org.bad.App/current") == 0);
	policy_reset(APPS_DENY, 2);
	policy_texts(SETTING_APPS_BLOCKED, 0, "flatpak:org.bad.*");
	CHECK_INT(guard_build_new(&inputs, &build), 0);
	while (guard_build_step(build, 1) == 1)
		;
	CHECK_INT(guard_build_finish(build, &out, &generation, &counts), 0);
	CHECK_INT(guard_table_take(out.data, out.n_bytes, &table), 0);
	CHECK_INT(counts.n_denied, 1);
	CHECK(fstatat(fd, DEPLOY("org.bad.App") "own", &st, 0) == 0);
	CHECK(guard_table_inode(&table, st.st_dev, st.st_ino));
	CHECK_INT(guard_table_inode(&table, st.st_dev, st.st_ino)->answer, GUARD_DENY);
	CHECK_INT(guard_table_inode(&table, st.st_dev, st.st_ino)->reason, GUARD_R_BLOCKED);
	CHECK(fstatat(fd, DEPLOY("org.good.App") "shared", &st, 0) == 0);
	CHECK_INT(guard_table_inode(&table, st.st_dev, st.st_ino)->answer, GUARD_ALLOW);
	CHECK(fstatat(fd, DEPLOY("org.bad.App") "runtimes", &st, 0) == 0);
	CHECK_INT(guard_table_inode(&table, st.st_dev, st.st_ino)->answer, GUARD_ALLOW);
	CHECK(fstatat(fd, "evil/files/bin/x", &st, 0) == 0);
	CHECK(!guard_table_inode(&table, st.st_dev, st.st_ino));
	close(fd);
}

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* A content runs that every list names. */
static void test_contents(void)
{
	_cleanup_(guard_build_freep) struct guard_build *build = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	static char first[] = "sha256:" HEX_A "\nsha256:" HEX_B "\nvim";
	static char second[] = "name:x\nsha256:" HEX_B;
	char *lists[] = {second, first};
	struct apk_db db = {0};
	struct guard_counts counts;
	struct guard_table table;
	uint64_t generation;
	uint8_t digest[SHA256_BYTES];
	struct guard_inputs inputs = {
		.root_fd = -1, .effective = &effective, .db = &db, .uid_min = 1000};

	policy_reset(APPS_ALLOW, 2);
	policy_set(SETTING_APPS_GUARD_FAILURE, 1);
	effective.settings[SETTING_APPS_ALLOWED].present = true;
	effective.settings[SETTING_APPS_ALLOWED].value.type = VALUE_LISTS;
	effective.settings[SETTING_APPS_ALLOWED].value.set = (struct string_set){lists, 2};
	CHECK_INT(guard_build_new(&inputs, &build), 0);
	CHECK_INT(guard_build_step(build, 10), 0);
	CHECK_INT(guard_build_finish(build, &out, &generation, &counts), 0);
	CHECK_INT(guard_table_take(out.data, out.n_bytes, &table), 0);
	memset(digest, 0xbb, sizeof(digest));
	CHECK(guard_table_has_hash(&table, digest));
	memset(digest, 0xaa, sizeof(digest));
	CHECK(!guard_table_has_hash(&table, digest));
	CHECK_INT(table.header->mode, GUARD_ENFORCE);
	CHECK_INT(table.header->flags & (GUARD_F_ALLOW_MODE | GUARD_F_FAIL_CLOSED),
		GUARD_F_ALLOW_MODE | GUARD_F_FAIL_CLOSED);
	CHECK_INT(table.header->answer_ms, GUARD_ANSWER_MS);
}

/* Who only watches keeps nobody waiting, whatever the policy says of failures. */
static void test_audit_never_closes(void)
{
	struct guard_header header = {0};

	policy_reset(APPS_DENY, 1);
	policy_set(SETTING_APPS_GUARD_FAILURE, 1);
	policy_set(SETTING_APPS_USER_PROGRAMS, 0);
	guard_settings(&effective, 1000, &header);
	CHECK_INT(header.mode, GUARD_AUDIT);
	CHECK_INT(header.flags, GUARD_F_NO_USER_PROGRAMS);
	CHECK(guard_is_wanted(&effective));
	policy_set(SETTING_APPS_GUARD, 0);
	CHECK(!guard_is_wanted(&effective));
}

static void test_marks(void)
{
	uint64_t one = 0, two = 0, three = 0;

	policy_reset(APPS_DENY, 2);
	policy_texts(SETTING_APPS_BLOCKED, 0, "a");
	CHECK_INT(guard_policy_mark(&effective, &one), 0);
	policy_texts(SETTING_APPS_BLOCKED, 0, "b");
	CHECK_INT(guard_policy_mark(&effective, &two), 0);
	policy_texts(SETTING_APPS_BLOCKED, 0, "a");
	CHECK_INT(guard_policy_mark(&effective, &three), 0);
	CHECK(one != two && one == three);
	/* What the table does not depend on. */
	policy_set(SETTING_APPS_UPDATE_EVERY, 3);
	CHECK_INT(guard_policy_mark(&effective, &two), 0);
	CHECK(one == two);
}

/* One over the limit: what would have to be denied is never left out silently; what may run is. */
static void test_limits(void)
{
	struct guard_files files = {0};
	struct guard_born file = {.device = 1};

	for (size_t i = 0; i < LIMIT_GUARD_INODES; i++) {
		file.inode = i + 1;
		CHECK_INT(guard_files_deny(&files, &file, GUARD_R_BLOCKED, "x"), 0);
	}
	file.inode++;
	CHECK_INT(guard_files_deny(&files, &file, GUARD_R_BLOCKED, "x"), -E2BIG);
	CHECK_INT(guard_files_allow(&files, &file), 0);
	for (size_t i = 0; !files.is_cut && i < 2 * LIMIT_GUARD_INODES; i++) {
		file.inode++;
		CHECK_INT(guard_files_allow(&files, &file), 0);
	}
	CHECK(files.is_cut);
	CHECK_INT(files.n_files, 2 * LIMIT_GUARD_INODES);
	guard_files_done(&files);
}

static void test_pauses(void)
{
	CHECK_INT(guard_pause_us(0), 0);
	CHECK_INT(guard_pause_us(1), 0);
	CHECK_INT(guard_pause_us(2), USEC_PER_SEC);
	CHECK_INT(guard_pause_us(3), 2 * USEC_PER_SEC);
	CHECK_INT(guard_pause_us(30), GUARD_PAUSE_MAX_S * USEC_PER_SEC);
	CHECK_INT(guard_pause_us(4000000000U), GUARD_PAUSE_MAX_S * USEC_PER_SEC);
}

static const struct check_test tests[] = {
	{"as_the_model", test_as_the_model},
	{"without a record of the base", test_without_a_record_of_the_base},
	{"flatpaks share", test_flatpaks_share},
	{"contents", test_contents},
	{"audit never closes", test_audit_never_closes},
	{"marks", test_marks},
	{"limits", test_limits},
	{"pauses", test_pauses},
};
CHECK_MAIN(tests)
