/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_rules.h - what may be installed, in a file of the state directory: a commit hook of apk asks
 * by it (mdm-agentd --may-install) while apk holds its lock, whether or not the agent runs. Pure
 * but for the two that read and write the file. Enforcer.
 */
#ifndef MDM_ENFORCER_APPS_RULES_H
#define MDM_ENFORCER_APPS_RULES_H

#include "agent/enforcer/enforcer.h"
#include "policies/apps.h"

#define APPS_RULES_FILE "apps.rules" /* in the state directory */
#define APPS_RULES_BYTES (1024 * 1024)

struct apps_rules {
	char organisation[LIMIT_TEXT_BYTES + 1];
	struct apps_policy policy; /* of the sets below */
	struct string_set blocked, required, allowed;
};
void apps_rules_done(struct apps_rules *rules);

/* Appends the text. Nothing: everything may be installed. */
void apps_rules_write(const struct apps_policy *policy, const char *organisation, struct buf *out);
/* 0; -EBADMSG; -ENOMEM. The text is cut in place, and has to outlive the rules. */
int apps_rules_read(char *text, size_t n_bytes, struct apps_rules *ret_rules);

/*
 * What the hook asks: lines "word WORD" with the command line of apk, behind each of them "by NAME"
 * with those that provide what it asks for, if it is no package's name; lines "world NAME" with the
 * members of the world; then what a simulation of it printed. base: names, a line each, each ended
 * by LF. 0: go on; 1: refused, with a sentence for people in why.
 */
int apps_rules_judge(const struct apps_rules *rules, const char *base, char *question,
	char ret_why[2 * LIMIT_TEXT_BYTES]);

/* After a round: the file says what the policy says. */
void apps_rules_update(struct enforcer *e);
/* The enrolment is over. */
void apps_rules_forget(struct enforcer *e);

/* --may-install: standard input is the question. The exit status: 0, or 1 with the sentence on
 * standard error. Where nobody can tell it is 0: the solver's bans and the next round remain. */
int apps_rules_ask(const struct enforcer_options *options);

#endif
