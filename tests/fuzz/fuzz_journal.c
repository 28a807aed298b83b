/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: enforcer */
/*
 * fuzz_journal.c - a journal of arbitrary bytes. Whatever is found: opening succeeds, what is then
 * in the file verifies and is read whole, appending works and is found again.
 *
 * First byte: bit 0 puts checksums and digests right before opening, so that what lies behind them
 * is reached; bit 1 opens with the smallest size, so that appending compacts. Rest: the file.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/enforcer/journal.h"
#include "agent/enforcer/journal_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* Nothing here has to survive a power cut. */
int fsync(int fd)
{
	(void)fd;
	return 0;
}

int fdatasync(int fd)
{
	(void)fd;
	return 0;
}

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static char directory[256];

static void remove_directory(void)
{
	rmdir(directory);
}

static int open_directory(void)
{
	static int fd = -1;
	const char *base = getenv("TMPDIR");

	if (fd >= 0)
		return fd;
	snprintf(directory, sizeof(directory), "%s/fuzz-journal-XXXXXX", base ? base : "/tmp");
	expect(mkdtemp(directory));
	atexit(remove_directory);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	expect(fd >= 0);
	return fd;
}

static void empty_directory(int dir_fd)
{
	_cleanup_(closedirp) DIR *dir =
		fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *entry;

	expect(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dir_fd, entry->d_name, 0);
}

/* Makes the file header and every record that fits right, as the fields stand. */
static void repair(uint8_t *file, size_t n_bytes)
{
	struct journal_file_header start = {0};
	size_t at = JOURNAL_FILE_HEADER_BYTES;

	if (n_bytes < at)
		return;
	memcpy(&start.dropped, file + 16, 4);
	memcpy(&start.base_seq, file + 24, 4);
	expect(journal_file_header_encode(&start, file) == 0);
	while (n_bytes - at >= JOURNAL_HEADER_BYTES) {
		uint8_t record[JOURNAL_RECORD_MAX], digest[SHA256_BYTES];
		struct journal_header header = {
			.n_payload = (uint32_t)(file[at + 4] | (file[at + 5] & 15) << 8),
			.type = file[at + 8],
			.security = file[at + 10] & 1,
		};
		size_t n = JOURNAL_HEADER_BYTES + header.n_payload + SHA256_BYTES;

		memcpy(&header.seq, file + at + 12, 8);
		if (n_bytes - at < n)
			return;
		expect(journal_record_encode(&header, (char *)file + at + JOURNAL_HEADER_BYTES,
			       file + at - SHA256_BYTES, record, digest) == 0);
		memcpy(file + at, record, n);
		at += n;
	}
}

struct seen {
	uint64_t n, seq;
};

static int see(const struct journal_record *record, void *userdata)
{
	struct seen *seen = userdata;

	expect(record->seq > seen->seq);
	expect(journal_payload_is_valid(record->payload, record->n_payload));
	expect(strlen(record->payload) == record->n_payload);
	seen->seq = record->seq;
	seen->n++;
	return 0;
}

/* Returns the number of records. */
static uint64_t check_journal(struct journal *journal)
{
	struct seen seen = {0};
	uint64_t n, bad;

	expect(journal_verify(journal, &n, &bad) == 0);
	expect(journal_each(journal, 0, see, &seen) == 0);
	expect(seen.n == n);
	expect(n == 0 || seen.seq == journal_last_seq(journal));
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_(journal_freep) struct journal *journal = NULL;
	_cleanup_free_ uint8_t *file = NULL;
	struct journal_recovery recovery;
	size_t max_bytes;
	int dir_fd, fd, r;
	uint64_t seq;

	if (n_bytes < 1)
		return 0;
	max_bytes = data[0] & 2 ? 1 : 0;
	file = malloc(n_bytes);
	expect(file);
	memcpy(file, data + 1, n_bytes - 1);
	if (data[0] & 1)
		repair(file, n_bytes - 1);
	dir_fd = open_directory();
	fd = openat(dir_fd, "journal", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	expect(fd >= 0 && write(fd, file, n_bytes - 1) == (ssize_t)n_bytes - 1);
	close(fd);

	r = journal_open(dir_fd, max_bytes, &journal, &recovery);
	/* Only a file that used up all numbers cannot be followed by another one. */
	expect(r == 0 || r == -EOVERFLOW);
	if (r == 0) {
		check_journal(journal);
		r = journal_append(journal, JOURNAL_STARTED, "{\"last\":true}", &seq);
		expect(r == 0 ||
			(r == -EOVERFLOW && journal_last_seq(journal) >= JOURNAL_SEQ_MAX - 1));
		check_journal(journal);
		seq = journal_last_seq(journal);
		journal_free(TAKE_PTR(journal));
		expect(journal_open(dir_fd, max_bytes, &journal, &recovery) == 0);
		expect(recovery.torn_bytes == 0 && !recovery.broken);
		expect(journal_last_seq(journal) == seq);
	}
	empty_directory(dir_fd);
	return 0;
}
