/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c - see progress.h. */
#include "agent/wipe/progress.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/util/clock.h"

void progress_init(struct progress *p, const struct wipe_places *places, int listener_fd)
{
	*p = (struct progress){.listener_fd = listener_fd};
	/* A reader that does not read keeps nothing waiting. */
	if (listener_fd >= 0)
		fcntl(listener_fd, F_SETFL, fcntl(listener_fd, F_GETFL) | O_NONBLOCK);
	for (size_t i = 0; i < places->n; i++) {
		bool is_boot = places->place[i].is_boot;
		int fd = openat(places->place[i].fd,
			is_boot ? WIPE_BOOT_PROGRESS : WIPE_STATE_PROGRESS,
			O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);

		if (fd < 0)
			continue;
		p->file_fds[p->n_files] = fd;
		p->is_boot[p->n_files++] = is_boot;
	}
}

void progress_say(struct progress *p, const char *format, ...)
{
	char line[512];
	va_list args;
	ssize_t done;
	int n = snprintf(line, sizeof(line), "%" PRId64 " ", clock_boottime_us() / 1000);

	va_start(args, format);
	n += vsnprintf(line + n, sizeof(line) - 1 - (size_t)n, format, args);
	va_end(args);
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n++] = '\n';
	if (p->listener_fd >= 0) {
		done = write(p->listener_fd, line, (size_t)n);
		(void)done;
	}
	for (size_t i = 0; i < p->n_files; i++) {
		done = write(p->file_fds[i], line, (size_t)n);
		(void)done;
		/* On ext2, as boot partitions are, fdatasync(2) leaves the new length behind. */
		if (!p->is_root_gone || p->is_boot[i])
			fsync(p->file_fds[i]);
	}
}
