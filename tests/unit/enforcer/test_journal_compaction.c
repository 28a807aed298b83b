/* SPDX-License-Identifier: Apache-2.0 */
/* test_journal_compaction.c - which records go when the journal is full, and which stay. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/enforcer/journal.h"
#include "agent/enforcer/journal_format.h"
#include "tests/lib/check.h"
#include "tests/lib/journal_fixture.h"

static void append_sized(struct journal *journal, enum journal_type type, unsigned int i, int *ret)
{
	char payload[1200];
	int n = snprintf(payload, sizeof(payload), "{\"i\":%u,\"pad\":\"", i);

	memset(payload + n, 'x', 1000);
	memcpy(payload + n + 1000, "\"}", 3);
	*ret = journal_append(journal, type, payload, NULL);
}

static size_t count_type(const struct list *list, enum journal_type type)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		n += list->type[i] == type;
	return n;
}

static void test_ordinary_records_go_first(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(journal_freep) struct journal *journal = open_journal(dir_fd, SMALL);
	struct list list = {0};
	struct stat st;
	unsigned int i;
	int r = 0;

	/* Five of security first: the oldest of all, and still there at the end. */
	for (i = 0; i < 5; i++)
		append_sized(journal, JOURNAL_DRIFT_DETECTED, i, &r);
	for (; i < 100 && r == 0; i++) {
		append_sized(journal, JOURNAL_APPLIED, i, &r);
		CHECK_INT(fstatat(dir_fd, "journal", &st, 0), 0);
		CHECK((size_t)st.st_size <= SMALL);
	}
	CHECK_INT(r, 0);
	CHECK_INT(journal_each(journal, 0, list_add, &list), 0);
	CHECK_INT(count_type(&list, JOURNAL_DRIFT_DETECTED), 5);
	CHECK(count_type(&list, JOURNAL_APPLIED) >= 1);
	CHECK_INT(journal_dropped(journal) + count_type(&list, JOURNAL_APPLIED), 95);
	CHECK(count_type(&list, JOURNAL_RECOVERED) >= 1);
	/* What is left of the ordinary ones is the newest. */
	CHECK(strstr(list.payload[list.n - 1], "\"i\":99,"));
	/* The count survives reopening, and each compaction told its share. */
	journal_free(TAKE_PTR(journal));
	journal = open_journal(dir_fd, SMALL);
	CHECK_INT(journal_dropped(journal) + count_type(&list, JOURNAL_APPLIED), 95);
}

static void test_acknowledged_records_go_before_others(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(journal_freep) struct journal *journal = open_journal(dir_fd, SMALL);
	struct list list = {0};
	unsigned int i = 0;
	int r = 0;

	/* More than there is counts as all there is, not as what will come. */
	journal_acknowledge(journal, 1000);
	for (; i < 8; i++)
		append_sized(journal, JOURNAL_APPLIED, i, &r);
	journal_acknowledge(journal, 8);
	journal_acknowledge(journal, 2);
	while (journal_dropped(journal) == 0 && r == 0)
		append_sized(journal, JOURNAL_APPLIED, i++, &r);
	CHECK_INT(r, 0);
	CHECK(journal_dropped(journal) <= 8);
	CHECK_INT(journal_each(journal, 8, list_add, &list), 0);
	CHECK_INT(count_type(&list, JOURNAL_APPLIED), i - 8);
	CHECK(strstr(list.payload[list.n - 2], "\"what\":\"dropped\""));
	CHECK(strstr(list.payload[list.n - 2], "\"security\":0,"));
}

static void test_security_records_go_last(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(journal_freep) struct journal *journal = open_journal(dir_fd, SMALL);
	struct list list = {0};
	size_t n;
	int r = 0;

	for (unsigned int i = 0; i < 60 && r == 0; i++)
		append_sized(journal, JOURNAL_DOCUMENT_REFUSED, i, &r);
	CHECK_INT(r, 0);
	CHECK_INT(journal_each(journal, 0, list_add, &list), 0);
	n = count_type(&list, JOURNAL_DOCUMENT_REFUSED);
	CHECK(n >= 5 && n < 60);
	/* The oldest are gone; the journal's own records of it count, too. */
	CHECK(strstr(list.payload[list.n - 1], "\"i\":59,"));
	CHECK(journal_dropped(journal) >= 60 - n);
}

/* A record of a type that only a newer agent knows is kept, read and, being of security, kept long.
 */
static void test_types_of_a_newer_agent(void)
{
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path), fd = -1;
	_cleanup_(journal_freep) struct journal *journal = NULL;
	struct journal_header header = {.n_payload = 2, .type = 999, .security = true, .seq = 1};
	uint8_t bytes[JOURNAL_FILE_HEADER_BYTES], record[JOURNAL_RECORD_MAX], digest[SHA256_BYTES];
	struct list list = {0};
	int r = 0;

	CHECK_INT(journal_file_header_encode(&(struct journal_file_header){0}, bytes), 0);
	CHECK_INT(journal_record_encode(&header, "{}", bytes + 32, record, digest), 0);
	fd = openat(dir_fd, "journal", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK_INT(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	CHECK_INT(pwrite(fd, record, JOURNAL_HEADER_BYTES + 2 + SHA256_BYTES, sizeof(bytes)),
		JOURNAL_HEADER_BYTES + 2 + SHA256_BYTES);
	journal = open_journal(dir_fd, SMALL);
	CHECK_INT(journal_last_seq(journal), 1);
	for (unsigned int i = 0; i < 40; i++)
		append_sized(journal, JOURNAL_APPLIED, i, &r);
	CHECK(journal_dropped(journal) > 0);
	CHECK_INT(journal_each(journal, 0, list_add, &list), 0);
	CHECK_INT(list.type[0], 999);
	CHECK_STR(journal_type_name(list.type[0]), "unknown");
}

static const struct check_test tests[] = {
	{"ordinary_records_go_first", test_ordinary_records_go_first},
	{"acknowledged_records_go_before_others", test_acknowledged_records_go_before_others},
	{"security_records_go_last", test_security_records_go_last},
	{"types_of_a_newer_agent", test_types_of_a_newer_agent},
};
CHECK_MAIN(tests)
