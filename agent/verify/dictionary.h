/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dictionary.h - the word lists of cracklib through libpwquality, where that is installed. Loaded
 * before the role is sealed, since it is code; asked afterwards. Of its verdicts only the one about
 * words counts: everything else is the policy's business.
 */
#ifndef MDM_VERIFY_DICTIONARY_H
#define MDM_VERIFY_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>

struct dictionary;

/* NULL: there is none, or not one that we know how to ask. */
struct dictionary *dictionary_open(void);
void dictionary_free(struct dictionary *dictionary); /* NULL is fine */
/* Whether the password is based on a word. Digits alone never are: dates and sequences of theirs
 * are the policy's own list. NULL knows no word. */
bool dictionary_has(const struct dictionary *dictionary, const char *password);

#endif
