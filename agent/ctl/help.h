/* SPDX-License-Identifier: Apache-2.0 */
/* help.h - help from the tables of verbs, options and exit codes. Pure; agentctl. */
#ifndef MDM_CTL_HELP_H
#define MDM_CTL_HELP_H

#include "agent/ctl/page.h"

struct verb;

void help_overview(struct page *p);
void help_of_verb(struct page *p, const struct verb *verb);
/* The same tables for docs/agentctl.md and for programs. */
void help_markdown(struct buf *out);
void help_json(struct buf *out);

#endif
