/* SPDX-License-Identifier: Apache-2.0 */
/* password_common.h - passwords that everybody tries first. Pure; role verify and tools. */
#ifndef MDM_POLICIES_PASSWORD_COMMON_H
#define MDM_POLICIES_PASSWORD_COMMON_H

#include <stdbool.h>
#include <stddef.h>

/* With fewer characters every password is one of those. */
#define PASSWORD_COMMON_LENGTH 4

/*
 * Whether the password is among the first that somebody tries who knows nothing of its owner. Not
 * NUL-terminated; no copy is made. What lies on one line of a keyboard is for the caller to see.
 */
bool password_is_common(const char *password, size_t n_bytes);

#endif
