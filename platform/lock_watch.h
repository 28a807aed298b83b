/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock_watch.h - whether the phone is locked, for what is off while it is: told at once when it
 * changes. One for all of a platform, as long as somebody listens. Enforcer only.
 *
 * The phone is unlocked while the session of a person in front of the screen says that it is not
 * locked (logind's LockedHint). It is locked in every other case: a greeter, nobody logged in,
 * somebody logged in over the network only, no login service, one that does not answer. A session
 * may say of itself what it likes: who can make its programs lie has unlocked the phone before.
 */
#ifndef MDM_PLATFORM_LOCK_WATCH_H
#define MDM_PLATFORM_LOCK_WATCH_H

#include "platform/session_list.h"
#include "policies/when.h"

struct lock_listener {
	/* It changed, or it became known, or unknown. From the loop; not while joining. Must not
	 * leave from within. */
	void (*changed)(struct lock_listener *listener, bool locked);
	void *userdata;
	bool joined;
	struct lock_listener *next;
};

/* Begins to listen. 0, also if it listens already; -ENOMEM. */
int lock_watch_join(struct platform *platform, struct lock_listener *listener);
/* One that did not join is fine. */
void lock_watch_leave(struct platform *platform, struct lock_listener *listener);

/* True also where it is not known, or nobody has joined. */
bool lock_watch_is_locked(const struct platform *platform);
/* UNKNOWN: nobody tells, or nobody has yet. For conditions; what protects asks the one above. */
enum truth lock_watch_state(const struct platform *platform);
/* Why it is taken for locked: "nobody is logged in"; "" where a session says so, or is unlocked. */
const char *lock_watch_why(const struct platform *platform);

/* What a list of sessions says; ret_why as above, a string that is never freed. */
bool lock_of_sessions(const struct session_list *list, const char **ret_why);

#endif
