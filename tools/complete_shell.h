/* SPDX-License-Identifier: Apache-2.0 */
/* complete_shell.h - the tables that bash and zsh read alike, as functions with case. */
#ifndef MDM_TOOLS_COMPLETE_SHELL_H
#define MDM_TOOLS_COMPLETE_SHELL_H

#include "tools/complete.h"

/* described: words are 'WORD:HELP', as _describe of zsh wants them. */
void complete_tables(const struct complete_program *program, bool described, struct buf *out);

#endif
