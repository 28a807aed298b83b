/* SPDX-License-Identifier: Apache-2.0 */
/* keyset_words.h - what changes from one keyset to the next, and what is risky, in words. Pure but
 * for the stream that is written to. */
#ifndef MDM_MDMCTL_KEYSET_WORDS_H
#define MDM_MDMCTL_KEYSET_WORDS_H

#include "server/ctl/ctl.h"

/* The CA pins that this machine has the certificates of. */
struct keyset_pins {
	uint8_t root[SHA256_BYTES], next[SHA256_BYTES];
	bool has_root, has_next;
};

/* The dates of next, on a line of their own, then one for each difference; returns how many differ.
 */
size_t keyset_words_difference(FILE *out, const struct keyset *held, const struct keyset *next,
	const struct keyset_pins *pins, int64_t now_s);

/*
 * The n-th risk of a keyset, appended to out: a threshold of the role keyset below that of destroy,
 * a role that ends with one key, an end that is near. False behind the last.
 */
bool keyset_words_risk(const struct keyset *keyset, int64_t now_s, size_t n, struct buf *out);
/* All of them, "mdmctl: warning: …", one a line. */
void keyset_words_warn(FILE *out, const struct keyset *keyset, int64_t now_s);

/* 0 or FAULT_USAGE. */
int keyset_words_role(const char *name, enum trust_role *ret_role, struct fault *fault);
/* "keyset, policy". */
void keyset_words_roles(uint32_t roles, struct buf *out);
/* Names of the keys with a role, "admin, second". */
void keyset_words_holders(const struct keyset *keyset, enum trust_role role, struct buf *out);
uint32_t keyset_count_role(const struct keyset *keyset, enum trust_role role);
const struct keyset_key *keyset_find_name(const struct keyset *keyset, const char *name);

#endif
