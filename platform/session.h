/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - what is done to the people at the phone: locking their screens, telling them
 * something, restarting the phone. Asynchronous, each with a deadline; the bus connection lives as
 * long as the operation. A missing bus or login service is an answer, not an error. Enforcer only.
 */
#ifndef MDM_PLATFORM_SESSION_H
#define MDM_PLATFORM_SESSION_H

#include "platform/platform.h"

enum session_result {
	SESSION_DONE,
	SESSION_NOBODY,		  /* lock: there is no session to lock */
	SESSION_NO_LOGIND,	  /* no system bus, or no login service on it */
	SESSION_NO_ANSWER,	  /* logind, or the locker of a session, did not answer in time */
	SESSION_TOO_MANY,	  /* more than LIMIT_SESSIONS */
	SESSION_NO_SESSION,	  /* notify: nobody is in front of the screen */
	SESSION_NO_NOTIFICATIONS, /* notify: the session shows no notifications */
	SESSION_DENIED,		  /* logind refused */
	SESSION_TROUBLE,	  /* of the agent's own: memory, programs that are missing */
	SESSION_RESULT_MAX,
};
const char *session_result_name(enum session_result result); /* "no_logind" */

struct session_answer {
	enum session_result result;
	char detail[LIMIT_TEXT_BYTES + 1]; /* a sentence for people, without names of users */
};
typedef void (*session_done_fn)(const struct session_answer *answer, void *userdata);

/* An operation under way. */
struct session_call {
	void (*free)(struct session_call *call);
};
/* Ends it without an answer; NULL is fine. */
void session_call_free(struct session_call *call);

struct session_start {
	struct platform *platform;
	const char *helper;	 /* mdm-agent-session */
	const char *runtime_dir; /* "/run/user" */
	session_done_fn done;	 /* once, from the loop, after *slot was emptied */
	void *userdata;
	struct session_call **slot;
};

struct session_note {
	const char *application, *title, *text; /* plain text, shown as it is */
};

/* Each: 0, then done is called; -ENOMEM and the like: nothing was begun. */
struct session_ops {
	/* Locks every session of a person and waits until each says that it is locked. */
	int (*lock)(const struct session_start *start);
	/* Shows the person in front of the screen a notification. */
	int (*notify)(const struct session_start *start, const struct session_note *note);
	/* Restarts the phone. DONE: it was ordered; what follows is the end of this process. */
	int (*reboot)(const struct session_start *start);
	/* Ends every session of a person, remote ones too. DONE: each was ordered to end. */
	int (*end)(const struct session_start *start);
};
extern const struct session_ops session_ops;

/*
 * Who is in front of the screen, for as long as somebody wants to know: tells the user when that is
 * known, and whenever it changes. uid 0: nobody but root, nobody, or it cannot be known; after the
 * latter nothing follows, and the watch is to be freed.
 */
struct session_watch;
typedef void (*session_watch_fn)(uint32_t uid, uint32_t gid, bool lost, void *userdata);
/* 0; -ENOMEM; -ENOENT: there is no login service, or no bus. */
int session_watch_new(struct platform *platform, session_watch_fn tell, void *userdata,
	struct session_watch **ret_watch);
void session_watch_free(struct session_watch *watch);

#endif
