/* SPDX-License-Identifier: Apache-2.0 */
/* fake.h - a backend without effects, for scenario tests: remembers, can fail, can be tampered
 * with. */
#ifndef MDM_PLATFORM_FAKE_H
#define MDM_PLATFORM_FAKE_H

#include "platform/platform.h"

struct fake_control {
	bool present;
	bool fail_apply, fail_observe, weaken_apply; /* weaken: apply succeeds, value stays weak */
	size_t n_applies, n_observes, n_reverts;
	struct value in_force[SETTING_MAX];
	bool has[SETTING_MAX];
};

/* serves every setting. The control struct is the test's and must outlive the backend. */
int fake_backend_new(
	struct platform *platform, struct fake_control *control, struct backend **ret_backend);
/* Behaves as an outside change: sets the value and fires the watch. */
void fake_backend_tamper(struct backend *backend, enum setting_id id, int64_t number);

#endif
