/* SPDX-License-Identifier: Apache-2.0 */
/*
 * removal.h - `mdm-agentd --prepare-removal`: whether the agent's package may go. Called by the
 * package manager before it removes the programs, as root, beside a running agent or without one.
 */
#ifndef MDM_ENFORCER_REMOVAL_H
#define MDM_ENFORCER_REMOVAL_H

#include "agent/enforcer/enforcer.h"

/* Exit statuses; 2 is a wrong command line. */
enum removal_status {
	REMOVAL_READY = 0,
	REMOVAL_FAILED = 1,  /* something is still overridden, or cannot be known to be */
	REMOVAL_MANAGED = 3, /* the phone is enrolled; nothing was changed */
};

/*
 * A phone that is enrolled stays as it is. On any other, what an enrolment left (one that ended
 * while a file system was full, say) is put back the way unenrolment does it. Says on standard
 * error what it did or why it refuses; silent where there is nothing to do.
 */
enum removal_status removal_prepare(const struct enforcer_options *options);

#endif
