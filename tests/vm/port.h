/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio port by its name, for what runs in the guest before udev does. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PORT_TRIES 600

static void port_pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Open and not blocking, or -1. The links in /dev/virtio-ports are udev's, which is not there yet.
 */
static int port_open(const char *wanted)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *entry;
	int fd = -1;

	while (dir && fd < 0 && (entry = readdir(dir))) {
		char path[300], name[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f)) {
			name[strcspn(name, "\n")] = '\0';
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			if (strcmp(name, wanted) == 0)
				fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		}
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return fd;
}

/* The same, with patience for a driver that is just being loaded. */
static int port_wait(const char *wanted)
{
	int port = -1;

	for (int tries = 0; tries < PORT_TRIES && port < 0; tries++) {
		port = port_open(wanted);
		if (port < 0)
			port_pause_ms(100);
	}
	return port;
}
