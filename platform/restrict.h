/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restrict.h - what the backends of the area "restrictions" share: gates that are open or shut,
 * what is told of them, and how often something is shut again that somebody keeps opening.
 * Enforcer only.
 *
 * A gate of a setting is shut for good, or while the phone is locked (lock_watch.h). A file below
 * RESTRICT_OPEN says that a gate is open now; the rules of udev ask for it. It lies in memory: a
 * phone that starts has all its gates shut before anybody is logged in.
 */
#ifndef MDM_PLATFORM_RESTRICT_H
#define MDM_PLATFORM_RESTRICT_H

#include "platform/backend.h"
#include "platform/lock_watch.h"

#define RESTRICT_OPEN "run/mdm-agent/open"
/* How files of the agent begin that others read. */
#define RESTRICT_MARK "# Written by mdm-agent from the policy; changes are undone.\n"
/* Below the state directory: what was there before, one file for each backend. */
#define RESTRICT_STATE "restrictions"

enum gate_choice {
	GATE_ON,
	GATE_OFF_WHILE_LOCKED,
	GATE_OFF,
	GATE_CHOICE_MAX,
};

/* What the policy wants of a setting, which may be one that is on or off only. NULL: on. */
enum gate_choice gate_wanted(const struct effective *desired, enum setting_id id);

/* Whether it has to be shut now; everything unknown of the lock counts as locked. */
bool gate_is_shut(const struct platform *platform, enum gate_choice choice);

/* Says in RESTRICT_OPEN whether a gate is open. name: of the setting. 0 or -errno. */
int gate_mark(int root_fd, enum setting_id id, bool open);
bool gate_is_marked_open(int root_fd, enum setting_id id);
/* Forgets what was said. */
void gate_unmark(int root_fd, enum setting_id id);

/*
 * Observes a gate that was found shut or open: what is wanted and right is said to be as it is
 * wanted, so that a phone that is locked and unlocked all day long reports the same.
 */
void gate_saw(struct backend *b, enum setting_id id, bool is_shut);
/* There is nothing to be shut: "this phone has no camera". As strict as can be. */
void gate_saw_nothing(struct backend *b, enum setting_id id, const char *detail);
/* What is there cannot be shut, and why. */
void gate_saw_unsupported(struct backend *b, enum setting_id id, const char *detail);

/* Whether the mechanism is missing; then every setting it serves is said to be unsupported. */
bool gate_is_absent(struct backend *b);

/* --- somebody who keeps opening what is shut --- */

#define CONTEST_FREE 10			       /* times a minute that are answered at once */
#define CONTEST_WAIT_US (1500 * INT64_C(1000)) /* after that: within two seconds */

struct contest {
	/* Shuts it again. */
	void (*act)(void *userdata);
	void *userdata;
	int64_t recent_us[CONTEST_FREE];
	size_t next;
	unsigned int n_all; /* since it began */
	sd_event_source *again;
	bool late; /* again is of contest_answer_later() */
};

/* It was opened again: acts, at once or within two seconds. */
void contest_answer(struct contest *contest, sd_event *event);
/* It was opened while it was being shut, and nobody will tell: acts within two seconds. */
void contest_answer_later(struct contest *contest, sd_event *event);
/* Forgets what was to be done later. */
void contest_stop(struct contest *contest);
/* Whether it goes on: as many times within the last minute as are answered at once. */
bool contest_is_on(const struct contest *contest, int64_t now_us);
/* How long to wait after one more: 0 or CONTEST_WAIT_US. */
int64_t contest_note(struct contest *contest, int64_t now_us);

/* --- what went wrong --- */

/* The first failure of an operation is the one that is told. */
struct trouble {
	int r; /* 0 or -errno */
	char message[LIMIT_TEXT_BYTES + 1];
};
void trouble_note(struct trouble *trouble, int r, const char *what);
/* The same with the reason in words; NULL: of r. */
void trouble_note_why(struct trouble *trouble, int r, const char *what, const char *why);

/* --- what backends remember --- */

/*
 * Replaces, reads, removes a small text below RESTRICT_STATE. 0 or -errno; reading nothing is
 * -ENOENT. Where there is no state directory nothing is remembered: 0, and -ENOENT.
 */
int restrict_save(const struct platform *platform, const char *name, const char *text, size_t n);
int restrict_load(const struct platform *platform, const char *name, char **ret_text);
int restrict_forget(const struct platform *platform, const char *name);

#endif
