/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.c - what holds for a process and for all that it starts; see process.h. Any role.
 *
 * The programs do this themselves, not only their service managers: OpenRC before 0.52 has an
 * option for it that its supervisor does not understand, and agents are started by hand, too.
 */
#include "agent/util/process.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

int process_gain_nothing(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int process_leave_no_core(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	/* Of other users it would take their own files below /proc/self away. */
	if (geteuid() == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}
