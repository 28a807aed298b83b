/* SPDX-License-Identifier: Apache-2.0 */
/* guard_host_private.h - shared by the files of the enforcer's side of the guard; see guard_host.h.
 * Enforcer only. */
#ifndef MDM_ENFORCER_GUARD_HOST_PRIVATE_H
#define MDM_ENFORCER_GUARD_HOST_PRIVATE_H

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/guard_host.h"
#include "agent/enforcer/guard_news.h"
#include "platform/guard_known.h"

enum guard_wish {
	WISH_UNKNOWN, /* the rules were not looked at yet */
	WISH_NONE,
	WISH_GUARD,
};

struct guard_host {
	struct enforcer *e;
	char path[LIMIT_SOCKET_BYTES + 1];
	int listen_fd;
	sd_event_source *listener;
	int64_t listening_us;	  /* since then */
	struct guard_known known; /* lent to the backend */
	struct guard_sources *sources;
	struct guard_news *news;
	/* What is wanted, and what was made of it. */
	enum guard_wish wish;
	uint64_t mark; /* of the policy */
	struct guard_build *build;
	uint64_t build_mark;
	bool again; /* something changed while it was made */
	sd_event_source *step, *settle;
	int table_fd; /* -1: none yet */
	uint64_t generation, table_mark;
	struct guard_header settings;
	struct guard_counts counts;
	char build_trouble[LIMIT_TEXT_BYTES + 1];
	/* The guard that is connected. */
	int fd;
	sd_event_source *source;
	bool said_hello;
	uint64_t sent, in_force; /* generations */
	uint64_t in_force_mark;	 /* policy that the table in force was made of; 0: not known */
	struct guard_header in_force_settings;
	struct msg_guard_hello hello;
	struct msg_guard_state state;
	/* Whether it listens: asked, and not answered yet; the next question, or the end of
	 * patience. */
	bool is_asked;
	unsigned int n_late;
	sd_event_source *watch;
	/* Starting it. */
	bool is_absent; /* the kernel; until this process ends */
	unsigned int n_falls;
	int64_t fell_us;
	struct session_call *service;
	struct child *child;
	sd_event_source *retry, *arrival;
	char trouble[LIMIT_TEXT_BYTES + 1]; /* why it is not there */
};

/* It is away, though it is wanted: it is started again. */
void guard_host_fell(struct guard_host *h, const char *why);
/* What is seen of the guard may have changed: problems, and the next round. */
void guard_host_tell(struct guard_host *h);
/* The table that the guard says it has. */
void guard_host_note_in_force(struct guard_host *h, uint64_t generation);
/* Gives it the table, unless it has that already. */
void guard_host_send_table(struct guard_host *h);

/* --- guard_start.c: its process */

/* Unless it is there, or nobody wants it. */
void guard_start(struct guard_host *h);
void guard_start_later(struct guard_host *h, int64_t pause_us);

/* --- guard_watch.c: whether it listens */

/* Now, unless it is asked already; one that is silent falls. */
void guard_watch_ask(struct guard_host *h);
/* From its connection on: it has to say who it is, or, as one of another version, to go. */
void guard_watch_begin(struct guard_host *h);
void guard_watch_answered(struct guard_host *h);
void guard_watch_stop(struct guard_host *h);
/* Nobody wants one: whoever is there after a while does not listen, and is ended. */
void guard_watch_until_gone(struct guard_host *h);
/* Ends whoever has its place without a connection. false: nobody has it. */
bool guard_watch_end_silent(struct guard_host *h);

/* --- guard_make.c: its table, in steps */

/* After a pause, in which more may change. */
void guard_make_later(struct guard_host *h, int64_t pause_ms);
void guard_make_stop(struct guard_host *h);

#endif
