/* SPDX-License-Identifier: Apache-2.0 */
/* words.h - what pam_mdm.so tells the person at the prompt. Pure. */
#ifndef MDM_PLATFORM_PAM_WORDS_H
#define MDM_PLATFORM_PAM_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/ipc/message.h"

#define WORDS_BYTES 1024

/* "2 minutes": rounded up, so that nobody who waits so long comes too early. */
void words_duration(uint32_t seconds, char *ret_text, size_t size_bytes);

/* The sentence that goes with an answer; "" where there is nothing to say. */
void words_answer(const struct msg_auth_answer *answer, char ret_text[WORDS_BYTES]);

/* Whether that can be an unlock code: so many digits, whatever spaces between them. */
bool words_is_code(const char *token);

#endif
