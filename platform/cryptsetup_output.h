/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cryptsetup_output.h - what one run of cryptsetup(8) answered. It speaks English: its environment
 * is empty. Pure.
 */
#ifndef MDM_PLATFORM_CRYPTSETUP_OUTPUT_H
#define MDM_PLATFORM_CRYPTSETUP_OUTPUT_H

#include "platform/cryptsetup.h"

/* The verdict by the exit status, and the sentence that it said. slot is -1, header NULL. */
void cryptsetup_output(const struct child_result *result, uint32_t deadline_s,
	struct cryptsetup_result *ret_result);

/* The last N of lines such as "Key slot N unlocked."; -1 if there is none. */
int cryptsetup_number(const char *output, const char *before, const char *behind);

/* Where the metadata begins, behind warnings. */
const char *cryptsetup_json(const char *output);

#endif
