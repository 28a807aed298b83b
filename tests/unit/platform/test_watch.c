/* SPDX-License-Identifier: Apache-2.0 */
/* test_watch.c - changes of files that may not exist yet; nothing while nothing happens. */
#include "platform/watch.h"
#include "tests/unit/platform/fixture.h"

static void on_changed(void *userdata)
{
	struct fixture *f = userdata;

	f->n_changed++;
}

/* How often the watch fired for what happened since the last call. */
static unsigned int fired(struct fixture *f)
{
	unsigned int n;

	fixture_settle(f);
	n = f->n_changed;
	f->n_changed = 0;
	return n;
}

static struct watch *watch_of(struct fixture *f, const char *const *paths, size_t n)
{
	struct watch *w = NULL;
	int r = watch_new(f->platform.event, f->platform.sysroot_fd, paths, n, on_changed, f, &w);

	return r < 0 ? NULL : w;
}

static void test_appears(void)
{
	static const char *const paths[] = {"etc/a/b/file"};
	_cleanup_(watch_freep) struct watch *w = NULL;
	struct fixture f;

	fixture_open(&f);
	w = watch_of(&f, paths, 1);
	if (!w) {
		check_skip("no inotify");
		fixture_close(&f);
		return;
	}
	CHECK_INT(fired(&f), 0);
	fixture_text(&f, "usr/other", "");
	CHECK_INT(fired(&f), 0);
	fixture_directory(&f, "etc");
	CHECK(fired(&f) > 0);
	fixture_text(&f, "etc/other", "");
	CHECK_INT(fired(&f), 0);
	/* Several levels at once, faster than they can be watched one by one. */
	fixture_text(&f, "etc/a/b/file", "one");
	CHECK(fired(&f) > 0);
	CHECK_INT(fired(&f), 0);
	fixture_text(&f, "etc/a/b/file", "two");
	CHECK(fired(&f) > 0);
	/* Written in place. */
	close(openat(f.platform.sysroot_fd, "etc/a/b/file", O_WRONLY | O_TRUNC | O_CLOEXEC));
	CHECK(fired(&f) > 0);
	CHECK_INT(fchmodat(f.platform.sysroot_fd, "etc/a/b/file", 0600, 0), 0);
	CHECK(fired(&f) > 0);
	/* A directory on the way is replaced; the new one is watched. */
	CHECK_INT(renameat(f.platform.sysroot_fd, "etc/a", f.platform.sysroot_fd, "etc/old"), 0);
	CHECK(fired(&f) > 0);
	fixture_text(&f, "etc/old/b/file", "nobody's");
	fixture_settle(&f);
	f.n_changed = 0;
	fixture_text(&f, "etc/a/b/file", "three");
	CHECK(fired(&f) > 0);
	fixture_text(&f, "etc/a/b/file", "four");
	CHECK(fired(&f) > 0);
	CHECK_INT(fs_remove_tree(f.platform.sysroot_fd, "etc"), 0);
	CHECK(fired(&f) > 0);
	fixture_text(&f, "etc/a/b/file", "five");
	CHECK(fired(&f) > 0);
	watch_free(TAKE_PTR(w));
	fixture_close(&f);
}

static void test_whole_directory(void)
{
	static const char *const paths[] = {"db/", "db/one.d/file"};
	_cleanup_(watch_freep) struct watch *w = NULL;
	struct fixture f;

	fixture_open(&f);
	w = watch_of(&f, paths, 2);
	if (!w) {
		check_skip("no inotify");
		fixture_close(&f);
		return;
	}
	fixture_text(&f, "db/any", "");
	CHECK(fired(&f) > 0);
	fixture_text(&f, "db/any", "x");
	CHECK(fired(&f) > 0);
	fixture_text(&f, "db/.hidden", "");
	CHECK_INT(fired(&f), 0);
	fixture_text(&f, "db/one.d/file", "");
	CHECK(fired(&f) > 0);
	fixture_text(&f, "db/one.d/other", "");
	CHECK_INT(fired(&f), 0);
	watch_free(TAKE_PTR(w));
	fixture_close(&f);
}

static void test_settle(void)
{
	static const char *const paths[] = {"etc/a/file"};
	_cleanup_(watch_freep) struct watch *w = NULL;
	struct fixture f;

	fixture_open(&f);
	w = watch_of(&f, paths, 1);
	if (!w) {
		check_skip("no inotify");
		fixture_close(&f);
		return;
	}
	/* Our own change is forgotten, but its directory is watched afterwards. */
	fixture_text(&f, "etc/a/file", "ours");
	watch_settle(w);
	watch_settle(NULL);
	CHECK_INT(fired(&f), 0);
	fixture_text(&f, "etc/a/file", "theirs");
	CHECK(fired(&f) > 0);
	watch_free(TAKE_PTR(w));
	fixture_close(&f);
}

/* More events than the kernel's queue holds: the loss itself is reported. */
static void test_overflow(void)
{
	static const char *const paths[] = {"db/wanted"};
	_cleanup_(watch_freep) struct watch *w = NULL;
	char text[64], name[64] = "";
	struct fixture f;
	int fd, limit;

	fixture_open(&f);
	fd = open("/proc/sys/fs/inotify/max_queued_events", O_RDONLY | O_CLOEXEC);
	limit = fd < 0 || read(fd, text, sizeof(text)) <= 0 ? 0 : atoi(text);
	if (fd >= 0)
		close(fd);
	fixture_directory(&f, "db");
	w = limit > 0 && limit <= 32768 ? watch_of(&f, paths, 1) : NULL;
	if (!w) {
		check_skip("no inotify, or a very large queue");
		fixture_close(&f);
		return;
	}
	fixture_text(&f, "db/other0", "");
	for (int i = 0; i <= limit; i++) {
		char next[64];

		/* Equal events one after the other would be joined. */
		snprintf(name, sizeof(name), "db/other%d", i % 2);
		snprintf(next, sizeof(next), "db/other%d", (i + 1) % 2);
		CHECK_INT(renameat(f.platform.sysroot_fd, name, f.platform.sysroot_fd, next), 0);
	}
	CHECK(fired(&f) > 0);
	fixture_text(&f, "db/wanted", "");
	CHECK(fired(&f) > 0);
	watch_free(TAKE_PTR(w));
	fixture_close(&f);
}

static void test_limits(void)
{
	const char *many[WATCH_PATHS_MAX + 1];
	char name[LIMIT_TEXT_BYTES + 2];
	const char *const too_long[] = {name};
	struct watch *w = NULL;
	struct fixture f;

	fixture_open(&f);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = "etc/file";
	CHECK_INT(watch_new(f.platform.event, f.platform.sysroot_fd, many, ARRAY_SIZE(many),
			  on_changed, &f, &w),
		-E2BIG);
	memset(name, 'x', sizeof(name));
	name[LIMIT_TEXT_BYTES + 1] = 0;
	CHECK_INT(
		watch_new(f.platform.event, f.platform.sysroot_fd, too_long, 1, on_changed, &f, &w),
		-ENAMETOOLONG);
	CHECK(!w);
	fixture_close(&f);
}

static const struct check_test tests[] = {
	{"appears", test_appears},
	{"whole_directory", test_whole_directory},
	{"settle", test_settle},
	{"overflow", test_overflow},
	{"limits", test_limits},
};

CHECK_MAIN(tests)
