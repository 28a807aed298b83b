/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel_shim.c - a preloaded library behind which a test plays the kernel for an agent that opens
 * what it always opens, below a root of the test's:
 * /dev/rfkill is a socket (packets both ways, as the device has them), that of KERNEL_SHIM_RFKILL;
 * beside it, with ".ready" behind its name, is one that says when all switches have been told, as a
 * device has them before it is open. What is written to a file "uevent" goes to "uevent.order"
 * beside it, since in sysfs what is read there is not what was written.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define DEVICE "dev/rfkill"

static int join(const char *path, const char *suffix, int type)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | type, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s%s", path, suffix);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int open_device(const char *path)
{
	int fd = join(path, "", SOCK_NONBLOCK), ready = -1;
	char byte;

	if (fd >= 0)
		ready = join(path, ".ready", 0);
	if (ready < 0 || recv(ready, &byte, 1, 0) != 1) {
		if (fd >= 0)
			close(fd);
		if (ready >= 0)
			close(ready);
		errno = ENOENT;
		return -1;
	}
	close(ready);
	return fd;
}

/* The file to open in the place of one. */
static const char *choose(const char *path, const struct open_how *how, char room[PATH_MAX])
{
	size_t n = strlen(path);

	if ((how->flags & O_ACCMODE) != O_WRONLY || n < 7 || strcmp(path + n - 7, "/uevent") != 0)
		return path;
	snprintf(room, PATH_MAX, "%s.order", path);
	return room;
}

/* Files are opened by openat2(2), which has no function. */
long syscall(long number, ...)
{
	static long (*real)(long, ...);
	const char *radios = getenv("KERNEL_SHIM_RFKILL");
	char room[PATH_MAX];
	long arguments[6];
	va_list more;

	if (!real)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	va_start(more, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(more, long);
	va_end(more);
	if (number == SYS_openat2 && radios) {
		const char *path = (const char *)arguments[1];

		if (strcmp(path, DEVICE) == 0)
			return open_device(radios);
		arguments[1] = (long)choose(path, (const struct open_how *)arguments[2], room);
	}
	return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
		arguments[5]);
}
