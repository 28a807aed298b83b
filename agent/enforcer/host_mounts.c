/* SPDX-License-Identifier: Apache-2.0 */
/* host_mounts.c - the list of mounts of the system; see host_mounts.h. Enforcer only. */
#include "agent/enforcer/host_mounts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <systemd/sd-daemon.h>

int host_mounts_take(void)
{
	char **names = NULL;
	int found = 0, n = sd_listen_fds_with_names(1, &names);

	for (int i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		/* Nobody gives another one on purpose. */
		if (!found && strcmp(names[i], HOST_MOUNTS_NAME) == 0)
			found = fd;
		else
			close(fd);
		free(names[i]);
	}
	free(names);
	return found;
}
