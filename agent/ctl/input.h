/* SPDX-License-Identifier: Apache-2.0 */
/* input.h - files that people name on the command line, with the rights of whoever runs agentctl.
 */
#ifndef MDM_CTL_INPUT_H
#define MDM_CTL_INPUT_H

#include <stddef.h>

/*
 * Reads a file, or standard input for "-", into ret_text, which holds max_bytes + 1 (a NUL is put
 * behind). 0; -EFBIG: more than max_bytes; -EISDIR; other -errno. Works for pipes and devices too.
 */
int input_read(const char *name, size_t max_bytes, char *ret_text, size_t *ret_n_bytes);

#endif
