/* SPDX-License-Identifier: Apache-2.0 */
/* alive.c - the word to a service manager that watches; see alive.h. The keeper. */
#include "agent/guard/alive.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/util/codec.h"
#include "agent/util/mem.h"

static int connect_to(const char *path)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	socklen_t n_address = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);

	if (fd < 0 || n < 2 || n >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return -1;
	memcpy(address.sun_path, path, n);
	if (path[0] == '@')
		address.sun_path[0] = 0;
	else
		n_address++;
	return connect(fd, (struct sockaddr *)&address, n_address) < 0 ? -1 : TAKE_FD(fd);
}

void guard_alive_init(struct guard_alive *alive, int64_t now_ms)
{
	const char *path = getenv("NOTIFY_SOCKET"), *us = getenv("WATCHDOG_USEC"),
		   *pid = getenv("WATCHDOG_PID");
	int64_t usec, wanted;

	*alive = (struct guard_alive){.fd = -1};
	if (!path || !us || parse_int64(us, 1000, INT64_MAX / 2, &usec) < 0)
		return;
	if (pid && (parse_int64(pid, 1, INT32_MAX, &wanted) < 0 || wanted != getpid()))
		return;
	alive->fd = connect_to(path);
	/* Half of what it waits for, as sd_watchdog_enabled(3) advises. */
	alive->interval_ms = usec / 2000 > 0 ? usec / 2000 : 1;
	alive->next_ms = now_ms;
}

void guard_alive_say(struct guard_alive *alive, int64_t now_ms)
{
	static const char word[] = "WATCHDOG=1";

	if (alive->fd < 0 || now_ms < alive->next_ms - alive->interval_ms / 2)
		return;
	/* A manager that does not read is none of our business; the next word is in time, too. */
	(void)send(alive->fd, word, strlen(word), MSG_NOSIGNAL | MSG_DONTWAIT);
	alive->next_ms = now_ms + alive->interval_ms;
}

int64_t guard_alive_next_ms(const struct guard_alive *alive)
{
	return alive->fd < 0 ? -1 : alive->next_ms;
}
