/* SPDX-License-Identifier: Apache-2.0 */
/* want_set.h - a desired setting that is a set, for tests of backends. */
#ifndef MDM_TESTS_WANT_SET_H
#define MDM_TESTS_WANT_SET_H

#include "tests/unit/platform/fixture.h"

/* strings: sorted, and kept by the caller. The platform sees what is desired, too. */
static inline void want_set(struct fixture *f, struct effective *effective, enum setting_id id,
	char **strings, size_t n_strings)
{
	effective->settings[id].present = true;
	effective->settings[id].value =
		(struct value){.type = setting_row(id)->type, .set = {strings, n_strings}};
	f->platform.desired = effective;
}

/* What compliance makes of one setting of one backend: state and reason. */
static inline void judged(const struct effective *effective, const struct backend *b,
	enum setting_id id, enum compliance_state *ret_state, enum compliance_reason *ret_reason)
{
	const struct compliance_input input = {b->ops->name, b->observations};
	struct compliance compliance;

	if (compliance_evaluate(effective, &input, 1, NULL, 0, &compliance) < 0)
		abort();
	*ret_state = compliance.results[id]->state;
	*ret_reason = compliance.results[id]->reason;
	compliance_done(&compliance);
}

#endif
