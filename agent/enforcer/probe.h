/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.h - `mdm-agentd --probe`: what could be enforced here, and why not the rest. For whoever
 * thinks of enrolling a phone, and for tests on trees in the shape of many systems. Changes
 * nothing; root is not needed where what is looked at is readable.
 */
#ifndef MDM_ENFORCER_PROBE_H
#define MDM_ENFORCER_PROBE_H

#include "agent/enforcer/enforcer.h"

/* What becomes of a setting that a policy asks for. */
enum probe_support {
	PROBE_WORKS,	/* it is made so, and watched */
	PROBE_OBSERVED, /* whether it is so is seen and reported; nothing can make it so */
	PROBE_MISSING,	/* no mechanism */
	PROBE_ERROR,	/* there is one, but it could not be asked */
	PROBE_SUPPORT_MAX,
};
const char *probe_support_name(enum probe_support support);

/* Prints the table. The exit status: 0, or 1 with a sentence on standard error. */
int probe_run(const struct enforcer_options *options);

#endif
