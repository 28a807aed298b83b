/* SPDX-License-Identifier: Apache-2.0 */
/* restrictions_advice.h - second looks at what a policy switches off: whether phones can still be
 * reached, and still see what lets them out again. mdmctl only. */
#ifndef MDM_CTL_RESTRICTIONS_ADVICE_H
#define MDM_CTL_RESTRICTIONS_ADVICE_H

#include <stdio.h>

#include "policies/policy.h"

/* One line "warning: …" for each. */
void restrictions_advise(FILE *out, const struct policy *policy);

#endif
