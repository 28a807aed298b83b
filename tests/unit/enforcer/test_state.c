/* SPDX-License-Identifier: Apache-2.0 */
/* test_state.c - facts, serials and documents; damage, hostile names, death at every operation. */
#include "tests/lib/crash_point.h"

#include <dirent.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "agent/enforcer/state.h"
#include "agent/enforcer/state_text.h"
#include "agent/util/fs.h"
#include "tests/lib/check.h"
#include "tests/lib/state_fixture.h"

#define LEFT ".mdm-0123456789abcdef"

static bool facts_equal(const struct state_facts *a, const struct state_facts *b)
{
	_cleanup_buf_ struct buf x = BUF_INIT, y = BUF_INIT;

	return state_facts_write(a, &x) == 0 && state_facts_write(b, &y) == 0 &&
	       x.n_bytes == y.n_bytes && memcmp(x.data, y.data, x.n_bytes) == 0;
}

static void digest_of(uint8_t fill, uint8_t ret[SHA256_BYTES])
{
	memset(ret, fill, SHA256_BYTES);
}

static void put(int dir_fd, const char *path, const void *data, size_t n)
{
	struct fs_owner owner = {.uid = geteuid(), .gid = getegid(), .mode = 0600};

	if (fs_replace(dir_fd, path, data, n, &owner) < 0)
		abort();
}

static void test_new_phone(void)
{
	char path[256], below[300];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(state_done) struct state state = {.dir_fd = -1};
	uint8_t digest[SHA256_BYTES];
	struct stat st;

	snprintf(below, sizeof(below), "%s/state", path);
	CHECK_INT(state_open(below, &state), 0);
	CHECK(!state.facts.enrolled);
	CHECK_STR(state.facts.server, "");
	for (size_t i = 0; i < AREA_MAX; i++)
		CHECK_INT(state.facts.noncompliant_s[i], -1);
	CHECK_INT(state_serial(&state, ORG, "keyset", digest), 0);
	CHECK_INT(fstatat(dir_fd, "state", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0700);
	snprintf(below, sizeof(below), "%s/missing/state", path);
	state_done(&state);
	CHECK_INT(state_open(below, &state), -ENOENT);
	snprintf(below, sizeof(below), "%s/file", path);
	put(dir_fd, "file", "", 0);
	CHECK_INT(state_open(below, &state), -ENOTDIR);
}

static void test_directory_is_private(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(state_done) struct state state = {.dir_fd = -1};
	struct stat st;

	CHECK_INT(fchmod(dir_fd, 0755), 0);
	CHECK_INT(state_open(path, &state), 0);
	CHECK_INT(fstat(dir_fd, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0700);
	state_done(&state);
	if (geteuid() != 0)
		return;
	CHECK_INT(fchown(dir_fd, 12345, 12345), 0);
	CHECK_INT(state_open(path, &state), -EPERM);
	CHECK_INT(fchown(dir_fd, 0, 0), 0);
}

/* What a power cut in the middle of a write left is gone after the start. */
static void test_swept(void)
{
	static const char *const made[] = {"documents", "net", "reports", "vault"};
	static const char *const left[] = {
		LEFT, "documents/" LEFT, "net/" LEFT, "reports/" LEFT, "vault/" LEFT};
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	struct state state;

	for (size_t i = 0; i < ARRAY_SIZE(made); i++)
		CHECK_INT(mkdirat(dir_fd, made[i], 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(left); i++)
		CHECK_INT(symlinkat("x", dir_fd, left[i]), 0);
	CHECK_INT(state_open(path, &state), 0);
	for (size_t i = 0; i < ARRAY_SIZE(left); i++)
		CHECK(!check_exists(dir_fd, left[i]));
	state_done(&state);
}

static void test_facts_survive(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(state_done) struct state state = {.dir_fd = -1};
	struct stat st;

	CHECK_INT(state_open(path, &state), 0);
	state.facts = enrolled_facts;
	CHECK_INT(state_save_facts(&state), 0);
	CHECK_INT(fstatat(dir_fd, "facts", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
	state_done(&state);
	CHECK_INT(state_open(path, &state), 0);
	CHECK(facts_equal(&state.facts, &enrolled_facts));
	CHECK_INT(state.facts.highwater.signed_s, 1790000001);
	CHECK_INT(state.facts.highwater.tls_s, 1790000002);
	CHECK_INT(state.facts.noncompliant_s[1], 3600);
	CHECK_STR(state.facts.server, "https://mdm.example.org:8443");
}

static void test_damaged_files_are_kept(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(state_done) struct state state = {.dir_fd = -1};
	_cleanup_free_ char *kept = NULL;
	uint8_t digest[SHA256_BYTES];

	CHECK_INT(state_open(path, &state), 0);
	state.facts = enrolled_facts;
	digest_of(1, digest);
	CHECK_INT(state_save_facts(&state), 0);
	CHECK_INT(state_set_serial(&state, ORG, "keyset", 3, digest), 0);
	state_done(&state);
	put(dir_fd, "facts", "mdm-agent-facts 1\nenrolled 1\n", 29);
	CHECK_INT(state_open(path, &state), -EBADMSG);
	CHECK(!state.facts.enrolled);
	CHECK_INT(state.facts.noncompliant_s[0], -1);
	/* The state is usable, the serials are not lost with it. */
	CHECK_INT(state_serial(&state, ORG, "keyset", digest), 3);
	CHECK_INT(fs_read(dir_fd, "facts.broken", 100, &kept, NULL), 0);
	CHECK_STR(kept, "mdm-agent-facts 1\nenrolled 1\n");
	CHECK_INT(state_save_facts(&state), 0);
	state_done(&state);
	put(dir_fd, "serials", "", 0);
	CHECK_INT(state_open(path, &state), -EBADMSG);
	CHECK_INT(state.n_serials, 0);
	CHECK(check_exists(dir_fd, "serials.broken"));
	state_done(&state);
	CHECK_INT(state_open(path, &state), 0);
}

/* --- serials -------------------------------------------------------------------------------- */

static void test_serials(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(state_done) struct state state = {.dir_fd = -1};
	uint8_t one[SHA256_BYTES], two[SHA256_BYTES], held[SHA256_BYTES];
	struct stat st;

	digest_of(1, one);
	digest_of(2, two);
	CHECK_INT(state_open(path, &state), 0);
	CHECK_INT(state_set_serial(&state, ORG, "policy.staff", 5, one), 0);
	CHECK_INT(state_set_serial(&state, OTHER, "policy.staff", 1, two), 0);
	CHECK_INT(state_set_serial(&state, ORG, "policy.staff", 4, one), -EINVAL);
	CHECK_INT(state_set_serial(&state, ORG, "policy.staff", 5, two), -EINVAL);
	CHECK_INT(state_set_serial(&state, ORG, "policy.staff", 5, one), 0);
	CHECK_INT(state_set_serial(&state, ORG, "policy.staff", 6, two), 0);
	CHECK_INT(state_set_serial(&state, ORG, "policy.staff", 0, one), -EINVAL);
	CHECK_INT(state_set_serial(&state, ORG, "keyset", (INT64_C(1) << 53) - 1, one), 0);
	CHECK_INT(state_set_serial(&state, ORG, "assignment", INT64_C(1) << 53, one), -EINVAL);
	CHECK_INT(state_set_serial(&state, "00", "keyset", 1, one), -EINVAL);
	CHECK_INT(state_set_serial(&state, ORG "0", "keyset", 1, one), -EINVAL);
	CHECK_INT(state_set_serial(&state, ORG, "policy. x", 1, one), -EINVAL);
	CHECK_INT(state.n_serials, 3);
	state_done(&state);
	CHECK_INT(state_open(path, &state), 0);
	CHECK_INT(state_serial(&state, ORG, "policy.staff", held), 6);
	CHECK(memcmp(held, two, sizeof(held)) == 0);
	CHECK_INT(state_serial(&state, OTHER, "policy.staff", held), 1);
	CHECK_INT(state_serial(&state, ORG, "policy.other", held), 0);
	CHECK_INT(fstatat(dir_fd, "serials", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
}

/* --- documents ------------------------------------------------------------------------------ */

static int join_name(const char *name, void *userdata)
{
	buf_printf(userdata, "%s ", name);
	return strcmp(name, "policy.b") == 0 ? 7 : 0;
}

static void test_documents(void)
{
	char path[256], longest[LIMIT_NAME_BYTES + 9];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(state_done) struct state state = {.dir_fd = -1};
	_cleanup_buf_ struct buf names = BUF_INIT;
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t n = 0;

	CHECK_INT(state_open(path, &state), 0);
	CHECK_INT(state_each_document(&state, join_name, &names), 0);
	CHECK_INT(state_load_document(&state, "keyset", &text, &n), -ENOENT);
	CHECK_INT(state_remove_document(&state, "keyset"), 0);
	CHECK_INT(state_store_document(&state, "policy.a", "a\0b", 3), 0);
	CHECK_INT(state_store_document(&state, "keyset", "old", 3), 0);
	CHECK_INT(state_store_document(&state, "keyset", "newer", 5), 0);
	CHECK_INT(state_store_document(&state, "assignment", "", 0), 0);
	CHECK_INT(state_load_document(&state, "policy.a", &text, &n), 0);
	CHECK_INT(n, 3);
	CHECK(memcmp(text, "a\0b", 3) == 0);
	free(TAKE_PTR(text));
	CHECK_INT(state_load_document(&state, "keyset", &text, &n), 0);
	CHECK_STR(text, "newer");
	CHECK_INT(fstatat(dir_fd, "documents", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0700);
	CHECK_INT(fstatat(dir_fd, "documents/keyset", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
	/* Strangers in the directory are not documents. */
	put(dir_fd, "documents/notes.txt", "", 0);
	CHECK_INT(state_each_document(&state, join_name, &names), 0);
	CHECK_STR(names.data, "assignment keyset policy.a ");
	CHECK_INT(state_store_document(&state, "policy.b", "", 0), 0);
	CHECK_INT(state_store_document(&state, "policy.c", "", 0), 0);
	buf_reset(&names);
	CHECK_INT(state_each_document(&state, join_name, &names), 7);
	CHECK_STR(names.data, "assignment keyset policy.a policy.b ");
	CHECK_INT(state_remove_document(&state, "policy.a"), 0);
	CHECK(!check_exists(dir_fd, "documents/policy.a"));
	CHECK_INT(state_store_document(&state, "../facts", "x", 1), -EINVAL);
	CHECK_INT(state_load_document(&state, "../facts", &text, &n), -EINVAL);
	CHECK_INT(state_remove_document(&state, "../facts"), -EINVAL);
	memcpy(longest, "policy.", 7);
	memset(longest + 7, 'x', LIMIT_NAME_BYTES + 1);
	longest[7 + LIMIT_NAME_BYTES + 1] = 0;
	CHECK_INT(state_store_document(&state, longest, "", 0), -EINVAL);
	longest[7 + LIMIT_NAME_BYTES] = 0;
	CHECK_INT(state_store_document(&state, longest, "", 0), 0);
}

static void test_document_size(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(state_done) struct state state = {.dir_fd = -1};
	_cleanup_free_ char *large = calloc(1, LIMIT_DOCUMENT_BYTES + 1), *text = NULL;
	size_t n;

	CHECK_INT(state_open(path, &state), 0);
	CHECK_INT(state_store_document(&state, "keyset", large, LIMIT_DOCUMENT_BYTES + 1), -EFBIG);
	CHECK(!check_exists(dir_fd, "documents/keyset"));
	CHECK_INT(state_store_document(&state, "keyset", large, LIMIT_DOCUMENT_BYTES), 0);
	CHECK_INT(state_load_document(&state, "keyset", &text, &n), 0);
	CHECK_INT(n, LIMIT_DOCUMENT_BYTES);
	put(dir_fd, "documents/keyset", large, LIMIT_DOCUMENT_BYTES + 1);
	free(TAKE_PTR(text));
	CHECK_INT(state_load_document(&state, "keyset", &text, &n), -EFBIG);
}

/* A link planted in place of the directory leads nowhere. */
static void test_documents_not_through_links(void)
{
	char path[256], elsewhere[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path), other_fd = check_tmpdir(elsewhere);
	_cleanup_(state_done) struct state state = {.dir_fd = -1};
	_cleanup_buf_ struct buf names = BUF_INIT;

	CHECK_INT(state_open(path, &state), 0);
	CHECK_INT(symlinkat(elsewhere, dir_fd, "documents"), 0);
	put(other_fd, "policy.z", "", 0);
	CHECK_INT(state_store_document(&state, "keyset", "x", 1), -ELOOP);
	CHECK(state_each_document(&state, join_name, &names) < 0);
	CHECK(!check_exists(other_fd, "keyset"));
	CHECK_INT(state_forget_enrolment(&state), 0);
	CHECK(check_exists(other_fd, "policy.z"));
	CHECK(!check_exists(dir_fd, "documents"));
}

static void fill_enrolment(const char *path)
{
	_cleanup_(state_done) struct state state = {.dir_fd = -1};
	uint8_t digest[SHA256_BYTES];

	digest_of(9, digest);
	if (state_open(path, &state) < 0)
		abort();
	state.facts = enrolled_facts;
	if (state_store_document(&state, "keyset", "k", 1) < 0 ||
		state_store_document(&state, "policy.staff", "p", 1) < 0 ||
		state_set_serial(&state, ORG, "policy.staff", 7, digest) < 0 ||
		fs_make_dirs(state.dir_fd, "net/deep", 0700) < 0 ||
		fs_make_dirs(state.dir_fd, "reports", 0700) < 0 ||
		fs_make_dirs(state.dir_fd, "vault", 0700) < 0 || state_save_facts(&state) < 0)
		abort();
	put(state.dir_fd, "net/deep/key.pem", "secret", 6);
	put(state.dir_fd, "reports/last", "{}", 2);
	put(state.dir_fd, "facts.broken", "server https://mdm", 18);
	put(state.dir_fd, "journal", "j", 1);
	put(state.dir_fd, "vault/key", "v", 1);
}

/* No policy and no identity is left; what must stay is there. */
static void check_forgotten(int dir_fd, const struct state *state)
{
	static const char *const gone[] = {
		"documents", "net", "reports", "facts.broken", "forgetting"};
	struct state_facts facts;
	uint8_t digest[SHA256_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		CHECK(!check_exists(dir_fd, gone[i]));
	state_facts_init(&facts);
	facts.highwater.signed_s = facts.highwater.tls_s = enrolled_facts.highwater.signed_s;
	facts.acked_seq = enrolled_facts.acked_seq;
	facts.report_seq = enrolled_facts.report_seq;
	CHECK(facts_equal(&state->facts, &facts));
	CHECK_INT(state_serial(state, ORG, "policy.staff", digest), 7);
	CHECK(check_exists(dir_fd, "journal") && check_exists(dir_fd, "vault/key"));
}

static void test_forget(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(state_done) struct state state = {.dir_fd = -1};

	fill_enrolment(path);
	CHECK_INT(state_open(path, &state), 0);
	CHECK(facts_equal(&state.facts, &enrolled_facts));
	CHECK_INT(state_forget_enrolment(&state), 0);
	check_forgotten(dir_fd, &state);
	state_done(&state);
	CHECK_INT(state_open(path, &state), 0);
	check_forgotten(dir_fd, &state);
	/* A phone that was never enrolled has nothing to forget. */
	CHECK_INT(state_forget_enrolment(&state), 0);
	check_forgotten(dir_fd, &state);
}

/* While something of the old enrolment is left, a new one is not recorded. */
static void test_forget_unfinished(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(state_done) struct state state = {.dir_fd = -1};

	fill_enrolment(path);
	CHECK_INT(state_open(path, &state), 0);
	/* The mark takes five operations: write, sync, rename, sync; the removals come then. */
	crash_plan =
		(struct crash_plan){.mode = CRASH_FAIL, .at = 6, .error = EIO, .n_failures = 1};
	CHECK_INT(state_forget_enrolment(&state), -EIO);
	crash_plan = (struct crash_plan){0};
	CHECK(!state.facts.enrolled);
	CHECK(check_exists(dir_fd, "forgetting"));
	CHECK(!check_exists(dir_fd, "net"));
	state.facts = enrolled_facts;
	CHECK_INT(state_save_facts(&state), -EBUSY);
	state_done(&state);
	CHECK_INT(state_open(path, &state), 0);
	check_forgotten(dir_fd, &state);
}

/* --- death at every operation --------------------------------------------------------------- */

static void empty_directory(const char *path)
{
	_cleanup_close_ int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static const char *const names[] = {"documents", "net", "reports", "vault", "facts",
		"facts.broken", "serials", "journal", "forgetting"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (fs_remove_tree(dir_fd, names[i]) < 0)
			abort();
}

static size_t count_entries(const char *path)
{
	_cleanup_(closedirp) DIR *dir = opendir(path);
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	return n;
}

static void child_save_facts(struct state *state)
{
	state->facts.report_seq++;
	(void)state_save_facts(state);
}

static void child_set_serial(struct state *state)
{
	uint8_t digest[SHA256_BYTES];

	digest_of(10, digest);
	(void)state_set_serial(state, ORG, "policy.staff", 8, digest);
}

static void child_store(struct state *state)
{
	(void)state_store_document(state, "keyset", "newer", 5);
}

static void child_forget(struct state *state)
{
	(void)state_forget_enrolment(state);
}

/* True if the child came to its end. */
static bool run_child(const char *path, void (*run)(struct state *), enum crash_mode mode,
	unsigned long at, unsigned int part)
{
	struct state state;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (state_open(path, &state) < 0)
			_exit(1);
		crash_begin(mode, at, part);
		run(&state);
		crash_plan.mode = CRASH_NONE;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		abort();
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		abort();
	return WIFEXITED(status);
}

static void check_old_or_new(const struct state *state, int which, bool finished, bool *ret_new)
{
	_cleanup_free_ char *text = NULL;
	struct state_facts facts = enrolled_facts;
	uint8_t digest[SHA256_BYTES], expected[SHA256_BYTES];
	int64_t serial = state_serial(state, ORG, "policy.staff", digest);
	bool is_new = false;

	facts.report_seq = state->facts.report_seq;
	CHECK(facts_equal(&state->facts, &facts));
	CHECK_INT(state_load_document((struct state *)state, "keyset", &text, NULL), 0);
	switch (which) {
	case 0:
		is_new = facts.report_seq == enrolled_facts.report_seq + 1;
		CHECK(is_new || facts.report_seq == enrolled_facts.report_seq);
		break;
	case 1:
		is_new = serial == 8;
		CHECK(is_new || serial == 7);
		break;
	case 2:
		is_new = strcmp(text, "newer") == 0;
		CHECK(is_new || strcmp(text, "k") == 0);
		break;
	}
	digest_of(serial == 8 ? 10 : 9, expected);
	CHECK(memcmp(digest, expected, sizeof(digest)) == 0);
	CHECK(is_new || !finished);
	*ret_new = is_new;
}

static void test_death_while_replacing(void)
{
	static void (*const runs[])(struct state *) = {
		child_save_facts, child_set_serial, child_store};
	char path[256], documents[300];
	_cleanup_close_ int dir_fd = check_tmpdir(path);

	(void)dir_fd;
	snprintf(documents, sizeof(documents), "%s/documents", path);
	for (int which = 0; which < 3; which++)
		for (enum crash_mode mode = CRASH_KILL; mode <= CRASH_POWER_LATE; mode++) {
			bool finished = false, is_new = false, seen[2] = {0};
			unsigned long at = 0;

			while (!finished) {
				at++;
				for (unsigned int part = 0; part < CRASH_PARTS; part++) {
					_cleanup_(state_done) struct state state = {.dir_fd = -1};

					empty_directory(path);
					fill_enrolment(path);
					finished = run_child(path, runs[which], mode, at, part);
					CHECK_INT(state_open(path, &state), 0);
					check_old_or_new(&state, which, finished, &is_new);
					seen[is_new] = true;
					/* Nothing half-written stays behind. */
					CHECK_INT(count_entries(path), 2 + 8);
					CHECK_INT(count_entries(documents), 2 + 2);
				}
			}
			CHECK(at > 4 && seen[0] && seen[1]);
		}
}

static void test_death_while_forgetting(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);

	for (enum crash_mode mode = CRASH_KILL; mode <= CRASH_POWER_LATE; mode++) {
		bool finished = false;
		unsigned long at = 0;

		while (!finished) {
			at++;
			for (unsigned int part = 0; part < CRASH_PARTS; part += 2) {
				_cleanup_(state_done) struct state state = {.dir_fd = -1};

				empty_directory(path);
				fill_enrolment(path);
				finished = run_child(path, child_forget, mode, at, part);
				CHECK_INT(state_open(path, &state), 0);
				/* Either not begun, or completed by now. */
				if (state.facts.enrolled) {
					CHECK(!finished);
					CHECK(facts_equal(&state.facts, &enrolled_facts));
					CHECK(check_exists(dir_fd, "documents/policy.staff"));
					CHECK(check_exists(dir_fd, "net/deep/key.pem"));
				} else {
					check_forgotten(dir_fd, &state);
				}
			}
		}
		CHECK(at > 10);
	}
}

/* The disk fails: an error, the old state in memory and on the disk, and no temporary file. */
static void test_failures(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	uint8_t digest[SHA256_BYTES], held[SHA256_BYTES];

	(void)dir_fd;
	digest_of(10, digest);
	fill_enrolment(path);
	for (unsigned long at = 1; at <= 3; at++)
		for (unsigned int part = 0; part <= 2; part += 2) {
			_cleanup_(state_done) struct state state = {.dir_fd = -1};
			struct crash_plan plan = {.mode = CRASH_FAIL,
				.at = at,
				.part = part,
				.error = ENOSPC,
				.n_failures = 1};

			CHECK_INT(state_open(path, &state), 0);
			crash_plan = plan;
			CHECK_INT(
				state_set_serial(&state, ORG, "policy.staff", 8, digest), -ENOSPC);
			crash_plan = plan;
			CHECK_INT(state_set_serial(&state, ORG, "policy.new", 1, digest), -ENOSPC);
			crash_plan = plan;
			CHECK_INT(state_save_facts(&state), -ENOSPC);
			crash_plan = (struct crash_plan){0};
			CHECK_INT(state_serial(&state, ORG, "policy.staff", held), 7);
			CHECK_INT(state_serial(&state, ORG, "policy.new", held), 0);
			CHECK_INT(count_entries(path), 2 + 8);
			state_done(&state);
			CHECK_INT(state_open(path, &state), 0);
			CHECK_INT(state_serial(&state, ORG, "policy.staff", held), 7);
		}
}

static const struct check_test tests[] = {
	{"new_phone", test_new_phone},
	{"directory_is_private", test_directory_is_private},
	{"swept", test_swept},
	{"facts_survive", test_facts_survive},
	{"damaged_files_are_kept", test_damaged_files_are_kept},
	{"serials", test_serials},
	{"documents", test_documents},
	{"document_size", test_document_size},
	{"documents_not_through_links", test_documents_not_through_links},
	{"forget", test_forget},
	{"forget_unfinished", test_forget_unfinished},
	{"death_while_replacing", test_death_while_replacing},
	{"death_while_forgetting", test_death_while_forgetting},
	{"failures", test_failures},
};
CHECK_MAIN(tests)
