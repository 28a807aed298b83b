/* SPDX-License-Identifier: Apache-2.0 */
/* test_override.c - overridden files: exact restoration in every order of events. */
#include "platform/block.h"
#include "platform/override.h"
#include "platform/vault.h"
#include "tests/unit/platform/fixture.h"

static int derive_block(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	block_insert(original, n_bytes, n_bytes, userdata, out);
	return 0;
}

static int strip_block(const char *current, size_t n_bytes, struct buf *out, bool *ret_present)
{
	struct block_found found;

	block_strip(current, n_bytes, out, &found);
	*ret_present = !found.new_file || out->n_bytes > 0;
	return 0;
}

static int derive_fixed(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	(void)original;
	(void)n_bytes;
	buf_puts(out, userdata);
	return 0;
}

static int derive_fails(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	(void)original;
	(void)n_bytes;
	(void)userdata;
	buf_puts(out, "half");
	return -EIO;
}

static struct override_spec spec_of(const char *lines)
{
	return (struct override_spec){
		.name = "test",
		.path = "etc/a/b/file",
		.mode = 0640,
		.derive = derive_block,
		.strip = strip_block,
		.userdata = (void *)(uintptr_t)lines,
	};
}

static struct override_place place_of(struct fixture *f)
{
	return (struct override_place){f->platform.sysroot_fd, f->platform.vault_fd};
}

static bool vault_is_empty(struct fixture *f)
{
	struct fixture vault = {.platform.sysroot_fd = f->platform.vault_fd};
	_cleanup_free_ char *listing = fixture_listing(&vault);

	return listing[0] == 0;
}

/* Applies and reverts over several originals: everything is as before. */
static void test_exact(void)
{
	static const char *const originals[] = {
		NULL, "", "\n", "one\n", "one\ntwo", "one\r\ntwo\r\n\r\n", "# comment", "\n\n\n"};

	for (size_t i = 0; i < ARRAY_SIZE(originals); i++) {
		_cleanup_free_ char *before = NULL, *after = NULL;
		struct override_spec spec = spec_of("policy-one\n");
		struct override_place place;
		struct fixture f;
		bool changed;

		fixture_open(&f);
		place = place_of(&f);
		if (originals[i]) {
			fixture_text(&f, spec.path, originals[i]);
			CHECK_INT(fchmodat(f.platform.sysroot_fd, spec.path, 0600, 0), 0);
		}
		before = fixture_listing(&f);
		CHECK_INT(override_apply(&place, &spec, &changed), 0);
		CHECK(changed);
		CHECK(override_is_applied(&place, "test"));
		CHECK(strstr(fixture_read(&f, spec.path), "policy-one\n") != NULL);
		CHECK_INT(override_apply(&place, &spec, &changed), 0);
		CHECK(!changed);
		/* Another policy: derived from the original, not from our last file. */
		spec = spec_of("other\n");
		CHECK_INT(override_apply(&place, &spec, &changed), 0);
		CHECK(changed);
		CHECK(strstr(fixture_read(&f, spec.path), "policy-one") == NULL);
		CHECK_INT(override_revert(&place, &spec, &changed), 0);
		CHECK(changed);
		after = fixture_listing(&f);
		CHECK_STR(after, before);
		CHECK(vault_is_empty(&f));
		CHECK_INT(override_revert(&place, &spec, &changed), 0);
		CHECK(!changed);
		fixture_close(&f);
	}
}

static void test_mode_and_directories(void)
{
	struct override_spec spec = spec_of("x\n");
	struct override_place place;
	mode_t mask = umask(077);
	struct fixture f;
	struct stat st;

	fixture_open(&f);
	place = place_of(&f);
	CHECK_INT(override_apply(&place, &spec, NULL), 0);
	umask(mask);
	CHECK_INT(fstatat(f.platform.sysroot_fd, "etc/a", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0755);
	CHECK_INT(fstatat(f.platform.sysroot_fd, spec.path, &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0640);
	/* A changed mode is put right, and a neighbour keeps the directories. */
	CHECK_INT(fchmodat(f.platform.sysroot_fd, spec.path, 0600, 0), 0);
	CHECK_INT(override_apply(&place, &spec, NULL), 0);
	CHECK_INT(fstatat(f.platform.sysroot_fd, spec.path, &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0640);
	fixture_text(&f, "etc/a/neighbour", "");
	CHECK_INT(override_revert(&place, &spec, NULL), 0);
	CHECK(!fixture_has(&f, "etc/a/b"));
	CHECK(fixture_has(&f, "etc/a/neighbour"));
	fixture_close(&f);
}

static void test_shared_directories(void)
{
	/* Two files in one new directory: it goes with the last, in whichever order. */
	for (int order = 0; order < 2; order++) {
		struct override_spec one = spec_of("1\n"), two = spec_of("2\n");
		struct override_place place;
		struct fixture f;

		two.name = "second";
		two.path = "etc/a/second";
		fixture_open(&f);
		place = place_of(&f);
		CHECK_INT(override_apply(&place, &one, NULL), 0);
		CHECK_INT(override_apply(&place, &two, NULL), 0);
		CHECK_INT(override_revert(&place, order ? &one : &two, NULL), 0);
		CHECK(fixture_has(&f, "etc/a"));
		CHECK_INT(override_revert(&place, order ? &two : &one, NULL), 0);
		CHECK(!fixture_has(&f, "etc"));
		fixture_close(&f);
	}
}

/* A package upgrade or an administrator replaces the file while it is overridden. */
static void test_changed_by_others(void)
{
	struct override_spec spec = spec_of("added\n");
	struct override_place place;
	struct fixture f;
	bool changed;

	fixture_open(&f);
	place = place_of(&f);
	fixture_text(&f, spec.path, "old\n");
	CHECK_INT(override_apply(&place, &spec, NULL), 0);
	/* Upgraded: our lines are gone. */
	fixture_text(&f, spec.path, "new\n");
	CHECK_INT(override_apply(&place, &spec, &changed), 0);
	CHECK(changed);
	CHECK(strncmp(fixture_read(&f, spec.path), "new\n", 4) == 0);
	/* Edited: our lines are still there. */
	{
		char text[1024];

		snprintf(text, sizeof(text), "first\n%.900slast", fixture_read(&f, spec.path));
		fixture_text(&f, spec.path, text);
	}
	CHECK_INT(override_apply(&place, &spec, &changed), 0);
	CHECK_INT(override_revert(&place, &spec, NULL), 0);
	CHECK_STR(fixture_read(&f, spec.path), "first\nnew\nlast");
	/* Changed just before revert: the change stays, our lines go. */
	CHECK_INT(override_apply(&place, &spec, NULL), 0);
	{
		char text[1024];

		snprintf(text, sizeof(text), "%.900s\nmore\n", fixture_read(&f, spec.path));
		fixture_text(&f, spec.path, text);
	}
	CHECK_INT(override_revert(&place, &spec, NULL), 0);
	CHECK_STR(fixture_read(&f, spec.path), "first\nnew\nlast\nmore\n");
	/* Deleted: that is no new original. */
	CHECK_INT(override_apply(&place, &spec, NULL), 0);
	CHECK_INT(unlinkat(f.platform.sysroot_fd, spec.path, 0), 0);
	CHECK_INT(override_apply(&place, &spec, &changed), 0);
	CHECK(changed);
	CHECK_INT(unlinkat(f.platform.sysroot_fd, spec.path, 0), 0);
	CHECK_INT(override_revert(&place, &spec, NULL), 0);
	CHECK_STR(fixture_read(&f, spec.path), "first\nnew\nlast\nmore\n");
	fixture_close(&f);
}

/* The machine stops after the vault was written and before the file was, and the other way round.
 */
static void test_interrupted(void)
{
	struct override_spec spec = spec_of("added\n");
	struct override_place place;
	char first[1024];
	struct fixture f;

	fixture_open(&f);
	place = place_of(&f);
	fixture_text(&f, spec.path, "original");
	CHECK_INT(override_apply(&place, &spec, NULL), 0);
	snprintf(first, sizeof(first), "%.900s", fixture_read(&f, spec.path));
	/* The second policy's entry is durable, the file still is the first one. */
	spec = spec_of("second\n");
	CHECK_INT(override_apply(&place, &spec, NULL), 0);
	fixture_text(&f, spec.path, first);
	CHECK_INT(override_revert(&place, &spec, NULL), 0);
	CHECK_STR(fixture_read(&f, spec.path), "original");
	/* The first policy's entry is durable, the file still is the original. */
	CHECK_INT(override_apply(&place, &spec, NULL), 0);
	fixture_text(&f, spec.path, "original");
	CHECK_INT(override_apply(&place, &spec, NULL), 0);
	CHECK_INT(override_revert(&place, &spec, NULL), 0);
	CHECK_STR(fixture_read(&f, spec.path), "original");
	/* The new file was complete and had not taken the place of the old one yet. */
	for (int reverts = 0; reverts < 2; reverts++) {
		_cleanup_free_ char *listing = NULL;

		CHECK_INT(override_apply(&place, &spec, NULL), 0);
		fixture_text(&f, spec.path, "original");
		fixture_text(&f, "etc/a/b/.mdm-00112233445566ff", "half");
		if (!reverts)
			CHECK_INT(override_apply(&place, &spec, NULL), 0);
		else
			CHECK_INT(override_revert(&place, &spec, NULL), 0);
		listing = fixture_listing(&f);
		CHECK(!strstr(listing, ".mdm-"));
	}
	fixture_close(&f);
}

static void test_vault_lost(void)
{
	struct override_spec spec = spec_of("added\n");
	struct override_place place;
	struct fixture f;

	fixture_open(&f);
	place = place_of(&f);
	fixture_text(&f, spec.path, "original");
	CHECK_INT(override_apply(&place, &spec, NULL), 0);
	CHECK_INT(unlinkat(f.platform.vault_fd, "test.override", 0), 0);
	CHECK_INT(override_revert(&place, &spec, NULL), 0);
	CHECK_STR(fixture_read(&f, spec.path), "original");
	CHECK_INT(override_apply(&place, &spec, NULL), 0);
	/* Damaged counts as lost. */
	{
		struct fixture vault = {.platform.sysroot_fd = f.platform.vault_fd};

		fixture_text(&vault, "test.override", "mdm-agent override 1\npath etc/../x\n");
	}
	CHECK_INT(override_apply(&place, &spec, NULL), 0);
	CHECK_INT(override_revert(&place, &spec, NULL), 0);
	CHECK_STR(fixture_read(&f, spec.path), "original");
	fixture_close(&f);
}

static void test_own_files(void)
{
	struct override_spec spec = {
		.name = "own",
		.path = "etc/own.d/00-own",
		.mode = 0644,
		.derive = derive_fixed,
		.mark = "# ours\n",
		.userdata = (void *)(uintptr_t) "# ours\nvalue\n",
	};
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct override_place place;
	struct fixture f;
	bool changed;

	fixture_open(&f);
	place = place_of(&f);
	before = fixture_listing(&f);
	CHECK_INT(override_apply(&place, &spec, &changed), 0);
	CHECK(changed);
	/* Whatever somebody makes of it is undone and never becomes an original. */
	fixture_text(&f, spec.path, "tampered\n");
	CHECK_INT(override_apply(&place, &spec, &changed), 0);
	CHECK(changed);
	CHECK_STR(fixture_read(&f, spec.path), "# ours\nvalue\n");
	fixture_text(&f, spec.path, "tampered again\n");
	CHECK_INT(override_revert(&place, &spec, &changed), 0);
	after = fixture_listing(&f);
	CHECK_STR(after, before);
	/* Without its entry a file with our mark is known as ours; another one is left alone. */
	fixture_text(&f, spec.path, "# ours\nold\n");
	CHECK_INT(override_revert(&place, &spec, &changed), 0);
	CHECK(!fixture_has(&f, spec.path));
	fixture_text(&f, spec.path, "somebody's\n");
	CHECK_INT(override_apply(&place, &spec, NULL), 0);
	CHECK_INT(override_revert(&place, &spec, NULL), 0);
	CHECK_STR(fixture_read(&f, spec.path), "somebody's\n");
	fixture_close(&f);
}

static void test_symbolic_link(void)
{
	struct override_spec spec = spec_of("added\n");
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct override_place place;
	struct fixture f;
	struct stat st;

	fixture_open(&f);
	place = place_of(&f);
	fixture_text(&f, "etc/real", "through the link\n");
	fixture_link(&f, spec.path, "../../real");
	before = fixture_listing(&f);
	CHECK_INT(override_apply(&place, &spec, NULL), 0);
	CHECK_INT(fstatat(f.platform.sysroot_fd, spec.path, &st, AT_SYMLINK_NOFOLLOW), 0);
	CHECK(S_ISREG(st.st_mode));
	CHECK(strncmp(fixture_read(&f, spec.path), "through the link\n", 17) == 0);
	CHECK_STR(fixture_read(&f, "etc/real"), "through the link\n");
	/* Derived again from what the link leads to now. */
	fixture_text(&f, "etc/real", "newer\n");
	CHECK_INT(override_apply(&place, &spec, NULL), 0);
	CHECK(strncmp(fixture_read(&f, spec.path), "newer\n", 6) == 0);
	fixture_text(&f, "etc/real", "through the link\n");
	CHECK_INT(override_revert(&place, &spec, NULL), 0);
	after = fixture_listing(&f);
	CHECK_STR(after, before);
	fixture_close(&f);
}

static void test_refused(void)
{
	struct override_spec spec = spec_of("added\n");
	_cleanup_free_ char *before = NULL, *after = NULL, *large = NULL;
	struct override_place place;
	struct fixture f;
	char deep[600] = "e";

	fixture_open(&f);
	place = place_of(&f);
	/* A directory on the way that is a link may lead anywhere. */
	fixture_directory(&f, "elsewhere/b");
	fixture_link(&f, "etc/a", "../elsewhere");
	before = fixture_listing(&f);
	CHECK(override_apply(&place, &spec, NULL) < 0);
	spec.path = "elsewhere/b";
	CHECK(override_apply(&place, &spec, NULL) < 0);
	spec.path = "elsewhere/file";
	spec.derive = derive_fails;
	CHECK_INT(override_apply(&place, &spec, NULL), -EIO);
	spec.derive = derive_block;
	spec.path = "elsewhere/../file";
	CHECK(override_apply(&place, &spec, NULL) < 0);
	/* One directory more than can be remembered. */
	for (size_t i = 0; i < LIMIT_OVERRIDE_DIRECTORIES + 1; i++)
		snprintf(deep + strlen(deep), sizeof(deep) - strlen(deep), "/%zu", i);
	spec.path = deep;
	CHECK_INT(override_apply(&place, &spec, NULL), -E2BIG);
	after = fixture_listing(&f);
	CHECK_STR(after, before);
	CHECK(vault_is_empty(&f));
	/* One byte above the size of a file. */
	large = calloc(1, LIMIT_PLATFORM_FILE_BYTES + 1);
	CHECK(large);
	memset(large, 'x', LIMIT_PLATFORM_FILE_BYTES + 1);
	spec.path = "large";
	fixture_write(&f, "large", large, LIMIT_PLATFORM_FILE_BYTES + 1);
	CHECK_INT(override_apply(&place, &spec, NULL), -EFBIG);
	CHECK(vault_is_empty(&f));
	fixture_close(&f);
}

/* strip(derive(x)) == x wherever the block is put. */
static void test_block_inverse(void)
{
	static const char *const texts[] = {
		"", "a", "a\n", "a\nb", "a\nb\n\n", "\n", "#\n#", "\r\n"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		size_t n = strlen(texts[i]);

		for (size_t offset = 0; offset <= n; offset++) {
			_cleanup_buf_ struct buf with = BUF_INIT, without = BUF_INIT;
			struct block_found found;

			if (offset != n && offset != 0 && texts[i][offset - 1] != '\n')
				continue;
			block_insert(texts[i], n, offset, "line\n", &with);
			buf_puts(&without, "");
			block_strip(with.data, with.n_bytes, &without, &found);
			CHECK(found.any);
			CHECK(!found.new_file);
			CHECK_STR(without.data, texts[i]);
			CHECK_INT(without.n_bytes, n);
		}
	}
}

static const struct check_test tests[] = {
	{"exact", test_exact},
	{"mode_and_directories", test_mode_and_directories},
	{"shared_directories", test_shared_directories},
	{"changed_by_others", test_changed_by_others},
	{"interrupted", test_interrupted},
	{"vault_lost", test_vault_lost},
	{"own_files", test_own_files},
	{"symbolic_link", test_symbolic_link},
	{"refused", test_refused},
	{"block_inverse", test_block_inverse},
};

CHECK_MAIN(tests)
