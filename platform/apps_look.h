/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_look.h - the apps of the phone beside what the policy wants of them: what is as it should
 * be, what can be made so by which steps of a job, and what cannot and why. Reads files, runs
 * nothing. Enforcer only.
 */
#ifndef MDM_PLATFORM_APPS_LOOK_H
#define MDM_PLATFORM_APPS_LOOK_H

#include "agent/apps/job.h"
#include "platform/apps.h"
#include "platform/platform.h"
#include "policies/apps_plan.h"

struct look_item {
	enum setting_id setting; /* that it is about */
	char name[LIMIT_TEXT_BYTES + 1];
	char detail[LIMIT_TEXT_BYTES + 1]; /* for people: why not, or what takes it along */
	bool is_refused;		   /* nothing is done about it */
	bool is_removal;
	bool is_later;		       /* it waits for another job: too much for one */
	enum compliance_reason reason; /* present, missing, another version; or why it is refused */
	/* Not refused: in which step it is done, and its word there. */
	enum apps_step_kind kind;
	char word[LIMIT_TEXT_BYTES + LIMIT_NAME_BYTES + 2];
};

struct apps_look {
	struct apps_policy policy;
	struct apps_snapshot *snapshot; /* owned */
	struct look_item *items;	/* what is not as it should be; owned */
	size_t n_items;
	struct apps_step *steps; /* that make it so; owned */
	size_t n_steps;
	uint8_t digest[SHA256_BYTES]; /* of the steps; zeroes: there are none */
	/* What is to be done; and how much of that is none of these steps, but of later ones. */
	size_t n_undone, n_later;
	char *held; /* to be remembered once they are carried out: apps_plan_held(); owned */
};

/* In the state directory: why names are banned that nobody has any more. */
#define APPS_BANS_FILE "apps-bans"

/* desired may be NULL: nothing is wanted, and the steps take back what was done. 0 or -errno. */
int apps_look_take(
	struct platform *platform, const struct effective *desired, struct apps_look *ret_look);
void apps_look_done(struct apps_look *look);

/* Appends an item. 0 or -ENOMEM. */
int apps_look_add(struct apps_look *look, const struct look_item *item);

/* Before the steps are carried out: what a later look has to know. 0 or -errno. */
int apps_look_remember(struct platform *platform, const struct apps_look *look);

/* Whether the system has the Flatpak, and whether the policy wants it. */
bool apps_has_flatpak(const struct apps_snapshot *snapshot, const char *id);
bool apps_requires_flatpak(const struct apps_policy *policy, const char *id);

/* Appends a step; words are copied. 0; -E2BIG: more than LIMIT_APPS_STEPS; -ENOMEM. */
int apps_steps_add(
	struct apps_step **steps, size_t *n_steps, enum apps_step_kind kind, const char *words);

/* Before steps that take packages away: those of the base that nothing but apps hold, if there are
 * any. As apps_steps_add(). */
int apps_steps_keep(
	struct apps_step **steps, size_t *n_steps, const struct apps_snapshot *snapshot);

#endif
