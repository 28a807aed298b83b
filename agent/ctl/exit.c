/* SPDX-License-Identifier: Apache-2.0 */
/* exit.c - exit codes; see exit.h. Pure; agentctl. */
#include "agent/ctl/exit.h"

static const struct {
	const char *name, *help;
} exit_rows[CTL_EXIT_MAX] = {
	[CTL_EXIT_OK] = {"ok", "Done."},
	[CTL_EXIT_FAILURE] = {"failure", "Something else failed; the message says what."},
	[CTL_EXIT_USAGE] = {"usage", "The command line is wrong; nothing was done."},
	[CTL_EXIT_NO_AGENT] = {"no_agent",
		"The agent is not running, does not answer in time, or answers nonsense."},
	[CTL_EXIT_DENIED] = {"denied",
		"Not permitted: this needs root or membership in the group mdm-admin."},
	[CTL_EXIT_STATE] = {"state", "Wrong state: not enrolled, or enrolled already."},
	[CTL_EXIT_UNREACHABLE] = {"unreachable", "The server could not be reached."},
	[CTL_EXIT_REFUSED] = {"refused", "The ticket, the document or the server was refused."},
	[CTL_EXIT_NONCOMPLIANT] = {"noncompliant",
		"Only from 'compliance': the phone does not meet its policy, or not surely."},
	[CTL_EXIT_JOURNAL] = {"journal_damaged",
		"Only from 'journal verify': the journal is damaged."},
};

const char *ctl_exit_name(enum ctl_exit code)
{
	return exit_rows[code].name;
}

const char *ctl_exit_help(enum ctl_exit code)
{
	return exit_rows[code].help;
}

enum ctl_exit ctl_exit_of(uint32_t ctl_code)
{
	if (ctl_code >= CTL_CODE_MAX)
		return CTL_EXIT_FAILURE;
	switch ((enum ctl_code)ctl_code) {
	case CTL_OK:
		return CTL_EXIT_OK;
	case CTL_E_DENIED:
		return CTL_EXIT_DENIED;
	case CTL_E_STATE:
		return CTL_EXIT_STATE;
	case CTL_E_INPUT:
	case CTL_E_REFUSED:
		return CTL_EXIT_REFUSED;
	case CTL_E_UNREACHABLE:
		return CTL_EXIT_UNREACHABLE;
	case CTL_E_BUSY:
	case CTL_E_INTERNAL:
	case CTL_CODE_MAX:
		break;
	}
	return CTL_EXIT_FAILURE;
}
