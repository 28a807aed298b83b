/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_journal.c - appending, reading, limits, files that somebody touched, disks without room; see
 * also test_journal_compaction.c and test_journal_crash.c.
 */
#include "tests/lib/crash_point.h"

#include <dirent.h>
#include <sys/resource.h>

#include "agent/enforcer/journal.h"
#include "agent/enforcer/journal_format.h"
#include "agent/util/fs.h"
#include "tests/lib/check.h"
#include "tests/lib/journal_fixture.h"

static void test_types(void)
{
	for (int i = 0; i < JOURNAL_TYPE_MAX; i++) {
		CHECK(journal_type_name((enum journal_type)i));
		for (int j = 0; j < i; j++)
			CHECK(strcmp(journal_type_name((enum journal_type)i),
				      journal_type_name((enum journal_type)j)) != 0);
	}
	CHECK_STR(journal_type_name(JOURNAL_DOCUMENT_REFUSED), "document_refused");
	CHECK_STR(journal_type_name(JOURNAL_TYPE_MAX), "unknown");
	CHECK_STR(journal_type_name((enum journal_type) - 1), "unknown");
	CHECK(journal_type_is_security(JOURNAL_DOCUMENT_REFUSED));
	CHECK(journal_type_is_security(JOURNAL_RECOVERED));
	CHECK(!journal_type_is_security(JOURNAL_STARTED));
	CHECK(!journal_type_is_security(JOURNAL_CHECKIN_FAILED));
	CHECK(!journal_type_is_security(JOURNAL_TYPE_MAX));
}

static void test_append_and_read(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(journal_freep) struct journal *journal = open_journal(dir_fd, 0);
	struct list list = {0};
	uint64_t seq = 0, n, bad;
	struct stat st;

	CHECK(journal);
	CHECK_INT(journal_last_seq(journal), 0);
	CHECK_INT(journal_append(journal, JOURNAL_STARTED, "{\"version\":\"1\"}", &seq), 0);
	CHECK_INT(seq, 1);
	CHECK_INT(journal_append(journal, JOURNAL_ENROLLED, "{}", NULL), 0);
	journal_free(TAKE_PTR(journal));
	journal = open_journal(dir_fd, 0);
	CHECK(journal);
	CHECK_INT(journal_append(journal, JOURNAL_STOPPED, "{\"t\":\"\xc3\xa4\"}", &seq), 0);
	CHECK_INT(seq, 3);
	CHECK_INT(journal_each(journal, 0, list_add, &list), 0);
	CHECK_INT(list.n, 3);
	for (size_t i = 0; i < 3; i++)
		CHECK_INT(list.seq[i], i + 1);
	CHECK_STR(list.payload[0], "{\"version\":\"1\"}");
	CHECK_STR(list.payload[1], "{}");
	CHECK_STR(list.payload[2], "{\"t\":\"\xc3\xa4\"}");
	CHECK_INT(list.type[1], JOURNAL_ENROLLED);
	/* Behind a number; a visit that ends the walk. */
	list = (struct list){.stop_at = 1, .result = -42};
	CHECK_INT(journal_each(journal, 1, list_add, &list), -42);
	CHECK_INT(list.seq[0], 2);
	list = (struct list){0};
	CHECK_INT(journal_each(journal, UINT64_MAX, list_add, &list), 0);
	CHECK_INT(list.n, 0);
	CHECK_INT(journal_verify(journal, &n, &bad), 0);
	CHECK_INT(n, 3);
	CHECK_INT(fstatat(dir_fd, "journal", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
}

static int check_times(const struct journal_record *record, void *userdata)
{
	uint8_t boot_id[BOOT_ID_BYTES] = {0};
	int64_t age_us = clock_realtime_us() - record->realtime_us;
	bool *good = userdata;

	(void)clock_boot_id(boot_id);
	*good = memcmp(record->boot_id, boot_id, sizeof(boot_id)) == 0 && age_us >= -USEC_PER_SEC &&
		age_us < 3600 * USEC_PER_SEC && record->boottime_us > 0 &&
		record->boottime_us <= clock_boottime_us();
	return 1;
}

static void test_times(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(journal_freep) struct journal *journal = open_journal(dir_fd, 0);
	bool good = false;

	CHECK_INT(journal_append(journal, JOURNAL_STARTED, "{}", NULL), 0);
	CHECK_INT(journal_each(journal, 0, check_times, &good), 1);
	CHECK(good);
}

static void test_payload_limits(void)
{
	static const char *const bad[] = {"", "{", "}", "[]", " {}", "{} ", "{\n}", "{\"\x7f\"}",
		"{\"\xff\"}", "null", "{\"a\":1"};
	char path[256], payload[LIMIT_JOURNAL_RECORD_BYTES + 2];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(journal_freep) struct journal *journal = open_journal(dir_fd, 0);
	uint64_t seq = 77, n, bad_at;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_INT(journal_append(journal, JOURNAL_STARTED, bad[i], &seq), -EINVAL);
	CHECK_INT(journal_append(journal, JOURNAL_TYPE_MAX, "{}", &seq), -EINVAL);
	memset(payload, ' ', sizeof(payload));
	payload[0] = '{';
	payload[LIMIT_JOURNAL_RECORD_BYTES] = '}';
	payload[LIMIT_JOURNAL_RECORD_BYTES + 1] = 0;
	CHECK_INT(journal_append(journal, JOURNAL_STARTED, payload, &seq), -EFBIG);
	CHECK_INT(seq, 77);
	CHECK_INT(journal_last_seq(journal), 0);
	payload[LIMIT_JOURNAL_RECORD_BYTES - 1] = '}';
	payload[LIMIT_JOURNAL_RECORD_BYTES] = 0;
	CHECK_INT(journal_append(journal, JOURNAL_STARTED, payload, &seq), 0);
	CHECK_INT(seq, 1);
	CHECK_INT(journal_verify(journal, &n, &bad_at), 0);
	CHECK_INT(n, 1);
}

static void append_sized(struct journal *journal, enum journal_type type, unsigned int i, int *ret)
{
	char payload[1200];
	int n = snprintf(payload, sizeof(payload), "{\"i\":%u,\"pad\":\"", i);

	memset(payload + n, 'x', 1000);
	memcpy(payload + n + 1000, "\"}", 3);
	*ret = journal_append(journal, type, payload, NULL);
}

/* --- files that somebody touched ------------------------------------------------------------ */

static void test_not_a_regular_file(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	struct journal_recovery recovery;
	struct journal *journal = NULL;

	CHECK_INT(mkfifoat(dir_fd, "journal", 0600), 0);
	CHECK_INT(journal_open(dir_fd, 0, &journal, &recovery), -EBADF);
	unlinkat(dir_fd, "journal", 0);
	CHECK_INT(symlinkat("elsewhere", dir_fd, "journal"), 0);
	CHECK_INT(journal_open(dir_fd, 0, &journal, &recovery), -ELOOP);
	unlinkat(dir_fd, "journal", 0);
	CHECK_INT(mkdirat(dir_fd, "journal", 0700), 0);
	CHECK_INT(journal_open(dir_fd, 0, &journal, &recovery), -EISDIR);
	CHECK(!journal);
	CHECK_INT(unlinkat(dir_fd, "journal", AT_REMOVEDIR), 0);
	/* A link where the new file is made is not followed either. */
	CHECK_INT(symlinkat("elsewhere", dir_fd, "journal.new"), 0);
	CHECK_INT(journal_open(dir_fd, 0, &journal, &recovery), 0);
	CHECK(faccessat(dir_fd, "elsewhere", F_OK, 0) < 0);
	journal_free(journal);
}

static void test_permissions_are_tightened(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	struct stat st;

	journal_free(open_journal(dir_fd, 0));
	CHECK_INT(fchmodat(dir_fd, "journal", 0666, 0), 0);
	journal_free(open_journal(dir_fd, 0));
	CHECK_INT(fstatat(dir_fd, "journal", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
}

static void test_directory_not_writable(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	struct journal_recovery recovery;
	struct journal *journal = NULL;

	if (geteuid() == 0) {
		check_skip("root may write everywhere");
		return;
	}
	CHECK_INT(fchmod(dir_fd, 0500), 0);
	CHECK_INT(journal_open(dir_fd, 0, &journal, &recovery), -EACCES);
	CHECK(!journal);
	CHECK_INT(fchmod(dir_fd, 0700), 0);
	CHECK_INT(journal_open(-1, 0, &journal, &recovery), -EBADF);
}

static void test_changed_while_open(void)
{
	for (int how = 0; how < 4; how++) {
		char path[256];
		_cleanup_close_ int dir_fd = check_tmpdir(path), fd = -1;
		_cleanup_(journal_freep) struct journal *journal = open_journal(dir_fd, 0);
		struct list list = {0};
		uint64_t n, bad, seq;
		struct stat st;

		CHECK_INT(journal_append(journal, JOURNAL_STARTED, "{\"a\":1}", NULL), 0);
		CHECK_INT(journal_append(journal, JOURNAL_STARTED, "{\"a\":2}", NULL), 0);
		fd = openat(dir_fd, "journal", O_RDWR | O_CLOEXEC);
		CHECK(fd >= 0 && fstat(fd, &st) == 0);
		switch (how) {
		case 0: /* the last record is cut off */
			CHECK_INT(
				ftruncate(fd, JOURNAL_FILE_HEADER_BYTES +
						      (st.st_size - JOURNAL_FILE_HEADER_BYTES) / 2),
				0);
			break;
		case 1: /* something is added */
			CHECK_INT(pwrite(fd, "x", 1, st.st_size), 1);
			break;
		case 2: /* removed */
			CHECK_INT(unlinkat(dir_fd, "journal", 0), 0);
			break;
		case 3: /* another file in its place */
			CHECK_INT(renameat(dir_fd, "journal", dir_fd, "moved"), 0);
			CHECK_INT(unlinkat(dir_fd, "moved", 0), 0);
			closep(&fd);
			fd = openat(dir_fd, "journal", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
			CHECK_INT(pwrite(fd, "mine", 4, 0), 4);
			break;
		}
		CHECK_INT(journal_verify(journal, &n, &bad), -EBADMSG);
		CHECK_INT(journal_append(journal, JOURNAL_STARTED, "{\"a\":3}", &seq), 0);
		CHECK_INT(seq, 4);
		CHECK_INT(journal_verify(journal, &n, &bad), 0);
		CHECK_INT(journal_each(journal, 0, list_add, &list), 0);
		CHECK_INT(list.n, 2);
		CHECK_INT(list.type[0], JOURNAL_RECOVERED);
		CHECK(strstr(list.payload[0], how < 2 ? "file_changed" : "file_removed"));
		CHECK_INT(fstatat(dir_fd, "journal.broken-1", &st, 0), how == 2 ? -1 : 0);
	}
}

static void test_damage_found_by_compaction(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path), fd = -1;
	_cleanup_(journal_freep) struct journal *journal = open_journal(dir_fd, SMALL);
	struct list list = {0};
	uint64_t last, n, bad;
	int r = 0;

	for (unsigned int i = 0; i < 10; i++)
		append_sized(journal, JOURNAL_APPLIED, i, &r);
	fd = openat(dir_fd, "journal", O_WRONLY | O_CLOEXEC);
	CHECK_INT(pwrite(fd, "y", 1, 300), 1);
	CHECK_INT(journal_each(journal, 0, list_add, &list), -EBADMSG);
	CHECK_INT(list.n, 0);
	CHECK_INT(journal_verify(journal, &n, &bad), -EBADMSG);
	CHECK_INT(n, 0);
	CHECK_INT(bad, JOURNAL_FILE_HEADER_BYTES);
	last = journal_last_seq(journal);
	for (unsigned int i = 10; i < 30; i++)
		append_sized(journal, JOURNAL_APPLIED, i, &r);
	CHECK_INT(r, 0);
	CHECK_INT(journal_verify(journal, &n, &bad), 0);
	list = (struct list){0};
	CHECK_INT(journal_each(journal, 0, list_add, &list), 0);
	CHECK(list.seq[0] > last);
	CHECK_INT(fstatat(dir_fd, "journal.broken-1", &(struct stat){0}, 0), 0);
}

static void test_broken_files_are_bounded(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	size_t n_files = 0;
	_cleanup_(closedirp) DIR *dir = NULL;
	struct dirent *entry;

	for (int i = 0; i < 12; i++) {
		_cleanup_(journal_freep) struct journal *journal = NULL;
		struct journal_recovery recovery;
		_cleanup_close_ int fd = -1;

		CHECK_INT(journal_open(dir_fd, 0, &journal, &recovery), 0);
		CHECK_INT(recovery.broken, i > 0);
		CHECK_INT(journal_last_seq(journal), i);
		fd = openat(dir_fd, "journal", O_WRONLY | O_CLOEXEC);
		CHECK_INT(pwrite(fd, "zz", 2, 20), 2);
	}
	dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	while ((entry = readdir(dir)))
		n_files += strncmp(entry->d_name, "journal.broken-", 15) == 0;
	CHECK_INT(n_files, 8);
}

static void test_lost_with_the_file(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(journal_freep) struct journal *journal = open_journal(dir_fd, 0);
	struct list list = {0};
	uint64_t seq, n, bad;

	CHECK_INT(journal_append(journal, JOURNAL_STARTED, "{}", NULL), 0);
	CHECK_INT(journal_continue(journal, 0), 0);
	CHECK_INT(journal_continue(journal, 1), 0);
	CHECK_INT(journal_last_seq(journal), 1);
	CHECK_INT(journal_continue(journal, 500), 0);
	CHECK_INT(journal_last_seq(journal), 501);
	CHECK_INT(journal_append(journal, JOURNAL_STARTED, "{}", &seq), 0);
	CHECK_INT(seq, 502);
	CHECK_INT(journal_each(journal, 1, list_add, &list), 0);
	CHECK_STR(list.payload[0], "{\"what\":\"lost\",\"first\":2,\"last\":500}");
	journal_free(TAKE_PTR(journal));
	journal = open_journal(dir_fd, 0);
	CHECK_INT(journal_last_seq(journal), 502);
	CHECK_INT(journal_verify(journal, &n, &bad), 0);
	/* The end of the numbers is an error, not a wrap. */
	CHECK_INT(journal_continue(journal, JOURNAL_SEQ_MAX), -EINVAL);
	CHECK_INT(journal_continue(journal, JOURNAL_SEQ_MAX - 1), 0);
	CHECK_INT(journal_last_seq(journal), JOURNAL_SEQ_MAX);
	CHECK_INT(journal_append(journal, JOURNAL_STARTED, "{}", &seq), -EOVERFLOW);
	CHECK_INT(journal_verify(journal, &n, &bad), 0);
}

/* --- room on the disk ----------------------------------------------------------------------- */

static void test_file_size_limit(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(journal_freep) struct journal *journal = open_journal(dir_fd, 0);
	struct rlimit before, limit;
	struct stat st, after;
	uint64_t seq, n, bad;
	int r;

	CHECK_INT(journal_append(journal, JOURNAL_STARTED, "{\"a\":1}", NULL), 0);
	CHECK_INT(fstatat(dir_fd, "journal", &st, 0), 0);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	limit = before;
	limit.rlim_cur = (rlim_t)st.st_size + 50;
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
	r = journal_append(journal, JOURNAL_STARTED, "{\"a\":2}", &seq);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
	CHECK_INT(r, -EFBIG);
	CHECK_INT(fstatat(dir_fd, "journal", &after, 0), 0);
	CHECK_INT(after.st_size, st.st_size);
	CHECK_INT(journal_append(journal, JOURNAL_STARTED, "{\"a\":3}", &seq), 0);
	CHECK_INT(seq, 2);
	CHECK_INT(journal_verify(journal, &n, &bad), 0);
	CHECK_INT(n, 2);
}

/* The write stops half-way and cannot be taken back; what follows is shorter than what is left. */
static void test_tail_that_could_not_be_cut(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(journal_freep) struct journal *journal = open_journal(dir_fd, 0);
	struct journal_recovery recovery;
	uint64_t n, bad;
	int r = 0;

	CHECK_INT(journal_append(journal, JOURNAL_STARTED, "{}", NULL), 0);
	crash_plan = (struct crash_plan){
		.mode = CRASH_FAIL, .at = 1, .part = 2, .error = EIO, .n_failures = 2};
	append_sized(journal, JOURNAL_APPLIED, 1, &r);
	CHECK_INT(r, -EIO);
	/* As long as it cannot be cut, nothing is acknowledged behind it. */
	crash_plan =
		(struct crash_plan){.mode = CRASH_FAIL, .at = 1, .error = EIO, .n_failures = 1};
	CHECK_INT(journal_append(journal, JOURNAL_STOPPED, "{}", NULL), -EIO);
	crash_plan = (struct crash_plan){0};
	CHECK_INT(journal_append(journal, JOURNAL_STOPPED, "{}", NULL), 0);
	CHECK_INT(journal_verify(journal, &n, &bad), 0);
	CHECK_INT(n, 2);
	journal_free(TAKE_PTR(journal));
	CHECK_INT(journal_open(dir_fd, 0, &journal, &recovery), 0);
	CHECK(recovery.torn_bytes == 0 && !recovery.broken);
	CHECK_INT(journal_last_seq(journal), 2);
}

/* A cut tail is told as soon as there is room to tell it. */
static void test_torn_tail_is_told_later(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path), fd = -1;
	_cleanup_(journal_freep) struct journal *journal = open_journal(dir_fd, 0);
	struct journal_recovery recovery;
	struct list list = {0};
	struct stat st;

	CHECK_INT(journal_append(journal, JOURNAL_STARTED, "{}", NULL), 0);
	journal_free(TAKE_PTR(journal));
	fd = openat(dir_fd, "journal", O_RDWR | O_CLOEXEC);
	CHECK_INT(fstat(fd, &st), 0);
	CHECK_INT(pwrite(fd, "torn", 4, st.st_size), 4);
	/* Truncation, sync, sync of the directory; then the write that fails. */
	crash_plan = (struct crash_plan){
		.mode = CRASH_FAIL, .at = 4, .part = 0, .error = ENOSPC, .n_failures = 1};
	CHECK_INT(journal_open(dir_fd, 0, &journal, &recovery), 0);
	CHECK_INT(crash_plan.count, 5);
	crash_plan = (struct crash_plan){0};
	CHECK_INT(recovery.torn_bytes, 4);
	CHECK_INT(journal_last_seq(journal), 1);
	CHECK_INT(journal_append(journal, JOURNAL_STOPPED, "{}", NULL), 0);
	CHECK_INT(journal_each(journal, 1, list_add, &list), 0);
	CHECK_INT(list.n, 2);
	CHECK_STR(list.payload[0], "{\"what\":\"torn_tail\",\"bytes\":4}");
	CHECK_INT(list.type[1], JOURNAL_STOPPED);
}

static size_t count_fds(void)
{
	_cleanup_(closedirp) DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	return n;
}

static void test_no_descriptor_leaks(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	size_t before = count_fds();
	int r = 0;

	for (int i = 0; i < 3; i++) {
		struct journal *journal = open_journal(dir_fd, SMALL);

		for (unsigned int j = 0; j < 30; j++)
			append_sized(journal, JOURNAL_APPLIED, j, &r);
		journal_free(journal);
	}
	journal_free(NULL);
	CHECK_INT(count_fds(), before);
}

static const struct check_test tests[] = {
	{"types", test_types},
	{"append_and_read", test_append_and_read},
	{"times", test_times},
	{"payload_limits", test_payload_limits},
	{"not_a_regular_file", test_not_a_regular_file},
	{"permissions_are_tightened", test_permissions_are_tightened},
	{"directory_not_writable", test_directory_not_writable},
	{"changed_while_open", test_changed_while_open},
	{"damage_found_by_compaction", test_damage_found_by_compaction},
	{"broken_files_are_bounded", test_broken_files_are_bounded},
	{"lost_with_the_file", test_lost_with_the_file},
	{"file_size_limit", test_file_size_limit},
	{"tail_that_could_not_be_cut", test_tail_that_could_not_be_cut},
	{"torn_tail_is_told_later", test_torn_tail_is_told_later},
	{"no_descriptor_leaks", test_no_descriptor_leaks},
};
CHECK_MAIN(tests)
