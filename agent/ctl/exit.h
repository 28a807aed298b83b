/* SPDX-License-Identifier: Apache-2.0 */
/* exit.h - the documented exit codes of agentctl, one table for program, help and documentation. */
#ifndef MDM_CTL_EXIT_H
#define MDM_CTL_EXIT_H

#include "agent/ipc/message.h"

enum ctl_exit {
	CTL_EXIT_OK = 0,
	CTL_EXIT_FAILURE = 1,
	CTL_EXIT_USAGE = 2,
	CTL_EXIT_NO_AGENT = 3,
	CTL_EXIT_DENIED = 4,
	CTL_EXIT_STATE = 5,
	CTL_EXIT_UNREACHABLE = 6,
	CTL_EXIT_REFUSED = 7,
	CTL_EXIT_NONCOMPLIANT = 8,
	CTL_EXIT_JOURNAL = 9,
	CTL_EXIT_MAX,
};

const char *ctl_exit_name(enum ctl_exit code); /* "no_agent": the "error" of --json */
const char *ctl_exit_help(enum ctl_exit code); /* one sentence */

/* What an answer of the agent means for the exit code; a code this program does not know fails. */
enum ctl_exit ctl_exit_of(uint32_t ctl_code);

#endif
