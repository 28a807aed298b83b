/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_news.h - what the guard tells of programs that were not started: into the journal, which
 * goes to the organisation, and to the person at the phone, each not too often. Enforcer only.
 *
 * Names of users and of their folders stay on the phone: of a path below a home, a stick or a card
 * only the last name is told.
 */
#ifndef MDM_ENFORCER_GUARD_NEWS_H
#define MDM_ENFORCER_GUARD_NEWS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/ipc/message.h"
#include "agent/util/mem.h"

#define GUARD_NEWS_PROGRAMS 64	     /* that are told apart; of more the oldest is forgotten */
#define GUARD_NEWS_JOURNAL_S 3600    /* between two records about one program */
#define GUARD_NEWS_JOURNAL_HOURLY 60 /* records an hour, about all */
#define GUARD_NEWS_NOTE_S 600	     /* between two notifications about one program */
#define GUARD_NEWS_NOTE_HOURLY 6     /* notifications an hour, about all */
#define GUARD_NEWS_LAST 5	     /* that agentctl shows */

struct guard_denial {
	int64_t time_s;
	char program[LIMIT_TEXT_BYTES + 1]; /* title, package or path */
	char path[LIMIT_TEXT_BYTES + 1];    /* without names of users */
	uint32_t reason;
	uint64_t count;
	bool was_audit;
};

/* --- deciding; pure ----------------------------------------------------------------------- */

struct guard_program {
	uint64_t digest;		      /* 0: free */
	int64_t journal_us, note_us, seen_us; /* 0: never */
	uint64_t untold;		      /* denials since the last record */
};

struct guard_rates {
	struct guard_program programs[GUARD_NEWS_PROGRAMS];
	int64_t hour_us; /* beginning of the one that is counted */
	unsigned int n_journal, n_notes;
};

struct guard_telling {
	bool record, notify;
	uint64_t count; /* for the record: so many since the last one */
};

/* Who is it, what now. now_us is above zero. */
void guard_rates_take(struct guard_rates *rates, const struct msg_guard_denied *denied,
	int64_t now_us, struct guard_telling *ret_telling);

/* A path as it may be told: "/home/ada/x/y" becomes "~/.../y". */
void guard_path_public(const char *path, char ret_text[LIMIT_TEXT_BYTES + 1]);

/* --- telling ------------------------------------------------------------------------------ */

struct enforcer;
struct jsonw;
struct guard_news;

int guard_news_new(struct enforcer *e, struct guard_news **ret_news);
void guard_news_free(struct guard_news *news);
/* title: what the launcher calls it, "" if that is not known. */
void guard_news_take(
	struct guard_news *news, const struct msg_guard_denied *denied, const char *title);
/* The members "denied", "last". */
void guard_news_write(const struct guard_news *news, struct jsonw *w);

#endif
