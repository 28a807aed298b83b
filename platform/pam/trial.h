/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trial.h - one authentication through libpam with a set of service files of one's own, in a
 * process of its own: modules are other people's code. Program mdm-agent-pamcheck only.
 */
#ifndef MDM_PLATFORM_PAM_TRIAL_H
#define MDM_PLATFORM_PAM_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

struct trial {
	const char *confdir; /* absolute */
	const char *service, *user, *password;
	bool changes; /* pam_chauthtok(3) as well: only where no module really does */
};

/* How the steps ended, as libpam says; in the order in which they run. */
#define TRIAL_NOT_RUN (-1)
struct trial_result {
	int32_t begin, auth, account, change;
};
#define TRIAL_RESULT_NONE                                                                          \
	(struct trial_result)                                                                      \
	{                                                                                          \
		TRIAL_NOT_RUN, TRIAL_NOT_RUN, TRIAL_NOT_RUN, TRIAL_NOT_RUN                         \
	}

/*
 * 0 with the result; -ETIMEDOUT: it did not end in time; -ECHILD: its process died; other -errno:
 * no process could be made.
 */
int trial_run(const struct trial *trial, int64_t patience_us, struct trial_result *ret_result);

#endif
