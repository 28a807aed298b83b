/* SPDX-License-Identifier: Apache-2.0 */
/* verbs.h - the one table of what agentctl can do; parser, help and documentation read it. */
#ifndef MDM_CTL_VERBS_H
#define MDM_CTL_VERBS_H

#include "agent/ctl/exit.h"
#include "agent/ctl/options.h"

struct ctl;

struct verb {
	const char *name;      /* "policy show": one or two words */
	const char *arguments; /* "[AREA[.SETTING]]", or "" */
	size_t min_arguments, max_arguments;
	uint32_t options;    /* OPTION_BIT()s that it understands besides the global ones */
	const char *help;    /* one sentence */
	const char *details; /* paragraphs separated by '\n', for 'help COMMAND'; may be "" */
	enum ctl_exit (*run)(struct ctl *ctl);
};

size_t verb_count(void);
const struct verb *verb_at(size_t i);
/* By its words; second is NULL for a verb of one word. NULL: none. */
const struct verb *verb_find(const char *first, const char *second);
/* Whether word begins verbs of two words. */
bool verb_is_group(const char *word);
/* The name nearest to a mistyped one, or NULL. */
const char *verb_nearest(const char *words);

/* verb_read.c: questions that everybody may ask */
enum ctl_exit verb_status(struct ctl *ctl);
enum ctl_exit verb_policy_show(struct ctl *ctl);
enum ctl_exit verb_policy_explain(struct ctl *ctl);
enum ctl_exit verb_compliance(struct ctl *ctl);
enum ctl_exit verb_command_list(struct ctl *ctl);
enum ctl_exit verb_privacy(struct ctl *ctl);
enum ctl_exit verb_apps(struct ctl *ctl);
/* verb_journal.c */
enum ctl_exit verb_journal_show(struct ctl *ctl);
enum ctl_exit verb_journal_verify(struct ctl *ctl);
/* verb_enrol.c */
enum ctl_exit verb_enroll(struct ctl *ctl);
enum ctl_exit verb_unenroll(struct ctl *ctl);
enum ctl_exit verb_sync(struct ctl *ctl);
/* verb_unlock.c */
enum ctl_exit verb_unlock(struct ctl *ctl);
/* verb_escrow.c */
enum ctl_exit verb_escrow(struct ctl *ctl);
enum ctl_exit verb_escrow_verify(struct ctl *ctl);
enum ctl_exit verb_passphrase(struct ctl *ctl);
/* verb_check.c: work without the agent */
enum ctl_exit verb_policy_check(struct ctl *ctl);
enum ctl_exit verb_policy_schema(struct ctl *ctl);
/* verb_place.c */
enum ctl_exit verb_place_list(struct ctl *ctl);
enum ctl_exit verb_place_show(struct ctl *ctl);
enum ctl_exit verb_place_simulate(struct ctl *ctl);
/* help.c */
enum ctl_exit verb_help(struct ctl *ctl);
enum ctl_exit verb_version(struct ctl *ctl);

#endif
