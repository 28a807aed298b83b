/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_journal_crash.c - the journal after the process died, the power went, or the disk failed at
 * every single operation, after truncation to every length and after every flipped byte.
 */
#include "tests/lib/crash_point.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "agent/enforcer/journal.h"
#include "agent/enforcer/journal_format.h"
#include "agent/util/fs.h"
#include "tests/lib/check.h"

/* What the child tells, in shared memory: it survives SIGKILL. */
struct told {
	unsigned int n_acked; /* appends that returned 0 */
	bool finished;
};

static int work_fd = -1;
static struct told *told;

static void setup(void)
{
	char path[256];

	if (work_fd >= 0)
		return;
	work_fd = check_tmpdir(path);
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED)
		abort();
}

static void clear_directory(void)
{
	int fd = openat(work_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd);
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			syscall(SYS_unlinkat, work_fd, entry->d_name, 0);
	closedir(dir);
}

/* Record i of the test: its payload follows from i, so that a wrong one is recognised. */
static void make_payload(unsigned int i, size_t size, char *ret)
{
	size_t n = (size_t)snprintf(ret, LIMIT_JOURNAL_RECORD_BYTES, "{\"i\":%u,\"pad\":\"", i);

	for (; n + 2 < size; n++)
		ret[n] = (char)('a' + (i + n) % 26);
	memcpy(ret + n, "\"}", 3);
}

/* The scenarios: how many records, how large, how many bytes of journal. */
struct scenario {
	unsigned int n_records;
	size_t max_bytes;
	size_t (*size)(unsigned int i);
	unsigned int security_every;
};

static size_t size_mixed(unsigned int i)
{
	static const size_t sizes[] = {20, 300, 21, LIMIT_JOURNAL_RECORD_BYTES, 64, 1000};

	return sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];
}

static size_t size_large(unsigned int i)
{
	return 1500 + i % 7;
}

static enum journal_type scenario_type(const struct scenario *s, unsigned int i)
{
	return i % s->security_every == 0 ? JOURNAL_DOCUMENT_REFUSED : JOURNAL_APPLIED;
}

static int append_one(struct journal *journal, const struct scenario *s, unsigned int i)
{
	char payload[LIMIT_JOURNAL_RECORD_BYTES + 1];

	make_payload(i, s->size(i), payload);
	return journal_append(journal, scenario_type(s, i), payload, NULL);
}

static void child_append(const struct scenario *s)
{
	struct journal_recovery recovery;
	struct journal *journal;

	if (journal_open(work_fd, s->max_bytes, &journal, &recovery) < 0)
		return;
	for (unsigned int i = 0; i < s->n_records; i++) {
		if (append_one(journal, s, i) < 0)
			return;
		told->n_acked = i + 1;
	}
	told->finished = true;
}

static void child_open(const struct scenario *s)
{
	struct journal_recovery recovery;
	struct journal *journal;

	told->finished = journal_open(work_fd, s->max_bytes, &journal, &recovery) == 0;
}

/* Runs the function in a child with a plan. True if it came to its end. */
static bool run_child(void (*run)(const struct scenario *), const struct scenario *s,
	enum crash_mode mode, unsigned long at, unsigned int part)
{
	int status;
	pid_t pid;

	*told = (struct told){0};
	pid = fork();
	if (pid == 0) {
		crash_begin(mode, at, part);
		run(s);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		abort();
	return told->finished;
}

/* --- judging -------------------------------------------------------------------------------- */

struct seen {
	const struct scenario *s;
	bool present[256];
	unsigned int n_present, highest; /* highest: number of the last one plus one */
	unsigned int n_recovered;
	uint64_t seq;
	bool wrong;
	char recovered[LIMIT_TEXT_BYTES]; /* last record of recovery */
};

static int see(const struct journal_record *record, void *userdata)
{
	struct seen *seen = userdata;
	char payload[LIMIT_JOURNAL_RECORD_BYTES + 1];
	unsigned int i;

	if (record->seq <= seen->seq || strlen(record->payload) != record->n_payload)
		seen->wrong = true;
	seen->seq = record->seq;
	if (record->type == JOURNAL_RECOVERED) {
		seen->n_recovered++;
		snprintf(seen->recovered, sizeof(seen->recovered), "%s", record->payload);
		return 0;
	}
	if (sscanf(record->payload, "{\"i\":%u,", &i) != 1 || i >= 256) {
		seen->wrong = true;
		return 0;
	}
	make_payload(i, seen->s->size(i), payload);
	if (strcmp(payload, record->payload) != 0 || i < seen->highest ||
		record->type != scenario_type(seen->s, i))
		seen->wrong = true;
	seen->present[i] = true;
	seen->n_present++;
	seen->highest = i + 1;
	return 0;
}

/* Opens, reads, verifies, appends, opens again: whatever happened before, all of this works. */
static void judge(const struct scenario *s, struct seen *ret_seen,
	struct journal_recovery *ret_recovery, uint64_t *ret_dropped)
{
	_cleanup_(journal_freep) struct journal *journal = NULL;
	struct seen seen = {.s = s};
	uint64_t n, bad, seq;

	CHECK_INT(journal_open(work_fd, s->max_bytes, &journal, ret_recovery), 0);
	CHECK_INT(journal_each(journal, 0, see, &seen), 0);
	CHECK(!seen.wrong);
	CHECK_INT(journal_verify(journal, &n, &bad), 0);
	CHECK_INT(n, seen.n_present + seen.n_recovered);
	CHECK_INT(journal_last_seq(journal), seen.seq);
	*ret_dropped = journal_dropped(journal);
	CHECK_INT(journal_append(journal, JOURNAL_STARTED, "{}", &seq), 0);
	CHECK(seq > seen.seq);
	journal_free(TAKE_PTR(journal));
	CHECK_INT(journal_open(work_fd, s->max_bytes, &journal, &(struct journal_recovery){0}), 0);
	CHECK_INT(journal_last_seq(journal), seq);
	CHECK_INT(journal_verify(journal, &n, &bad), 0);
	*ret_seen = seen;
}

/* every: of the ways in which a write can stop, try each of these. */
static void check_crashes(
	const struct scenario *s, enum crash_mode mode, bool drops, unsigned int every)
{
	unsigned long n_points = 0;

	for (bool finished = false; !finished;) {
		n_points++;
		for (unsigned int part = 0; part < CRASH_PARTS; part += every) {
			struct journal_recovery recovery;
			struct seen seen = {0};
			uint64_t dropped = 0;

			clear_directory();
			finished = run_child(child_append, s, mode, n_points, part);
			judge(s, &seen, &recovery, &dropped);
			CHECK(!recovery.broken);
			/* Every acknowledged record is there, at most one more. */
			CHECK(seen.highest == told->n_acked || seen.highest == told->n_acked + 1);
			CHECK_INT(seen.n_present + dropped, seen.highest);
			CHECK(drops || dropped == 0);
			for (unsigned int i = 0; i < told->n_acked; i += s->security_every)
				CHECK(seen.present[i]);
		}
	}
	/* It did go through every write and sync. */
	CHECK(n_points > 2 * s->n_records);
	CHECK_INT(told->n_acked, s->n_records);
}

static void test_crash_at_every_step(void)
{
	static const struct scenario s = {13, 0, size_mixed, 2};

	setup();
	for (enum crash_mode mode = CRASH_KILL; mode <= CRASH_POWER_LATE; mode++)
		check_crashes(&s, mode, false, 1);
}

static void test_crash_during_compaction(void)
{
	static const struct scenario s = {16, 4 * JOURNAL_RECORD_MAX, size_large, 5};
	struct journal_recovery recovery;
	struct seen seen = {0};
	uint64_t dropped = 0;

	setup();
	clear_directory();
	CHECK(run_child(child_append, &s, CRASH_NONE, 0, 0));
	judge(&s, &seen, &recovery, &dropped);
	CHECK(dropped > 0 && seen.n_recovered > 1);
	for (enum crash_mode mode = CRASH_KILL; mode <= CRASH_POWER_LATE; mode++)
		check_crashes(&s, mode, true, 2);
}

/* --- failures of the disk ------------------------------------------------------------------- */

/* Operations fail, the process lives: what was acknowledged stays, the rest can be repeated. */
static void check_failure(
	const struct scenario *s, const struct crash_plan *plan, bool *ret_reached)
{
	_cleanup_(journal_freep) struct journal *journal = NULL;
	struct journal_recovery recovery;
	struct seen seen = {.s = s};
	uint64_t n, bad;
	int r;

	clear_directory();
	crash_plan = *plan;
	r = journal_open(work_fd, s->max_bytes, &journal, &recovery);
	if (r < 0) {
		CHECK_INT(r, -plan->error);
		CHECK(!journal);
		crash_plan.mode = CRASH_NONE;
		CHECK_INT(journal_open(work_fd, s->max_bytes, &journal, &recovery), 0);
	}
	for (unsigned int i = 0; i < s->n_records; i++) {
		r = append_one(journal, s, i);
		if (r == 0)
			continue;
		CHECK_INT(r, -plan->error);
		crash_plan.mode = CRASH_NONE;
		CHECK_INT(append_one(journal, s, i), 0);
		crash_plan.mode = CRASH_FAIL;
	}
	*ret_reached = crash_plan.count >= plan->at;
	crash_plan.mode = CRASH_NONE;
	CHECK_INT(journal_each(journal, 0, see, &seen), 0);
	CHECK(!seen.wrong);
	CHECK_INT(seen.n_present + journal_dropped(journal), s->n_records);
	CHECK_INT(journal_verify(journal, &n, &bad), 0);
	journal_free(TAKE_PTR(journal));
	CHECK_INT(journal_open(work_fd, s->max_bytes, &journal, &recovery), 0);
	CHECK_INT(recovery.torn_bytes, 0);
	CHECK(!recovery.broken);
}

static void test_failure_at_every_step(void)
{
	static const struct scenario scenarios[] = {
		{13, 0, size_mixed, 2},
		{16, 4 * JOURNAL_RECORD_MAX, size_large, 5},
	};
	static const int errors[] = {ENOSPC, EIO};

	setup();
	for (size_t i = 0; i < 4; i++)
		/* One failure; or a row of them, so that taking back fails too. */
		for (unsigned int n = 1; n <= 3; n++) {
			struct crash_plan plan = {
				.mode = CRASH_FAIL,
				.error = errors[i % 2],
				.n_failures = n,
			};

			for (bool reached = true; reached;) {
				plan.at++;
				for (plan.part = 0; plan.part <= 2; plan.part += 2)
					check_failure(&scenarios[i / 2], &plan, &reached);
			}
			CHECK(plan.at > 2 * scenarios[i / 2].n_records);
		}
}

/* --- damaged files -------------------------------------------------------------------------- */

#define GOOD_RECORDS 5

static const struct scenario damaged = {GOOD_RECORDS, 0, size_mixed, 2};

struct good_file {
	char *bytes; /* owned */
	size_t n_bytes;
	size_t ends[GOOD_RECORDS + 1]; /* offset behind i records */
};

static size_t size_small(unsigned int i)
{
	return 20 + 3 * i;
}

static void make_good_file(const struct scenario *s, struct good_file *ret)
{
	clear_directory();
	if (!run_child(child_append, s, CRASH_NONE, 0, 0) ||
		fs_read(work_fd, "journal", LIMIT_JOURNAL_BYTES, &ret->bytes, &ret->n_bytes) < 0)
		abort();
	ret->ends[0] = JOURNAL_FILE_HEADER_BYTES;
	for (unsigned int i = 0; i < s->n_records; i++)
		ret->ends[i + 1] = ret->ends[i] + JOURNAL_HEADER_BYTES + s->size(i) + SHA256_BYTES;
	if (ret->ends[s->n_records] != ret->n_bytes)
		abort();
}

static void put_file(const void *bytes, size_t n_bytes)
{
	int fd = openat(work_fd, "journal", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || syscall(SYS_write, fd, bytes, n_bytes) != (long)n_bytes)
		abort();
	close(fd);
}

static bool is_there(const char *name)
{
	struct stat st;

	return fstatat(work_fd, name, &st, 0) == 0;
}

static void test_truncated_to_every_length(void)
{
	_cleanup_free_ char *bytes = NULL;
	struct good_file good;

	setup();
	make_good_file(&damaged, &good);
	bytes = good.bytes;
	for (size_t n = 0; n <= good.n_bytes; n++) {
		struct journal_recovery recovery;
		struct seen seen = {0};
		uint64_t dropped;
		unsigned int whole = 0;

		while (whole < GOOD_RECORDS && good.ends[whole + 1] <= n)
			whole++;
		clear_directory();
		put_file(bytes, n);
		judge(&damaged, &seen, &recovery, &dropped);
		CHECK(!recovery.broken);
		CHECK_INT(seen.n_present, whole);
		CHECK_INT(seen.highest, whole);
		CHECK_INT(recovery.torn_bytes,
			n < JOURNAL_FILE_HEADER_BYTES ? n : n - good.ends[whole]);
		CHECK_INT(seen.n_recovered, recovery.torn_bytes > 0);
		CHECK(recovery.torn_bytes == 0 || strstr(seen.recovered, "\"torn_tail\""));
		CHECK(!is_there("journal.broken-1"));
	}
}

/* One damaged byte: either the last record is cut, or the file is put aside. */
static void check_damage(const struct good_file *good, const struct scenario *s, size_t at)
{
	_cleanup_free_ char *kept = NULL;
	struct journal_recovery recovery;
	struct seen seen = {0};
	uint64_t dropped;
	size_t n_kept;

	clear_directory();
	put_file(good->bytes, good->n_bytes);
	judge(s, &seen, &recovery, &dropped);
	CHECK_INT(seen.n_recovered, 1);
	if (at >= good->ends[s->n_records - 1]) {
		CHECK(!recovery.broken);
		CHECK_INT(recovery.torn_bytes, good->n_bytes - good->ends[s->n_records - 1]);
		CHECK_INT(seen.n_present, s->n_records - 1);
		CHECK(strstr(seen.recovered, "\"torn_tail\""));
		return;
	}
	CHECK(recovery.broken);
	CHECK_INT(seen.n_present, 0);
	CHECK(strstr(seen.recovered, "\"chain_broken\"") && strstr(seen.recovered, "broken-1"));
	/* Numbers are not used twice: the last good header is behind the damage, unless hit. */
	CHECK(seen.seq >= s->n_records);
	CHECK_INT(fs_read(work_fd, "journal.broken-1", LIMIT_JOURNAL_BYTES, &kept, &n_kept), 0);
	CHECK_INT(n_kept, good->n_bytes);
	CHECK(memcmp(kept, good->bytes, n_kept) == 0);
}

static void test_every_byte_damaged(void)
{
	static const struct scenario s = {GOOD_RECORDS, 0, size_small, 2};
	static const unsigned char patterns[] = {1, 2, 4, 8, 16, 32, 64, 128, 0xff, 0x55};
	_cleanup_free_ char *bytes = NULL;
	struct good_file good;

	setup();
	make_good_file(&s, &good);
	bytes = good.bytes;
	for (size_t at = 0; at < good.n_bytes; at++)
		for (size_t i = 0; i < sizeof(patterns); i++) {
			bytes[at] = (char)(bytes[at] ^ patterns[i]);
			check_damage(&good, &s, at);
			bytes[at] = (char)(bytes[at] ^ patterns[i]);
		}
}

/* Records removed, repeated or exchanged are damage too. */
static void test_records_moved(void)
{
	_cleanup_free_ char *bytes = NULL;
	struct good_file good;
	char file[16384];

	setup();
	make_good_file(&damaged, &good);
	bytes = good.bytes;
	CHECK(good.n_bytes < sizeof(file));
	for (size_t cut = 0; cut < GOOD_RECORDS - 1; cut++) {
		struct journal_recovery recovery;
		struct seen seen = {0};
		uint64_t dropped;
		size_t n = good.ends[cut], rest = good.n_bytes - good.ends[cut + 1];

		memcpy(file, bytes, n);
		memcpy(file + n, bytes + good.ends[cut + 1], rest);
		clear_directory();
		put_file(file, n + rest);
		judge(&damaged, &seen, &recovery, &dropped);
		/* Only when one single record follows, that one looks like a torn append. */
		CHECK(cut == GOOD_RECORDS - 2 ? recovery.torn_bytes == rest : recovery.broken);
		CHECK_INT(seen.n_present, recovery.broken ? 0 : cut);
	}
}

/* Zeros or noise behind good records: a torn append if one record can be that long. */
static void test_trailing_garbage(void)
{
	static const size_t lengths[] = {1, 55, 56, 4183, 4184, 4185, 20000};
	_cleanup_free_ char *bytes = NULL, *file = NULL;
	struct good_file good;

	setup();
	make_good_file(&damaged, &good);
	bytes = good.bytes;
	file = malloc(good.n_bytes + 20000);
	for (int fill = 0; fill < 256; fill += 255)
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			struct journal_recovery recovery;
			struct seen seen = {0};
			uint64_t dropped;
			bool torn = lengths[i] <= JOURNAL_RECORD_MAX;

			memcpy(file, bytes, good.n_bytes);
			memset(file + good.n_bytes, fill, lengths[i]);
			clear_directory();
			put_file(file, good.n_bytes + lengths[i]);
			judge(&damaged, &seen, &recovery, &dropped);
			CHECK_INT(recovery.torn_bytes, torn ? lengths[i] : 0);
			CHECK_INT(recovery.broken, !torn);
			CHECK_INT(seen.n_present, torn ? GOOD_RECORDS : 0);
		}
}

/* --- crashes during recovery ---------------------------------------------------------------- */

static void check_recovery_crashes(const char *bytes, size_t n_bytes, bool broken)
{
	for (enum crash_mode mode = CRASH_KILL; mode <= CRASH_POWER_LATE; mode++) {
		bool finished = false;

		for (unsigned long at = 1; !finished; at++)
			for (unsigned int part = 0; part < CRASH_PARTS; part++) {
				struct journal_recovery recovery;
				struct seen seen = {0};
				uint64_t dropped;

				clear_directory();
				put_file(bytes, n_bytes);
				finished = run_child(child_open, &damaged, mode, at, part);
				judge(&damaged, &seen, &recovery, &dropped);
				CHECK_INT(is_there("journal.broken-1"), broken);
				CHECK(!is_there("journal.broken-2"));
				CHECK(!is_there("journal.new"));
				CHECK_INT(seen.n_present, broken ? 0 : GOOD_RECORDS - 1);
				if (broken)
					CHECK(strstr(seen.recovered, "chain_broken"));
			}
	}
}

static void test_crash_during_recovery(void)
{
	_cleanup_free_ char *bytes = NULL;
	struct good_file good;

	setup();
	make_good_file(&damaged, &good);
	bytes = good.bytes;
	check_recovery_crashes(bytes, good.n_bytes - 1, false);
	bytes[good.ends[2] + 60] ^= 1;
	check_recovery_crashes(bytes, good.n_bytes, true);
}

static const struct check_test tests[] = {
	{"crash_at_every_step", test_crash_at_every_step},
	{"crash_during_compaction", test_crash_during_compaction},
	{"failure_at_every_step", test_failure_at_every_step},
	{"truncated_to_every_length", test_truncated_to_every_length},
	{"every_byte_damaged", test_every_byte_damaged},
	{"records_moved", test_records_moved},
	{"trailing_garbage", test_trailing_garbage},
	{"crash_during_recovery", test_crash_during_recovery},
};
CHECK_MAIN(tests)
