/* SPDX-License-Identifier: Apache-2.0 */
/* finish.c - see finish.h. */
#include "agent/wipe/finish.h"

#include <fcntl.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "agent/util/fs.h"

/* The one thing that outlives its caller: no longer than the program does. */
static int sysrq_fd = -1;

void finish_prepare(int root_fd)
{
	if (sysrq_fd < 0)
		sysrq_fd = openat(root_fd, "proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
}

void finish_now(enum wipe_finish finish)
{
	ssize_t done;

	switch (finish) {
	case WIPE_FINISH_NONE:
	case WIPE_FINISH_MAX:
		return;
	case WIPE_FINISH_POWEROFF:
		reboot(RB_POWER_OFF);
		done = write(sysrq_fd, "o", 1);
		break;
	case WIPE_FINISH_REBOOT:
		reboot(RB_AUTOBOOT);
		done = write(sysrq_fd, "b", 1);
		break;
	}
	(void)done;
}
