/* SPDX-License-Identifier: Apache-2.0 */
/* apps_advice.h - what in the apps of a policy is valid and yet worth a second look. */
#ifndef MDM_MDMCTL_APPS_ADVICE_H
#define MDM_MDMCTL_APPS_ADVICE_H

#include <stdio.h>

#include "policies/policy.h"

/* A line for each, as far as one profile says it alone. */
void apps_advise(FILE *out, const struct profile *profile);

#endif
