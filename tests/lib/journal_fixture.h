/* SPDX-License-Identifier: Apache-2.0 */
/* journal_fixture.h - opens journals and remembers what is in them, for tests only. */
#ifndef MDM_TESTS_JOURNAL_FIXTURE_H
#define MDM_TESTS_JOURNAL_FIXTURE_H

#include <errno.h>
#include <stdio.h>

#include "agent/enforcer/journal.h"
#include "agent/enforcer/journal_format.h"

/* Room for a handful of records. */
#define SMALL (4 * (size_t)JOURNAL_RECORD_MAX)

static inline struct journal *open_journal(int dir_fd, size_t max_bytes)
{
	struct journal_recovery recovery;
	struct journal *journal = NULL;

	return journal_open(dir_fd, max_bytes, &journal, &recovery) == 0 ? journal : NULL;
}

/* What list_add() saw. */
struct list {
	uint64_t seq[512];
	enum journal_type type[512];
	char payload[512][80]; /* shortened */
	size_t n;
	int stop_at, result; /* behind record stop_at (0: never), answer result */
};

/* A visitor of journal_each() with a list. */
static inline int list_add(const struct journal_record *record, void *userdata)
{
	struct list *list = userdata;

	if (list->n == 512)
		return -E2BIG;
	list->seq[list->n] = record->seq;
	list->type[list->n] = record->type;
	snprintf(list->payload[list->n], sizeof(list->payload[0]), "%s", record->payload);
	list->n++;
	return (int)list->n == list->stop_at ? list->result : 0;
}

#endif
