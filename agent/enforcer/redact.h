/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redact.h - takes out of a sentence what is nobody's business: known words (names of users,
 * secrets), paths below home directories, addresses, and whatever looks like a secret. The second
 * line of defence of diagnostics: the first is that only a list of things goes in. Pure.
 */
#ifndef MDM_ENFORCER_REDACT_H
#define MDM_ENFORCER_REDACT_H

#include <stddef.h>

#include "agent/util/buf.h"

#define REDACT_WORDS 64
#define REDACT_MARK "[left out]"

struct redact {
	char *words[REDACT_WORDS]; /* owned */
	size_t n_words;
};

void redact_done(struct redact *redact);

/* A word that must not appear. Words below three bytes are in every text and are left. 0; -ENOMEM;
 * -ENOSPC: too many. */
int redact_add(struct redact *redact, const char *word);

/* Appends text without what is private. */
void redact_text(const struct redact *redact, const char *text, struct buf *out);

#endif
