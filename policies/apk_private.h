/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apk_private.h - what the files apk_*.c share of the database's names. Pure.
 */
#ifndef MDM_POLICIES_APK_PRIVATE_H
#define MDM_POLICIES_APK_PRIVATE_H

#include "policies/apk_db.h"

/* The first of the chain of those that have or provide that name; APK_NONE. */
uint32_t apk_names_find(const struct apk_db *db, const char *name, size_t n_name);

/* How many numbers apk_db_close() and apk_db_chain() work with: at least one. */
size_t apk_scratch_words(const struct apk_db *db);

#endif
